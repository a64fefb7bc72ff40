"""The figures of an evaluation as columns of a table: title, format, which way is better, and what it means."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mien.evaluation.report import Metrics

Better = Literal["higher", "lower"]
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A figure, as it is shown."""

    title: str
    value_of: Callable[[Metrics], float | None]
    form: str
    """As of `str.format`."""
    better: Better
    meaning: str
    better_of_own: Better | None = None
    """Which way is better when a person is drawn on frames of their own, where that is not the same."""

    def wanted(self, metrics: Metrics) -> Better:
        """Which way is better for what was drawn."""
        return self.better_of_own if self.better_of_own and _is_own(metrics) else self.better

    def heading(self, metrics: Metrics) -> str:
        """The title, and an arrow up if more is better."""
        return f"{self.title} {'↑' if self.wanted(metrics) == 'higher' else '↓'}"

    def text(self, metrics: Metrics) -> str:
        """The figure, or a dash where there is none."""
        value = self.value_of(metrics)
        return _NOTHING if value is None or not math.isfinite(value) else self.form.format(value)

    def is_alike(self, metrics: Metrics, rival: Metrics) -> bool:
        """Whether two read the same, or differ by less than the last digit shows."""
        first, second = self.value_of(metrics), self.value_of(rival)
        if first is None or second is None or not (math.isfinite(first) and math.isfinite(second)):
            return self.text(metrics) == self.text(rival)
        places, percent = re.fullmatch(r"\{:\.(\d)(%|f)\}", self.form).groups()  # type: ignore[union-attr]
        last = 10.0 ** -(int(places) + 2 * (percent == "%"))
        return round(abs(first - second) / last, 6) < 1

    def is_better(self, metrics: Metrics, rival: Metrics) -> bool | None:
        """Whether one is better than the other; None if one makes no sense, or nothing was there to measure it on."""
        first, second = self.value_of(metrics), self.value_of(rival)
        if first is None or second is None or not (math.isfinite(first) and math.isfinite(second)):
            return None
        return first > second if self.wanted(metrics) == "higher" else first < second


def _is_own(metrics: Metrics) -> bool:
    """Whether a person was drawn on frames of their own: only then pixels are compared."""
    return metrics.drawn_as is not None and metrics.l1 is not None


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
        "to original", lambda f: f.to_original, "{:.2f}", "higher",
        "median identity distance to the face that was there: large is wanted, except of a reconstruction",
        better_of_own="lower",
    ),
    Column(
        "is original", lambda f: f.verified_as_original, "{:.0%}", "lower",
        "share of the faces still taken for the same person as before",
        better_of_own="higher",
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
    *(
        Column(
            title, lambda f, key=key: f.motion.follows.get(key) if f.motion else None,  # type: ignore[misc]
            "{:.2f}", "higher", f"correlation of {meaning}, original against result, by blendshapes",
        )
        for title, key, meaning in (
            ("jaw r", "jaw", "the opening of the jaw"),
            ("smile r", "smile", "the smile"),
            ("brows r", "brows", "how far the brows are raised"),
            ("blink r", "blink", "how far the lids are closed"),
            ("gaze x r", "gaze_x", "the gaze to the side"),
            ("gaze y r", "gaze_y", "the gaze upwards"),
        )
    ),
    Column(
        "lids", lambda f: f.motion.lid_closure if f.motion else None, "{:.0%}", "higher",
        "how far the lids close where the original's do, as a share of the original's; 100 % is as far",
    ),
    Column("pose °", lambda f: f.pose_degrees, "{:.1f}", "lower", "mean angle between the head poses"),
    Column("L1", lambda f: f.l1, "{:.3f}", "lower", "mean absolute error of the colors in [0, 1], within the mask"),
    Column("SSIM", lambda f: f.ssim, "{:.3f}", "higher", "structural similarity of the crops"),
    Column("PSNR", lambda f: f.psnr, "{:.1f}", "higher", "peak signal-to-noise ratio of the crops, in dB"),
    Column(
        "Fréchet", lambda f: f.frechet, "{:.3f}", "lower",
        "Fréchet distance between normal distributions fitted to the encodings of drawn and of real faces. They "
        "are a face recognizer's: it says whether faces look like those people, not whether an image is sharp, it is "
        "not the FID of papers, and it grows when faces are few",
    ),
    Column(
        "diversity", lambda f: f.diversity, "{:.2f}", "higher",
        "mean identity distance between different synthetic people drawn from one face",
    ),
    Column(
        "constancy", lambda f: f.constancy, "{:.2f}", "lower",
        "mean identity distance between images of the same synthetic person, drawn from different faces",
    ),
    Column(
        "copies", lambda f: None if f.drawn_as else f.verified_as_known, "{:.0%}", "lower",
        "share of the synthetic people taken for a person of the run: copies of them",
    ),
    *(
        Column(
            f"score {key}", lambda f, key=key: None if _is_own(f) else f.combined.get(key),  # type: ignore[misc]
            "{:.3f}", "higher",
            "the reference study's 1 / (1 + exp(α·expression − β·(to original − 0.6))) with these α, β: somebody "
            "else's face, with the same expression; a face that is not found again counts 0. It makes no sense for a "
            "reconstruction",
        )
        for key in ("1,1", "6,1")
    ),
)  # fmt: skip
COMPARED = tuple(
    column
    for column in COLUMNS
    if column.title in ("found", "expression", "mouth r", "L1", "SSIM", "Fréchet", "score 1,1", "score 6,1")
)
"""What a model and a baseline are compared by."""
_JUDGED = {
    "to target": "to_target",
    "is target": "verified_as_target",
    "to original": "to_original",
    "is original": "verified_as_original",
}


