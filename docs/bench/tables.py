"""The tables of the results page, and what is said of them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from experiments import PEOPLE, Experiment
from kept import evaluation_of, notes_of

from mien.evaluation import Metrics

TARGET, SCENE = PEOPLE
Column = tuple[str, Callable[[Metrics], float | None], str]

PERSON_COLUMNS: tuple[Column, ...] = (
    ("found", lambda f: f.found, "{:.0%}"),
    ("to target ↓", lambda f: f.to_target, "{:.2f}"),
    ("taken for the target ↑", lambda f: f.verified_as_target, "{:.0%}"),
    ("to original", lambda f: f.to_original, "{:.2f}"),
    ("eyes ↓", lambda f: f.expression_eyes, "{:.3f}"),
    ("mouth ↓", lambda f: f.expression_mouth, "{:.3f}"),
    ("all ↓", lambda f: f.expression, "{:.3f}"),
    ("mouth opening r ↑", lambda f: f.follows["mouth_opening"], "{:.2f}"),
    ("pose ° ↓", lambda f: f.pose_degrees, "{:.1f}"),
    ("score 1,1 ↑", lambda f: f.combined["1,1"], "{:.3f}"),
    ("score 6,1 ↑", lambda f: f.combined["6,1"], "{:.3f}"),
)
PIXEL_COLUMNS: tuple[Column, ...] = (
    ("L1 ↓", lambda f: f.l1, "{:.3f}"),
    ("SSIM ↑", lambda f: f.ssim, "{:.3f}"),
    ("PSNR dB ↑", lambda f: f.psnr, "{:.1f}"),
)
RECONSTRUCTION_COLUMNS = (*PIXEL_COLUMNS, *PERSON_COLUMNS[:2], *PERSON_COLUMNS[4:9])
SYNTHETIC_COLUMNS: tuple[Column, ...] = (
    PERSON_COLUMNS[0],
    ("to original ↑", lambda f: f.to_original, "{:.2f}"),
    ("still taken for the original ↓", lambda f: f.verified_as_original, "{:.0%}"),
    *PERSON_COLUMNS[4:9],
    PIXEL_COLUMNS[0],
    ("Fréchet ↓", lambda f: f.frechet, "{:.3f}"),
    ("diversity ↑", lambda f: f.diversity, "{:.2f}"),
    *PERSON_COLUMNS[9:],
)
COMPARED: tuple[Column, ...] = (
    ("expression", lambda f: f.expression, "<"),
    ("mouth opening", lambda f: f.follows["mouth_opening"], ">"),
    ("L1", lambda f: f.l1, "<"),
    ("Fréchet distance", lambda f: f.frechet, "<"),
    ("score 6,1", lambda f: f.combined["6,1"], ">"),
)


def table(
    work: Path,
    experiments: Sequence[Experiment],
    person: str,
    drawn_as: str | None,
    columns: Sequence[Column],
    *,
    by_features: bool = False,
) -> str:
    rows: list[tuple[str, Metrics]] = []
    for experiment in experiments:
        shown = (
            experiment.features
            if by_features
            else f"{experiment.name}" + (f" ({experiment.features})" if experiment.features else "")
        )
        rows += [
            (f"`{shown}`", found)
            for found in evaluation_of(work, experiment, person).metrics_of(drawn_as, is_baseline=False)
        ]
    if not by_features:
        baselines = evaluation_of(work, experiments[0], person).metrics_of(drawn_as, is_baseline=True)
        rows += [(f"*{found.name}*", found) for found in baselines]
    head = [("features" if by_features else "model"), *(title for title, _, _ in columns)]
    return _markdown(head, [[name, *_cells(found, columns)] for name, found in rows])


def _cells(found: Metrics, columns: Sequence[Column]) -> Iterable[str]:
    for _, value, shape in columns:
        figure = value(found)
        yield "–" if figure is None or not np.isfinite(figure) else shape.format(figure)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def beaten(work: Path, experiments: Sequence[Experiment], person: str, drawn_as: str | None) -> str:
    """For each model, which baselines it beats, and on what it does not."""
    lines = []
    for experiment in experiments:
        evaluation = evaluation_of(work, experiment, person)
        (model,) = evaluation.metrics_of(drawn_as, is_baseline=False)
        verdicts = []
        for baseline in evaluation.metrics_of(drawn_as, is_baseline=True):
            lost = [title for title, value, better in COMPARED if not _is_better(value(model), value(baseline), better)]
            verdicts.append(f"{baseline.name}: {'better on all' if not lost else 'not better on ' + ', '.join(lost)}")
        lines.append(f"- `{experiment.name}` beside the {'; the '.join(verdicts)}.")
    return f"Of {', '.join(title for title, _, _ in COMPARED)}, where they make sense:\n\n" + "\n".join(lines)


def _is_better(model: float | None, baseline: float | None, better: str) -> bool:
    if model is None or baseline is None:
        return True
    return model < baseline if better == "<" else model > baseline


def best_features(work: Path, features: Sequence[Experiment]) -> str:
    """Which set is best, as the reference study asked."""

    def figures(experiment: Experiment, person: str) -> Metrics:
        return evaluation_of(work, experiment, person).metrics_of(TARGET, is_baseline=False)[0]

    own = min(features, key=lambda experiment: figures(experiment, TARGET).l1 or np.inf)
    follows = min(features, key=lambda experiment: figures(experiment, SCENE).expression)
    return (
        f"Smallest L1 on E's frames: `{own.features}` ({figures(own, TARGET).l1:.3f}). Smallest expression error on "
        f"J's frames: `{follows.features}` ({figures(follows, SCENE).expression:.3f}). The reference study found all "
        "landmarks and a thumbnail of 8×8 best."
    )


def conditioned(work: Path, experiments: Sequence[Experiment]) -> str:
    rows = []
    for experiment in experiments:
        for person in PEOPLE:
            (found,) = evaluation_of(work, experiment, person).metrics_of(None, is_baseline=False)
            rows.append([f"`{experiment.name}`", person, *_cells(found, SYNTHETIC_COLUMNS)])
    return _markdown(["run", "frames of", *(title for title, _, _ in SYNTHETIC_COLUMNS)], rows)


def speeds(work: Path, models: Sequence[Experiment]) -> str:
    notes, rows = notes_of(work), []
    for experiment in models:
        found = notes[f"speed_{experiment.name}"]
        if not isinstance(found, dict):
            continue
        peak = float(str(notes[f"peak_{found['dtype']}"]))
        drawing = evaluation_of(work, experiment, TARGET).faces_per_second
        rows.append(
            [
                f"`{experiment.name}`",
                f"{found['parameters'] / 1e6:.1f} M",
                f"{found['steps']}",
                f"{found['faces_per_second']:.0f}",
                f"{found['gflops']:.0f}",
                f"{found['gflops'] / peak:.0%}",
                f"{drawing:.0f}",
            ]
        )
    head = [
        "model",
        "trained parameters",
        "steps",
        "faces/s trained",
        "GFLOP/s",
        "of the convolution peak",
        "faces/s drawn",
    ]
    return (
        _markdown(head, rows) + "\n\nThe peak is that of a 3×3 convolution of 256 channels on the same machine: "
        f"{notes['peak_bfloat16']:.0f} GFLOP/s in bf16, {notes['peak_float32']:.0f} in fp32. "
        "Growing models: at the stage that they reached."
    )
