"""An image seen larger, turned, or continued beyond its border, and what is found there in pixels of the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from mien.contracts.face import SURELY_A_FACE, Affine, Box, Face, RgbImage
from mien.geometry.affine import transform_points
from mien.geometry.boxes import SAME_FACE_SHARE, center, is_same_face, longer_side, shared_area, upright

_TURNED_BACK = (
    ((1, 0, 0), (0, 1, 0)),
    ((0, -1, 1), (1, 0, 0)),
    ((-1, 0, 1), (0, -1, 1)),
    ((0, 1, 0), (-1, 0, 1)),
)
"""Places in an image turned counterclockwise 0, 1, 2 and 3 times to those before; 1 in the last column stands for the
last column or row."""

_ROTATIONS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)

SAME_LANDMARKS = 0.05
"""Landmarks that lie apart by less than this share of a box's longer side are one face's, measured twice."""

Edge = Literal["left", "top", "right", "bottom"]
EDGES: tuple[Edge, ...] = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class View:
    """An image resampled, turned by quarter turns and continued beyond its border."""

    image: RgbImage
    to_image: Affine
    """Pixels of the view to those of the image."""
    scale: float
    """Pixels of the image to one of the view."""
    quarter_turns: int
    is_mirrored: bool
    size: tuple[int, int]
    """Width and height of the image."""
    whole_in: Box | None = None
    """Of a strip: what is not in there whole is not told of, as it is seen better elsewhere."""

    @classmethod
    def of(cls, image: RgbImage, scale: float, *, quarter_turns: int = 0, mirrored: float = 0.0) -> "View":
        """The view `scale` times as large.

        quarter_turns: counterclockwise. mirrored: how far it goes on beyond the border, as a share of its shorter side.
        """
        height, width = image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        seen = image if size == (width, height) else cv2.resize(image, size, interpolation=how)
        factors = np.array([width / size[0], height / size[1]])
        border = min(round(mirrored * min(size)), min(size) - 1)
        if border > 0:
            seen = cv2.copyMakeBorder(seen, border, border, border, border, cv2.BORDER_REFLECT_101)
        rows, columns = seen.shape[:2]
        back = np.array(_TURNED_BACK[quarter_turns], np.float64)
        linear, shift = back[:, :2], back[:, 2] * (columns - 1, rows - 1) - border
        to_image = np.column_stack([factors[:, None] * linear, (shift + 0.5) * factors - 0.5])
        turned = _turned(np.ascontiguousarray(seen).astype(np.uint8, copy=False), quarter_turns)
        return cls(turned, to_image, float(factors.mean()), quarter_turns, border > 0, (width, height))

    @classmethod
    def along(cls, edge: Edge, image: RgbImage, depth_px: int, beyond_px: int) -> "View":
        """A strip along an edge of the image at its own size, which goes on beyond it, mirrored.

        depth_px: how far into the image it reaches; beyond_px: how far beyond. Both are less than the image's sides.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = {
            "left": (0, 0, depth_px, height),
            "top": (0, 0, width, depth_px),
            "right": (width - depth_px, 0, width, height),
            "bottom": (0, height - depth_px, width, height),
        }[edge]
        # Each corner is in the strip above or below.
        is_level = edge in ("top", "bottom")
        above, below = beyond_px * (edge == "top"), beyond_px * (edge == "bottom")
        before, after = beyond_px * (is_level or edge == "left"), beyond_px * (is_level or edge == "right")
        part = np.ascontiguousarray(image[top:bottom, left:right])
        strip = cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_REFLECT_101)
        to_image = np.array([[1.0, 0, left - before], [0, 1, top - above]])
        far = float(width + height)
        whole_in = Box(left if edge == "right" else -far, top if edge == "bottom" else -far,
                       right if edge == "left" else far, bottom if edge == "top" else far)  # fmt: skip
        return cls(strip.astype(np.uint8, copy=False), to_image, 1.0, 0, True, (width, height), whole_in)

    def find(self, find: Callable[[RgbImage], Sequence[Face]]) -> list[Face]:
        """What is found in it, in pixels of the image, as far as it overlaps with the image.

        In a mirrored view a score counts by the share of the box that lies in the image: a mirror makes faces of much.
        """
        frame = Box(0, 0, *self.size)
        faces: list[Face] = []
        for face in map(self._in_image, find(self.image)):
            area = upright(face.box).area
            if self.whole_in is not None and shared_area(face.box, self.whole_in) < area:
                continue
            inside = shared_area(face.box, frame) / area if area > 0 else 0.0
            if inside > 0:
                faces.append(replace(face, score=face.score * inside) if self.is_mirrored else face)
        return faces

    def _in_image(self, face: Face) -> Face:
        (x, y), box = transform_points(self.to_image, np.array([center(face.box)], np.float32))[0].tolist(), face.box
        half_width, half_height = (side * self.scale / 2 for side in (box.right - box.left, box.bottom - box.top))
        angle = (box.angle_degrees + 90 * self.quarter_turns + 180) % 360 - 180
        return Face(
            Box(x - half_width, y - half_height, x + half_width, y + half_height, angle),
            None if face.landmarks is None else transform_points(self.to_image, face.landmarks),
            face.score,
            {name: transform_points(self.to_image, points) for name, points in face.points.items()},
        )


