"""Find where the 68 landmarks of iBUG-68 lie on the face mesh: the points that come nearest to dlib's.

    python plugins/extractors/blazeface/tools/fit_points.py cli/src/mien_cli/demo/data/E cli/src/mien_cli/demo/data/J \\
        core/src/mien/testing/faces

Prints the table POINTS of src/mien_extractor_blazeface/ibug.py, and how far each landmark stays from dlib's. Every path
counts the same, however many faces are in it. The extractor face_recognition has to be installed.

A landmark may lie on a point of the mesh or between two, and only on such as belong to the same part of the face: a
point of the upper lid stays on the upper lid, so that it moves as the lid does, and the mouth closes where the lips do.
Both sides of the face get the same.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise, permutations
from pathlib import Path
from typing import cast

import av
import numpy as np
from mean_shape import MIRROR
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import RgbImage
from mien.plugins.registry import Registry
from mien_extractor_blazeface.blazeface import BlazeFace

Place = tuple[int, int, float]
"""Two points of the mesh, and the share of the way from the first to the second."""

SUFFIXES = {".mp4", ".jpg", ".png"}
BETWEEN = np.round(np.arange(0, 1.01, 0.1), 1)
BEYOND = np.round(np.arange(0, 1.51, 0.1), 1)
"""dlib's brows are longer than the mesh's."""
WORTH_TWO_POINTS = 0.98
"""A place between two points has to be nearer than the best single point by this factor."""

OVAL = {162: 389, 127: 356, 234: 454, 93: 323, 132: 361, 58: 288, 172: 397, 136: 365, 150: 379, 149: 378, 176: 400}
OVAL |= {148: 377, 152: 152}
BROW = {46: 276, 53: 283, 52: 282, 65: 295, 55: 285, 70: 300, 63: 293, 105: 334, 66: 296, 107: 336}
BRIDGE = {8: 8, 168: 168, 6: 6, 197: 197, 195: 195, 5: 5, 4: 4, 1: 1}
NOSTRIL = {240: 460, 98: 327, 97: 326, 2: 2, 94: 94, 19: 19, 99: 328, 75: 305, 60: 290, 64: 294, 235: 455, 59: 289}
NOSTRIL |= {166: 392, 79: 309, 20: 250, 242: 462, 141: 370, 125: 354, 44: 274}
UPPER_LID = {33: 263, 246: 466, 161: 388, 160: 387, 159: 386, 158: 385, 157: 384, 173: 398, 133: 362}
LOWER_LID = {33: 263, 7: 249, 163: 390, 144: 373, 145: 374, 153: 380, 154: 381, 155: 382, 133: 362}
UPPER_LIP = {40: 270, 39: 269, 37: 267, 0: 0, 74: 304, 73: 303, 72: 302, 11: 11, 164: 164, 167: 393}
UPPER_LIP_EDGE = {78: 308, 191: 415, 80: 310, 81: 311, 82: 312, 13: 13}
LOWER_LIP = {91: 321, 181: 405, 84: 314, 17: 17, 90: 320, 180: 404, 85: 315, 16: 16, 182: 406, 83: 313, 18: 18}
LOWER_LIP_EDGE = {78: 308, 95: 324, 88: 318, 178: 402, 87: 317, 14: 14}
CORNER = {61: 291, 76: 306, 62: 292, 78: 308}
SUBNASALE = {2: 2, 94: 94, 164: 164}
"""Points of the subject's right side, and which they are on the left one; those of the middle are both."""
MIRRORED = OVAL | BROW | BRIDGE | NOSTRIL | UPPER_LID | LOWER_LID | UPPER_LIP | UPPER_LIP_EDGE | LOWER_LIP
MIRRORED |= LOWER_LIP_EDGE | CORNER | SUBNASALE


def any_two(points: Iterable[int]) -> list[tuple[int, int]]:
    """All pairs, both ways."""
    return list(permutations(points, 2))


