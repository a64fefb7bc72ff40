"""Train the weights that `mien demo` begins with, on the demo's own datasets.

    mien demo --from-scratch --steps 1                       # makes the datasets in demo-out/
    python cli/tools/start_weights.py demo-out --steps 8000  # about half an hour on two cores

The result takes the place of cli/src/mien_cli/demo/data/start.safetensors, in half precision.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from mien import TrainOptions, resume, train
from mien.media.files import whole_file
from mien_cli.console import messages
from mien_cli.demo.run_demo import MODEL, NEW_FACE, OLD_FACE, REPEAT_RARE, START
from mien_cli.progress import shown_on

DATA = Path(__file__).parents[1] / "src" / "mien_cli" / "demo" / "data"


def main() -> None:
    """Train, or go on with a training that was stopped, and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="folder that `mien demo` wrote")
    parser.add_argument("--run", type=Path, default=Path("start"))
    parser.add_argument("--steps", type=int, default=8000)
    given = parser.parse_args()
    with shown_on(messages()) as progress:
        if (given.run / "run.toml").exists():
            resume(given.run, steps=given.steps, progress=progress)
        else:
            options = TrainOptions(steps=given.steps, repeat_rare=REPEAT_RARE, plateau_patience=3)
            people = [given.demo / name for name in (NEW_FACE, OLD_FACE)]
            train(MODEL, people, given.run, options=options, progress=progress)
    tensors = load_file(given.run / "model.safetensors")
    halves = {name: tensor.to(torch.float16) for name, tensor in tensors.items()}
    with whole_file(DATA / START) as partial:
        save_file(halves, partial, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
