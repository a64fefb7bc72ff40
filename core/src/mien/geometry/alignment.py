"""From an image to an upright, square crop of a face, and back: one similarity transform each way.

Crop: rotated so that the eyes are level; centred on the landmarks' bounding box; its side is the box's longer side with
a margin. Mask: convex hull of the landmarks, dilated. (FaceExtractor of the original study, its four crops folded into
one transform, so that an image is resampled once each way.)
"""

from typing import Literal, NamedTuple, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import Affine, FaceCrop, Landmarks, Mask, RgbImage
from mien.contracts.plugin import PluginConfig

LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
_SUBPIXEL_BITS = 4
_DRAWN_PX = 512
_LEAST_SUBSAMPLES = 4
Pixel = TypeVar("Pixel", np.uint8, np.float32)


class AlignmentConfig(PluginConfig):
    """How faces are cut out. A dataset and all runs on it share one."""

    size: Literal[2, 4, 8, 16, 32, 64, 128] = 128
    """Side of the crop in pixels."""
    margin: float = Field(default=0.05, ge=0.0, le=1.0)
    """Space on each side of the landmarks' bounding box, as a share of the box's longer side."""
    mask_dilation: float = Field(default=0.1, ge=0.0, le=1.0)
    """Width of the kernel that the landmarks' hull is dilated with, as a share of the crop's side."""


class SceneRegion(NamedTuple):
    """A part of a scene: rows and columns that a crop covers."""

    rows: slice
    columns: slice


def align(scene: RgbImage, landmarks: Landmarks, config: AlignmentConfig | None = None) -> FaceCrop:
    """Cut a face out of its scene, upright and square.

    scene: uint8 (H, W, 3). landmarks: float32 (68, 2) in scene pixels; they may lie outside of the scene.
    config: how large and with how much around it; None: the defaults, 128 px.
    Returns the crop with its mask and landmarks, the transform that it was cut out by, and its scene. What lies outside
    of the scene is black and not in the mask; nothing is raised for it.
    """
    config = config or AlignmentConfig()
    return cut(scene, landmarks, similarity_to_crop(landmarks, config), config)


def cut(scene: RgbImage, landmarks: Landmarks, to_crop: Affine, config: AlignmentConfig) -> FaceCrop:
    """Cut a face out by a transform that is already known (a steadied one, or one read from a dataset)."""
    in_crop = transform_points(to_crop, landmarks)
    mask = hull_mask(in_crop, config.size, config.mask_dilation)
    mask = mask * share_in_scene(to_crop, config.size, scene.shape)
    crop = warp(scene, to_crop, (config.size, config.size))
    masked = np.rint(crop * mask[..., None]).astype(np.uint8)
    return FaceCrop(masked, mask, in_crop, to_crop, scene)


def similarity_to_crop(landmarks: Landmarks, config: AlignmentConfig | None = None) -> Affine:
    """The transform, float64 (2, 3), from scene pixels to crop pixels."""
    config = config or AlignmentConfig()
    points = landmarks.astype(np.float64)
    across = points[RIGHT_EYE].mean(0) - points[LEFT_EYE].mean(0)
    length = float(np.hypot(*across))
    cosine, sine = across / length if length > 0 else (1.0, 0.0)
    level = np.array([[cosine, sine], [-sine, cosine]])
    leveled = points @ level.T
    low, high = leveled.min(0), leveled.max(0)
    side = max(float((high - low).max()) * (1 + 2 * config.margin), 1.0)
    linear = level * (config.size / side)
    center = level.T @ ((low + high) / 2)
    shift = (config.size - 1) / 2 - linear @ center
    return np.column_stack([linear, shift])


