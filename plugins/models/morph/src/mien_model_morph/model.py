"""The model `morph`: a face drawn with photographs, warped to the face that it replaces.

Somebody known is drawn with their own photographs, somebody who does not exist with those of several people, mixed.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mien.contracts.model import Batch, Generated, Model, ModelInputs, to_uint8_images
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Given, Reference, Synthetic, Target, TargetKind
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.geometry.pose import mean_shape
from mien.imaging.color import to_lab
from mien.plugins.enhancer_set import EnhancerSet
from mien.plugins.registry import Registry
from mien_model_morph.bank import BankPerson, fitted_bank, openpeople_bank
from mien_model_morph.fitted import FittedPerson
from mien_model_morph.frame import Pose, all_points, lips_and_brows, pose_of, regions
from mien_model_morph.gaze import iris_offsets
from mien_model_morph.known import Drivers, KnownPerson
from mien_model_morph.lids import ClosedEyes, Lids
from mien_model_morph.light import COARSE_PX, Parts, relight
from mien_model_morph.mask import face_mask
from mien_model_morph.mouth import InnerMouth
from mien_model_morph.person import SyntheticPerson, mixture
from mien_model_morph.sharpness import as_sharp
from mien_model_morph.warp import closed, from_frame

_REMEMBERED = 32
"""Of so many people, those drawn last, what they are drawn from is kept."""


class MorphConfig(PluginConfig):
    """What a mixture is made of, and how large it is drawn."""

    size: int = Field(default=256, ge=64, le=1024)
    """Side of the drawn image in pixels. The bank's faces are about 150 px wide: a larger image shows no more of
    them."""
    people: int = Field(default=4, ge=4, le=64)
    """How many people of the bank each synthetic person is mixed of. More of them are more alike. A run of fewer people
    mixes openpeople's instead."""
    shape: float = Field(default=1.3, ge=0.0, le=3.0)
    """How far features are moved by what sets the synthetic person apart from the mean of the bank, or by their own
    looks; 0: they stay where the original has them."""
    exaggeration: float = Field(default=1.5, ge=1.0, le=2.0)
    """How far the texture of a mixture of a run's people is moved away from the mean of them all, in which all mixtures
    would be alike. 1: it is the plain average of its people."""
    looks: float = Field(default=1.0, ge=0.0, le=2.0)
    """How far a mixture of openpeople's few people, who would all look like sisters and brothers, is moved to looks of
    its own, in standard deviations of some hundred people who never existed. 0: not at all; then it is exaggerated as
    those of a run's people are."""
    looks_lightness: float = Field(default=1.0, ge=0.0, le=2.0)
    """How much of what looks change in lightness is drawn. With less, nobody has patches about nose and mouth that no
    light makes, and more people are alike."""
    pictures: int = Field(default=64, ge=1, le=1024)
    """How many pictures of each person a bank keeps, and of a reference; those whose expressions and poses differ
    most."""
    restore: str = "restore:seen_px=72"
    """The enhancers by which the pictures of people who were small in them or out of focus are made sharp in
    `mien train`, and those of a reference before it is drawn, half a second to two each on a processor; none: they are
    left as they are."""
    fine_detail: bool = True
    """Whether such pictures get what is finest of eyes, brows and skin, as lashes and pores, from people of
    openpeople, who never existed; false: they keep what they show of them."""
    inner_mouth: bool = True
    """Whether the inside of the mouth of a known person or a reference, where it opens as none of their pictures shows,
    is that of somebody of openpeople, who never existed; false: it is that of the picture which comes nearest."""


