"""Writes docs/results.md: every installed model trained and evaluated alike, on two people.

    .venv/bin/python docs/bench/results.py            all of it, three quarters of an hour on two cores
    .venv/bin/python docs/bench/results.py --write    only the page, of what is trained and evaluated already

What an interrupted call has done counts. Nothing else should be running: every run has the same minutes.
"""

import argparse
import time
from pathlib import Path

import torch
from experiments import (
    PEOPLE,
    Experiment,
    datasets,
    of_conditioning,
    of_every_model,
    of_feature_sets,
    peak_dtype,
    speed,
    trained,
)
from kept import note
from page import write
from rich.console import Console
from strips import evaluate_once

from mien import Registry
from mien.training.speed import convolution_peak_gflops
from mien_cli.progress import shown_on

FEATURES_SHOWN_WITH = "latent:preset=small"
CONDITIONING_SHOWN_WITH = "cgan"


def main() -> None:
    """Train, evaluate and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("results-out"), help="where runs and evaluations are kept")
    parser.add_argument("--minutes", type=float, default=3.0, help="training of each model")
    parser.add_argument("--feature-minutes", type=float, default=1.0, help="training with each set of features")
    parser.add_argument("--conditioning-minutes", type=float, default=1.5, help="training with each conditioning")
    parser.add_argument("--faces", type=int, default=60, help="faces of each person to evaluate on, at most")
    parser.add_argument("--write", action="store_true", help="only write the page")
    given = parser.parse_args()
    registry, began = Registry(), time.monotonic()
    models = list(of_every_model(registry, given.minutes))
    features = list(of_feature_sets(FEATURES_SHOWN_WITH, given.feature_minutes))
    conditioning = list(of_conditioning(CONDITIONING_SHOWN_WITH, given.conditioning_minutes))
    from_nothing = not (given.work / "runs").exists()
    if not given.write:
        with shown_on(Console(stderr=True)) as progress:
            datasets(given.work, progress, registry)
            for experiment in (*models, *features, *conditioning):
                trained(experiment, given.work, progress, registry)
            for experiment in (*models, *features, *conditioning):
                for person in PEOPLE:
                    evaluate_once(experiment, given.work, person, given.faces, progress, registry)
        if from_nothing:  # otherwise an earlier call has done a part of it
            note(given.work, "minutes_taken", (time.monotonic() - began) / 60)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            note(given.work, f"peak_{name}", convolution_peak_gflops(dtype))
        for experiment in (experiment for experiment in models if not experiment.from_photographs):
            note(given.work, f"speed_{experiment.name}", _speed(experiment, given.work, registry))
    write(given.work, models, features, conditioning)


def _speed(experiment: Experiment, work: Path, registry: Registry) -> dict[str, float | str]:
    run = work / "runs" / experiment.name
    found = speed(run, registry)
    return {
        "steps": found.steps,
        "parameters": found.parameters,
        "faces_per_second": found.faces_per_second,
        "gflops": found.gflops,
        "dtype": str(peak_dtype(run)).removeprefix("torch."),
    }


if __name__ == "__main__":
    main()
