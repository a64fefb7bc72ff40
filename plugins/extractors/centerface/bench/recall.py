"""Which faces each extractor finds, which it finds alone, and how long it takes for an image.

    python recall.py [--every N] [--alone FOLDER] PATH…        clips, images, or folders of them

Nobody has said where the faces are, so that a face counts as one if extractors of two plugins agree: their boxes
overlap with an intersection over union above 0.3. What no other plugin confirms is a false alarm or a face that the
others miss: `--alone` writes a picture of each, for somebody to look at. Of clips every N-th frame is taken. Time is
that of one core, by how long the processor was busy. Compared are those of the extractors below that are installed.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from PIL import Image

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, RgbImage
from mien.plugins.registry import Registry

COMPARED = (
    "centerface",
    "centerface:threshold=0.5",
    "centerface:threshold=0.8",
    "centerface:search_side_px=640",
    "blazeface",
    "blazeface:search=full",
    "face_recognition",
    "face_recognition:search=full",
)
SUFFIXES = {".mp4", ".mov", ".webm", ".mkv", ".bmp", ".gif", ".jpg", ".png", ".tiff", ".webp"}
SAME = 0.3
SMALL_PX = 50


@dataclass
class Candidate:
    """A place in an image where somebody sees a face."""

    box: Box
    scores: dict[str, float]
    """Of each extractor that sees it."""

    @property
    def plugins(self) -> set[str]:
        return {spec.partition(":")[0] for spec in self.scores}


def frames(paths: list[Path], every: int) -> Iterator[tuple[Path, int, RgbImage]]:
    """Images and frames of clips, with their file and number."""
    for path in paths:
        if path.is_dir():
            yield from frames(sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES), every)
            continue
        try:
            with av.open(str(path)) as container:
                for number, frame in enumerate(container.decode(video=0)):
                    if number % every == 0:
                        yield path, number, np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        except (av.FFmpegError, IndexError, ValueError) as error:
            print(f"skipped {path}: {error}", file=sys.stderr)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    left, top = max(one.left, other.left), max(one.top, other.top)
    shared = Box(left, top, max(left, min(one.right, other.right)), max(top, min(one.bottom, other.bottom)))
    return shared.area / (one.area + other.area - shared.area)


def candidates(found: dict[str, list[Face]]) -> list[Candidate]:
    """The faces of one image, whoever found them."""
    places: list[Candidate] = []
    for spec, faces in found.items():
        for face in faces:
            best = max(places, key=lambda place: overlap(place.box, face.box), default=None)
            if best is None or overlap(best.box, face.box) <= SAME or spec in best.scores:
                best = Candidate(face.box, {})
                places.append(best)
            best.scores[spec] = face.score
    return places


def draw(image: RgbImage, place: Candidate) -> Image.Image:
    """The surroundings of a face, with its box."""
    box = place.box
    side = max(box.right - box.left, box.bottom - box.top)
    margin = 1.5 * side
    view = tuple(round(edge) for edge in (box.left - margin, box.top - margin, box.right + margin, box.bottom + margin))
    marked = image.copy()
    corners = [(round(box.left), round(box.top)), (round(box.right), round(box.bottom))]
    cv2.rectangle(marked, *corners, (0, 255, 0), max(1, round(side / 40)))
    return Image.fromarray(marked).crop(view).resize((256, 256))


def main() -> None:
    """Print a line per extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--alone", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    installed = {found.spec.name for found in Registry().plugins if found.kind == "extractor"}
    specs = [spec for spec in COMPARED if spec.partition(":")[0] in installed]
    extractors = {spec: cast(Extractor, Registry().create("extractor", spec)) for spec in specs}
    images, faces, small = 0, 0, 0
    seconds: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {spec: Counter() for spec in specs}
    for path, number, image in frames(options.paths, options.every):
        images += 1
        found = {}
        for spec, extractor in extractors.items():
            begin = time.process_time()
            found[spec] = extractor.extract(image)
            seconds[spec] += time.process_time() - begin
        for place in candidates(found):
            agreed = len(place.plugins) > 1
            is_small = place.box.bottom - place.box.top < SMALL_PX
            faces, small = faces + agreed, small + (agreed and is_small)
            for spec in place.scores:
                counts[spec]["found"] += agreed
                counts[spec]["small"] += agreed and is_small
                counts[spec]["alone"] += not agreed
            if options.alone and not agreed:
                options.alone.mkdir(parents=True, exist_ok=True)
                spec, score = max(place.scores.items(), key=lambda item: item[1])
                name = f"{path.stem}-{number}-{spec.partition(':')[0]}-{score:.3f}-{place.box.left:.0f}.png"
                draw(image, place).save(options.alone / name)
    if not images:
        sys.exit(__doc__)
    print(f"{images} images, {faces} faces that two plugins see, {small} of them lower than {SMALL_PX} pixels\n")
    print("| extractor | of these | of the small ones | alone | ms an image |\n|---|---|---|---|---|")
    for spec in specs:
        share, of_small = counts[spec]["found"] / max(faces, 1), counts[spec]["small"] / max(small, 1)
        milliseconds = 1000 * seconds[spec] / images
        print(f"| `{spec}` | {share:.2%} | {of_small:.1%} | {counts[spec]['alone']} | {milliseconds:.0f} |")


if __name__ == "__main__":
    main()
