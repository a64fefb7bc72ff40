"""Trains the network of the masker `glasses`, and writes it.

    python plugins/maskers/glasses/tools/train.py FOLDER networks/glasses.onnx --with-glasses tools/with_glasses.txt

FOLDER: pictures with one face each. --with-glasses: names of those whose face wears glasses, or may, a line each: they
take no part, since nobody knows which of their pixels are glasses. Of the others every fourth person is held out, for
`bench/glasses.py`. On half of the rest glasses are drawn (`spectacles.py`); on all now and then something that is none:
bushy brows, folds, strands of hair, a brim. Needs torch and onnx. The defaults are those of the network in the package;
it took about twenty minutes of one core.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mien.contracts.face import RgbImage
from mien.geometry.alignment import transform_points
from mien.media.images import read_image
from mien.plugins.choice import parse_choice
from mien.plugins.registry import Registry
from mien_masker_glasses.cut import HEIGHT, WIDTH, to_strip
from mien_masker_glasses.held_out import is_held_out
from mien_masker_glasses.spectacles import age, disturb, wear

_FINE = 2
"""Glasses are drawn on strips so many times as large, so that their edges become soft."""
_WIDTHS = (16, 32, 48, 80, 96)
_FULL = 4
"""Channels at the strip's own resolution."""
_WITH = 0.55
_SEED = 0


@dataclass(slots=True)
class Samples:
    """Training pairs."""

    images: NDArray[np.uint8]
    """(N, HEIGHT, WIDTH, 3)"""
    alphas: NDArray[np.uint8]
    """(N, HEIGHT, WIDTH), 255 is glasses."""


class Net(nn.Module):
    """A small U-Net: what of a strip is glasses, and whether there are any."""

    def __init__(self) -> None:
        super().__init__()
        first, *others = _WIDTHS
        self.full = _conv(3, _FULL)
        self.stem = nn.Sequential(_conv(_FULL, first, 2), _conv(first, first))
        self.down = nn.ModuleList()
        wide = first
        for width in others:
            self.down.append(nn.Sequential(_conv(wide, width, 2), _conv(width, width)))
            wide = width
        self.any = nn.Linear(2 * wide, 1)
        self.up = nn.ModuleList()
        for width in reversed(_WIDTHS[:-1]):
            self.up.append(nn.Sequential(_conv(wide + width, width), _conv(width, width)))
            wide = width
        self.enlarge = nn.Sequential(nn.Conv2d(wide, 4 * _FULL, 3, padding=1), nn.PixelShuffle(2))
        self.head = nn.Conv2d(_FULL, 1, 3, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, HEIGHT, WIDTH) in [-1, 1] → probabilities (N, 1, HEIGHT, WIDTH) and (N, 1)."""
        pixels, any_at_all = self.logits(images)
        return torch.sigmoid(pixels), torch.sigmoid(any_at_all)

    def logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The same before the sigmoid."""
        full = self.full(images)
        seen = [self.stem(full)]
        for block in self.down:
            seen.append(block(seen[-1]))
        value = seen.pop()
        any_at_all = self.any(torch.cat([value.mean((2, 3)), value.amax((2, 3))], 1))
        for block in self.up:
            there = seen.pop()
            value = functional.interpolate(value, scale_factor=2.0, mode="nearest")
            value = block(torch.cat([value, there], 1))
        return self.head(functional.relu(self.enlarge(value) + full)), any_at_all


def _conv(ins: int, outs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU(inplace=True))


