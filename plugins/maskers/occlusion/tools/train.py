"""Trains the network of the masker `occlusion`, and writes it.

    python plugins/maskers/occlusion/tools/train.py FOLDER networks/occlusion.onnx

FOLDER: pictures with one face each. Things are drawn in front of three faces of five (`occluders.py`); of all, only
what lies in the hull of the landmarks, raised above the brows, counts. Where a picture is not the color of skin, and is
neither eye, brow, mouth nor beard, it may show hair or glasses of its own: there the label is left open, unless
something is drawn over it. Needs torch and onnx. The defaults are those of the network in the package; it took about a
quarter of an hour of one core.
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

from mien.geometry.alignment import align
from mien.media.images import read_image
from mien.plugins.choice import parse_choice
from mien.plugins.registry import Registry
from mien_masker_occlusion.network import CUT, SIDE
from mien_masker_occlusion.occluders import occlude

_DRAWN = 160
"""Things are drawn at that side, so that their edges become soft when a sample is cut out of it."""
_WIDTHS = (16, 32, 64, 96, 128)
_WITH = 0.6
_SEED = 0
_EYES, _BROWS, _MOUTH, _NOSE = (
    (slice(36, 42), slice(42, 48)),
    (slice(17, 22), slice(22, 27)),
    slice(48, 60),
    slice(31, 36),
)


@dataclass(slots=True)
class Samples:
    """Training pairs."""

    images: NDArray[np.uint8]
    """(N, SIDE, SIDE, 3)"""
    alphas: NDArray[np.uint8]
    """(N, SIDE, SIDE), 255 is hidden."""
    counts: NDArray[np.uint8]
    """(N, SIDE, SIDE), 1 where the label is known."""


class Net(nn.Module):
    """A small U-Net from SIDE pixels to logits at half of that, enlarged."""

    def __init__(self) -> None:
        super().__init__()
        first, *others = _WIDTHS
        self.stem = nn.Sequential(_conv(3, first, 2), _conv(first, first))
        self.down = nn.ModuleList()
        wide = first
        for width in others:
            self.down.append(nn.Sequential(_conv(wide, width, 2), _conv(width, width)))
            wide = width
        self.up = nn.ModuleList()
        for width in reversed(_WIDTHS[:-1]):
            self.up.append(nn.Sequential(_conv(wide + width, width), _conv(width, width)))
            wide = width
        self.head = nn.Conv2d(wide, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, SIDE, SIDE) in [-1, 1] → probabilities (N, 1, SIDE, SIDE)."""
        return torch.sigmoid(self.logits(images))

    def logits(self, images: Tensor) -> Tensor:
        """The same before the sigmoid."""
        seen = [self.stem(images)]
        for block in self.down:
            seen.append(block(seen[-1]))
        value = seen.pop()
        for block in self.up:
            there = seen.pop()
            value = functional.interpolate(value, scale_factor=2.0, mode="nearest")
            value = block(torch.cat([value, there], 1))
        return functional.interpolate(self.head(value), scale_factor=2.0, mode="bilinear", align_corners=False)


def _conv(ins: int, outs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU(inplace=True))


