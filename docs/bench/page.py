"""docs/results.md and its images, of what is measured already."""

from collections.abc import Sequence
from pathlib import Path

from experiments import BEST_REPORTED, CLIPS, HELD_OUT, REPOSITORY, Experiment
from images import IMAGES, conditioning, losses, strips
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from kept import evaluation_of, notes_of
from tables import (
    PERSON_COLUMNS,
    RECONSTRUCTION_COLUMNS,
    SCENE,
    SYNTHETIC_COLUMNS,
    TARGET,
    beaten,
    best_features,
    conditioned,
    speeds,
    table,
)

from mien.media.files import whole_file

PAGE = REPOSITORY / "docs" / "results.md"


def write(
    work: Path, models: Sequence[Experiment], features: Sequence[Experiment], conditionings: Sequence[Experiment]
) -> None:
    """Write the page and its images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    known = [experiment for experiment in models if TARGET in evaluation_of(work, experiment, SCENE).drawn_as]
    synthetic = [experiment for experiment in models if None in evaluation_of(work, experiment, SCENE).drawn_as]
    by_steps = [experiment for experiment in models if not experiment.from_photographs]
    for experiment in by_steps:
        losses(work, experiment)
    conditioning(work, conditionings)
    strips(work, "swaps", known, SCENE, TARGET)
    strips(work, "synthetic_E", synthetic, TARGET, None)
    strips(work, "synthetic_J", synthetic, SCENE, None)
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    ).get_template("results.md.j2")
    text = template.render(
        minutes=by_steps[0].minutes,
        feature_minutes=features[0].minutes,
        conditioning_minutes=conditionings[0].minutes,
        held_out=HELD_OUT,
        clips=len(list((CLIPS / TARGET).glob("*.mp4"))),
        taken=notes_of(work).get("minutes_taken"),
        own=evaluation_of(work, known[0], TARGET),
        other=evaluation_of(work, known[0], SCENE),
        many=BEST_REPORTED,
        models=[experiment.name for experiment in by_steps],
        swaps=table(work, known, SCENE, TARGET, PERSON_COLUMNS),
        swaps_beaten=beaten(work, known, SCENE, TARGET),
        reconstruction=table(work, known, TARGET, TARGET, RECONSTRUCTION_COLUMNS),
        reconstruction_beaten=beaten(work, known, TARGET, TARGET),
        synthetic_own=table(work, synthetic, TARGET, None, SYNTHETIC_COLUMNS),
        synthetic_own_beaten=beaten(work, synthetic, TARGET, None),
        synthetic_other=table(work, synthetic, SCENE, None, SYNTHETIC_COLUMNS),
        synthetic_other_beaten=beaten(work, synthetic, SCENE, None),
        features_own=table(work, features, TARGET, TARGET, RECONSTRUCTION_COLUMNS, by_features=True),
        features_other=table(work, features, SCENE, TARGET, PERSON_COLUMNS, by_features=True),
        best_features=best_features(work, features),
        conditioned=conditioned(work, conditionings),
        speeds=speeds(work, by_steps),
    )
    with whole_file(PAGE) as partial:
        partial.write_text(text, encoding="utf-8")