def _turned(image: RgbImage, quarter_turns: int) -> RgbImage:
    how = _ROTATIONS[quarter_turns]
    return image if how is None else np.asarray(cv2.rotate(image, how), np.uint8)


def joined(known: Sequence[Face], more: Sequence[Face]) -> list[Face]:
    """The known faces and those of another view that are not among them, nor a part of one that is sure.

    Of two that are the same the known one stays, with the higher score; if it has no landmarks and is in doubt, the
    surer one does. So an upright face is not taken for a lying one that a turned view is a little surer of.
    """
    faces = list(known)
    for face in sorted(more, key=lambda face: -face.score):
        same = next((number for number, other in enumerate(faces) if is_same_face(other.box, face.box)), None)
        if same is None:
            if not any(_is_part(face, other) for other in faces):
                faces.append(face)
        elif face.score > faces[same].score:
            stays = faces[same].landmarks is not None or faces[same].score >= SURELY_A_FACE
            faces[same] = replace(faces[same], score=face.score) if stays else face
    return faces


def without_known(found: Sequence[Face], known: Sequence[Face]) -> list[Face]:
    """Finds that are neither one of the known faces that are sure, nor a part of one."""
    sure = [face for face in known if face.score >= SURELY_A_FACE]
    return [face for face in found if not any(is_same_face(face.box, one.box) or _is_part(face, one) for one in sure)]


def without_repeated(faces: Sequence[Face]) -> list[Face]:
    """Measured faces without those in doubt that turn out to be a sure one: measured, they have its landmarks, and
    their middle lies in its box. A turned or mirrored view sees a face a second time, beside where it is."""
    sure = [face for face in faces if face.score >= SURELY_A_FACE]
    return [face for face in faces if not any(_repeats(face, one) for one in sure)]


def _repeats(face: Face, sure: Face) -> bool:
    if face.score >= SURELY_A_FACE or face.landmarks is None or sure.landmarks is None:
        return False
    apart = float(np.linalg.norm(face.landmarks - sure.landmarks, axis=1).mean())
    box, (x, y) = upright(sure.box), center(face.box)
    return apart <= SAME_LANDMARKS * longer_side(box) and box.left <= x <= box.right and box.top <= y <= box.bottom


def _is_part(face: Face, whole: Face) -> bool:
    area = upright(face.box).area
    return whole.score >= SURELY_A_FACE and shared_area(face.box, whole.box) >= SAME_FACE_SHARE * area > 0
