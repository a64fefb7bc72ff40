"""What the network's scores mean: how many of what it finds with which score are faces, and how many faces it misses.

    python calibrate.py [--every N] PATH…        clips, images, or folders of them

Faces are what it is sure of in an image at its full size, with a score of SURE of its own. Then it searches the image
shrunk, where it knows less, and each detection lies on one of these faces or does not. The detector's
`AS_LIKELY_AS_NOT` is the score at which half of them do. Some that count as no face are faces of which it
was less sure.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien_extractor_centerface.detector import Detector, as_network, probability
from mien_extractor_centerface.search import search

SURE = 0.45
SHRUNK_BY = (2, 3, 4, 5.5, 8, 11, 16)
SCORES = (0.05, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
HEIGHTS_PX = (8, 12, 16, 24, 48)
THRESHOLDS = (0.5, 0.6, 0.7, 0.8)
OVERLAP, SAME = 0.3, 0.3
SUFFIXES = {".mp4", ".mov", ".webm", ".mkv", ".bmp", ".gif", ".jpg", ".png", ".tiff", ".webp"}


def frames(paths: list[Path], every: int) -> Iterator[RgbImage]:
    """Images and frames of clips."""
    for path in paths:
        if path.is_dir():
            yield from frames(sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES), every)
            continue
        try:
            with av.open(str(path)) as container:
                for number, frame in enumerate(container.decode(video=0)):
                    if number % every == 0:
                        yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        except (av.FFmpegError, IndexError, ValueError) as error:
            sys.stderr.write(f"skipped {path}: {error}\n")


def overlaps(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each of (N, 2, 2) with each of (M, 2, 2): (N, M)."""
    low = np.maximum(boxes[:, None, 0], others[None, :, 0])
    high = np.minimum(boxes[:, None, 1], others[None, :, 1])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas, of_others = ((part[:, 1] - part[:, 0]).prod(-1) for part in (boxes, others))
    union: NDArray[np.float64] = areas[:, None] + of_others[None] - shared
    return shared / union


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    detector = Detector()
    scores, on_face, heights, best = [], [], [], []
    for image in frames(options.paths, options.every):
        known = search(image, 1.0, OVERLAP, lambda part: detector.detect(part, float(probability(SURE)), OVERLAP))
        for factor in SHRUNK_BY:
            size = (round(image.shape[1] / factor), round(image.shape[0] / factor))
            if min(size) < 1:
                continue
            shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            found = detector.detect(np.asarray(shrunk, np.uint8), float(probability(SCORES[0])), OVERLAP)
            there = known.scaled(np.array(size) / image.shape[1::-1])
            same = overlaps(found.boxes, there.boxes) > SAME
            scores += as_network(found.scores).tolist()
            on_face += same.any(1).tolist()
            heights += (there.boxes[:, 1, 1] - there.boxes[:, 0, 1]).tolist()
            best += np.where(same, as_network(found.scores)[:, None], 0.0).max(0, initial=0.0).tolist()
    of_network, hits, high, reached = (np.array(values) for values in (scores, on_face, heights, best))
    lines = ["| the network's score | score | on a face | not | share |", "|---|---|---|---|---|"]
    for low, up in itertools.pairwise(SCORES):
        here = hits[(of_network >= low) & (of_network < up)]
        scale = f"{low} to {up} | {probability(low):.2f} to {probability(up):.2f}"
        lines.append(f"| {scale} | {here.sum()} | {(~here).sum()} | {here.mean() if here.size else np.nan:.0%} |")
    bands = list(itertools.pairwise([*HEIGHTS_PX, np.inf]))
    lines += [
        "",
        f"| threshold | {' | '.join(f'{low} to {up} px' for low, up in bands)} |",
        "|---" * (1 + len(bands)) + "|",
    ]
    for threshold in THRESHOLDS:
        seen = [reached[(high >= low) & (high < up)] >= as_network(threshold) for low, up in bands]
        shares = [f"{part.mean() if part.size else np.nan:.0%} of {part.size}" for part in seen]
        lines.append(f"| {threshold} | {' | '.join(shares)} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
