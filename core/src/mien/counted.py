"""Numbers as sentences have them: 1 face, 2 faces."""


def counted(number: int, one: str, several: str = "") -> str:
    """A number and what it counts. several: its plural; by default with an s."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
