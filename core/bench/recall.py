"""How many faces of known size, turn and place each way of searching finds, and how often it sees one where none is.

    python recall.py [--faces N] [--seed S] [--search CHOICE …] [--save FOLDER] PORTRAITS… [--noface FOLDER …]

PORTRAITS: folders of pictures that show one face each. Their faces are shrunk, turned and set side by side into crowds,
or to the border so that it cuts them, so that their number and their places are known, and not what some extractor
says. A face is found where a box lies on it (`is_same_face`, or its middle within the face and its size within a
factor of 3). Compared are single extractors as one types them, and `mien.anonymization.search` as images and frames
are searched by it: a frame upright; upright and in each of three turns, as frames of one second are, one after the
other; and from all sides. `--noface`: pictures without any face: what is found there is a false alarm. `--save` writes
the crowds. The portraits themselves are searched, too: what is found in one beside its face, so near that it is hidden
with it, is no face, and nobody would publish the picture. Seconds are those of one process, per megapixel.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mien import ExtractorSet, MienError, Registry
from mien.anonymization.region import FACE_REACH, Region
from mien.anonymization.search import (
    ALL_TURNS,
    default_extractors,
    search_frame,
    search_image,
    search_turned,
)
from mien.anonymization.views import joined
from mien.contracts.face import Box, Face, RgbImage
from mien.geometry.affine import transform_points
from mien.geometry.boxes import box_of, center, growth, is_same_face, shared_area
from mien.media.discovery import find_sources
from mien.media.images import read_image, write_image

WIDTH, HEIGHT = 1280, 720
HEIGHTS_PX = (12, 16, 24, 32, 50)
SIZES_FACTOR = 3.0
CONTEXT = 0.4
"""Of a portrait, this share of the face's size is shown around its box."""


@dataclass(frozen=True)
class Portrait:
    """A picture of one face."""

    image: RgbImage
    box: Box


@dataclass(frozen=True)
class Crowd:
    """An image of many faces, all known."""

    name: str
    image: RgbImage
    boxes: Sequence[Box]


def portraits(folders: Sequence[Path], count: int, seed: int) -> list[Portrait]:
    """As many portraits, in an order that the seed says, in which two extractors see the same one face."""
    registry = Registry()
    extractors = ExtractorSet("blazeface", registry), ExtractorSet("centerface", registry)
    paths = sorted(source.path for source in find_sources(list(folders)) if source.kind == "image")
    found: list[Portrait] = []
    for number in np.random.default_rng(seed).permutation(len(paths)):
        try:
            image = read_image(paths[number])
        except MienError:
            continue
        seen = [extractor.extract(image) for extractor in extractors]
        if [len(faces) for faces in seen] == [1, 1] and is_same_face(seen[0][0].box, seen[1][0].box):
            found.append(Portrait(image, seen[1][0].box))
        if len(found) == count:
            break
    return found


def crowd(
    name: str, people: Sequence[Portrait], height_px: float, angle: float, background: RgbImage, cut: float = 0.0
) -> Crowd:
    """Set faces side by side; cut: this share of each lies beyond the border, all along which they are set."""
    image = cv2.resize(background, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)
    step = height_px * 2.2
    boxes = []
    for person, (x, y) in zip(people, _places(step, height_px, cut), strict=False):
        boxes.append(set_in(image, person, height_px, angle, x, y))
    return Crowd(name, image, boxes)


