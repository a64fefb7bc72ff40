"""What several maskers together say of a crop: what of it is face, less what stands in front."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.masker import Masker
from mien.errors import MienError
from mien.geometry.affine import lies_in_scene, share_in_scene
from mien.geometry.alignment import mask_back, recut
from mien.geometry.masks import as_mask
from mien.plugins.choice import choice_text, parse_choices
from mien.plugins.guard import guarded_mask
from mien.plugins.registry import InstalledPlugin, Registry

Masks = TypeVar("Masks", NDArray[np.uint8], NDArray[np.float32])

MOST_TOGETHER = 0.35
"""The largest share of a face that several maskers together may say something stands in front of: what they take from
an anonymized face stays as it was filmed."""


class MaskerSet:
    """Maskers joined, as in `hull+occlusion`: the union of those that add, less what those that subtract see.

    Raises MienError for an unknown masker or setting, one that cannot be made, and if none of them adds.
    """

    def __init__(self, text: str, registry: Registry) -> None:
        self.maskers: list[tuple[InstalledPlugin, Masker]] = []
        """Each with the distribution and version that it comes from, in the order of the text."""
        self._choices = choices = list[str]()
        for choice in parse_choices(text):
            masker = cast(Masker, registry.create("masker", choice))
            self.maskers.append((registry.find("masker", choice.name), masker))
            choices.append(choice_text(choice.name, masker.config))
        self.text = "+".join(choices)
        """The maskers as the user would type them, all settings spelled out."""
        if all(masker.subtracts for _, masker in self.maskers):
            what = f"{text!r} says only what stands in front of a face" if choices else "No masker is named"
            known = "+".join(["NAME", *choices])
            raise MienError(f"{what}; one has to say what is face.", f"--masker {known}")

    @property
    def distributions(self) -> tuple[str, ...]:
        """Distribution and version of each masker: "mien-masker-hull 0.1.0"."""
        return tuple(f"{plugin.distribution} {plugin.version}" for plugin, _ in self.maskers)

    @property
    def needs_scene(self) -> bool:
        """Whether any of the maskers looks at the scene that a crop was cut from."""
        return any(masker.needs_scene for _, masker in self.maskers)

    @property
    def subtracts(self) -> bool:
        """Whether any of the maskers says what stands in front of a face."""
        return any(masker.subtracts for _, masker in self.maskers)

    @property
    def has_thin(self) -> bool:
        """Whether any of the maskers sees what is thin: see `in_front`."""
        return any(masker.subtracts and masker.thin for _, masker in self.maskers)

    @property
    def text_without_thin(self) -> str:
        """`text` without those maskers."""
        both = zip(self.maskers, self._choices, strict=True)
        return "+".join(choice for (_, masker), choice in both if not (masker.subtracts and masker.thin))

    @property
    def seldom(self) -> int:
        """Of how many frames of a video one is enough to ask about: see `Masker.seldom`. 1: each."""
        return max((masker.seldom for _, masker in self.maskers if masker.subtracts), default=1)

    def sees_seldom(self, crop: FaceCrop) -> bool:
        """Whether those of its maskers that see something but seldom see it before a face. Raises as `mask`."""
        both = zip(self.maskers, self._choices, strict=True)
        asked = [(choice, masker) for (_, masker), choice in both if masker.subtracts and masker.seldom > 1]
        return any(_checked(choice, masker, [crop]).any() for choice, masker in asked)

    def mask(
        self, crops: Sequence[FaceCrop], *, thin: bool = True, asked: Sequence[bool] | None = None
    ) -> NDArray[np.uint8]:
        """Masks of N crops of one side S: uint8 (N, S, S); 255 is face, 0 what lies outside of the scene.

        The scene's border is only known while a crop holds its scene. The crops' own masks mean nothing. thin: whether
        what `in_front` says is taken away, too. asked: see `subtract`.
        Raises MienError naming the plugin if a masker fails, or returns another shape or dtype than it promised; and if
        a masker needs the scene, or another cut, and the crop cannot give it.
        """
        masks = _no_masks(crops)
        for (_, masker), choice in zip(self.maskers, self._choices, strict=True):
            if not masker.subtracts:
                masks = np.maximum(masks, _checked(choice, masker, crops))
        masks = self.subtract(masks, crops, thin=thin, asked=asked)
        for row, crop in enumerate(crops):
            if crop.scene is not None and not lies_in_scene(crop.to_crop, crop.size, crop.scene.shape):
                masks[row] = np.rint(masks[row] * share_in_scene(crop.to_crop, crop.size, crop.scene.shape))
        return masks

    def subtract(
        self, masks: Masks, crops: Sequence[FaceCrop], *, thin: bool = True, asked: Sequence[bool] | None = None
    ) -> Masks:
        """Take what stands in front of N faces away from masks of them: the same shape and dtype.

        masks: uint8, 255 is face, or float32 in [0, 1], (N, T, T) for any side T, in the space of the crops: those that
        a model generates, for one. They are left as they were. thin: as in `mask`. asked: about which of
        the faces those are asked that see something but seldom; None: about all. Where several take something from a
        face that is more than `MOST_TOGETHER` of it, the later ones take nothing. Raises MienError as `mask`.
        """
        rest = masks
        for (_, masker), choice in zip(self.maskers, self._choices, strict=True):
            if masker.subtracts and len(masks) and (thin or not masker.thin):
                seen = _checked(choice, masker, crops, asked if masker.seldom > 1 else None)
                less = cast(Masks, _less(rest, _resized(seen, masks.shape[1:])))
                # Each bounds by itself how much it takes; what one adds to another's may not be too much with it.
                fits = (_taken(less, masks) <= MOST_TOGETHER) | (_taken(rest, masks) == 0)
                rest = cast(Masks, np.where(fits[:, None, None], less, rest))
        return rest

    def in_front(self, crops: Sequence[FaceCrop], masks: NDArray[np.float32]) -> NDArray[np.uint8]:
        """What maskers that are `thin` see in front of N faces: uint8 (N, S, S), in the space of the crops.

        masks: what of each crop is drawn, float32 (N, T, T) in [0, 1]. Where it would be more than `MOST_TOGETHER` of
        that, nothing is. Raises MienError as `mask`.
        """
        seen = _no_masks(crops)
        for (_, masker), choice in zip(self.maskers, self._choices, strict=True):
            if masker.subtracts and masker.thin and crops:
                more = np.maximum(seen, _checked(choice, masker, crops))
                share = _taken(_less(masks, _resized(more, masks.shape[1:])), masks)
                seen = np.where((share <= MOST_TOGETHER)[:, None, None], more, seen)
        return seen

    def masked(
        self, crops: Sequence[FaceCrop], *, thin: bool = True, asked: Sequence[bool] | None = None
    ) -> list[FaceCrop]:
        """The crops with these masks. thin, asked: as in `mask`. Raises MienError as `mask`."""
        masks = self.mask(crops, thin=thin, asked=asked)
        return [replace(crop, mask=as_mask(mask)) for crop, mask in zip(crops, masks, strict=True)]


def _resized(masks: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """(N, S, S) → (N, *shape)."""
    if masks.shape[1:] == shape:
        return masks
    sides = (shape[1], shape[0])
    return np.stack([cv2.resize(mask, sides, interpolation=cv2.INTER_LINEAR_EXACT) for mask in masks]).astype(np.uint8)


def _taken(rest: NDArray[Any], masks: NDArray[Any]) -> NDArray[np.float64]:
    """Which share of each mask is gone: float64 (N,)."""
    left, whole = (of.sum((1, 2), dtype=np.float64) for of in (rest, masks))
    return np.asarray(1 - left / np.maximum(whole, 1e-9) * (whole > 0) - (whole <= 0))


def _less(masks: NDArray[Any], in_front: NDArray[np.uint8]) -> NDArray[Any]:
    if masks.dtype == np.uint8:
        return np.where(masks > in_front, masks - in_front, 0).astype(np.uint8)
    return np.clip(masks - as_mask(in_front), 0, 1).astype(np.float32)


def _no_masks(crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
    size = crops[0].size if crops else 0
    return np.zeros((len(crops), size, size), np.uint8)


def _checked(
    choice: str, masker: Masker, crops: Sequence[FaceCrop], asked: Sequence[bool] | None = None
) -> NDArray[np.uint8]:
    """What one masker says, in the space of the crops; nothing of those about which it is not asked. choice: as the
    user would type it. Crops that are the same are looked at once."""
    asked = [True] * len(crops) if asked is None else asked
    rows: dict[object, int] = {}
    first = [rows.setdefault(_place(crop), row) for row, crop in enumerate(crops)]
    needed = sorted({row for row, whether in zip(first, asked, strict=True) if whether})
    masks = _no_masks(crops)
    if needed:
        masks[needed] = _of_masker(choice, masker, [crops[row] for row in needed])
    return masks[first] * np.array(asked, np.uint8)[:, None, None] if crops else masks


def _place(crop: FaceCrop) -> object:
    """Equal for crops that show one place of one image."""
    marks = None if crop.landmarks is None else crop.landmarks.tobytes()
    return id(crop) if crop.scene is None else (id(crop.scene), crop.to_crop.tobytes(), crop.size, marks)


def _of_masker(choice: str, masker: Masker, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
    if masker.needs_scene and any(crop.scene is None for crop in crops):
        raise MienError(
            f"The masker {choice!r} looks at the image around a face, and there is only its crop.",
            "Put the images back that the dataset was made from, or leave the masker out.",
        )
    alignment = masker.alignment
    cuts = crops if alignment is None else [recut(crop, alignment) for crop in crops]
    masks = guarded_mask(masker, choice, cuts)
    if alignment is None:
        return masks
    return np.stack([mask_back(mask, at, crop) for mask, at, crop in zip(masks, cuts, crops, strict=True)])
