"""The figures of an evaluation as columns of a table: title, format, which way is better, and what it means."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mien.evaluation.report import Figures


@dataclass(frozen=True, slots=True)
class Column:
    """A figure, as it is shown."""

    title: str
    of: Callable[[Figures], float | None]
    form: str
    """As of `str.format`."""
    better: Literal["higher", "lower", ""]
    """"": neither; it depends on what is wanted."""
    meaning: str

    def text(self, figures: Figures) -> str:
        """The figure, or a dash where there is none."""
        value = self.of(figures)
        return "–" if value is None or not math.isfinite(value) else self.form.format(value)

    def is_better(self, one: Figures, other: Figures) -> bool | None:
        """Whether one is better than the other; None if that cannot be said."""
        first, second = self.of(one), self.of(other)
        if first is None or second is None or not (math.isfinite(first) and math.isfinite(second)) or not self.better:
            return None
        return first > second if self.better == "higher" else first < second


COLUMNS = (
    Column("found", lambda f: f.found, "{:.0%}", "higher", "share of the faces that are found again in the result"),
    Column(
        "to target", lambda f: f.to_target, "{:.2f}", "lower",
        "median identity distance to the person drawn: to the mean encoding of their training faces",
    ),
    Column(
        "is target", lambda f: f.verified_as_target, "{:.0%}", "higher", "share of the faces taken for the person drawn"
    ),
    Column(
        "to original", lambda f: f.to_original, "{:.2f}", "",
        "median identity distance to the face that was there: small is wanted of a reconstruction, large of a swap",
    ),
    Column(
        "is original", lambda f: f.verified_as_original, "{:.0%}", "",
        "share of the faces still taken for the same person as before",
    ),
    Column("eyes", lambda f: f.expression_eyes, "{:.3f}", "lower", "expression error of the eyes"),
    Column("mouth", lambda f: f.expression_mouth, "{:.3f}", "lower", "expression error of the mouth"),
    Column(
        "expression", lambda f: f.expression, "{:.3f}", "lower",
        "mean distance of all landmarks after Procrustes alignment, as a share of the eye distance; the shape of "
        "another person's face is part of it",
    ),
    Column(
        "mouth r", lambda f: f.follows.get("mouth_opening"), "{:.2f}", "higher",
        "correlation over the faces of how far the mouth is open, original against result: it does not mind another "
        "person's face shape",
    ),
    Column("pose °", lambda f: f.pose_degrees, "{:.1f}", "lower", "mean angle between the head poses"),
    Column("L1", lambda f: f.l1, "{:.3f}", "lower", "mean absolute error of the colours in [0, 1], within the mask"),
    Column("SSIM", lambda f: f.ssim, "{:.3f}", "higher", "structural similarity of the crops"),
    Column("PSNR", lambda f: f.psnr, "{:.1f}", "higher", "peak signal-to-noise ratio of the crops, in dB"),
    Column(
        "Fréchet", lambda f: f.frechet, "{:.3f}", "lower",
        "Fréchet distance between normal distributions fitted to the encodings of drawn and of real faces. They "
        "are a face recognizer's: it says whether faces look like those people, not whether a picture is sharp, it is "
        "not the FID of papers, and it grows when faces are few",
    ),
    Column(
        "diversity", lambda f: f.diversity, "{:.2f}", "higher",
        "mean identity distance between different strangers drawn from one face",
    ),
    *(
        Column(
            f"score {key}", lambda f, key=key: f.combined.get(key), "{:.3f}", "higher",  # type: ignore[misc]
            "1 / (1 + exp(α·expression − β·(to original − 0.6))) with these α, β: somebody else's face, with the same "
            "expression; a face that is not found again counts 0",
        )
        for key in ("1,1", "6,1")
    ),
)  # fmt: skip
COMPARED = tuple(
    column for column in COLUMNS if column.title in ("expression", "mouth r", "L1", "Fréchet", "score 6,1")
)
"""What a model and a baseline are compared by."""


def shown(figures: Sequence[Figures]) -> list[Column]:
    """The columns in which any of them has a figure."""
    return [column for column in COLUMNS if any(column.text(one) != "–" for one in figures)]


def best(column: Column, figures: Sequence[Figures]) -> list[bool]:
    """Which of them is the best of a column: the one that none is better than."""
    return [
        bool(column.better) and column.text(one) != "–" and not any(column.is_better(other, one) for other in figures)
        for one in figures
    ]


def beaten(model: Figures, baselines: Sequence[Figures]) -> list[str]:
    """A sentence for each baseline: on which of the compared figures the model is better, and on which it is not."""
    sentences = []
    for baseline in baselines:
        verdicts = {column.title: column.is_better(model, baseline) for column in COMPARED}
        won = [title for title, better in verdicts.items() if better]
        lost = [title for title, better in verdicts.items() if better is False]
        parts = [f"better on {', '.join(won)}"] if won else []
        parts += [f"not better on {', '.join(lost)}"] if lost else []
        sentences.append(f"{model.name} beside the {baseline.name}: {'; '.join(parts) or 'nothing to compare'}.")
    return sentences
