"""Which faces images and videos show, where in each frame, and which of them are the same person."""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.linking import SearchedFrame
from mien.anonymization.search import FaceSearch, default_extractors
from mien.contracts.face import Face, RgbImage
from mien.detection.options import FacesOptions
from mien.detection.report import FacesOfFile, FacesReport, FoundFace, FoundFrame
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.inference.detector import FaceDetector
from mien.inference.jobs import failure_of
from mien.inference.square_pixels import as_shown
from mien.inference.video import followed
from mien.media.animation import open_video
from mien.media.discovery import Source, find_sources, passed_over
from mien.media.given_paths import require_paths
from mien.media.images import load_file
from mien.media.video_reader import Frame, VideoSource
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import is_encoded, joined_by_encodings, seen_in
from mien.tracking.shots import frame_signature, is_cut, shots_of
from mien.tracking.tracker import TrackedFace, follow, untracked
from mien.workers.threads import Stopwatch, computing_with, ordered_map

Encodings = list[NDArray[np.float32]]


def find_faces(
    sources: Sequence[Path | str],
    *,
    options: FacesOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> FacesReport:
    """List the faces of images, videos and folders of such: boxes, landmarks, tracks, scores, and who is the same.

    Faces of a video are followed as `mien.swap` does it, and a track ends where the video is cut. Tracks are joined to
    people by the recognizer, over all files; whoever is not surely a face, or has no landmarks, is nobody's.
    sources: files and folders. options: None: the defaults. progress, registry: as of `mien.swap`.

    Returns what was found. Raises MienError for a path that is missing, folders without an image or video, and a plugin
    that cannot be made or fails; for a single file also if it cannot be read. Of several, such a file stands in the
    report.
    """
    options, registry, progress = options or FacesOptions(), registry or Registry(), progress or Silent()
    start = time.perf_counter()
    paths = require_paths(sources, "sources")
    found = find_sources(paths)
    if not found:
        raise MienError(f"{', '.join(map(str, paths))}: neither an image nor a video is there.", f"ls {paths[0]}")
    is_single = len(paths) == 1 and not paths[0].is_dir()
    finder = _Finder.open(options, registry, progress)
    results: dict[Path, _FoundInFile] = {}
    with computing_with(1):  # images are searched by several threads
        for source, result in chain(finder.images(found), finder.videos(found)):
            if isinstance(result, MienError) and is_single:
                raise result
            results[source.path] = _failed(source, result) if isinstance(result, Exception) else result
    return FacesReport(
        files=tuple(_with_people([results[source.path] for source in found], finder.recognizer)),
        extractor=finder.detector.choice,
        recognizer=finder.recognizer.record if finder.recognizer else None,
        same_person_below=finder.recognizer.same_person_below if finder.recognizer else None,
        seconds=time.perf_counter() - start,
        passed_over=tuple(path for source in sources if Path(source).is_dir() for path in passed_over(Path(source))),
    )


@dataclass(frozen=True, slots=True)
class _FoundInFile:
    file: FacesOfFile
    encodings: dict[int, Encodings]
    """Track → those of some of its detections, of tracks that are surely faces."""


@dataclass(frozen=True, slots=True)
class _Finder:
    """What finds the faces of one file after the other."""

    detector: FaceDetector
    search: FaceSearch | None
    """What searches thoroughly."""
    recognizer: Recognizer | None
    threads: int
    progress: Progress

    @classmethod
    def open(cls, options: FacesOptions, registry: Registry, progress: Progress) -> "_Finder":
        threads = options.threads or os.cpu_count() or 1
        choice = options.extractor
        if choice is None:
            choice = default_extractors(registry) if options.thorough else registry.default("extractor")
        detector = FaceDetector.open(choice, threads, Stopwatch(), registry)
        return cls(
            detector=detector,
            search=FaceSearch.open(detector, "fast", threads, registry) if options.thorough else None,
            recognizer=Recognizer(registry, options.recognizer) if options.identities else None,
            threads=threads,
            progress=progress,
        )

    def images(self, sources: Sequence[Source]) -> "Iterator[tuple[Source, _FoundInFile | Exception]]":
        """The images among them; several are read and searched at once."""
        images = [source for source in sources if source.kind == "image"]
        if images:
            self.progress.start("images", len(images))
        with closing(ordered_map(self._image, images, self.threads, 2 * self.threads)) as searched:
            for source, image in zip(images, searched, strict=True):
                try:
                    yield source, image if isinstance(image, Exception) else self._identified(*image)
                except MienError as error:
                    yield source, error
                self.progress.advance(1)

    def videos(self, sources: Sequence[Source]) -> "Iterator[tuple[Source, _FoundInFile | Exception]]":
        """The others, one after the other."""
        for source in sources:
            if source.kind == "unreadable":
                yield source, MienError(f"{source.path}: {source.reason}.", "Give an image, a video or a folder.")
            elif source.kind == "video":
                try:
                    found = self._video(source)
                except Exception as error:  # one file never ends the list, whatever it raises
                    yield source, error
                else:
                    yield source, found

    def _image(self, source: Source) -> tuple[RgbImage, FacesOfFile, list[TrackedFace]] | Exception:
        try:
            loaded = load_file(source.path)
            faces = untracked((self.search.image if self.search else self.detector.find)(loaded.image))
        except Exception as error:  # as above
            return error
        height, width = loaded.image.shape[:2]
        return loaded.image, FacesOfFile(_text(source.path), "image", width, height, notes=loaded.notes), faces

    def _identified(self, image: RgbImage, file: FacesOfFile, faces: list[TrackedFace]) -> _FoundInFile:
        found = FoundFrame(0, 0.0, tuple(_found(face, face.track) for face in faces))
        encodings = self._encoded(image, [face for face in faces if face.sure and face.landmarks is not None])
        return _FoundInFile(replace(file, frames=(found,)), {track: [value] for track, value in encodings.items()})

    def _video(self, source: Source) -> _FoundInFile:
        video = open_video(source.path)
        video.check_whole()
        times = video.frame_times()
        self.progress.start(video.path.name, len(times))
        signatures: list[NDArray[np.int16]] = []
        tracked: list[list[TrackedFace]] = []
        encodings: list[dict[int, NDArray[np.float32]]] = []
        detections: defaultdict[int, int] = defaultdict(int)
        count = 0
        with self._followed(video) as followed_frames:
            for frame, faces in followed_frames:
                signatures.append(frame_signature(frame.image))
                if len(signatures) > 1 and (video.is_paged or is_cut(*signatures[-2:])):
                    detections.clear()  # whoever is at a track's place after a cut may be somebody else
                measured = [face for face in faces if face.landmarks is not None and not face.interpolated]
                chosen = [face for face in measured if is_encoded(detections[face.track])]
                shown, of_shown = as_shown(frame, chosen, float(video.pixel_shape))
                encodings.append(self._encoded(shown.image, of_shown))
                for face in measured:
                    detections[face.track] += 1
                tracked.append(faces)
                count += len(faces)
                self.progress.advance(1, faces=count)
        seconds = [float((time - times[0]) * video.time_base) for time in times]
        shots = list(range(len(times))) if video.is_paged else shots_of(signatures, seconds)
        return _of_video(_described(video, source), shots, seconds, tracked, encodings)

    @contextmanager
    def _followed(self, video: VideoSource) -> Iterator[Iterator[tuple[Frame, list[TrackedFace]]]]:
        if self.search is None:
            with followed(video, self.detector, self.threads) as tracked:
                yield tracked
        else:
            with self.search.video(video) as searched:
                yield follow(_frames(searched), apart=video.is_paged)

    def _encoded(self, image: RgbImage, faces: Sequence[TrackedFace]) -> dict[int, NDArray[np.float32]]:
        """Track → encoding."""
        if self.recognizer is None or not faces:
            return {}
        crops = [align(image, face.as_found()) for face in faces]
        return dict(zip([face.track for face in faces], self.recognizer.encode(crops), strict=True))


def _frames(searched: Iterable[tuple[SearchedFrame, list[Face]]]) -> Iterator[tuple[Frame, list[Face]]]:
    return ((seen.frame, faces) for seen, faces in searched)


def _described(video: VideoSource, source: Source) -> FacesOfFile:
    return FacesOfFile(
        _text(source.path),
        "video",
        video.width,
        video.height,
        float(video.pixel_shape),
        float(video.rate),
        notes=video.notes,
    )


def _failed(source: Source, error: Exception) -> _FoundInFile:
    kind: Literal["image", "video"] = "video" if source.kind == "video" else "image"
    return _FoundInFile(FacesOfFile(_text(source.path), kind, failure=failure_of(error)), {})


def _text(path: Path) -> str:
    """A path as text; of a name that is none, its bytes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _of_video(
    file: FacesOfFile,
    shots: Sequence[int],
    seconds: Sequence[float],
    tracked: Sequence[Sequence[TrackedFace]],
    encodings: Sequence[dict[int, NDArray[np.float32]]],
) -> _FoundInFile:
    """The frames of a video; a track that goes on over a cut, since faces are at one place before and after, is two."""
    numbers: dict[tuple[int, int], int] = {}
    frames: list[FoundFrame] = []
    of_track: defaultdict[int, Encodings] = defaultdict(list)
    for index, (shot, faces) in enumerate(zip(shots, tracked, strict=True)):
        tracks = {face.track: numbers.setdefault((shot, face.track), len(numbers)) for face in faces}
        found = sorted((_found(face, tracks[face.track]) for face in faces), key=lambda face: face.track)
        frames.append(FoundFrame(index, seconds[index], tuple(found)))
        for track, value in encodings[index].items():
            of_track[tracks[track]].append(value)
    sure = {face.track for frame in frames for face in frame.faces if face.is_sure}
    frames = [replace(frame, faces=tuple(replace(face, is_sure=face.track in sure) for face in frame.faces))
              for frame in frames]  # fmt: skip
    return _FoundInFile(
        replace(file, frames=tuple(frames)), {track: values for track, values in of_track.items() if track in sure}
    )


def _found(face: TrackedFace, track: int) -> FoundFace:
    return FoundFace(track, None, face.box, face.score, face.sure, face.interpolated, face.landmarks, face.points)


def _with_people(files: Sequence[_FoundInFile], recognizer: Recognizer | None) -> Iterator[FacesOfFile]:
    """The files with the person of each face whose track has an encoding."""
    if recognizer is None:
        yield from (one.file for one in files)
        return
    tracks = [(at, track) for at, one in enumerate(files) for track in sorted(one.encodings)]
    numbers = {track: number for number, track in enumerate(tracks)}
    shown = (
        [numbers[at, face.track] for face in frame.faces if (at, face.track) in numbers]
        for at, one in enumerate(files)
        for frame in one.file.frames
    )
    encodings = {
        numbers[at, track]: np.stack(its) for at, one in enumerate(files) for track, its in one.encodings.items()
    }
    people = joined_by_encodings(seen_in(shown), encodings, recognizer)
    for at, one in enumerate(files):
        of_track = {track: people[numbers[at, track]] for track in one.encodings}
        yield replace(
            one.file,
            frames=tuple(
                replace(frame, faces=tuple(replace(face, person=of_track.get(face.track)) for face in frame.faces))
                for frame in one.file.frames
            ),
        )
