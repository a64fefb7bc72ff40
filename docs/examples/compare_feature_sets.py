"""Compare feature sets: the same model and faces, the same steps, other features.

    python compare_feature_sets.py anna landmarks:points=10 landmarks:points=72+thumbnail:size=8 --steps 500

`anna` is a dataset. Features that it lacks are measured first; nothing is detected anew.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mien import CompareOptions, MienError, PreprocessOptions, TrainOptions, compare, preprocess, train


def main() -> None:
    """Train a run with each set, and print how they do on what none was trained on.

    found: share of the drawn faces that are found again. L1: of pixels. mouth: how its opening follows the original's.
    expression: error of the landmarks. `mien.evaluation.report.Metrics` has the rest.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("first", help="a feature set, as landmarks:points=10+thumbnail:size=2")
    parser.add_argument("others", nargs="+", help="the sets to put beside it")
    parser.add_argument("--model", default="latent:preset=small", help="one that draws one person from features")
    parser.add_argument("--steps", type=int, default=500, help="of training, with each set")
    parser.add_argument("--faces", type=int, default=60, help="held-out faces to evaluate on")
    parser.add_argument("--out", type=Path, default=Path("feature-sets"), help="a folder for the runs and the page")
    given = parser.parse_args()
    sets = {f"set-{number}": features for number, features in enumerate([given.first, *given.others], 1)}
    for features in sets.values():  # all of them first: nothing is trained if one cannot be measured
        preprocess(given.dataset, options=PreprocessOptions(features=features, images=False))
    options = TrainOptions(steps=given.steps, held_out=0.2, seed=1)
    for name, features in sets.items():
        train(given.model, [given.dataset], given.out / name, features=features, options=options)
    runs = [given.out / name for name in sets]
    comparison = compare(runs, given.dataset, options=CompareOptions(faces=given.faces), out=given.out)
    for person, rows in comparison.tables().items():
        table = Table("run", "found", "L1", "mouth, r", "expression", title=f"Drawn as {person}")
        for name, metrics in rows:  # baselines that have learnt nothing come last
            l1 = "–" if metrics.l1 is None else f"{metrics.l1:.3f}"
            follows = f"{metrics.follows['mouth_opening']:.2f}"
            called = f"{name}: {sets[name]}" if name in sets else name
            table.add_row(called, f"{metrics.found:.0%}", l1, follows, f"{metrics.expression:.3f}")
        Console().print(table)
    print(f"Page: {given.out / 'index.html'}")


if __name__ == "__main__":
    try:
        main()
    except MienError as error:  # what was wrong, and what to do about it
        sys.exit(str(error))
