"""Train a model by a loop of your own instead of mien's, here with clipped gradients and a cosine schedule.

    python own_loop.py anna ben --model deepfakes:preset=small --steps 500 --out drawn.png

`anna` and `ben` are datasets. The picture shows each person's faces, and what the model draws of them as everybody.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

import torch

from mien import Dataset, FeatureSet, Registry, TrainingData, TrainOptions, make_model
from mien.grid import write_grid
from mien.model import pictures_of
from mien.provenance import Provenance
from mien.spec import parse_choice


def main() -> None:
    """Train, and draw faces that were held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, nargs="+", help="one for each person")
    parser.add_argument("--model", default="deepfakes:preset=small", help="one that swaps")
    parser.add_argument("--features", default="", help="if it draws from features")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("drawn.png"))
    given = parser.parse_args()
    registry, choice = Registry(), parse_choice(given.model)
    datasets = [Dataset.open(path) for path in given.datasets]
    data = TrainingData(datasets, FeatureSet(given.features, registry), TrainOptions(held_out=0.2))
    torch.manual_seed(given.seed)
    model = make_model(registry, choice.name, dict(choice.settings), data.inputs).train()
    optimizers = {phase: model.optimizer(phase) for phase in model.phases}
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(one, given.steps) for one in optimizers.values()]
    (stage,) = model.stages()  # models that grow have several
    for step, batch in zip(range(given.steps), data.batches(0, stage, given.seed), strict=False):
        for phase, optimizer in optimizers.items():
            model.zero_grad(set_to_none=True)
            losses = model(batch, phase)
            losses["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            model.after_step(phase)
            if step % 50 == 0 or step == given.steps - 1:
                print(f"step {step + 1}, {phase}: loss {float(losses['loss'].detach()):.4f}")
        for schedule in schedules:
            schedule.step()
    rows = data.held_out(3) or data.spread(3)
    batch, made = data.batch(rows, stage.resolution), Provenance(version("mien-core"), "faces drawn", "own_loop.py")
    with torch.inference_mode():
        drawn = [list(pictures_of(model.eval().generate(batch, person))) for person in data.identities]
    names = [data.identities[number] for number in batch.identities.tolist()]
    titles = ["face", *(f"as {person}" for person in data.identities)]
    write_grid(given.out, [list(pictures_of(batch.images)), *drawn], titles, names, synthetic=made)
    print(f"Drawn: {given.out}")


if __name__ == "__main__":
    main()
