"""How fast mien trains the deepfakes autoencoder, beside a plain loop and beside the processor's own convolution peak.

    python plugins/models/deepfakes/bench/training.py DATASET_A DATASET_B [--size 64] [--batch 16] [--steps 12]

The plain loop is the original's recipe: fp32, the two people encoded one after the other, each with an Adam and a step
of its own over the encoder and its decoder. `--size 128 --batch 64` is the reference, and takes 4 GB and more.
mien's figure is what its loop writes to metrics.jsonl. The peak is a 3×3 convolution of 256 channels, forward and
backward, channels last. Nothing else should be running.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.optim import Adam

from mien.contracts.model import Batch
from mien.dataset import Dataset
from mien.layers import Convolution, masked_l1
from mien.plugins.choice import PluginChoice
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.training import TrainOptions, train
from mien.training.data import TrainingData
from mien.training.run import make_model
from mien.training.speed import convolution_peak_gflops, step_gflop
from mien.training.trainer import resolved_precision
from mien_model_deepfakes.augment import Strengths, augment
from mien_model_deepfakes.model import Deepfakes

_WARM_UP_STEPS = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs=2, type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16, help="faces of each person in a step")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--preset", help="a preset of the model instead of the reference widths")
    given = parser.parse_args()
    settings = {"size": given.size, "batch_size": 2 * given.batch}
    if given.preset:
        settings = {"preset": given.preset, "batch_size": 2 * given.batch}
    data = TrainingData([Dataset.open(path) for path in given.datasets], FeatureSet("", Registry()), TrainOptions())
    model = make_model(Registry(), "deepfakes", settings, data.inputs)
    assert isinstance(model, Deepfakes)  # noqa: S101 (for the type checker)
    batch = data.batch(data.spread(2 * given.batch), model, model.resolution)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    gflop = step_gflop(model, batch)
    network = f"deepfakes {model.config.size}², {parameters / 1e6:.1f} M parameters"
    print(f"{network}, {gflop:.0f} GFLOP a step of 2×{given.batch}")

    peaks = {
        name: convolution_peak_gflops(dtype) for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
    }
    for name, peak in peaks.items():
        print(f"convolution peak, {name}: {peak:.0f} GFLOP/s")
    plain_before = plain_faces_per_second(model, batch, given.steps)
    ours, precision = our_faces_per_second(given.datasets, settings, given.steps)
    plain = statistics.mean([plain_before, plain_faces_per_second(model, batch, given.steps)])
    faces = len(batch)
    for name, speed, peak in (("plain loop, fp32", plain, peaks["fp32"]), (f"mien, {precision}", ours, peaks["bf16"])):
        done = speed / faces * gflop
        print(f"{name}: {speed:.1f} faces/s, {done:.0f} GFLOP/s, {100 * done / peak:.0f} % of its peak")
    print(f"mien / plain: {ours / plain:.2f}")


def plain_faces_per_second(model: Deepfakes, batch: Batch, steps: int) -> float:
    """The loop of the original's recipe."""
    model = make_model(Registry(), "deepfakes", model.config.model_dump(), model.inputs)
    assert isinstance(model, Deepfakes)  # noqa: S101 (for the type checker)
    _with_plain_convolutions(model)
    optimizers = [Adam([*model.encoder.parameters(), *one.parameters()], lr=1e-4) for one in model.decoders]
    strengths = Strengths(**model.config.model_dump(include=set(Strengths.__dataclass_fields__)))
    images = batch.images.contiguous()
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        for person, (decoder, optimizer) in enumerate(zip(model.decoders, optimizers, strict=True)):
            mine = batch.people == person
            example = augment(images[mine], batch.masks[mine], strengths)
            optimizer.zero_grad()
            masked_l1(decoder(model.encoder(example.shown)), example.wanted, example.mask).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - began)
    return len(batch) / statistics.median(seconds[_WARM_UP_STEPS:])


def _with_plain_convolutions(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Convolution):
            plain = nn.Conv2d(
                child.in_channels, child.out_channels, child.kernel_size[0], child.stride[0], child.padding[0]
            )
            plain.load_state_dict(child.state_dict())
            setattr(module, name, plain)
        else:
            _with_plain_convolutions(child)


def our_faces_per_second(datasets: list[Path], settings: dict[str, object], steps: int) -> tuple[float, str]:
    """What mien's loop logs, and the precision it chose."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        train(PluginChoice("deepfakes", settings), datasets, run, options=TrainOptions(steps=steps, steps_per_log=1))
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    speeds = [line["faces_per_second"] for line in lines if "faces_per_second" in line]
    return statistics.median(speeds[_WARM_UP_STEPS:]), resolved_precision("auto")


if __name__ == "__main__":
    main()