def strips(folder: Path, with_glasses: set[str], *, held_out: bool) -> tuple[list[RgbImage], list[NDArray[np.float32]]]:
    """The strips along the eyes of all pictures whose people wear no glasses, _FINE times as large as the network's
    with a margin of a quarter on each side, and their landmarks. held_out: of those that are, or those that are not."""
    extractor: Any = Registry().create("extractor", parse_choice("blazeface"))
    images, landmarks = [], []
    for path in sorted(folder.rglob("*.jpg")):
        if path.name in with_glasses or is_held_out(path) != held_out:
            continue
        picture = read_image(path)
        edge = max(picture.shape[:2]) // 4  # what reaches over the border is repeated: a face may fill the picture
        picture = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        found = [face for face in extractor.extract(picture) if face.landmarks is not None]
        if found:
            marks = max(found, key=lambda face: float(face.box.area)).landmarks
            to_large = to_strip(marks, _FINE)
            to_large[:, 2] += (_FINE * WIDTH / 4, _FINE * HEIGHT / 4)
            sides = (_FINE * WIDTH * 3 // 2, _FINE * HEIGHT * 3 // 2)
            images.append(
                cv2.warpAffine(picture, to_large, sides, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            )
            landmarks.append(transform_points(to_large, marks))
    return images, landmarks


def sample(images: list[RgbImage], landmarks: list[NDArray[np.float32]], count: int) -> Samples:
    """Draw so many training pairs."""
    random = np.random.default_rng(_SEED)
    result = Samples(np.zeros((count, HEIGHT, WIDTH, 3), np.uint8), np.zeros((count, HEIGHT, WIDTH), np.uint8))
    for row in range(count):
        one = int(random.integers(len(images)))
        image, marks = images[one], landmarks[one]
        image = age(image, marks, random)
        alpha = np.zeros(image.shape[:2], np.float32)
        if random.random() < _WITH:
            worn = wear(image, marks, random)
            image, alpha = worn.image, worn.alpha
        worn = disturb(image, alpha, marks, random)
        zoom = random.uniform(0.82, 1.2) / _FINE
        center = (image.shape[1] / 2 - 0.5, image.shape[0] / 2 - 0.5)
        matrix = cv2.getRotationMatrix2D(center, random.normal(0, 5), zoom)
        matrix[:, 2] += np.array([WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5]) - center + random.normal(0, 3.5, 2)
        soft = (
            cv2.GaussianBlur(worn.image, (0, 0), 0.5 / zoom / 2),
            cv2.GaussianBlur(worn.alpha, (0, 0), 0.5 / zoom / 2),
        )
        image, alpha = (
            cv2.warpAffine(plane, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE) for plane in soft
        )
        if random.random() < 0.5:
            image, alpha = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(alpha[:, ::-1])
        result.images[row] = _filmed(image, random)
        result.alphas[row] = np.rint(alpha * 255)
    return result


def _filmed(image: RgbImage, random: np.random.Generator) -> RgbImage:
    """As cameras and codecs leave it: light, color, blur, noise, JPEG, now and then black and white."""
    value = image.astype(np.float32) / 255
    value = value ** random.uniform(0.7, 1.5) * random.uniform(0.7, 1.2, 3 if random.random() < 0.5 else 1)
    if random.random() < 0.1:
        value = value.mean(2, keepdims=True).repeat(3, 2)
    if random.random() < 0.4:
        share = random.uniform(0.4, 1)
        small = (int(WIDTH * share), int(HEIGHT * share))
        value = cv2.resize(cv2.resize(value, small, interpolation=cv2.INTER_AREA), (WIDTH, HEIGHT))
    value = value + random.normal(0, random.uniform(0, 0.03), value.shape)
    filmed = np.clip(np.rint(value * 255), 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        _, packed = cv2.imencode(".jpg", filmed, [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(40, 95))])
        filmed = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    if random.random() < 0.15:  # a face at the border of its scene
        edge, side = int(random.uniform(0.05, 0.3) * HEIGHT), random.integers(3)
        filmed[
            (slice(edge), slice(None), slice(None))[side], (slice(None), slice(edge), slice(WIDTH - edge, None))[side]
        ] = 0
    return filmed


def train(samples: Samples, steps: int) -> Net:
    """One cycle of AdamW on so many batches of 32."""
    torch.manual_seed(_SEED)
    random = np.random.default_rng(_SEED)
    net = Net().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    start, mean = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(step / 100, 1) * (0.01 + 0.99 * (1 + np.cos(np.pi * step / steps)) / 2)
        rows = np.sort(random.choice(len(samples.images), 32, replace=False))
        images = torch.from_numpy(samples.images[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
        wanted = torch.from_numpy(samples.alphas[rows])[:, None].float() / 255
        with torch.autocast("cpu", torch.bfloat16):
            logits, any_at_all = net.logits(images.contiguous(memory_format=torch.channels_last))
        logits, any_at_all = logits.float(), any_at_all.float()
        there = (wanted.sum((1, 2, 3)) > 40).float()[:, None]
        share = torch.sigmoid(logits)
        cross = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        entropy = (cross * (1 + wanted)).mean()
        overlap = (2 * (share * wanted).sum((1, 2, 3)) + 30) / (share + wanted).sum((1, 2, 3)).add(30)
        whether = functional.binary_cross_entropy_with_logits(any_at_all, there)
        loss = 3 * entropy + 0.5 * (1 - overlap).mean() + 0.1 * whether
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean += (float(loss.detach()) - mean) / min(step, 200)
        if step % 100 == 0:
            sys.stdout.write(f"{(time.monotonic() - start) / 60:5.1f} min  step {step}  loss {mean:.4f}\n")
            sys.stdout.flush()
    return net.eval()


def write(net: Net, path: Path) -> None:
    """As ONNX: image (1, 3, HEIGHT, WIDTH) in [-1, 1] → glasses (1, 1, HEIGHT, WIDTH) and any (1, 1), in [0, 1]."""
    torch.onnx.export(
        net,
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(path),
        input_names=["image"],
        output_names=["glasses", "any"],
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--with-glasses", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=16000)
    parser.add_argument("--steps", type=int, default=4800)
    options = parser.parse_args()
    if find_spec("onnx") is None:
        raise SystemExit("What was trained is written by onnx, which is not installed: pip install onnx")
    with_glasses = set(options.with_glasses.read_text(encoding="utf-8").split())
    samples = sample(*strips(options.folder, with_glasses, held_out=False), options.samples)
    sys.stdout.write(f"{len(samples.images)} samples\n")
    net = train(samples, options.steps)
    write(net, options.output)


if __name__ == "__main__":
    main()
