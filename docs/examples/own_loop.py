"""Train a model by a loop of your own instead of mien's, here with clipped gradients and a cosine schedule.

    python own_loop.py anna ben --model deepfakes:preset=small --steps 500 --out drawn.png

`anna` and `ben` are datasets. The image shows each person's faces, and what the model draws of them as everybody.
"""

import argparse
import sys
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import torch

from mien import (
    Dataset,
    FeatureSet,
    Generated,
    Known,
    MienError,
    Registry,
    TrainingData,
    TrainOptions,
    make_model,
)
from mien.contracts.model import to_uint8_images
from mien.media.grid import write_grid
from mien.media.provenance import Provenance
from mien.plugins.choice import parse_choice
from mien.plugins.guard import guarded_generate


def main() -> None:
    """Train, and draw faces that were held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, nargs="+", help="of one person each, or of several")
    parser.add_argument("--model", default="deepfakes:preset=small", help="one that draws the people it is trained on")
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
    if "known" not in model.targets:  # before it is trained
        raise MienError(f"{choice.name} draws none of the people it is trained on.", "--model deepfakes:preset=small")
    optimizers = {phase: model.optimizer(phase) for phase in model.phases}
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(one, given.steps) for one in optimizers.values()]
    stages = range(len(model.stages()))  # one for most models; those that grow have several
    batches = chain.from_iterable(data.batches(model, stage, given.seed) for stage in stages)
    for step, batch in zip(range(given.steps), batches, strict=False):
        for phase, optimizer in optimizers.items():
            optimizer.zero_grad(set_to_none=True)
            losses = model(batch, phase)
            losses["loss"].backward()
            of_phase = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(of_phase, 1.0)
            optimizer.step()
            model.after_step(phase)
            if step % 50 == 0 or step == given.steps - 1:
                print(f"step {step + 1}, {phase}: loss {float(losses['loss'].detach()):.4f}")
        for schedule in schedules:
            schedule.step()
    rows = data.held_out(6) or data.spread(6)
    shown = data.batch(rows, model, batch.size, stage=batch.stage)
    drawn = []
    for number in range(len(data.people)):
        target = Known(torch.full_like(shown.people, number))
        generated = guarded_generate(model.eval(), choice.name, shown, target)
        drawn.append(list(to_uint8_images(generated.images if isinstance(generated, Generated) else generated)))
    titles = ["face", *(f"as {person}" for person in data.people)]
    names = data.names_of(rows)
    made = Provenance(version("mien-core"), "faces drawn", "own_loop.py")
    write_grid(given.out, [list(to_uint8_images(shown.images)), *drawn], titles, names, synthetic=made)
    print(f"Drawn: {given.out}")


if __name__ == "__main__":
    try:
        main()
    except MienError as error:  # what was wrong, and what to do about it
        sys.exit(str(error))