def set_in(
    image: RgbImage, person: Portrait, height_px: float, angle: float, x: float, y: float, opacity: float = 1.0
) -> Box:
    """Set a face into an image, which is changed: turned clockwise, its middle at (x, y). Returns its box."""
    to_image = _placed(person, height_px, angle, x, y)
    small, to_portrait = _shrunk(person, height_px)
    size = image.shape[1::-1]
    patch = cv2.warpAffine(small, to_image @ to_portrait, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(_near(person), to_image, size, flags=cv2.INTER_NEAREST) > 0
    image[inside] = np.round(opacity * patch[inside] + (1 - opacity) * image[inside]).astype(np.uint8)
    return box_of(transform_points(to_image, person.box.corners))


def _shrunk(person: Portrait, height_px: float) -> tuple[RgbImage, np.ndarray]:
    """The picture near to the size at which it is set in, without aliasing, and the way from it to the picture."""
    scale = min(1.0, height_px / (person.box.bottom - person.box.top))
    size = [max(1, round(side * scale)) for side in person.image.shape[1::-1]]
    small = cv2.resize(person.image, size, interpolation=cv2.INTER_AREA)
    factors = np.array(person.image.shape[1::-1]) / size
    back = np.array([[factors[0], 0, (factors[0] - 1) / 2], [0, factors[1], (factors[1] - 1) / 2], [0, 0, 1]])
    return small.astype(np.uint8), back


def _near(person: Portrait) -> np.ndarray:
    """What of the picture is set in: uint8 (H, W)."""
    mask = np.zeros(person.image.shape[:2], np.uint8)
    around = CONTEXT * (person.box.bottom - person.box.top)
    left, top = max(round(person.box.left - around), 0), max(round(person.box.top - around), 0)
    mask[top : round(person.box.bottom + around), left : round(person.box.right + around)] = 1
    return mask


def _placed(person: Portrait, height_px: float, angle: float, x: float, y: float) -> np.ndarray:
    scale = height_px / (person.box.bottom - person.box.top)
    matrix = np.asarray(cv2.getRotationMatrix2D(center(person.box), -angle, scale), np.float64)
    matrix[:, 2] += np.array([x, y]) - center(person.box)
    return matrix


def _places(step: float, height_px: float, cut: float) -> Iterator[tuple[float, float]]:
    if not cut:
        for y in np.arange(step / 2, HEIGHT - step / 2, step):
            for x in np.arange(step / 2, WIDTH - step / 2, step):
                yield float(x), float(y)
        return
    beyond = height_px * (cut - 0.5)  # of the middle, outwards
    for x in np.arange(2 * step, WIDTH - 2 * step, step):
        yield float(x), -beyond
        yield float(x), HEIGHT - 1 + beyond
    for y in np.arange(2 * step, HEIGHT - 2 * step, step):
        yield -beyond * 0.8, float(y)
        yield WIDTH - 1 + beyond * 0.8, float(y)


def is_found(box: Box, faces: Sequence[Face]) -> bool:
    """Whether one of the faces is that one."""
    for face in faces:
        x, y = center(face.box)
        within = box.left <= x <= box.right and box.top <= y <= box.bottom
        if is_same_face(face.box, box) or (within and growth(face.box, box) < SIZES_FACTOR):
            return True
    return False


def hides_it(portrait: Portrait, faces: Sequence[Face]) -> bool:
    """Whether something else is found in a portrait so near to the face that both are hidden."""
    others = [face for face in faces if not is_found(portrait.box, [face])]
    return any(shared_area(Region.around(other.box, FACE_REACH).box, portrait.box) > 0 for other in others)


def crowds(people: Sequence[Portrait], background: RgbImage) -> Iterator[Crowd]:
    """Of each size; upright, turned, and cut by the border."""
    for height in HEIGHTS_PX:
        yield crowd(f"{height} px", people, height, 0, background)
    for height in (24, 50):
        for angle in (45, 90, 180, 270):
            yield crowd(f"{height} px, {angle}°", people, height, angle, background)
    for height in (24, 50, 120):
        for cut in (0.3, 0.5):
            yield crowd(f"{height} px, {cut:.0%} cut off", people, height, 0, background, cut)


def search_three_frames(image: RgbImage, extractors: ExtractorSet) -> list[Face]:
    """What is found within a second in frames that show that: each is searched upright and in one of three turns."""
    faces = search_frame(image, extractors)
    for turns in ALL_TURNS:
        faces = joined(faces, search_turned(image, extractors, turns, faces))
    return faces


def searches(choices: Sequence[str]) -> dict[str, Callable[[RgbImage], Sequence[Face]]]:
    """Each way of searching, by its name."""
    ways: dict[str, Callable[[RgbImage], Sequence[Face]]] = {
        choice: ExtractorSet(choice, Registry()).extract for choice in choices
    }
    of_anonymize = ExtractorSet(default_extractors(Registry()), Registry())
    ways["search of a frame"] = lambda image: search_frame(image, of_anonymize)
    ways["search of a frame, turned"] = lambda image: search_three_frames(image, of_anonymize)
    ways["search of a frame from all sides"] = lambda image: search_image(image, of_anonymize, "frame")
    ways["search of an image"] = lambda image: search_image(image, of_anonymize)
    return ways


def main() -> None:
    """Print a table: a row a crowd, a column a way of searching."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", nargs="+", type=Path)
    parser.add_argument("--faces", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--search", nargs="*", default=["centerface", "blazeface", "face_recognition"])
    parser.add_argument("--noface", nargs="*", type=Path, default=[])
    parser.add_argument("--only", default="")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    people = portraits(options.portraits, options.faces, options.seed)
    background = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    ways = searches(options.search)
    seconds = dict.fromkeys(ways, 0.0)
    megapixels = 0.0
    print(f"{len(people)} portraits\n\n| crowd | faces | " + " | ".join(ways) + " |\n|" + "---|" * (len(ways) + 2))
    for one in crowds(people, background):
        if options.only not in one.name:
            continue
        if options.save:
            options.save.mkdir(parents=True, exist_ok=True)
            write_image(options.save / f"{one.name.replace(' ', '_')}.png", one.image, synthetic=None)
        megapixels += one.image.size / 3e6
        cells = []
        for name, search in ways.items():
            begin = time.process_time()
            faces = search(one.image)
            seconds[name] += time.process_time() - begin
            found = sum(is_found(box, faces) for box in one.boxes)
            beside = sum(not any(is_found(box, [face]) for box in one.boxes) for face in faces)
            cells.append(f"{found / len(one.boxes):.0%} +{beside}")
        print(f"| {one.name} | {len(one.boxes)} | " + " | ".join(cells) + " |", flush=True)
    hidden = [str(sum(hides_it(one, search(one.image)) for one in people)) for search in ways.values()]
    print(f"| portraits that another find would hide | {len(people)} | " + " | ".join(hidden) + " |", flush=True)
    print("| s per megapixel | | " + " | ".join(f"{seconds[name] / max(megapixels, 1e-6):.2f}" for name in ways) + " |")
    for folder in options.noface:
        images = [read_image(source.path) for source in find_sources([folder]) if source.kind == "image"]
        alarms = [str(sum(len(search(image)) for image in images)) for search in ways.values()]
        print(f"| false alarms in {len(images)} images | 0 | " + " | ".join(alarms) + " |")


if __name__ == "__main__":
    main()
    sys.exit(0)
