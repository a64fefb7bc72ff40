"""The learning rate over a run."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from mien.contracts.model import Stage
from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.training import TrainOptions, resume, train
from mien.training.schedule import rate_factor, with_schedule_steps


def factors(steps: int, **options: object) -> list[float]:
    given = TrainOptions(**options)
    return [rate_factor(given, step) for step in range(steps)]


def test_a_warmup_rises_to_the_rate_and_a_cosine_falls_from_it() -> None:
    assert factors(6, schedule="constant", warmup=4) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert factors(3, schedule="plateau") == [1.0, 1.0, 1.0]
    found = factors(30, schedule="cosine", schedule_steps=20, warmup=4)
    assert found[3] == found[4] == 1.0 and found[12] == pytest.approx(0.505)
    assert all(later < before for before, later in pairwise(found[4:21]))
    assert found[20:] == [pytest.approx(0.01)] * 10


def test_a_cosine_ends_with_the_steps_or_the_stages() -> None:
    timed, open_ended = [Stage(8, 4, 30), Stage(16, 4, 20)], [Stage(8, 4)]
    cosine = TrainOptions(schedule="cosine")
    assert with_schedule_steps(cosine, timed).schedule_steps == 50
    assert with_schedule_steps(cosine.model_copy(update={"steps": 7}), timed).schedule_steps == 7
    kept = cosine.model_copy(update={"steps": 7, "schedule_steps": 9})
    assert with_schedule_steps(kept, open_ended).schedule_steps == 9
    assert with_schedule_steps(TrainOptions(), open_ended).schedule_steps is None
    with pytest.raises(MienError, match="when training ends"):
        with_schedule_steps(cosine, open_ended)
    with pytest.raises(MienError, match="leaves nothing of a cosine over 5"):
        with_schedule_steps(cosine.model_copy(update={"warmup": 5, "steps": 5}), open_ended)


@pytest.mark.parametrize("schedule", ["plateau", "cosine", "constant"])
def test_a_run_goes_on_exactly_under_any_schedule(
    schedule: str, people: list[Path], environment, tmp_path: Path
) -> None:
    environment.install_package("tiny", "mien-model-tiny")
    registry = Registry()
    often = {"steps_per_log": 1, "steps_per_validation": 2, "plateau_patience": 0, "expression_faces": 0}
    given = TrainOptions(schedule=schedule, warmup=3, schedule_steps=8, steps=10, **often)
    train("tiny", people[:1], tmp_path / "whole", options=given, registry=registry)
    first = given.model_copy(update={"steps": 5})
    train("tiny", people[:1], tmp_path / "parts", options=first, registry=registry)
    resume(tmp_path / "parts", steps=10, registry=registry)
    rates = []
    for run in ("whole", "parts"):
        lines = [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        rates.append([line["learning_rate/main"] for line in lines if "learning_rate/main" in line])
    assert rates[0] == rates[1]
    if schedule != "plateau":
        expected = [0.1 * rate_factor(given, step) for step in range(10)]
        assert rates[0] == [pytest.approx(rate, rel=1e-5) for rate in expected]
    whole, parts = ((tmp_path / run / "model.safetensors").read_bytes() for run in ("whole", "parts"))
    assert whole == parts
