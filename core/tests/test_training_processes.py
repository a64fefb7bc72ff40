"""Training in two processes."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mien.dataset import Dataset
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry

from .training_runs import MODELS, in_environment, settings_of

LAUNCHED = """
import hashlib, os, sys
from pathlib import Path
from mien.training import TrainOptions, train

run, choice, features, *people = sys.argv[1:]
options = TrainOptions(steps=4, steps_per_checkpoint=2, precision="no")
report = train(choice, [Path(person) for person in people], Path(run), features=features, options=options)
weights = hashlib.sha256(b"".join(t.numpy().tobytes() for t in report.model.state_dict().values())).hexdigest()
Path(f"{run}.weights.{os.environ['RANK']}").write_text(weights)
"""


def launch(tmp_path: Path, environment: dict[str, str], *arguments: str) -> None:
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    port = str(29600 + os.getpid() % 2000)
    ended = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
         "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port,
         str(script), *arguments],
        env={**environment, "ACCELERATE_USE_CPU": "true"}, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.long
def test_two_processes_hold_the_same_weights_and_share_the_faces(
    people: list[Path], tiny: Registry, environment, tmp_path: Path
) -> None:
    run, seen = tmp_path / "run", tmp_path / "seen"
    launch(
        tmp_path, in_environment(environment, SEEN=str(seen)), str(run), "tiny", "landmarks:points=5", str(people[0])
    )
    weights = {Path(f"{run}.weights.{rank}").read_text() for rank in (0, 1)}
    assert len(weights) == 1
    faces = [Path(f"{seen}.{rank}").read_text().split() for rank in (0, 1)]
    assert len(faces[0]) == len(faces[1]) == 16
    # Frames may be alike, so the check is by count: within an epoch no face is seen twice, by whichever process.
    vectors = Dataset.open(people[0]).vectors(FeatureSet("landmarks:points=5", tiny))
    there = Counter(str(hash(tuple(row.tolist()))) for row in vectors)
    assert Counter(faces[0] + faces[1]) <= there
    assert "processes = 2" in (run / "run.toml").read_text()


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_in_two_processes(name: str, encoded: list[Path], environment, tmp_path: Path) -> None:
    choice, count, features = settings_of(name)
    run = tmp_path / "run"
    launch(tmp_path, in_environment(environment), str(run), choice, features, *map(str, encoded[:count]))
    assert len({Path(f"{run}.weights.{rank}").read_text() for rank in (0, 1)}) == 1
