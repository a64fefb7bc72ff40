"""A face looked at closer: the square around its box, at a size that extractors know, searched by itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mien.contracts.face import Affine, Face, RgbImage
from mien.geometry.affine import inverse, transform_points, warp
from mien.geometry.boxes import box_of, center, is_same_face, longer_side, overlap

MARGIN = 0.5
"""What is shown around the box, on each side, as a share of its longer side."""
SMALLEST_FACE_PX, LARGEST_FACE_PX = 120, 320
"""A smaller face is enlarged, a larger one shrunk to this: the longer side of its box."""


def measured_in_closeup(image: RgbImage, face: Face, extract: Callable[[RgbImage], Sequence[Face]]) -> Face | None:
    """The face with the landmarks that `extract` finds in the square around its box; None if it finds none there.

    image: uint8 (H, W, 3). Box and score stay those of the face; points are added to those that it has.
    """
    to_square, side = closeup(face)
    found = extract(warp(image, to_square, (side, side)))
    back = inverse(to_square)
    candidates = [_transformed(candidate, back) for candidate in found if candidate.landmarks is not None]
    same = [candidate for candidate in candidates if is_same_face(candidate.box, face.box)]
    if not same:
        return None
    best = max(same, key=lambda candidate: overlap(candidate.box, face.box))
    return replace(face, landmarks=best.landmarks, points={**best.points, **face.points})


def found_in_closeup(
    image: RgbImage, face: Face, find: Callable[[RgbImage], Sequence[Face]], *, margin: float, sizes_px: tuple[int, int]
) -> list[Face]:
    """What `find` finds in the square around a face's box, in pixels of the image; margin, sizes_px: see `closeup`."""
    to_square, side = closeup(face, margin, sizes_px)
    back = inverse(to_square)
    return [_transformed(other, back) for other in find(warp(image, to_square, (side, side)))]


def closeup(
    face: Face, margin: float = MARGIN, sizes_px: tuple[int, int] = (SMALLEST_FACE_PX, LARGEST_FACE_PX)
) -> tuple[Affine, int]:
    """From image pixels to those of the square around a face, float64 (2, 3), and the square's side in pixels.

    margin: what is shown on each side, as a share of the box's longer side, which is given a length within `sizes_px`.
    The face is laid level as far as its five points, or the angle of its box, say how far it is turned.
    """
    longer = longer_side(face.box)
    scale = float(np.clip(longer, *sizes_px)) / longer
    side = round(longer * (1 + 2 * margin) * scale)
    angle = turned_by(face)
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, (side - 1) / 2 - linear @ np.array(center(face.box))]), side


def turned_by(face: Face) -> float:
    """How far a face is turned clockwise in its image, in radians, by its five points or else by its box."""
    if "five" in face.points:
        across = face.points["five"][1, :2] - face.points["five"][0, :2]
        return float(np.arctan2(across[1], across[0]))
    return float(np.deg2rad(face.box.angle_degrees))


def _transformed(face: Face, matrix: Affine) -> Face:
    """A face in other pixels; its box becomes the upright one around where it lies."""
    return Face(
        box_of(transform_points(matrix, face.box.corners)),
        None if face.landmarks is None else transform_points(matrix, face.landmarks),
        face.score,
        {name: transform_points(matrix, points) for name, points in face.points.items()},
    )
