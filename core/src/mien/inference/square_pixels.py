"""Frames and their faces in square pixels: so nobody is measured, known or drawn wider than they are."""

from collections.abc import Sequence
from dataclasses import replace

from mien.contracts.face import RgbImage
from mien.geometry.pixel_shape import in_square_pixels, set_back, to_square_pixels
from mien.media.video_reader import Frame
from mien.tracking.tracker import TrackedFace


def as_shown(frame: Frame, faces: Sequence[TrackedFace], pixel_shape: float) -> tuple[Frame, list[TrackedFace]]:
    """A frame in square pixels, with its faces there."""
    if pixel_shape == 1:
        return frame, list(faces)
    view = in_square_pixels(frame.image, pixel_shape)
    return replace(frame, image=view, stored=frame), in_square(faces, pixel_shape)


def in_square(faces: Sequence[TrackedFace], pixel_shape: float) -> list[TrackedFace]:
    """Faces of a frame in its square pixels."""
    if pixel_shape == 1:
        return list(faces)
    matrix = to_square_pixels(pixel_shape)
    return [face.moved(matrix) for face in faces]


def as_stored(frame: Frame, image: RgbImage) -> RgbImage:
    """The image that was drawn in a frame, in the pixels that the frame was stored in."""
    return image if frame.stored is None else set_back(frame.stored.image, frame.image, image)
