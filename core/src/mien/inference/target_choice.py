"""Whom a call asks for: one of a run's people by name, somebody whom images show, or somebody who does not exist."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop, RgbImage
from mien.contracts.given_image import require_image, require_images
from mien.contracts.target import Given, TargetKind
from mien.counted import counted
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, align, can_align
from mien.inference.detector import FaceDetector
from mien.inference.generator import FaceGenerator
from mien.inference.reference_images import ReferenceImage, of_one_person, reference_images
from mien.inference.scene import Scene
from mien.inference.target import FaceTarget, KnownPerson, ReferencePerson, SyntheticPerson, check_seed, synthetic_id
from mien.media.given_paths import require_paths
from mien.plugins.guard import guarded_prepare
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import untracked
from mien.training.run import TrainedRun


@dataclass(frozen=True, slots=True)
class _ReferenceFace:
    """A face of a reference."""

    crop: FaceCrop
    """As the model wants it cut."""
    aligned: FaceCrop | None
    """As the recognizer does; None if its landmarks are not known."""
    is_them: bool
    """Whether it is theirs for certain: of an image that was named itself."""


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """Whom a run is asked to draw, and whether its model can."""

    run: TrainedRun
    registry: Registry
    detector: FaceDetector
    """Finds the face in each image of a reference."""
    generator: FaceGenerator
    """Cuts it out as the run's model takes it."""

    def targets_of(
        self,
        to: str | Sequence[str] | None,
        people: int,
        *,
        reference: Sequence[RgbImage] = (),
        seed: int | None = None,
    ) -> tuple[FaceTarget, ...]:
        """Whom to draw: one for all faces, see `target_of`, or one for each of so many people who are to be replaced.

        people: how many of `SessionOptions.person` there are; to: a name, or a name for each, in their order. Raises
        MienError as `target_of`, or if there are not as many.
        """
        named: list[str | None] = [to] if isinstance(to, str) else list(to or ())
        if max(1, len(named)) != max(1, people):
            raise MienError(
                f"{people} of --person, but {len(named)} of --to: each person who is to be replaced "
                "needs somebody to be drawn as.",
                "--to NAME --person IMAGE, once for each person",
            )
        return tuple(self.target_of(name, reference=reference, seed=seed) for name in named or [None])

    def target_of(
        self, to: str | None = None, *, reference: Sequence[RgbImage] = (), seed: int | None = None
    ) -> FaceTarget:
        """As `Session.target_of`."""
        given = require_images(reference, "reference image")
        if given:
            self.require("reference")
            return ReferencePerson(self.given([(image, f"reference image {n}") for n, image in enumerate(given, 1)]))
        if seed is not None:
            self.require("synthetic")
            check_seed(seed)
            return SyntheticPerson(synthetic_id(seed, "", 0))
        if to is None and len(self.run.people) == 1:
            to = self.run.people[0]
        if to is None:
            raise MienError(
                f"Whom is {self.run.path} to draw? It knows {', '.join(self.run.people) or 'nobody by name'}.",
                f"--to {self.run.people[0]}" if self.run.people else self.run.how_to_use,
            )
        return KnownPerson(self.run.person_index(to))

    def reference(self, paths: Sequence[Path | str], progress: Progress) -> ReferencePerson:
        """As `Session.reference`."""
        self.require("reference")
        named = require_paths(paths, "pictures of a reference")
        return ReferencePerson(self._given(reference_images(named), progress, ", ".join(map(str, named))))

    def given(self, images: Sequence[tuple[RgbImage, str]]) -> Given:
        """As `Session.given`."""
        return self._given((ReferenceImage(require_image(image, name), name) for image, name in images), Silent())

    def _given(self, images: Iterable[ReferenceImage], progress: Progress, files: str = "the reference") -> Given:
        """Somebody, as images show them; files: what an error calls them. Raises MienError if one that has to does not,
        or none does."""
        faces: list[_ReferenceFace] = []
        without = unreadable = 0
        unmeasured: MienError | None = None
        progress.start("looking at the reference", None)
        for one in images:
            found = () if one.image is None else self.detector.find(one.image)
            if one.image is None:
                unreadable += 1
            elif len(found) == 1 and not all(map(self.generator.can_cut, untracked(found))):
                unmeasured = self._unmeasured(one.name)
                if one.has_to_show_them:
                    raise unmeasured
                without += 1
            elif len(found) == 1 and (one.has_to_show_them or can_align(found[0], AlignmentConfig())):
                (crop,) = self.generator.crops_of(Scene(one.image, untracked(found), None))
                to_encode = self.run.model.sees_encodings() or can_align(found[0], AlignmentConfig())
                aligned = align(one.image, found[0]) if to_encode else None
                faces.append(_ReferenceFace(crop, aligned, one.has_to_show_them))
            elif one.has_to_show_them:
                raise MienError(
                    f"{one.name} shows {counted(len(found), 'face') if found else 'no face'}; a reference shows one.",
                    "Give an image that shows the person's face alone, and larger: crop it if others are beside it.",
                )
            else:
                without += 1
            progress.advance()
        if not faces:
            raise unmeasured or MienError(
                f"None of the pictures of {files} shows one face alone.",
                "Give an image that shows the person's face alone, and larger: --reference IMAGE",
            )
        kept, encoding = self._whose(faces)
        if without or unreadable or not kept.all():
            taken = int(kept.sum())
            progress.say(
                f"Of {len(faces) + without + unreadable} pictures of the reference {taken} "
                f"{'is' if taken == 1 else 'are'} taken: {without} show{'s' if without == 1 else ''} nobody or "
                f"several people, {(~kept).sum()} somebody else, {unreadable} cannot be read."
            )
        crops = [face.crop for face, is_kept in zip(faces, kept, strict=True) if is_kept]
        given = Given(torch.from_numpy(encoding), self.generator.batch_of(crops))
        progress.start("preparing the reference", None)
        guarded_prepare(self.run.model, self.run.record.model, given, progress.advance)
        return given

    def _unmeasured(self, name: str) -> MienError:
        extractor = self.detector.choice
        return MienError(
            f"{extractor} finds the face in {name}, but not the landmarks by which {self.run.path} draws one.",
            f"--extractor {extractor}+NAME, with an extractor that measures them (mien plugins lists those installed)",
        )

    def _whose(self, faces: Sequence[_ReferenceFace]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which of the faces are theirs, bool (K,), and their encoding, float32 (D,); D = 0 if the model sees none."""
        certain = np.array([face.is_them for face in faces])
        sees_encodings = self.run.model.sees_encodings()
        if certain.all() and not sees_encodings:
            return certain, np.zeros(0, np.float32)
        recognizer = Recognizer(self.registry, self.run.recognizer)
        rows = np.array([row for row, face in enumerate(faces) if face.aligned is not None], np.int64)
        kept = certain.copy()
        encodings = recognizer.encode([face.aligned for face in faces if face.aligned is not None])
        kept[rows] = of_one_person(encodings, certain[rows], recognizer)
        return kept, recognizer.mean(encodings[kept[rows]]) if sees_encodings else np.zeros(0, np.float32)

    def require(self, kind: TargetKind) -> None:
        """As `Session.require`."""
        if kind in self.run.model.targets:
            return
        whom = {
            "known": "the people it was trained on",
            "synthetic": "people who do not exist",
            "reference": "a reference",
        }
        able = " and ".join(whom[kind] for kind in sorted(self.run.model.targets))
        what = "hides heads, and draws nobody" if self.run.model.hides else f"draws {able}, not {whom[kind]}"
        raise MienError(f"The model of {self.run.path} {what}.", self.run.how_to_use)

    def name_of(self, target: FaceTarget) -> str:
        """Who that is, for a label."""
        if isinstance(target, KnownPerson):
            return self.run.people[target.index]
        if isinstance(target, SyntheticPerson):
            return "somebody who does not exist"
        return "somebody whom a reference image shows"
