"""From an image to an upright, square crop of a face, and back: one similarity transform each way.

Where the square lies is a template's say (`mien.geometry.templates`); with a margin, it is larger on all sides. The
original study's four crops are folded into one transform, so that an image is resampled once each way. What a transform
makes of points and images (`mien.geometry.affine`), and what sets a face back (`mien.geometry.compositing`), can be
imported from here, too.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mien.contracts.face import Affine, Face, FaceCrop, Landmarks, Mask, Points, RgbImage
from mien.contracts.given_image import require_image
from mien.contracts.plugin import PluginConfig
from mien.errors import MienError
from mien.geometry.affine import Pixel
from mien.geometry.affine import compose as compose
from mien.geometry.affine import inverse as inverse
from mien.geometry.affine import lies_in_scene as lies_in_scene
from mien.geometry.affine import scale_of as scale_of
from mien.geometry.affine import share_in_scene as share_in_scene
from mien.geometry.affine import transform_points as transform_points
from mien.geometry.affine import warp as warp
from mien.geometry.compositing import SceneRegion as SceneRegion
from mien.geometry.compositing import composite as composite
from mien.geometry.compositing import covered_region as covered_region
from mien.geometry.compositing import into_region as into_region
from mien.geometry.masks import HULL_DILATION, as_mask, as_uint8_mask, hull_mask
from mien.geometry.templates import LEFT_EYE as LEFT_EYE
from mien.geometry.templates import RIGHT_EYE as RIGHT_EYE
from mien.geometry.templates import Template, UnknownPointsError, place

_PUBLISHED: dict[Template, float] = {"arcface": 0.0, "ffhq": 0.0, "dlib": 0.25}
"""Margins that belong to a template."""
_REACH_PX = 0.5
"""A stored crop covers another cut that reaches over its edge by less than this."""
_MARGIN_STEP = 0.05


class AlignmentConfig(PluginConfig):
    """How faces are cut out. A dataset and all runs on it share one. These defaults are the study's; `mien preprocess`
    leaves more room for the forehead: `mien.dataset.options.dataset_alignment`."""

    size: int = Field(default=128, ge=16, le=1024)
    """Side of the crop in pixels."""
    template: Template = "landmarks"
    """Where the crop lies. landmarks: level eyes, the landmarks' bounding box, squared. arcface: the published
    alignment of 112 px by eyes, nose and mouth. ffhq: that of the FFHQ dataset, by eyes and mouth. dlib: that of dlib's
    chips, by eyes, nose and upper lip. box: the box of the face, squared; needs no
    landmarks."""
    margin: float = Field(default=0.05, ge=0.0, le=4.0)
    """Space on each side, as a share of the side without margin. The published templates, arcface and ffhq, have none
    if nothing is said, and dlib 0.25."""
    shift_y: float = Field(default=0.0, ge=-1.0, le=1.0)
    """How far down the face is moved in the crop, as a share of the side without margin: room for the forehead."""

    @model_validator(mode="before")
    @classmethod
    def _published_as_published(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("template") in _PUBLISHED:
            return {"margin": _PUBLISHED[values["template"]], **values}
        return values

    def __str__(self) -> str:
        """As the user types it: size=128,template=landmarks,margin=0.05,shift_y=0."""
        return ",".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in self)


def align(scene: RgbImage, face: Face | Landmarks, config: AlignmentConfig | None = None) -> FaceCrop:
    """Cut a face out of its scene, upright and square.

    scene: uint8 (H, W, 3). face: as an extractor found it, or its landmarks, float32 (68, 2) in scene pixels; they may
    lie outside of the scene. config: how large and with how much around it; None: the defaults, 128 px.
    Returns the crop, whole, with its landmarks, the transform that it was cut out by, and its scene. What lies outside
    of the scene is black and not in the mask, which is the study's: the landmarks' hull, dilated; of a face without
    landmarks, the ellipse in its box. A MaskerSet makes others.
    Raises MienError if the scene is no such image, or the template needs points that the face has not.
    """
    require_image(scene, "a scene")
    config = config or AlignmentConfig()
    to_crop = similarity_to_crop(face, config)
    if isinstance(face, Face):
        return with_hull(cut(scene, face.landmarks, to_crop, config, points_of(face)))
    return with_hull(cut(scene, face, to_crop, config))


def cut(
    scene: RgbImage,
    landmarks: Landmarks | None,
    to_crop: Affine,
    config: AlignmentConfig,
    points: Points | None = None,
) -> FaceCrop:
    """Cut a face out by a transform that is already known (a steadied one, or one read from a dataset).

    landmarks, points: in scene pixels. The mask is all of the crop that lies in the scene: nothing has masked it yet.
    """
    return FaceCrop(
        image=warp(scene, to_crop, (config.size, config.size), cubic=True),
        mask=share_in_scene(to_crop, config.size, scene.shape),
        landmarks=None if landmarks is None else transform_points(to_crop, landmarks),
        to_crop=to_crop,
        scene=scene,
        points={name: transform_points(to_crop, positions) for name, positions in (points or {}).items()},
    )


def with_hull(crop: FaceCrop, dilation: float = HULL_DILATION) -> FaceCrop:
    """The crop with the study's mask: the outline of its face, dilated, as far as it lies in the scene.

    dilation: as of `hull_mask`.
    """
    mask = hull_mask(face_outline(crop), crop.size, dilation)
    if crop.scene is not None:
        mask = mask * share_in_scene(crop.to_crop, crop.size, crop.scene.shape)
    return replace(crop, mask=as_mask(as_uint8_mask(mask)))


def recut(crop: FaceCrop, config: AlignmentConfig, stored: AlignmentConfig | None = None) -> FaceCrop:
    """The same face by another alignment: cut from its scene, if that is at hand, otherwise from the crop itself.

    stored: how the crop was cut, for the error's sake. The mask is the crop's own, carried over.
    Raises MienError if the template needs points that the face has not, or if there is no scene and the crop does not
    cover what is asked for: with the command that makes a dataset whose crops do.
    """
    within = _similarity(crop.landmarks, crop.points, config)
    to_crop = compose(within, crop.to_crop)
    if crop.scene is not None:
        back = inverse(crop.to_crop)
        landmarks = None if crop.landmarks is None else transform_points(back, crop.landmarks)
        points = {name: transform_points(back, positions) for name, positions in crop.points.items()}
        anew = cut(crop.scene, landmarks, to_crop, config, points)
        return replace(anew, mask=_carried_over(crop, within, config.size))
    _refuse_if_not_covered(crop, within, config, stored)
    side = (config.size, config.size)
    return FaceCrop(
        image=warp(crop.image, within, side, cubic=True),
        mask=_carried_over(crop, within, config.size),
        landmarks=None if crop.landmarks is None else transform_points(within, crop.landmarks),
        to_crop=to_crop,
        points={name: transform_points(within, positions) for name, positions in crop.points.items()},
    )


def _carried_over(crop: FaceCrop, within: Affine, size: int) -> Mask:
    return as_mask(warp(as_uint8_mask(crop.mask), within, (size, size)))


def mask_back(mask: NDArray[Pixel], from_crop: FaceCrop, to_crop: FaceCrop) -> NDArray[Pixel]:
    """A mask of one cut of a face in the pixels of another cut of it: the same dtype, (S, S) for to_crop's side S.

    mask: uint8 or float32 (s, s) for from_crop's side s; outside of that cut it is 0.
    """
    back = compose(to_crop.to_crop, inverse(from_crop.to_crop))
    return warp(mask, back, (to_crop.size, to_crop.size))


def can_align(face: Face, config: AlignmentConfig) -> bool:
    """Whether a face has the points that the template needs."""
    try:
        place(config.template, face.landmarks, points_of(face))
    except UnknownPointsError:
        return False
    return True


def points_of(face: Face) -> Points:
    """All named points of a face in image pixels: its own, and the corners of its box as "box"."""
    return {**face.points, "box": face.box.corners}


def similarity_to_crop(face: Face | Landmarks, config: AlignmentConfig | None = None) -> Affine:
    """The transform, float64 (2, 3), from scene pixels to crop pixels.

    Raises MienError if the template needs points that the face has not.
    """
    config = config or AlignmentConfig()
    if isinstance(face, Face):
        return _similarity(face.landmarks, points_of(face), config)
    return _similarity(face, {}, config)


def _similarity(landmarks: Landmarks | None, points: Points, config: AlignmentConfig) -> Affine:
    try:
        placed = place(config.template, landmarks, points)
    except UnknownPointsError as error:
        raise MienError(
            f"The template {config.template!r} cannot place a face of which {error} are known.",
            "Choose an --extractor that finds them; mien preprocess can do without, by --alignment template=box.",
        ) from None
    cosine, sine = placed.right
    level = np.array([[cosine, sine], [-sine, cosine]])
    # The face moves down when the square moves up.
    center = placed.center - config.shift_y * placed.side * level.T[:, 1]
    linear = level * (config.size / (placed.side * (1 + 2 * config.margin)))
    return np.column_stack([linear, (config.size - 1) / 2 - linear @ center])


class NotCoveredError(MienError):
    """A cut reaches over the edge of a crop whose scene is not at hand."""

    def __init__(self, wider: AlignmentConfig | None, message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.wider = wider
        """How the crop would have to be cut; None: not known."""


def _refuse_if_not_covered(
    crop: FaceCrop, within: Affine, config: AlignmentConfig, stored: AlignmentConfig | None
) -> None:
    edge = config.size - 0.5
    corners = np.array([[-0.5, -0.5], [edge, -0.5], [edge, edge], [-0.5, edge]], np.float32)
    middle = (crop.size - 1) / 2
    reach = float(np.abs(transform_points(inverse(within), corners) - middle).max()) - crop.size / 2
    if reach < _REACH_PX:
        return
    wide = None
    if stored is None:
        larger = "with a larger margin"
        fix = "mien preprocess DATASET --again --alignment margin=0.5"
    else:
        side = crop.size / (1 + 2 * stored.margin)
        margin = np.ceil((stored.margin + reach / side) / _MARGIN_STEP) * _MARGIN_STEP
        wide = stored.model_copy(update={"margin": float(margin)})
        larger = f"with a margin of {margin:g}"
        fix = f"mien preprocess DATASET --again --alignment {wide}"
    raise NotCoveredError(
        wide,
        f"A cut with {config} reaches {reach:.0f} px over the edge of the stored crop of {crop.size} px, and the image "
        f"that it was cut from is not at hand. Put it back, or make the dataset {larger}.",
        fix,
    )


def face_outline(crop: FaceCrop) -> NDArray[np.float32]:
    """Points whose convex hull is the face: float32 (n, 2) in crop pixels.

    The landmarks; without them, the ellipse in the face's box; without a box, that in a crop of the usual margin.
    """
    if crop.landmarks is not None:
        return crop.landmarks
    if (corners := crop.points.get("box")) is None:
        inset = crop.size * (0.5 - 0.5 / (1 + 2 * AlignmentConfig().margin)) - 0.5
        near, far = inset, crop.size - 1 - inset
        corners = np.array([[near, near], [far, near], [far, far], [near, far]], np.float32)
    across, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
    ellipse: NDArray[np.float32] = corners.mean(0) + np.cos(angles) * across + np.sin(angles) * down
    return ellipse.astype(np.float32)
