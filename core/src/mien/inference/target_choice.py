"""Whom a call asks for: one of a run's people by name, somebody whom images show, or somebody who does not exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mien.contracts.face import RgbImage
from mien.contracts.target import Given, TargetKind
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.inference.detector import FaceDetector
from mien.inference.generator import FaceGenerator, Scene
from mien.inference.target import FaceTarget, KnownPerson, ReferencePerson, SyntheticPerson, check_seed, synthetic_id
from mien.media.images import read_image
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import untracked
from mien.training.run import TrainedRun


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
        if reference:
            self.require("reference")
            return ReferencePerson(
                self.given([(image, f"reference image {n}") for n, image in enumerate(reference, 1)])
            )
        if seed is not None:
            self.require("synthetic")
            check_seed(seed)
            return SyntheticPerson(synthetic_id(seed, "", 0))
        if to is None and len(self.run.people) == 1:
            to = self.run.people[0]
        if to is None:
            raise MienError(
                f"Whom is {self.run.path} to draw? It knows {', '.join(self.run.people) or 'nobody by name'}.",
                f"--to {self.run.people[0]}" if self.run.people else how_to_use(self.run),
            )
        return KnownPerson(self.run.person_index(to))

    def reference(self, paths: Sequence[Path]) -> ReferencePerson:
        """As `Session.reference`."""
        self.require("reference")
        return ReferencePerson(self.given([(read_image(path), str(path)) for path in paths]))

    def given(self, images: Sequence[tuple[RgbImage, str]]) -> Given:
        """As `Session.given`."""
        recognizer = Recognizer(self.registry, self.run.recognizer) if self.run.model.sees_encodings() else None
        crops = []
        for image, name in images:
            faces = self.detector.find(image)
            if len(faces) != 1:
                raise MienError(
                    f"{name} shows {len(faces) or 'no'} face{'s' if len(faces) > 1 else ''}; a reference shows one.",
                    "Give an image that shows the person's face alone, and larger: crop it if others are beside it.",
                )
            crops.append((image, faces[0]))
        encoding = np.zeros(0, np.float32)
        if recognizer is not None:
            encoding = recognizer.mean(recognizer.encode([align(image, face) for image, face in crops]))
        scenes = [Scene(image, untracked([face]), None) for image, face in crops]
        return Given(torch.from_numpy(encoding), self.generator.batch_of_scenes(scenes))

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
        raise MienError(f"The model of {self.run.path} draws {able}, not {whom[kind]}.", how_to_use(self.run))

    def name_of(self, target: FaceTarget) -> str:
        """Who that is, for a label."""
        if isinstance(target, KnownPerson):
            return self.run.people[target.index]
        if isinstance(target, SyntheticPerson):
            return "somebody who does not exist"
        return "somebody whom a reference image shows"


def how_to_use(run: TrainedRun) -> str:
    """A command that the run's model is for."""
    if "known" in run.model.targets and run.people:
        return f"mien swap {run.path} INPUT OUTPUT --to {run.people[0]}"
    if "reference" in run.model.targets:
        return f"mien swap {run.path} INPUT OUTPUT --reference IMAGE"
    return f"mien anonymize INPUT OUTPUT --with {run.path}"
