"""Compare feature sets: the same model and faces, the same steps, other features.

    python compare_feature_sets.py anna landmarks:points=10 landmarks:points=72+thumbnail:size=8 --steps 500

`anna` is a dataset. Features that it lacks are measured first; nothing is detected anew.
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mien import Dataset, TrainOptions, compare, preprocess, train


def main() -> None:
    """Train a run with each set, and print how they do on what none was trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("features", nargs="+", help="two sets or more, as landmarks:points=10+thumbnail:size=2")
    parser.add_argument("--model", default="latent:preset=small", help="one that draws from features")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--faces", type=int, default=60, help="held-out faces to judge by")
    parser.add_argument("--out", type=Path, default=Path("feature-sets"), help="a folder for the runs and the page")
    given = parser.parse_args()
    made = Dataset.open(given.dataset).info
    options = TrainOptions(steps=given.steps, held_out=0.2, seed=1)
    runs = []
    for number, features in enumerate(given.features, 1):
        preprocess(given.dataset, extractor=made.extractor, features=features, pictures=made.pictures)
        runs.append(given.out / f"set-{number}")
        train(given.model, [given.dataset], runs[-1], features=features, options=options)
    judged = compare(runs, given.dataset, faces=given.faces, out=given.out)
    for person, rows in judged.tables().items():
        table = Table(
            "run", "L1", "mouth opening r", "expression error", title=f"Drawn as {person}", title_justify="left"
        )
        for name, figures in rows:  # baselines that have learnt nothing come last
            error = "–" if figures.l1 is None else f"{figures.l1:.3f}"
            table.add_row(name, error, f"{figures.follows['mouth_opening']:.2f}", f"{figures.expression:.3f}")
        Console().print(table)
    for name, features in zip(judged.names, given.features, strict=True):
        print(f"{name}: {features}")
    print(f"Page: {given.out / 'index.html'}")


if __name__ == "__main__":
    main()
