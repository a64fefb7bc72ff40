"""Which faces each extractor finds, which it finds alone, and how long it takes for an image.

    python recall.py [--every N] [--shrink FACTOR] [--alone FOLDER] PATH…        clips, images, or folders of them

Nobody has said where the faces are, so that a face counts as one if extractors of two plugins agree: their boxes
overlap with an intersection over union above 0.3. What no other plugin confirms is a false alarm or a face that the
others miss: `--alone` writes a picture of each, for somebody to look at. With `--shrink` the image is searched once
more with its sides divided by FACTOR: how many of the same faces are found there, and how much beside them. Of clips
every N-th frame is taken. Time is that of one core, by how long the processor was busy. Compared are those of the
extractors below that are installed.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
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


@dataclass
class Candidate:
    """A place in an image where somebody sees a face."""

    box: Box
    scores: dict[str, float]
    """Of each extractor that sees it."""
    agreed: bool = False
    """Whether extractors of two plugins did in the image at its own size."""


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


def candidates(found: dict[str, list[Face]], known: Sequence[Candidate] = ()) -> list[Candidate]:
    """The faces of one image, whoever found them; and the places that were known before, whether found or not."""
    places = list(known)
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


def find_all(extractors: dict[str, Extractor], image: RgbImage) -> tuple[dict[str, list[Face]], Counter[str]]:
    """The faces that each finds, and the seconds that each took."""
    found, seconds = {}, Counter[str]()
    for spec, extractor in extractors.items():
        begin = time.process_time()
        found[spec] = extractor.extract(image)
        seconds[spec] = time.process_time() - begin
    return found, seconds


def shrunk_by(image: RgbImage, places: list[Candidate], factor: float) -> tuple[RgbImage, list[Candidate]]:
    """The image with its sides divided by `factor`, and the places in it; nobody has looked there yet."""
    size = (max(1, round(image.shape[1] / factor)), max(1, round(image.shape[0] / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), [
        Candidate(Box(*(edge / factor for edge in (box.left, box.top, box.right, box.bottom))), {}, place.agreed)
        for place in places
        for box in [place.box]
    ]


def main() -> None:
    """Print a line per extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shrink", type=float, default=1.0)
    parser.add_argument("--alone", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    installed = Registry().names("extractor")
    specs = [spec for spec in COMPARED if spec.partition(":")[0] in installed]
    extractors = {spec: cast(Extractor, Registry().create("extractor", spec)) for spec in specs}
    images = 0
    heights: list[float] = []
    seconds: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {spec: Counter() for spec in specs}
    for path, number, image in frames(options.paths, options.every):
        images += 1
        found, taken = find_all(extractors, image)
        places = candidates(found)
        for place in places:
            place.agreed = len({spec.partition(":")[0] for spec in place.scores}) > 1
        if options.shrink != 1:
            image, places = shrunk_by(image, places, options.shrink)
            found, taken = find_all(extractors, image)
            places = candidates(found, places)
        seconds += taken
        for place in places:
            height = place.box.bottom - place.box.top
            heights += [height] if place.agreed else []
            for spec in place.scores:
                counts[spec]["found"] += place.agreed
                counts[spec]["alone"] += not place.agreed
            if options.alone and place.scores and not place.agreed:
                options.alone.mkdir(parents=True, exist_ok=True)
                spec, score = max(place.scores.items(), key=lambda item: item[1])
                name = f"{path.stem}-{number}-{spec.partition(':')[0]}-{score:.3f}-{place.box.left:.0f}.png"
                draw(image, place).save(options.alone / name)
    if not images:
        sys.exit(__doc__)
    print(
        f"{images} images, {len(heights)} faces that two plugins see, half of them below {np.median(heights):.0f} px\n"
    )
    print("| extractor | of these | beside them | ms an image |\n|---|---|---|---|")
    for spec in specs:
        share = counts[spec]["found"] / max(len(heights), 1)
        print(f"| `{spec}` | {share:.1%} | {counts[spec]['alone']} | {1000 * seconds[spec] / images:.0f} |")


if __name__ == "__main__":
    main()