def hull_mask(landmarks: Landmarks, size: int, dilation: float) -> Mask:
    """The landmarks' convex hull in crop space, dilated by a disc `dilation·size` wide, its edge antialiased."""
    # Drawn finer and averaged: OpenCV's own antialiased lines are up to two pixels wider than asked for.
    samples = max(_DRAWN_PX // size, _LEAST_SUBSAMPLES)
    hull = (cv2.convexHull(landmarks.astype(np.float32)) + 0.5) * samples - 0.5
    fixed = np.rint(hull * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    drawn = np.zeros((size * samples, size * samples), np.uint8)
    cv2.fillConvexPoly(drawn, fixed, 255, cv2.LINE_8, _SUBPIXEL_BITS)
    # A line that wide along the outline is the dilation by a disc; OpenCV counts the pixel under it as well.
    if (width := round(dilation * size * samples) - 1) > 0:
        cv2.polylines(drawn, [fixed], True, 255, width, cv2.LINE_8, _SUBPIXEL_BITS)
    averaged = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA)
    return _share(cast(NDArray[np.uint8], averaged))


def share_in_scene(to_crop: Affine, size: int, scene_shape: tuple[int, ...]) -> Mask:
    """How much of each of the crop's pixels lies in the scene: float32 (S, S); 1 everywhere for most faces."""
    if not _reaches_over_border(to_crop, size, scene_shape):
        return np.ones((size, size), np.float32)
    return _share(warp(np.full(scene_shape[:2], 255, np.uint8), to_crop, (size, size)))


def erode_and_feather(mask: Mask, erosion: float, feather: float, in_scene: Mask | None = None) -> Mask:
    """Shrink a mask and let it fade out inwards, so that it is 0 wherever it was 0 before.

    erosion, feather: widths as a share of the mask's side; outside of the mask counts as 0. in_scene: what
    `share_in_scene` gives; with it, a face that the scene's border cuts off does not fade towards that border.
    """
    size = mask.shape[0]
    face = mask if in_scene is None else np.maximum(mask, 1 - in_scene)
    around = np.pad((face >= 0.5).astype(np.uint8), 1)
    depth = cv2.distanceTransform(around, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    # `erosion` is a kernel's width, as in mask_dilation: it takes half of that from each side.
    ramp = (depth - erosion * size / 2) / max(feather * size, 1.0)
    soft: Mask = np.clip(ramp, 0, 1).astype(np.float32)
    return (soft * soft * (3 - 2 * soft) * mask).astype(np.float32)


def transform_points(matrix: Affine, points: Landmarks) -> Landmarks:
    """Apply a (2, 3) transform to float (N, 2) points."""
    return (points.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def inverse(matrix: Affine) -> Affine:
    """The transform back."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def scale_of(matrix: Affine) -> float:
    """How much larger a similarity makes things."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def covered_region(to_crop: Affine, size: int, scene_shape: tuple[int, ...]) -> SceneRegion:
    """The rows and columns of the scene that the crop covers, clipped to the scene; empty if it covers none."""
    corners = np.array([[-1, -1], [size, -1], [size, size], [-1, size]], np.float32)
    at = transform_points(inverse(to_crop), corners)
    # A pixel more on each side: averaging in blocks reaches that far.
    (left, top), (right, bottom) = np.floor(at.min(0)).astype(int) - 1, np.ceil(at.max(0)).astype(int) + 2
    height, width = scene_shape[:2]
    rows = slice(min(max(top, 0), height), min(max(bottom, 0), height))
    columns = slice(min(max(left, 0), width), min(max(right, 0), width))
    return SceneRegion(rows, columns)


def into_region(image: NDArray[Pixel], to_crop: Affine, region: SceneRegion) -> NDArray[Pixel]:
    """Set an image or mask in crop space back into the scene's pixels, for that region only; 0 around it.

    image: uint8 or float32, (S, S) or (S, S, 3). Returns the same dtype, (rows, columns[, 3]).
    """
    back = inverse(to_crop)
    back[:, 2] -= (region.columns.start, region.rows.start)
    shape = (region.columns.stop - region.columns.start, region.rows.stop - region.rows.start)
    return warp(image, back, shape)


def composite(scene: RgbImage, face: RgbImage, alpha: Mask, to_crop: Affine) -> RgbImage:
    """The scene with the face over it. Where alpha, set back into the scene, is 0, the scene stays bit for bit.

    scene: uint8 (H, W, 3). face: uint8 (S, S, 3) and alpha: float32 (S, S) in [0, 1], both in crop space.
    """
    result = scene.copy()
    region = covered_region(to_crop, face.shape[0], scene.shape)
    part = result[region]
    if part.size:
        share = into_region(alpha, to_crop, region)[..., None]
        # Weighted before it is resampled: the black around a face would darken its edge.
        drawn = into_region((face * alpha[..., None]).astype(np.float32), to_crop, region)
        mixed = part * (1 - share) + drawn
        np.copyto(part, np.clip(np.rint(mixed), 0, 255).astype(np.uint8), where=share > 0)
    return result


def warp(image: NDArray[Pixel], matrix: Affine, size: tuple[int, int]) -> NDArray[Pixel]:
    """Resample under a similarity transform to (width, height); black around the image.

    Enlarging is bilinear. Shrinking by two or more first averages whole blocks of pixels, so that nothing aliases.
    """
    width, height = size
    if not (width and height and image.size):
        return np.zeros((height, width, *image.shape[2:]), image.dtype)
    block = int(1 / max(scale_of(matrix), 1e-9))
    if block >= 2:
        image, matrix = _shrunk(image, matrix, size, block)
        if not image.size:
            return np.zeros((height, width, *image.shape[2:]), image.dtype)
    warped = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return cast(NDArray[Pixel], warped)


def _shrunk(image: NDArray[Pixel], matrix: Affine, size: tuple[int, int], block: int) -> tuple[NDArray[Pixel], Affine]:
    """The part of the image that is needed, averaged in blocks, and the transform from that part."""
    corners = np.array([[-1, -1], [size[0], -1], [size[0], size[1]], [-1, size[1]]], np.float32)
    at = transform_points(inverse(matrix), corners)
    # The last pixels are interpolated with the block after them.
    extent = (image.shape[1], image.shape[0])
    left, top = np.clip(np.floor(at.min(0)), 0, extent).astype(int)
    right, bottom = np.clip(np.ceil(at.max(0)) + 1 + block, 0, extent).astype(int)
    part = image[top:bottom, left:right]
    shift = np.array([[block, 0, left + (block - 1) / 2], [0, block, top + (block - 1) / 2]])
    linear = matrix[:, :2] @ shift[:, :2]
    combined = np.column_stack([linear, matrix[:, :2] @ shift[:, 2] + matrix[:, 2]])
    if not part.size:
        return part, combined
    missing_rows, missing_columns = (-side % block for side in part.shape[:2])
    part = cast(
        NDArray[Pixel], cv2.copyMakeBorder(part, 0, missing_rows, 0, missing_columns, cv2.BORDER_CONSTANT, value=0)
    )
    blocks = (part.shape[1] // block, part.shape[0] // block)
    averaged = cv2.resize(part, blocks, interpolation=cv2.INTER_AREA)
    return cast(NDArray[Pixel], averaged), combined


def _share(mask: NDArray[np.uint8]) -> Mask:
    return (mask / np.float32(255)).astype(np.float32)


def _reaches_over_border(to_crop: Affine, size: int, scene_shape: tuple[int, ...]) -> bool:
    corners = np.array([[0, 0], [size - 1, 0], [size - 1, size - 1], [0, size - 1]], np.float32)
    at = transform_points(inverse(to_crop), corners)
    height, width = scene_shape[:2]
    return bool((at < 0).any() or (at > (width - 1, height - 1)).any())
