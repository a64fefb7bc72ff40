"""What many cards and many videos cost, by arithmetic: what a step of training exchanges, and what an archive takes.

    python core/bench/scaling.py
    python core/bench/scaling.py --videos 1000000 --frames 1500 --cores 64
    python core/bench/scaling.py --faces-per-second deepfakes=5470 --faces-per-second latent=14624

DDP exchanges the gradients of all trained parameters once a step, 4 bytes each. In a ring of n cards each sends and
receives 2 (n − 1) / n times as many bytes (Patarasuk and Yuan, 2009), at the speed of the slowest link. The exchange
overlaps with the backward pass, two thirds of a step: it costs nothing as long as it is shorter.
"""

import argparse

import numpy as np

from mien.contracts.model import Model, ModelInputs
from mien.plugins.registry import Registry
from mien.training.run import make_model

BYTES = 4
BACKWARD = 2 / 3
CARDS = {8: "in one machine", 64: "in eight machines"}
FEATURES = 136
"""What a model is conditioned on in this table: 68 landmarks."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--link", type=float, nargs=2, default=(300.0, 25.0), metavar="GB/S",
                        help="of a card, within a machine and between machines")  # fmt: skip
    parser.add_argument("--faces-per-second", action="append", default=[], metavar="MODEL=N", help="on one card")
    parser.add_argument("--videos", type=int, default=0, help="print what so many take, instead")
    parser.add_argument("--frames", type=int, default=1500, help="of each, with one face")
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument(
        "--preprocessed",
        type=float,
        default=109.0,
        help="frames/s that a core preprocesses: by docs/performance.md, at 640×360 with blazeface",
    )
    parser.add_argument("--swapped", type=float, default=39.0, help="frames/s that a core swaps: the same, with morph")
    options = parser.parse_args()
    if options.videos:
        print_archive(options)
        return
    speeds = {name: float(number) for name, _, number in (one.partition("=") for one in options.faces_per_second)}
    columns = ["model", "trained parameters", "faces a step", "gradients", "a step on one card"]
    columns += [f"{cards} cards {where}" for cards, where in CARDS.items()]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    registry = Registry()
    for name in sorted(registry.names("model")):
        model = made(name, registry)
        if stages := list(model.stages()):
            cells = cells_of(model, stages[-1].batch_size, speeds.get(name), options.link)
            print("| " + " | ".join([f"`{name}`", *cells]) + " |", flush=True)


def print_archive(options: argparse.Namespace) -> None:
    """What an archive of videos takes: hours, and bytes of a dataset by the size of its crops."""
    frames = options.videos * options.frames
    print("| what | core hours | on so many cores |\n|---|---|---|")
    for what, speed in (("preprocess", options.preprocessed), ("swap", options.swapped)):
        hours = frames / speed / 3600
        print(f"| `{what}` at {speed:g} frames/s a core | {hours:,.0f} | {hours / options.cores / 24:,.1f} days |")
    print("\n| crops | bytes a face | dataset |\n|---|---|---|")
    for side in (64, 128, 256):
        face = side * side * (3 + 1) + 68 * 2 * BYTES  # image, mask and landmarks
        print(f"| {side} px | {face:,} | {face * frames / 1e12:,.0f} TB |")


def made(name: str, registry: Registry) -> Model:
    """A model at its reference settings, for the fewest people that it takes."""
    loaded, _ = registry.configure("model", name, {})
    people = max(1, loaded.people[0])
    inputs = ModelInputs(
        tuple(f"person {number}" for number in range(people)), FEATURES, 1000,
        np.zeros(FEATURES, np.float32), np.eye(FEATURES, dtype=np.float32), encoding_length=128,
    )  # fmt: skip
    return make_model(registry, name, {}, inputs)


def cells_of(model: Model, batch: int, speed: float | None, links: tuple[float, float]) -> list[str]:
    """What stands in a model's line. batch: of a step of one card. speed: its faces/s, if it is known."""
    parameters = sum(one.numel() for one in model.parameters() if one.requires_grad)
    step = batch / speed if speed else None
    cells = [f"{parameters / 1e6:.1f} M", f"{batch}", f"{parameters * BYTES / 1e6:.0f} MB"]
    cells.append(f"{step * 1e3:.1f} ms" if step else "")
    for cards, link in zip(CARDS, links, strict=True):
        exchange = 2 * (cards - 1) / cards * parameters * BYTES / (link * 1e9)
        cell = f"{batch * cards} faces, {exchange * 1e3:.2g} ms"
        if step:
            share = step / (step + max(0.0, exchange - BACKWARD * step))
            cell += f", {share:.0%} of the speed"
        cells.append(cell)
    return cells


if __name__ == "__main__":
    main()
