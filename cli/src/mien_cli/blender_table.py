"""How the choice of a blender is told: a row for each that is installed, which was taken and why, and where to look."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mien import BlenderComparison

_CHOSEN = "✓"
_NONE = "–"


def print_comparison(comparison: "BlenderComparison", console: Console) -> None:
    """The scores, of which 0 is best, and what follows from them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    table.add_column("")
    table.add_column("Blender")
    for heading in ("Seam", "Color", "Score"):
        table.add_column(heading, justify="right")
    table.add_column("Left out since" if any(score.left_out for score in comparison.scores) else "", overflow="fold")
    for score in comparison.scores:
        figures = (score.seam.seam, score.seam.color, score.seam.score) if score.seam else ()
        table.add_row(
            _CHOSEN if score.blender == comparison.chosen else "",
            score.blender,
            *([f"{figure:.2f}" for figure in figures] or [_NONE] * 3),
            Text(score.left_out),
        )
    console.print(table)
    console.print(Text(comparison.why), soft_wrap=True)
    if comparison.sheet:
        faces = "1 face" if comparison.faces == 1 else f"{comparison.faces} faces"
        console.print(Text(f"Tried on {faces}; look at {comparison.sheet}"), soft_wrap=True)
    console.print()
