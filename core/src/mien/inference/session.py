"""A run opened once: its model and plugins, ready to swap or anonymize images, frames and videos in memory or as
files."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

import torch

from mien.contracts.blender import Blender
from mien.contracts.face import RgbImage
from mien.contracts.given_image import require_image
from mien.contracts.target import Given, TargetKind
from mien.errors import MienError
from mien.inference.default_masker import default_masker, note_without_effect
from mien.inference.detector import FaceDetector
from mien.inference.generator import FaceGenerator
from mien.inference.options import SessionOptions
from mien.inference.person_filter import PersonFilter
from mien.inference.plugins_used import plugin_used, plugins_used
from mien.inference.report import FileReport
from mien.inference.scene import Scene
from mien.inference.segment_length import check_segment_seconds
from mien.inference.target import FaceTarget, ReferencePerson, SyntheticPerson, check_seed, synthetic_id
from mien.inference.target_choice import TargetChoice
from mien.media.credentials import Signer
from mien.media.encoders import Encoding
from mien.media.part import Part
from mien.media.provenance import PluginUse, Provenance
from mien.media.video_reader import Frame
from mien.plugins.enhancer_set import EnhancerSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.plugins.run_location import is_installed, unknown_run
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.tracking.recognizer_record import RecognizerRecord
from mien.tracking.tracker import TrackedFace, follow, untracked
from mien.training.run import TrainedRun, models_without_runs, untrained
from mien.workers.threads import Pool, Stopwatch, ordered_map, prefetched

T = TypeVar("T")
_DIGEST_CHARACTERS = 16
_FRAMES_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that is needed to draw new faces, made once and checked before any work is done.

    One thread uses a session at a time; what it starts itself runs in several.

        session = Session.open("anna-ben")
        swapped = session.swap(image, to="anna")
    """

    run: TrainedRun
    registry: Registry
    detector: FaceDetector
    generator: FaceGenerator
    person_filter: PersonFilter | None
    """Whose faces are drawn anew; None: everybody's."""
    recognizer: RecognizerRecord | None
    """By what that person is told apart; None: nobody is."""
    provenance: Provenance
    blender: str
    """What sets faces in, as a plugin choice."""
    quality: int
    encoder: str | None
    sound: bool
    part: Part
    segment_seconds: float
    threads: int
    clock: Stopwatch
    progress: Progress = field(default_factory=Silent)

    @classmethod
    def open(
        cls,
        run: Path | str,
        *,
        options: SessionOptions | None = None,
        progress: Progress | None = None,
        registry: Registry | None = None,
    ) -> "Session":
        """Load a run's model and make its plugins.

        run: a run's folder, the name of an installed run, or that of a model that needs no training.
        options: None: the defaults.

        Raises MienError if the run cannot be opened, a plugin cannot be made, the device is none, or the image of the
        person whose faces are drawn anew is unreadable or shows no face, or several.
        """
        registry, options, progress = registry or Registry(), options or SessionOptions(), progress or Silent()
        check_segment_seconds(options.segment_seconds)
        trained = open_run(run, registry)
        clock = Stopwatch()
        threads = options.threads or os.cpu_count() or 1
        blender = options.blender or trained.model.blender or registry.default("blender")
        masker = options.masker or default_masker(trained, registry)
        if options.masker and trained.model.hides and not MaskerSet(masker, registry).subtracts:
            note_without_effect(masker, trained)
        detector = FaceDetector.open(options.extractor or trained.extractor, threads, clock, registry)
        generator = FaceGenerator(
            trained,
            FeatureSet(trained.features, registry),
            Pool(lambda: cast(Blender, registry.create("blender", blender)), threads),
            blender=blender,
            maskers=MaskerSet(trained.masker, registry),
            set_back=MaskerSet(masker, registry) if masker != trained.masker else None,
            enhancers=EnhancerSet(options.enhancers, registry),
            device=_device(options.device),
            clock=clock,
        )
        session = cls(
            run=trained,
            registry=registry,
            detector=detector,
            generator=generator,
            person_filter=None,
            provenance=Provenance(
                version("mien-core"),
                "faces drawn anew",
                trained.digest[:_DIGEST_CHARACTERS],
                plugins=(
                    *plugins_used(
                        {"extractor": detector.choice, "feature": trained.features, "masker": masker}, registry
                    ),
                    plugin_used("model", trained.record.model, trained.model.config, registry),
                    *plugins_used({"enhancer": options.enhancers, "blender": blender}, registry),
                ),
                signer=_signer(options),
            ),
            blender=blender,
            recognizer=None,
            quality=options.quality,
            encoder=options.encoder,
            sound=options.sound,
            part=options.part,
            segment_seconds=options.segment_seconds,
            threads=threads,
            clock=clock,
            progress=progress,
        )
        return session.only(options.person, options.recognizer)

    @property
    def people(self) -> tuple[str, ...]:
        """Whom the run draws by name; empty if it draws nobody known."""
        return self.run.people

    @property
    def targets(self) -> frozenset[TargetKind]:
        """Whom the run's model can draw."""
        return self.run.model.targets

    @property
    def window(self) -> tuple[int, int]:
        """How many frames before and after a face are needed to draw it."""
        return self.generator.window

    # Arrays in memory

    def swap(
        self,
        image: RgbImage,
        to: str | Sequence[str] | None = None,
        *,
        reference: Sequence[RgbImage] = (),
        seed: int | None = None,
    ) -> RgbImage:
        """An image with all its faces drawn as one person: uint8 (H, W, 3), RGB; the image itself is left as it was.

        to, reference, seed: one of them; see `targets_of`. An image without a face comes back as it is.
        Raises MienError if it is no such image, the run cannot draw that person, or a plugin fails.
        """
        return next(self.swap_images([image], to, reference=reference, seed=seed))

    def swap_images(
        self,
        images: Iterable[RgbImage],
        to: str | Sequence[str] | None = None,
        *,
        reference: Sequence[RgbImage] = (),
        seed: int | None = None,
    ) -> Iterator[RgbImage]:
        """The images one after the other with new faces, each for itself; as `swap`, but several are drawn at once."""
        session = self.drawing(*self.targets_of(to, reference=reference, seed=seed))
        with session.redrawn((session._scene(image) for image in images), _FRAMES_AHEAD) as drawn:
            for _, result in drawn:
                yield result

    def swap_frames(
        self,
        frames: Iterable[RgbImage],
        to: str | Sequence[str] | None = None,
        *,
        reference: Sequence[RgbImage] = (),
        seed: int | None = None,
    ) -> Iterator[RgbImage]:
        """The frames of a video, in order, with new faces: as `swap_images`, but faces are followed and held steady."""
        session = self.drawing(*self.targets_of(to, reference=reference, seed=seed))
        given = ((number, require_image(image, f"frame {number}")) for number, image in enumerate(frames))
        found = ((Frame(number, number, image), session.detector.find(image)) for number, image in given)
        followed = follow(found)
        chosen = session.person_filter.of_video(followed) if session.person_filter else followed
        draw = self.generator.drawable
        scenes = (Scene(frame.image, draw(faces), frame, frame=frame.index) for frame, faces in chosen)
        with session.redrawn(scenes, _FRAMES_AHEAD) as drawn:
            for _, result in drawn:
                yield result

    def anonymize(self, image: RgbImage, *, seed: int = 0, name: str = "") -> RgbImage:
        """An image in which each face is somebody who does not exist: uint8 (H, W, 3); the image is left as it was.

        seed: another seed, other people. name: tells images apart, so that two of them show different people.
        The session's extractor searches it from several sides (`mien.anonymization.search`). A face whose points do not
        suffice to draw it is hidden, and so is what only may be one. In memory nothing is checked, and nothing hidden
        where no face was found: `mien.anonymize` does that for files.
        Raises MienError if it is no such image, the run draws nobody synthetic, or a plugin fails.
        """
        from mien.anonymization.redaction import redact_regions, regions_of_undrawable
        from mien.anonymization.search import search_image

        self.require("synthetic")
        check_seed(seed)
        require_image(image)
        with self.detector.borrowed() as extractors:
            found = untracked(search_image(image, extractors))
        found = found if self.person_filter is None else self.person_filter.of_image(image, found)
        faces = self.generator.drawable(found)
        targets = [SyntheticPerson(synthetic_id(seed, name, face.track)) for face in faces]
        with self.redrawn([Scene(image, faces, None, targets)], 1) as drawn:
            return redact_regions(next(drawn)[1], regions_of_undrawable(found, self.generator.can_draw))

    # Files

    def swap_video(
        self,
        source: Path,
        output: Path,
        to: str | Sequence[str] | None = None,
        *,
        reference: Sequence[RgbImage] = (),
        seed: int | None = None,
    ) -> FileReport:
        """Swap the faces of a video file; the output appears when its last frame is encoded.

        to, reference, seed: as `swap`.
        Returns what came of it. Raises MienError if the video is damaged, a plugin fails, or it cannot be written.
        """
        from mien.inference.jobs import list_jobs, open_whole
        from mien.inference.segmented_video import swap_video

        (job,) = list_jobs(source, output, overwrite=True)
        video = open_whole(source, self.part)
        session = self.drawing(*self.targets_of(to, reference=reference, seed=seed))
        return swap_video(job, video, session)

    # What the parts above are made of

    @property
    def encoding(self) -> Encoding:
        """How the images of videos are encoded."""
        return Encoding(quality=self.quality, encoder=self.encoder)

    def targets_of(
        self,
        to: str | Sequence[str] | None = None,
        *,
        reference: Sequence[RgbImage] = (),
        seed: int | None = None,
    ) -> tuple[FaceTarget, ...]:
        """Whom to draw: one for all faces, see `target_of`, or one for each of the session's people.

        to: a name, or a name for each of `SessionOptions.person`, in their order. Raises MienError as `target_of`, or
        if there are not as many.
        """
        people = self.person_filter.people if self.person_filter else ()
        return self._target_choice.targets_of(to, len(people), reference=reference, seed=seed)

    def target_of(
        self, to: str | None = None, *, reference: Sequence[RgbImage] = (), seed: int | None = None
    ) -> FaceTarget:
        """Whom to draw: a person of the run by name, whoever some images show, or somebody who does not exist.

        reference: uint8 (H, W, 3) each, with one face in it. With none of the three, the run's only person, if it
        knows just one. Raises MienError if the run's model cannot draw that, a reference is no such image, or shows no
        face or several.
        """
        return self._target_choice.target_of(to, reference=reference, seed=seed)

    def reference(self, paths: Sequence[Path | str]) -> ReferencePerson:
        """Somebody whom image files show, one face in each; folders of images; clips.

        In folders and clips, pictures that show nobody, several people or somebody else than most are left out, and
        `progress` is told how many. Raises MienError as `target_of`, or for an unreadable file.
        """
        return self._target_choice.reference(paths, self.progress)

    def given(self, images: Sequence[tuple[RgbImage, str]]) -> Given:
        """Somebody, as images show them; beside each, what an error calls it."""
        return self._target_choice.given(images)

    def require(self, kind: TargetKind) -> None:
        """Raises MienError if the run's model does not draw that kind of people."""
        self._target_choice.require(kind)

    def name_of(self, target: FaceTarget) -> str:
        """Who that is, for a label."""
        return self._target_choice.name_of(target)

    @property
    def _target_choice(self) -> TargetChoice:
        return TargetChoice(self.run, self.registry, self.detector, self.generator)

    def drawing(self, *targets: FaceTarget) -> "Session":
        """The same session, drawing all faces as that person, or each of its people as one of several."""
        session = replace(self, generator=self.generator.drawing(*targets))
        said = session._said(range(len(targets)))
        if len(targets) > 1:
            said += ", as far as those whom they replace are seen"
        return replace(session, provenance=replace(self.provenance, action=said))

    def provenance_of(self, people: Collection[int]) -> Provenance | None:
        """What a file says in which the faces of these of the session's people were drawn; None: of none of them.

        people: their numbers, as `TrackedFace.method`; without people of its own, of everybody.
        """
        return replace(self.provenance, action=self._said(people)) if people else None

    def _said(self, people: Collection[int]) -> str:
        targets = self.generator.own_targets
        drawn = [target for number, target in enumerate(targets) if number in people or len(targets) == 1]
        return f"faces drawn as {' and '.join(dict.fromkeys(map(self.name_of, drawn)))}"

    def only(self, person: Path | Sequence[Path] | None, recognizer: str | None = None) -> "Session":
        """The same session, drawing anew the person whom an image file shows, or several; None: everybody.

        recognizer: what tells people apart; None: what `TrainedRun.tells_apart` says. Raises MienError if an image is
        unreadable, or shows no face or several, or two show the same person, or nothing installed tells people apart.
        """
        people = [person] if isinstance(person, Path) else list(person or ())
        if not people:
            return self
        tells_apart = Recognizer(self.registry, recognizer or self.run.tells_apart)
        with self.detector.borrowed() as extractors:
            person_filter = PersonFilter(people, extractors, tells_apart)
        session = self.using("recognizer", plugins_used({"feature": tells_apart.record.choice}, self.registry))
        return replace(session, person_filter=person_filter, recognizer=tells_apart.record)

    def not_found(self, people: Collection[int]) -> tuple[str, ...]:
        """For a report, of several people who were to be drawn anew those who are not among these numbers."""
        named = self.person_filter.people if self.person_filter else ()
        return tuple(
            f"whom {image} shows was not found in it"
            for number, image in enumerate(named)
            if len(named) > 1 and number not in people
        )

    def using(self, kind: str, plugins: Sequence[PluginUse]) -> "Session":
        """The same session, with other plugins of that kind in the provenance."""
        kept = [use for use in self.provenance.plugins if use.kind != kind]
        used = (*kept, *(replace(use, kind=kind) for use in plugins))
        return replace(self, provenance=replace(self.provenance, plugins=used))

    def blending_with(self, blender: str) -> "Session":
        """The same session with another blender. Raises MienError if it cannot be made."""
        blenders = Pool(lambda: cast(Blender, self.registry.create("blender", blender)), self.threads)
        session = self.using("blender", plugins_used({"blender": blender}, self.registry))
        return replace(session, blender=blender, generator=self.generator.blending_with(blender, blenders))

    @contextmanager
    def redrawn(self, scenes: Iterable[Scene[T]], ahead: int) -> Iterator[Iterator[tuple[Scene[T], RgbImage]]]:
        """The scenes with their new images, in order, while drawing and blending go on in threads of their own.

        ahead: so many scenes at most wait after each of the two stages.
        """
        with (
            closing(prefetched(self.generator.generate(scenes), ahead)) as generated,
            closing(ordered_map(self.generator.blend, generated, self.threads, ahead)) as blended,
        ):
            yield blended

    def _scene(self, image: RgbImage) -> Scene[None]:
        return Scene(require_image(image), self.generator.drawable(self._faces(image)), None)

    def _faces(self, image: RgbImage) -> list[TrackedFace]:
        faces = untracked(self.detector.find(image))
        return faces if self.person_filter is None else self.person_filter.of_image(image, faces)


def open_run(run: Path | str, registry: Registry) -> TrainedRun:
    """A run by its folder, an installed run by its name, or a model by name that needs no training; in that order.

    Raises MienError if it is none of them.
    """
    if Path(run).exists() or is_installed(str(run), registry):
        return TrainedRun.open(run, registry)
    if str(run).partition(":")[0] not in registry.names("model"):
        raise unknown_run(Path(run), registry, lambda: models_without_runs(registry))
    return untrained(str(run), registry)


def _signer(options: SessionOptions) -> Signer | None:
    """What signs; a certificate that cannot be used is told at once."""
    if not options.credentials:
        return None
    signer = Signer(options.certificate, options.private_key)
    if options.certificate or options.private_key:
        _ = signer.key
    return signer


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA says so by an AssertionError
        raise MienError(f"torch has no device {name!r}: {str(error).splitlines()[0]}", "--device cpu") from error