MAY_LIE: dict[int, tuple[list[tuple[int, int]], NDArray[np.float64]]] = {
    **{landmark: (list(pairwise(OVAL)), BETWEEN) for landmark in range(8)},
    8: ([(152, 152)], BETWEEN),
    **{landmark: (any_two(BROW), BEYOND) for landmark in range(17, 22)},
    **{landmark: (any_two(BRIDGE), BETWEEN) for landmark in range(27, 31)},
    **{landmark: (any_two(NOSTRIL), BETWEEN) for landmark in (31, 32)},
    33: (any_two(SUBNASALE), BETWEEN),
    36: ([(33, 7), (33, 246)], BETWEEN),
    **{landmark: (list(pairwise(UPPER_LID)), BETWEEN) for landmark in (37, 38)},
    39: ([(133, 155), (133, 173)], BETWEEN),
    **{landmark: (list(pairwise(LOWER_LID)), BETWEEN) for landmark in (40, 41)},
    **{landmark: (any_two(CORNER), BETWEEN) for landmark in (48, 60)},
    **{landmark: (any_two(UPPER_LIP), BETWEEN) for landmark in (49, 50, 51)},
    **{landmark: (any_two(LOWER_LIP), BETWEEN) for landmark in (57, 58, 59)},
    61: (list(pairwise(UPPER_LIP_EDGE)), BETWEEN),
    62: ([(13, 13)], BETWEEN),
    66: ([(14, 14)], BETWEEN),
    67: (list(pairwise(LOWER_LIP_EDGE)), BETWEEN),
}
"""For the landmarks of the subject's right side and of the middle."""


def main() -> None:
    """Collect, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+", help="clips and images, or folders of them")
    parser.add_argument("--every", type=int, default=6, help="take every so manieth frame")
    given = parser.parse_args()
    dlib, blazeface = cast(Extractor, Registry().create("extractor", "face_recognition:search=full")), BlazeFace()
    landmarks, meshes, weights = [], [], []
    for path in given.paths:
        found = [pair for image in images(path, given.every) for pair in both(image, dlib, blazeface)]
        if not found:
            sys.exit(f"In {path} the two extractors find no face in common.")
        landmarks += [pair[0] for pair in found]
        meshes += [pair[1] for pair in found]
        weights += [1 / len(found) / len(given.paths)] * len(found)
    places, apart = fitted(np.array(landmarks), np.array(meshes), np.array(weights))
    sys.stdout.write(f"{len(landmarks)} faces\n\n")
    for landmark, (one, other, share) in enumerate(places):
        sys.stdout.write(f"    ({one}, {other}, {share}),  # {landmark}: {apart[landmark]:.1%} of the eye distance\n")


def images(path: Path, every: int) -> Iterator[RgbImage]:
    """Every image of a path, and of its clips every so manieth frame."""
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES):
            yield from images(file, every)
        return
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


def both(
    image: RgbImage, dlib: Extractor, blazeface: BlazeFace
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """dlib's landmarks (68, 2) and the mesh (468, 2) of each face that both find, in eye distances from its middle."""
    meshes = [points[:, :2] for points, _ in blazeface.meshes(image)]
    for face in dlib.extract(image):
        landmarks = face.landmarks.astype(np.float64)
        middle = landmarks.mean(0)
        unit = np.linalg.norm(landmarks[36:42].mean(0) - landmarks[42:48].mean(0))
        for points in meshes:
            if np.linalg.norm(points.mean(0) - middle) < unit:
                yield (landmarks - middle) / unit, (points - middle) / unit


def fitted(
    landmarks: NDArray[np.float64], meshes: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[list[Place], list[float]]:
    """The places of all landmarks, and how far they stay from dlib's on the mean.

    landmarks: (N, 68, 2). meshes: (N, 468, 2). weights: (N,), of sum 1.
    """
    flip = np.array([-1, 1])
    mirrored = np.arange(meshes.shape[1])
    mirrored[[*MIRRORED, *MIRRORED.values()]] = [*MIRRORED.values(), *MIRRORED]
    seen = np.concatenate([landmarks, (landmarks * flip)[:, MIRROR]])
    points = np.concatenate([meshes, (meshes * flip)[:, mirrored]])
    weights = np.concatenate([weights, weights]) / 2
    places: list[Place] = [(0, 0, 0.0)] * 68
    apart = [0.0] * 68
    for landmark, (pairs, shares) in MAY_LIE.items():
        in_the_middle = MIRROR[landmark] == landmark
        if in_the_middle:
            pairs = [(one, other) for one, other in pairs if MIRRORED[one] == one and MIRRORED[other] == other]
        tried: dict[Place, float] = {}
        for one, other in pairs:
            for share in shares:
                at = points[:, one] * (1 - share) + points[:, other] * share
                tried[one, other, float(share)] = float(np.linalg.norm(at - seen[:, landmark], axis=1) @ weights)
        best = min(tried, key=tried.__getitem__)
        distance = tried[best]
        single = min((place for place in tried if place[2] in (0, 1)), key=tried.__getitem__)
        if distance > WORTH_TWO_POINTS * tried[single]:
            point = single[int(single[2])]
            best, distance = (point, point, 0.0), tried[single]
        places[landmark] = best
        if not in_the_middle:
            places[MIRROR[landmark]] = (MIRRORED[best[0]], MIRRORED[best[1]], best[2])
        apart[landmark] = apart[MIRROR[landmark]] = distance
    return places, apart


if __name__ == "__main__":
    main()
