"""What blazeface finds beside face_recognition, how near its landmarks are to dlib's, and how fast it is.

    python compare.py PATH…        clips, images, or folders of them

Reference: dlib with one upsampling (face_recognition:search=full). A face counts as the same where the landmarks'
bounding boxes overlap with an intersection over union above 0.4. Distances of landmarks are shares of the distance
between the eyes. How an expression follows is Pearson's r with the reference's, the mean over clips with at least 20
faces. Speed is that of one core, by the time that the processor was busy. Both extractors have to be installed.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import Face, RgbImage
from mien.geometry.expression import correlations, expression
from mien.plugins.registry import Registry

REFERENCE = "face_recognition:search=full"
COMPARED = ("blazeface", "blazeface:eyes=false", "blazeface:search=full", "face_recognition", REFERENCE)
SUFFIXES = {".mp4", ".mov", ".webm", ".mkv", ".jpg", ".png", ".webp"}
REGIONS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}
LEAST_FACES = 20


def frames(paths: list[Path]) -> Iterator[tuple[str, RgbImage]]:
    """Every frame of every clip and image, with the file's name."""
    for path in paths:
        if path.is_dir():
            yield from frames(sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES))
            continue
        try:
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    yield path.name, np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        except (av.FFmpegError, IndexError) as error:
            print(f"skipped {path.name}: {error}", file=sys.stderr)


def corners(face: Face) -> NDArray[np.float64]:
    """Of the landmarks' bounding box: (2, 2)."""
    return np.stack([face.landmarks.min(0), face.landmarks.max(0)]).astype(np.float64)


def overlap(one: Face, other: Face) -> float:
    """Intersection over union of the landmarks' bounding boxes."""
    (low, high), (other_low, other_high) = corners(one), corners(other)
    shared = np.prod(np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0, None))
    return float(shared / (np.prod(high - low) + np.prod(other_high - other_low) - shared))


def matched(expected: list[Face], found: list[Face]) -> list[tuple[Face, Face]]:
    """Pairs of the same face."""
    pairs = []
    for face in expected:
        best = max(found, key=lambda other: overlap(face, other), default=None)
        if best is not None and overlap(face, best) > 0.4:
            pairs.append((face, best))
    return pairs


class Tally:
    """What one extractor did."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.found = 0
        self.no_face: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.pairs: dict[str, list[tuple[Face, Face]]] = defaultdict(list)

    def add(self, file: str, expected: list[Face], found: list[Face]) -> None:
        """Count the faces of an image."""
        pairs = matched(expected, found)
        self.found += len(found)
        self.no_face[file] += len(expected) - len(pairs)
        self.alone[file] += len(found) - len({id(pair[1]) for pair in pairs})
        self.pairs[file] += pairs

    def distances(self) -> NDArray[np.float64]:
        """Of each landmark of each matched face: (N, 68)."""
        pairs = [pair for of_file in self.pairs.values() for pair in of_file]
        if not pairs:
            return np.full((1, 68), np.nan)
        expected, found = (np.stack([pair[end].landmarks for pair in pairs]) for end in (0, 1))
        eyes = np.linalg.norm(expected[:, 36:42].mean(1) - expected[:, 42:48].mean(1), axis=1)
        return np.linalg.norm(expected - found, axis=2) / eyes[:, None]

    def following(self) -> dict[str, float]:
        """How the expression follows, the mean over clips."""
        measured = []
        for pairs in self.pairs.values():
            if len(pairs) >= LEAST_FACES:
                expected, found = (expression(np.stack([pair[end].landmarks for pair in pairs])) for end in (0, 1))
                measured.append(correlations(expected, found))
        return {name: float(np.mean([m[name] for m in measured])) for name in measured[0]} if measured else {}


def main() -> None:
    """Print a line per extractor, and which files they differ in."""
    cv2.setNumThreads(1)
    extractors = {name: cast(Extractor, Registry().create("extractor", name)) for name in COMPARED}
    tallies = {name: Tally() for name in COMPARED}
    images = 0
    for file, image in frames([Path(argument) for argument in sys.argv[1:]]):
        images += 1
        found = {}
        for name, extractor in extractors.items():
            begin = time.process_time()
            found[name] = extractor.extract(image)
            tallies[name].seconds += time.process_time() - begin
        for name, tally in tallies.items():
            tally.add(file, found[REFERENCE], found[name])
    if not images:
        sys.exit(__doc__)
    faces = tallies[REFERENCE].found
    print(f"{images} images, {faces} faces by dlib with one upsampling\n")
    columns = ["extractor", "faces", "of dlib's", "beside them", "images/s", "apart, mean", "median", *REGIONS]
    columns += ["mouth opening", "eye opening"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, tally in tallies.items():
        apart, follows = tally.distances(), tally.following()
        share = 1 - sum(tally.no_face.values()) / max(faces, 1)
        cells = [f"`{name}`", f"{tally.found}", f"{share:.2%}", f"{sum(tally.alone.values())}"]
        cells += [f"{images / tally.seconds:.0f}", f"{apart.mean():.1%}", f"{np.median(apart.mean(1)):.1%}"]
        cells += [f"{apart[:, region].mean():.1%}" for region in REGIONS.values()]
        cells += [f"{follows.get(measure, np.nan):.2f}" for measure in ("mouth_opening", "eye_opening")]
        print(f"| {' | '.join(cells)} |")
    for name, tally in tallies.items():
        for what, counts in (("misses of dlib's", tally.no_face), ("finds beside them", tally.alone)):
            if +counts:
                print(f"\n{name} {what}: " + ", ".join(f"{count} in {file}" for file, count in (+counts).items()))


if __name__ == "__main__":
    main()