class Person(Protocol):
    """Somebody to be drawn, real or not."""

    def points(self, landmarks: NDArray[np.float64], frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
        """Where their landmarks lie as they do what a face does: float64 (68, 2), in its pixels.

        landmarks: (68, 2), the face's. frontal: the same from the front, in distances between the eyes.
        """
        ...

    def texture(self, frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float32]:
        """Their face in the common frame as it does so: float32 (256, 256, 3), CIELab; the caller's own."""
        ...


@dataclass(frozen=True, slots=True)
class Drawing:
    """A face of somebody, drawn over another one, and where what of it comes from."""

    image: NDArray[np.float32]
    """float32 (S, S, 3), RGB in about [0, 1]."""
    mask: NDArray[np.float32]
    """float32 (S, S) in [0, 1]: what is to be set into the scene."""
    points: NDArray[np.float64]
    """float64 (P, 2), by `all_points`: where they were drawn, in pixels."""
    pose: Pose
    """Of the head that was drawn over."""
    x: NDArray[np.float32]
    """float32 (S, S): the column of the common frame that each pixel shows;"""
    y: NDArray[np.float32]
    """and the row."""
    contrast: NDArray[np.float32]
    """float32 (S, S): by how much lightness varies more than in the texture, for the scene's light."""


class Morph(Model):
    """Draws with photographs: no network, nothing to train.

    A synthetic person is a fixed mixture of `people` people of a bank, in shape and in texture: of the run's people, if
    there are so many, or of openpeople's. A known person, or whoever reference images show, is drawn with the pictures
    of theirs that do about the same, in their own shape. The expression, the pose and the place are
    the driving landmarks'; the light is the original's.
    """

    Config = MorphConfig
    config: MorphConfig
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"synthetic", "known", "reference"})
    people: ClassVar[tuple[int, int | None]] = (1, None)
    needs_encodings: ClassVar[bool] = False
    needs_fit: ClassVar[bool] = False
    blender = "feather:color=none"
    extractor = "blazeface"  # follows lids
    faces_per_batch = 4
    textures: Tensor
    shapes: Tensor
    owners: Tensor

    def __init__(self, config: MorphConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.register_buffer("textures", torch.zeros(0, dtype=torch.uint8))
        self.register_buffer("shapes", torch.zeros(0))
        self.register_buffer("owners", torch.zeros(0, dtype=torch.int64))
        self.cut = AlignmentConfig(size=self.config.size, margin=0.2, shift_y=0.1)
        self.alignment = self.cut
        self._forget()

    @torch.no_grad()
    def fit(self, faces: Iterable[Batch]) -> None:
        """Take the faces for the bank instead of openpeople's. See `Model.fit`.

        Of each person `pictures` are kept at most. Faces without landmarks are left out. Raises MienError if nobody is
        left.
        """
        restoring = self._restoring()  # before anything takes long
        kept: dict[int, FittedPerson] = {}
        for batch in faces:
            images = to_uint8_images(batch.images)
            landmarks = batch.landmarks.cpu().numpy()
            for image, at, person in zip(images, landmarks, batch.people.tolist(), strict=True):
                if person >= 0 and np.isfinite(at).all():
                    kept.setdefault(person, FittedPerson(self.config.pictures)).add(image, at)
        if not kept:
            raise MienError("No face of the dataset has landmarks.", "mien preprocess DATASET --extractor blazeface")
        owners = [person for person in sorted(kept) for _ in kept[person].landmarks]
        device = self.owners.device
        self.owners = torch.tensor(owners, device=device)
        self.shapes = torch.from_numpy(np.concatenate([kept[person].landmarks for person in sorted(kept)])).to(device)
        textures = np.concatenate([kept[person].textures(restoring, self._finer) for person in sorted(kept)])
        self.textures = torch.from_numpy(textures).to(device)
        self._forget()

    @torch.no_grad()
    def prepare(self, given: Given, done: Callable[[], object]) -> None:
        """Take the pictures of a reference, and restore them if they are soft. See `Model.prepare`."""
        self._given(given, done)

    @torch.no_grad()
    def generate(self, batch: Batch, target: Target) -> Generated:
        """See `Model.generate`. Images and masks have the side `size`. What is drawn of a reference depends on its
        images alone."""
        people = self._people_of(target)
        side = self.config.size
        originals = to_uint8_images(batch.images)
        landmarks = batch.landmarks.detach().cpu().numpy().astype(np.float64)
        landmarks = (landmarks + 0.5) * (side / batch.size) - 0.5
        images = np.empty((len(batch), side, side, 3), np.float32)
        masks = np.empty((len(batch), side, side), np.float32)
        for row, person in enumerate(people):
            drawing = self.draw(originals[row], landmarks[row], person)
            images[row], masks[row] = drawing.image, drawing.mask
        drawn = torch.from_numpy(images).to(batch.images.device).permute(0, 3, 1, 2).mul(2).sub_(1).clamp_(-1, 1)
        return Generated(drawn, torch.from_numpy(masks)[:, None].to(batch.images.device))

    def draw(self, original: NDArray[np.uint8], landmarks: NDArray[np.float64], person: Person) -> Drawing:
        """Draw a person over a face.

        original: uint8 (S, S, 3), RGB, a crop by `alignment`, of any side. landmarks: (68, 2), in pixels of a crop of
        the side `size`; NaN where they are not known.
        """
        side, landmarks = self.config.size, _known(landmarks, self.config.size)
        pose = pose_of(landmarks)
        frontal = pose.frontal(landmarks)
        irises = iris_offsets(original, (landmarks + 0.5) * (original.shape[0] / side) - 0.5)
        points = all_points(person.points(landmarks, frontal, pose), pose, irises)
        x, y = from_frame(points, side)
        drawn = _remap(closed(person.texture(frontal, pose), points), x, y)
        # Every so many pixels will do for what is smooth.
        few = ((np.arange(COARSE_PX) + 0.5) * side / COARSE_PX).astype(int)
        skin, face, cheeks = np.moveaxis(_remap(regions(), x[np.ix_(few, few)], y[np.ix_(few, few)]), -1, 0)
        here, there = (lips_and_brows(at, side, COARSE_PX) for at in (points, landmarks))
        parts = Parts(skin, face, cheeks, *here, *there)
        scene = to_lab(np.asarray(cv2.resize(original, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA)))
        lit = relight(drawn, scene, parts)
        image = cast(NDArray[np.float32], cv2.cvtColor(as_sharp(lit.lab, original, face), cv2.COLOR_LAB2RGB))
        mask = face_mask(points, landmarks, pose, scene, lit.light, side)
        return Drawing(image, mask, points, pose, x, y, lit.contrast)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As torch's. What was drawn from before is forgotten."""
        self._forget()
        return super().load_state_dict(*args, **kwargs)

    def _forget(self) -> None:
        """Take another bank from here on."""
        self._bank: list[BankPerson] | None = None
        self._drivers: Drivers | None = None
        self._people: dict[tuple[TargetKind, int | str], Person] = {}
        self._last_given: tuple[Batch, Person] | None = None

    def _people_of(self, target: Target) -> list[Person]:
        """Who is to be drawn in each row."""
        if isinstance(target, Reference):
            given = [self._given(one) for one in target.given]
            return [given[number] for number in target.people.tolist()]
        numbers = (target.ids if isinstance(target, Synthetic) else target.people).tolist()
        return [self._person(target.kind, int(number)) for number in numbers]

    def _person(self, kind: TargetKind, number: int) -> Person:
        def made() -> Person:
            return self._known_person(number) if kind == "known" else self._synthetic_person(number)

        return self._remembered((kind, number), made)

    def _given(self, given: Given, done: Callable[[], object] = lambda: None) -> Person:
        """Somebody by their reference images. Raises MienError if of none of them the landmarks are known."""
        faces = given.faces
        if self._last_given is not None:  # the same in every batch of a clip
            last, person = self._last_given
            if last.images is faces.images and last.landmarks is faces.landmarks:
                return person
        landmarks = faces.landmarks.cpu().numpy().astype(np.float64)
        images = np.ascontiguousarray(to_uint8_images(faces.images))

        def made() -> Person:
            pictures = FittedPerson(self.config.pictures)
            for image, at in zip(images, landmarks, strict=True):
                if np.isfinite(at).all():
                    pictures.add(image, at.astype(np.float32))
            if not len(pictures):
                raise MienError("No reference image shows a face whose landmarks are known.", "--extractor blazeface")
            shapes = pictures.landmarks
            (person,) = fitted_bank(
                np.zeros(len(shapes), np.int64), shapes, pictures.textures(self._restoring(), self._finer, done)
            )
            others = self._banked() if len(self.owners) else []
            return self._by_pictures(person, Drivers([person, *others]))

        shown = hashlib.sha256(images.tobytes())
        shown.update(landmarks.tobytes())
        person = self._remembered(("reference", shown.hexdigest()), made)
        self._last_given = faces, person
        return person

    def _remembered(self, key: tuple[TargetKind, int | str], made: Callable[[], Person]) -> Person:
        person = self._people.pop(key, None) or made()
        if len(self._people) >= _REMEMBERED:
            self._people.pop(next(iter(self._people)))
        self._people[key] = person
        return person

    def _restoring(self) -> EnhancerSet:
        """What is done to pictures of somebody who is small in them or out of focus."""
        return EnhancerSet("" if self.config.restore == "none" else self.config.restore, Registry())

    @property
    def _finer(self) -> list[BankPerson]:
        """Whose fine detail soft pictures get."""
        return self._openpeople if self.config.fine_detail else []

    def _by_pictures(self, person: BankPerson, drivers: Drivers) -> KnownPerson:
        inner_mouth = InnerMouth(person, self._openpeople) if self.config.inner_mouth else None
        return KnownPerson(person, drivers, inner_mouth, Lids(person, self._closed_eyes))

    def _known_person(self, number: int) -> Person:
        places = np.flatnonzero(np.unique(self.owners.cpu().numpy()) == number)
        if not len(places):
            name = self.inputs.people[number]
            raise MienError(
                f"The run has no picture of {name} whose landmarks are known.",
                "mien preprocess DATASET --extractor blazeface, then mien train morph DATASET",
            )
        bank = self._banked()
        if self._drivers is None:
            self._drivers = Drivers(bank)
        return self._by_pictures(bank[int(places[0])], self._drivers)

    def _synthetic_person(self, number: int) -> Person:
        config, bank = self.config, self._banked()
        own = len(self.owners) > 0 and len(bank) >= config.people
        if not own:
            bank = self._openpeople
        weights = mixture(number, len(bank), config.people)
        if own or config.looks == 0:
            return SyntheticPerson.exaggerated(bank, weights, config.exaggeration, config.shape)
        return SyntheticPerson.with_looks(
            bank, weights, number, config.looks, lightness=config.looks_lightness, moved=config.shape
        )

    def _banked(self) -> list[BankPerson]:
        if self._bank is None:
            self._bank = (
                fitted_bank(self.owners.cpu().numpy(), self.shapes.cpu().numpy(), self.textures.cpu().numpy())
                if len(self.owners)
                else self._openpeople
            )
        return self._bank

    @cached_property
    def _closed_eyes(self) -> ClosedEyes:
        return ClosedEyes(openpeople_bank)  # a bank of its own, so that no more than the eyes is kept

    @cached_property
    def _openpeople(self) -> list[BankPerson]:
        return openpeople_bank()


def _remap(frame: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _known(landmarks: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Landmarks, or those of the mean face in the middle of the image where they are not known."""
    if np.isfinite(landmarks).all():
        return landmarks
    flat = mean_shape()[:, :2]
    low, high = flat.min(0), flat.max(0)
    return np.asarray((flat - (low + high) / 2) / (high - low).max() * side / 1.4 + (side - 1) / 2)
