"""Each stage by itself, and whole jobs beside what the slowest of their stages allows."""

import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import cast

from mien.anonymization.anonymize import anonymize
from mien.anonymization.methods import known_methods
from mien.anonymization.policy import AnonymizeOptions
from mien.anonymization.search import default_extractors, follower_of, search_frame
from mien.benchmark.options import BenchOptions
from mien.benchmark.report import BenchReport, Machine, StageTime, WholeTime
from mien.benchmark.training import measured_trainings
from mien.contracts.blender import Blender
from mien.contracts.face import Face, FaceCrop, RgbImage
from mien.contracts.masker import Masker
from mien.counted import counted
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.inference.options import SessionOptions
from mien.inference.scene import GeneratedScene, Scene
from mien.inference.session import Session
from mien.inference.target import SyntheticPerson
from mien.media.animation import open_sink, open_video
from mien.media.video_reader import Frame, VideoSource
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.guard import guarded_blend
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.tracker import untracked
from mien.workers.threads import computing_with

_LIBRARIES = {"numpy": "NumPy", "torch": "torch", "opencv-python-headless": "OpenCV", "av": "PyAV"}
_FRAMES_SEARCHED = 8
"""A search in full takes long: it is measured on so many frames."""
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""In what unit the system counts memory."""


def bench(
    clip: Path,
    *,
    options: BenchOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> BenchReport:
    """Measure how long each stage of the work takes by itself on a clip with a face, and whole jobs with all cores.

    Between them a step of training of each installed model is measured, by itself and within the loop.

    clip: a video with a face from its first frame on. options: None: the defaults. progress, registry: as of
    `mien.swap`.

    Returns what was measured; what a plugin cannot do with this clip stands there with the reason. Raises MienError if
    the clip cannot be read, shows no face in its first frames, or a whole job fails.
    """
    options, registry, progress = options or BenchOptions(), registry or Registry(), progress or Silent()
    machine = _machine()
    video = open_video(clip)
    video.check_whole()
    methods = known_methods(registry) if options.methods is None else options.methods
    stages = _Stages(video, options, registry, progress)
    with computing_with(1):
        stages.measure(methods)
    images = [frame.image for frame in stages.frames]
    models = options.models if options.training else ()
    training = list(measured_trainings(images, registry, progress, stages.left_out, models, profiled=options.profile))
    whole = list(_whole(clip, video, options, methods, stages, registry, progress)) if options.whole else []
    return BenchReport(
        machine=machine,
        clip=clip.name,
        width=video.width,
        height=video.height,
        frames=len(stages.frames),
        stages=stages.times,
        training=training,
        whole=whole,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES / 2**20,
        left_out=stages.left_out,
    )


@dataclass
class _Stages:
    """The stages, measured one after the other; what one makes the next ones take."""

    video: VideoSource
    options: BenchOptions
    registry: Registry
    progress: Progress
    times: list[StageTime] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    followers: dict[str, str] = field(default_factory=dict)
    """Method → the extractor that looks at the frames of a video that is anonymized with it."""

    def measure(self, methods: Sequence[str]) -> None:
        """Measure them all. Raises MienError if the clip cannot be read or shows no face."""
        self.frames = list(self.video.frames(0, self.options.frames))
        images = [frame.image for frame in self.frames]
        self._time("decode", "video", len(images), lambda: sum(1 for _ in self.video.frames(0, len(images))))
        self._encode(images)
        faces = self._extract(images)
        self._search(images)
        crops = [align(image, face) for image, face in faces]
        self._time("align", "landmarks", len(crops), lambda: [align(image, face) for image, face in faces])
        for name in self.registry.names("masker"):
            self._mask(name, crops)
        for name in self.registry.names("feature"):
            self._feature(name, crops)
        for name in methods:
            self._draw(name, faces)

    def milliseconds(self, stage: str, what: str) -> float:
        """Of a stage that was measured; 0 of one that was not."""
        return next((one.milliseconds for one in self.times if (one.stage, one.what) == (stage, what)), 0.0)

    def _time(self, stage: str, what: str, count: int, work: Callable[[], object]) -> None:
        """Measure what works on `count` frames or faces. What fails is left out, with the reason."""
        self.progress.start(f"{stage} {what}", self.options.repeats)
        seconds: list[float] = []
        try:
            work()  # the first time it loads what it needs
            for _ in range(self.options.repeats):
                began = time.process_time()
                work()
                seconds.append(time.process_time() - began)
                self.progress.advance(1)
        except MienError as error:
            self.left_out[f"{stage} {what}"] = error.message
            return
        taken = max(statistics.median(seconds), time.get_clock_info("process_time").resolution)
        self.times.append(StageTime(stage=stage, what=what, milliseconds=1000 * taken / count))

    def _encode(self, images: Sequence[RgbImage]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "encoded.mp4"

            def encode() -> None:
                with open_sink(
                    target, self.video, synthetic=None, quality=SessionOptions().quality, sound=False
                ) as sink:
                    for frame, image in zip(self.frames, images, strict=True):
                        sink.write(image, frame.pts, frame.duration)

            self._time("encode", "H.264", len(images), encode)

    def _extract(self, images: Sequence[RgbImage]) -> list[tuple[RgbImage, Face]]:
        """The surest face of each frame by the default extractor."""
        default, faces = self.registry.default("extractor"), []
        for name in self.registry.names("extractor"):
            try:
                extractors = ExtractorSet(name, self.registry)
            except MienError as error:
                self.left_out[f"extract {name}"] = error.message
                continue
            self._time("extract", name, len(images), partial(_extracted, extractors, images))
            if name == default:
                found = [(image, extractors.extract(image)) for image in images]
                faces = [(image, of_image[0]) for image, of_image in found if of_image]
        if not faces:
            raise MienError(
                f"{default} finds no face in the first {counted(len(images), 'frame')} of {self.video.path}.",
                "Give a clip that shows one from the first frame on.",
            )
        return faces

    def _search(self, images: Sequence[RgbImage]) -> None:
        """Search frames in full, as three a second are when people are anonymized."""
        choice = default_extractors(self.registry)
        extractors = ExtractorSet(choice, self.registry)
        few = images[:: max(1, len(images) // _FRAMES_SEARCHED)][:_FRAMES_SEARCHED]
        self._time("search", choice, len(few), lambda: [search_frame(image, extractors) for image in few])

    def _mask(self, name: str, crops: Sequence[FaceCrop]) -> None:
        try:
            subtracts = cast(Masker, self.registry.create("masker", name)).subtracts
            choice = f"{self.registry.default('masker')}+{name}" if subtracts else name
            maskers = MaskerSet(choice, self.registry)
        except MienError as error:
            self.left_out[f"mask {name}"] = error.message
            return
        self._time("mask", choice, len(crops), lambda: maskers.mask(crops))

    def _feature(self, name: str, crops: Sequence[FaceCrop]) -> None:
        try:
            features = FeatureSet(name, self.registry)
        except MienError as error:
            self.left_out[f"feature {name}"] = error.message
            return
        self._time("feature", name, len(crops), lambda: features.compute(crops))

    def _draw(self, name: str, faces: Sequence[tuple[RgbImage, Face]]) -> None:
        """Draw the faces by a model that needs no run, and set them in with its blender."""
        default = self.registry.default("extractor")
        try:
            session = Session.open(name, options=SessionOptions(extractor=default), registry=self.registry)
            session.require("synthetic")
        except MienError as error:
            self.left_out[f"generate {name}"] = error.message
            return
        choice = follower_of(default_extractors(self.registry), self.registry, exact=not session.run.model.hides)
        self.followers[name] = follower = choice or default
        if self.milliseconds("extract", follower) == 0.0:
            images = [frame.image for frame in self.frames]
            self._time(
                "extract", follower, len(images), partial(_extracted, ExtractorSet(follower, self.registry), images)
            )
        scenes = [Scene(image, untracked([face]), None, [SyntheticPerson(0)]) for image, face in faces]
        drawable = [scene for scene in scenes if session.generator.drawable(scene.faces)]
        if not drawable:
            self.left_out[f"generate {name}"] = f"no face of the clip has what {name} draws by"
            return
        generated: list[GeneratedScene[None]] = []

        def generate() -> None:
            generated[:] = session.generator.generate(drawable)

        self._time("generate", name, len(drawable), generate)
        if self.milliseconds("blend", session.blender) == 0.0:
            blender = cast(Blender, self.registry.create("blender", session.blender))
            self._time(
                "blend",
                session.blender,
                len(generated),
                lambda: [_blended(one, blender, session.blender) for one in generated],
            )


def _extracted(extractors: ExtractorSet, images: Sequence[RgbImage]) -> list[list[Face]]:
    return [extractors.extract(image) for image in images]


def _blended(generated: GeneratedScene[None], blender: Blender, name: str) -> RgbImage:
    image = generated.scene.image
    for face in generated.faces:
        image = guarded_blend(blender, name, image, face.image, face.mask, face.to_crop)
    return image


def _whole(
    clip: Path,
    video: VideoSource,
    options: BenchOptions,
    methods: Sequence[str],
    stages: _Stages,
    registry: Registry,
    progress: Progress,
) -> Iterator[WholeTime]:
    """The clip preprocessed, anonymized by each method, and swapped."""
    frames = len(video.frame_times())
    shared = ("decode video", "encode H.264")
    default = registry.default("extractor")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mp4"

        def job(what: str, parts: Sequence[str], work: Callable[[int], object]) -> WholeTime:
            progress.start(what, options.repeats)
            seconds, processor = [], []
            for number in range(options.repeats):
                began, busy = time.perf_counter(), _processor_seconds()
                work(number)
                seconds.append(time.perf_counter() - began)
                processor.append(_processor_seconds() - busy)
                progress.advance(1)
            slowest = max(parts, key=lambda part: stages.milliseconds(*part.split(" ", 1)))
            return WholeTime(
                what=what,
                frames=frames,
                seconds=statistics.median(seconds),
                processor_seconds=statistics.median(processor),
                slowest_stage=slowest,
                slowest_milliseconds=stages.milliseconds(*slowest.split(" ", 1)),
            )

        def preprocessed(number: int) -> None:
            how = PreprocessOptions(extractor=default, copies=False)
            preprocess(Path(folder) / f"person{number}", [clip], options=how, registry=registry)

        yield job(f"preprocess, {default}", ["decode video", f"extract {default}", "align landmarks"], preprocessed)
        for method in methods:
            parts = [*shared, f"extract {stages.followers.get(method, default)}", f"generate {method}"]

            def anonymized(_: int, method: str = method) -> None:
                how = SessionOptions(overwrite=True)
                anonymize(
                    clip,
                    output,
                    method=method,
                    session=how,
                    options=AnonymizeOptions(max_verified=1.0),
                    registry=registry,
                )

            yield job(f"anonymize, {method}", parts, anonymized)
        if options.run is not None:
            session = Session.open(options.run, options=SessionOptions(overwrite=True), registry=registry)
            extractor = f"extract {session.detector.choice.split(':')[0]}"
            yield job(
                f"swap, {session.run.record.model}",
                [*shared, extractor],
                lambda _: session.swap_video(clip, output, options.to),
            )


def _processor_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    of_both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in of_both)


def _machine() -> Machine:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        processor=_processor_name(),
        cores=cores,
        system=f"{platform.system()} {platform.machine()}",
        versions={
            "Python": platform.python_version(),
            **{shown: version(name) for name, shown in _LIBRARIES.items()},
        },
        load=os.getloadavg()[0],
        measured_on=datetime.now(UTC).date().isoformat(),
    )


def _processor_name() -> str:
    """As Linux tells it; elsewhere as Python does."""
    told = Path("/proc/cpuinfo")
    if told.is_file():
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
