"""Numbers as sentences have them: 1 face, 2 faces."""


def counted(number: float, one: str, several: str = "") -> str:
    """A number and what it counts. several: its plural; by default with an s."""
    shown = f"{number:{'d' if isinstance(number, int) else 'g'}}"
    return f"{shown} {one if number == 1 else several or f'{one}s'}"