def faces(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Aligned crops of all pictures, at _DRAWN pixels, and their landmarks."""
    extractor: Any = Registry().create("extractor", parse_choice("blazeface"))
    config = CUT.model_copy(update={"size": _DRAWN, "margin": CUT.margin + 0.1})
    images, landmarks = [], []
    for path in sorted(folder.rglob("*.jpg")):
        picture = read_image(path)
        edge = max(picture.shape[:2]) * 3 // 8  # what reaches over the border is repeated: a face may fill the picture
        picture = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        found = [face for face in extractor.extract(picture) if face.landmarks is not None]
        if found:
            crop = align(picture, found[0], config)
            images.append(crop.image)
            landmarks.append(crop.landmarks)
    return np.stack(images), np.stack(landmarks)


def counted(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Where a clean picture is certain to show nothing in front of its face: uint8 (S, S), and 2 outside of it."""
    size = image.shape[0]
    up = landmarks[27] - landmarks[8]
    outline = np.concatenate([landmarks[:17], landmarks[17:27] + 0.25 * up])
    face = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(np.rint(outline).astype(np.int32)), 1)
    skin = np.zeros_like(face)
    cheeks = [*landmarks[[31, 35, 29, 30]], *(0.5 * (landmarks[[2, 14, 3, 13]] + landmarks[[31, 35, 31, 35]]))]
    for x, y in np.rint(cheeks).astype(int):
        cv2.circle(skin, (int(x), int(y)), max(size // 40, 1), 1, -1)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    known = lab[skin > 0]
    spread = np.maximum(known.std(0), (14, 4, 4)) * 2.5
    like_skin = (np.abs(cv2.GaussianBlur(lab, (0, 0), 1.0) - np.median(known, 0)) < spread * (1.4, 1.2, 1.2)).all(2)
    parts = np.zeros_like(face)
    for part in (*_EYES, *_BROWS, _MOUTH, _NOSE):
        cv2.fillConvexPoly(parts, cv2.convexHull(np.rint(landmarks[part]).astype(np.int32)), 1)
    parts = cv2.dilate(parts, np.ones((3, 3), np.uint8), iterations=max(size // 50, 1))
    beard = np.zeros_like(face)
    cv2.fillPoly(beard, [np.rint(np.concatenate([landmarks[3:14], landmarks[[35, 33, 31]]])).astype(np.int32)], 1)
    certain = like_skin | (parts > 0) | (beard > 0)
    return np.where(face > 0, certain, 2).astype(np.uint8)


def sample(images: NDArray[np.uint8], landmarks: NDArray[np.float32], count: int) -> Samples:
    """Draw so many training pairs."""
    random = np.random.default_rng(_SEED)
    clean = [counted(image, marks) for image, marks in zip(images, landmarks, strict=True)]
    result = Samples(*(np.zeros((count, SIDE, SIDE, *rest), np.uint8) for rest in ((3,), (), ())))
    for row in range(count):
        one = int(random.integers(len(images)))
        image, marks = images[one], landmarks[one]
        alpha = np.zeros(image.shape[:2], np.float32)
        if random.random() < _WITH:
            laid = occlude(image, marks, random)
            image, alpha = laid.image, laid.alpha
        known = clean[one]
        counts = np.where(known == 2, 0, np.where(alpha > 0.5, 1, known)).astype(np.float32)
        counts[(alpha > 0.02) & (alpha < 0.5) & (known != 2)] = 1
        zoom = random.uniform(0.95, 1.3) * SIDE / _DRAWN
        matrix = cv2.getRotationMatrix2D(((_DRAWN - 1) / 2,) * 2, random.normal(0, 6), zoom)
        matrix[:, 2] += (SIDE - _DRAWN) / 2 + random.normal(0, 3, 2)
        sides = (SIDE, SIDE)
        image = cv2.warpAffine(image, matrix, sides, flags=cv2.INTER_AREA)
        alpha = cv2.warpAffine(alpha, matrix, sides)
        counts = cv2.warpAffine(counts, matrix, sides)
        if random.random() < 0.5:
            image, alpha, counts = (np.ascontiguousarray(plane[:, ::-1]) for plane in (image, alpha, counts))
        result.images[row] = _worn(image, random)
        result.alphas[row] = np.rint(alpha * 255)
        result.counts[row] = counts > 0.9
    return result


def _worn(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """As cameras and codecs leave it: light, color, blur, noise, JPEG, now and then black and white."""
    value = image.astype(np.float32) / 255
    value = value ** random.uniform(0.7, 1.5) * random.uniform(0.75, 1.2, 3 if random.random() < 0.5 else 1)
    if random.random() < 0.1:
        value = value.mean(2, keepdims=True).repeat(3, 2)
    if random.random() < 0.5:
        small = max(int(SIDE * random.uniform(0.35, 1)), 16)
        value = cv2.resize(cv2.resize(value, (small, small), interpolation=cv2.INTER_AREA), (SIDE, SIDE))
    value = value + random.normal(0, random.uniform(0, 0.03), value.shape)
    worn = np.clip(np.rint(value * 255), 0, 255).astype(np.uint8)
    if random.random() < 0.5:
        _, packed = cv2.imencode(".jpg", worn, [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(35, 95))])
        worn = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    if random.random() < 0.15:  # a face at the border of its scene
        edge = int(random.uniform(0.05, 0.35) * SIDE)
        side = random.integers(4)
        worn = np.rot90(np.rot90(worn, side).copy(), 0)
        worn[:edge] = 0
        worn = np.ascontiguousarray(np.rot90(worn, -side))
    return worn


def train(samples: Samples, steps: int) -> Net:
    """One cycle of AdamW on so many batches of 32."""
    torch.manual_seed(_SEED)
    random = np.random.default_rng(_SEED)
    net = Net().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    start, mean = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(step / 200, 1) * (0.01 + 0.99 * (1 + np.cos(np.pi * step / steps)) / 2)
        rows = np.sort(random.choice(len(samples.images), 32, replace=False))
        images = torch.from_numpy(samples.images[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
        wanted, counts = (torch.from_numpy(plane[rows])[:, None].float() for plane in (samples.alphas, samples.counts))
        wanted = wanted / 255
        with torch.autocast("cpu", torch.bfloat16):
            logits = net.logits(images.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        share = torch.sigmoid(logits)
        cross = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        entropy = (cross * counts).sum() / counts.sum()
        overlap = (2 * (share * wanted * counts).sum((1, 2, 3)) + 30) / ((share + wanted) * counts).sum((1, 2, 3)).add(
            30
        )
        loss = entropy + 0.3 * (1 - overlap).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean += (float(loss.detach()) - mean) / min(step, 200)
        if step % 100 == 0:
            sys.stdout.write(f"{(time.monotonic() - start) / 60:5.1f} min  step {step}  loss {mean:.4f}\n")
    return net.eval()


def write(net: Net, path: Path) -> None:
    """As ONNX: image (1, 3, SIDE, SIDE) in [-1, 1] → hidden (1, 1, SIDE, SIDE) in [0, 1]."""
    torch.onnx.export(
        net,
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        input_names=["image"],
        output_names=["hidden"],
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--samples", type=int, default=14000)
    parser.add_argument("--steps", type=int, default=3500)
    options = parser.parse_args()
    if find_spec("onnx") is None:
        raise SystemExit("What was trained is written by onnx, which is not installed: pip install onnx")
    samples = sample(*faces(options.folder), options.samples)
    sys.stdout.write(f"{len(samples.images)} samples\n")
    net = train(samples, options.steps)
    write(net, options.output)


if __name__ == "__main__":
    main()
