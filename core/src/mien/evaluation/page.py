"""The page of an evaluation: its tables, some of the faces, and curves."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop, RgbImage
from mien.counted import counted
from mien.evaluation.html import embedded, table_of, write_html
from mien.evaluation.losses import training_losses
from mien.evaluation.metric_table import beaten
from mien.evaluation.observer import VIEW_PX
from mien.evaluation.plots import head_turns, identity_distances, over_faces
from mien.evaluation.report import Evaluation
from mien.evaluation.results import EvaluationResult
from mien.media.grid import write_grid
from mien.media.provenance import Provenance
from mien.spread import spread_indices

PAGE = "index.html"
_DIGITS = 16
_SHOWN_FACES = 6
_ENOUGH_FACES = 30


def write_page(folder: Path, result: EvaluationResult) -> Path:
    """Write FOLDER/index.html, and the faces that it shows as PNG beside it. Returns the page's path.

    Raises MienError if it may not be written.
    """
    evaluation = result.evaluation
    made = Provenance(version("mien-core"), "faces drawn to evaluate a run", evaluation.weights[:_DIGITS])
    parts = []
    for person in evaluation.drawn_as:
        (model,), baselines = (evaluation.metrics_of(person, is_baseline=is_baseline) for is_baseline in (False, True))
        part = table_of(_whom(person, evaluation), [(metrics.name, metrics) for metrics in (model, *baselines)])
        part["sentences"] = beaten(model, baselines)
        sheet = folder / f"faces{f'_{person}' if person else ''}.png"
        _write_faces(sheet, result, person, made)
        numbers = [number for number, drawn in enumerate(result.results) if drawn.drawn_as == person]
        names = {number: result.results[number].predictor.name for number in numbers}
        errors = {name: result.expressions[number] for number, name in names.items()}
        distances = {name: result.distances[number] for number, name in names.items()}
        part["images"] = [
            (
                "The original, what is drawn, and the result in its scene; then the baselines. Worst: the largest "
                "expression error",
                embedded(sheet.read_bytes()),
            ),
            ("Expression error of each face", embedded(over_faces(errors, "of the eye distance"))),
            (
                "Where the head is turned",
                embedded(head_turns(result.original_poses, result.poses[numbers[0]])),
            ),
            (
                "Identity distance to the face that was there",
                embedded(identity_distances(distances, evaluation.same_person_below)),
            ),
        ]
        parts.append(part)
    losses = training_losses(result.run.location.folder)
    path = folder / PAGE
    write_html(
        path,
        title=f"{evaluation.run}: {evaluation.model} evaluated on {evaluation.dataset}",
        facts=facts_of(evaluation),
        parts=parts,
        images=[("Training", embedded(losses))] if losses else [],
        provenance=made.note(),
    )
    return path


def facts_of(evaluation: Evaluation) -> list[str]:
    """What was evaluated, and by what, in sentences."""
    which = "held out by training" if evaluation.held_out else "of a dataset that the run was not trained on"
    lines = [
        f"{counted(len(evaluation.rows), 'face')} of {evaluation.candidates}, {which}: "
        f"{'; '.join(evaluation.source_ranges)}.",
        f"Trained for {counted(evaluation.step, 'step')}, {counted(evaluation.minutes, 'minute')}"
        + (f", with the features {evaluation.features}." if evaluation.features else "."),
        f"Set into their scenes by {evaluation.blender}; found by {evaluation.extractor}; recognized by "
        f"{evaluation.recognizer.choice}, the same person below {evaluation.same_person_below:g}"
        + (
            f"; further recognizers: {', '.join(judge.choice for judge in evaluation.judges)}."
            if evaluation.judges
            else "."
        )
        + (f" Expressions by {evaluation.expressions.choice}." if evaluation.expressions else ""),
        f"Drawing: {evaluation.faces_per_second:.0f} faces/s on the {evaluation.device}, "
        f"{counted(evaluation.threads, 'thread')}.",
        f"Between two halves of the real faces the Fréchet distance is {_number(evaluation.frechet_floor, '.3f')}; the "
        f"mean identity distance is {_number(evaluation.diversity_of_real, '.2f')} between the training faces, and "
        f"{_number(evaluation.constancy_of_real, '.2f')} between those of one person.",
    ]
    lines += few_faces(len(evaluation.rows))
    return lines + [f"Left out, since it could not be read: {reason}" for reason in evaluation.unreadable]


def few_faces(count: int) -> list[str]:
    """What to bear in mind where so many faces were judged; nothing if they are enough."""
    if count >= _ENOUGH_FACES:
        return []
    return [
        f"So few faces ({count}) say little, those of adjacent frames still less: what is called better or worse may "
        "be chance."
    ]


def _number(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "unknown, of so few faces"


def _whom(person: str | None, evaluation: Evaluation) -> str:
    if person is None:
        return f"People who do not exist, seed {evaluation.seed}"
    return f"{'Reconstruction' if person == evaluation.dataset else 'Swap'}: drawn as {person}"


def _write_faces(path: Path, result: EvaluationResult, person: str | None, made: Provenance) -> None:
    results = [drawn for drawn in result.results if drawn.drawn_as == person]
    model, baselines = results[0], results[1:]
    numbers, worst = _shown(result, person)
    columns: dict[str, list[RgbImage]] = {
        "original": [result.views[number] for number in numbers],
        "crop": [result.crops[number].masked_image for number in numbers],
        f"{model.predictor.name} ": [_masked(model.images[number], result.crops[number]) for number in numbers],
        "result": [model.views[number] for number in numbers],
    }
    for baseline in baselines:
        columns[baseline.predictor.name.replace(" training face", "")] = [
            _masked(baseline.images[number], result.crops[number]) for number in numbers
        ]
    labels = [f"{number + 1}{' worst' if number == worst else ''}" for number in numbers]
    write_grid(path, list(columns.values()), list(columns), labels, synthetic=made, cell_px=VIEW_PX)


def _shown(result: EvaluationResult, person: str | None) -> tuple[list[int], int | None]:
    """Some of the faces, spread evenly, and the one on which the model's expression error is largest, if any is."""
    errors = next(
        result.expressions[number]
        for number, drawn in enumerate(result.results)
        if drawn.drawn_as == person and not drawn.predictor.is_baseline
    )
    some = set(spread_indices(len(errors), _SHOWN_FACES).tolist())
    worst = int(np.nanargmax(errors)) if np.isfinite(errors).any() else None
    return sorted(some if worst is None else some | {worst}), worst


def _masked(image: RgbImage, crop: FaceCrop) -> RgbImage:
    """The drawn face, black where nothing of it is used."""
    factor = max(crop.size // image.shape[0], 1)
    mask: NDArray[np.float32] = crop.mask[::factor, ::factor, None]
    if mask.shape[:2] != image.shape[:2]:
        return image
    masked: RgbImage = np.rint(image * mask).astype(np.uint8)
    return masked