def shown(metrics: Sequence[Metrics]) -> list[Column]:
    """The columns in which any of them has a figure, and after them those of each judge."""
    judges = dict.fromkeys(judge for drawn in metrics for judge in drawn.judges)
    columns = (*COLUMNS, *(column for judge in judges for column in _columns_of(judge)))
    return [column for column in columns if any(column.text(drawn) != _NOTHING for drawn in metrics)]


@dataclass(frozen=True, slots=True)
class _JudgesFigure:
    """A figure by a judge; two of the same are equal, so that a page explains their column once."""

    judge: str
    figure: str

    def __call__(self, metrics: Metrics) -> float | None:
        judged = metrics.judges.get(self.judge)
        value: float | None = getattr(judged, self.figure) if judged else None
        return value


def _columns_of(judge: str) -> list[Column]:
    return [
        replace(
            column,
            title=f"{column.title}, {judge}",
            value_of=_JudgesFigure(judge, figure),
            meaning=f"the same by the judge {judge}",
        )
        for title, figure in _JUDGED.items()
        for column in COLUMNS
        if column.title == title
    ]


def best(column: Column, metrics: Sequence[Metrics]) -> list[bool]:
    """Which of them are the best of a column, as far as the digits shown tell; none if all are alike."""
    texts = [column.text(drawn) for drawn in metrics]
    unbeaten = {
        text
        for text, drawn in zip(texts, metrics, strict=True)
        if text != _NOTHING and not any(column.is_better(rival, drawn) for rival in metrics)
    }
    return [len(set(texts)) > 1 and text in unbeaten for text in texts]


def beats(model: Metrics, baseline: Metrics) -> dict[str, bool]:
    """Title of a column → whether the model is better; the same is not better.

    Of those that are compared, and that one of the two has: where nothing was found to measure, the other is better.
    """
    return {
        column.title: column.text(baseline) == _NOTHING or bool(column.is_better(model, baseline))
        for column in COMPARED
        if column.text(model) != _NOTHING or column.text(baseline) != _NOTHING
    }


def beaten(model: Metrics, baselines: Sequence[Metrics]) -> list[str]:
    """A sentence for each baseline: on which of the compared figures the model is better, as good, and worse.

    As good is what differs by less than the last digit shows.
    """
    sentences = []
    for baseline in baselines:
        titles: dict[str, list[str]] = {"better on": [], "as good on": [], "worse on": []}
        for column in COMPARED:
            verdict = beats(model, baseline).get(column.title)
            if verdict is not None:
                alike = column.is_alike(model, baseline)
                titles["as good on" if alike else "better on" if verdict else "worse on"].append(column.title)
        parts = [f"{how} {', '.join(titles)}" for how, titles in titles.items() if titles]
        sentences.append(f"{model.name} beside the {baseline.name}: {'; '.join(parts) or 'nothing to compare'}.")
    return sentences
