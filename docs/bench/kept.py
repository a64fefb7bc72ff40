"""What has been measured for the results page so far: evaluations, and notes beside them."""

import json
from pathlib import Path

from experiments import Experiment

from mien.evaluation import Evaluation
from mien.evaluation.report import folder_of
from mien.media.files import whole_file

_NOTES = "notes.json"


def note(work: Path, key: str, value: object) -> None:
    """Keep something that was measured, for the page."""
    notes = notes_of(work)
    notes[key] = value
    with whole_file(work / _NOTES) as partial:
        partial.write_text(json.dumps(notes, indent=1), encoding="utf-8")


def notes_of(work: Path) -> dict[str, object]:
    """What was kept."""
    path = work / _NOTES
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def evaluation_of(work: Path, experiment: Experiment, person: str) -> Evaluation:
    """The evaluation of a run on a person's faces. Exits if there is none yet."""
    found = Evaluation.read(folder_of(work / "runs" / experiment.name, experiment.dataset(work, person)))
    if found is None:
        raise SystemExit(f"{experiment.name} has not been evaluated on {person} yet: call this without --write")
    return found
