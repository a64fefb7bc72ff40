"""A face set back into its scene, which stays as it is where the face does not cover it."""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.affine import Pixel, averaged_in_blocks, block_side, inverse, transform_points, warp

_CUBIC_REACH_PX = 2
"""A cubic weighs so many pixels on each side of a place."""
_NOTHING = 1e-6
"""Less of a face is not to be seen."""


class SceneRegion(NamedTuple):
    """A part of a scene: rows and columns that a crop covers."""

    rows: slice
    columns: slice


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
    return warp(image, *_into(region, to_crop))


def _into(region: SceneRegion, to_crop: Affine) -> tuple[Affine, tuple[int, int]]:
    """From the crop's pixels to those of the region, and the region's width and height."""
    back = inverse(to_crop)
    back[:, 2] -= (region.columns.start, region.rows.start)
    return back, (region.columns.stop - region.columns.start, region.rows.stop - region.rows.start)


def composite(scene: RgbImage, face: RgbImage, alpha: Mask, to_crop: Affine) -> RgbImage:
    """The scene with the face over it. Where alpha, set back into the scene, is 0, the scene stays bit for bit.

    scene: uint8 (H, W, 3). face: uint8 (S, S, 3) and alpha: float32 (S, S) in [0, 1], both in crop space. What the face
    has where alpha is 0 does not show. The face is enlarged by a cubic, within the range of its own colors.
    """
    result = scene.copy()
    region = covered_region(to_crop, face.shape[0], scene.shape)
    part = result[region]
    if part.size and alpha.any():
        share = into_region(alpha, to_crop, region)
        colors = _colors_in_region(face, alpha, to_crop, region)
        mixed = cv2.blendLinear(part.astype(np.float32), colors, 1 - share, share)
        part[:] = cv2.convertScaleAbs(mixed)  # rounded; where the share is 0, the scene's own bytes again
    return result


def laid_over(image: RgbImage, scene: RgbImage, alpha: Mask, to_crop: Affine) -> RgbImage:
    """The image with what the scene shows over it. Where alpha, set back into the scene, is 0, it stays bit for bit.

    image, scene: uint8 (H, W, 3), the same scene with and without a new face. alpha: float32 (S, S) in [0, 1], in crop
    space.
    """
    result = image.copy()
    region = covered_region(to_crop, alpha.shape[0], scene.shape)
    part = result[region]
    if part.size and alpha.any():
        share = into_region(alpha, to_crop, region)
        mixed = cv2.blendLinear(part.astype(np.float32), scene[region].astype(np.float32), 1 - share, share)
        part[:] = cv2.convertScaleAbs(mixed)
    return result


def _colors_in_region(face: RgbImage, alpha: Mask, to_crop: Affine, region: SceneRegion) -> NDArray[np.float32]:
    """The face's colors in the scene's pixels, float32 (rows, columns, 3); of use where alpha shows something of it."""
    back, size = _into(region, to_crop)
    own: NDArray[np.float32] = face.astype(np.float32)
    weighted = cast(NDArray[np.float32], cv2.multiply(own, cv2.merge([alpha] * 3)))
    if (block := block_side(back)) >= 2:
        (weighted, back), (alpha, _) = (averaged_in_blocks(image, back, size, block) for image in (weighted, alpha))
        own = np.asarray(weighted / np.maximum(alpha, _NOTHING)[..., None], np.float32)
    # Beyond what is seen the colors go on: the cubic reaches two pixels further, and the black there is no face.
    reach = (2 * _CUBIC_REACH_PX + 1,) * 2
    near = np.maximum(cv2.blur(alpha, reach), _NOTHING)
    seen = (alpha > _NOTHING).astype(np.uint8)
    colors = cv2.copyTo(own, seen, cv2.divide(cv2.blur(weighted, reach), cv2.merge([near] * 3)))
    least, most = cv2.minMaxLoc(own.reshape(len(own), -1), cv2.merge([seen] * 3).reshape(len(own), -1))[:2]
    warped = cv2.warpAffine(colors, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cast(NDArray[np.float32], np.clip(warped, least, most, out=warped))
