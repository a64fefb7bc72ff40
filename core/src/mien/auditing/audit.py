"""The audit of an anonymized image, video or folder: which faces still show who was there."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.auditing.attacks import accepted, enrolled, identified, trained
from mien.auditing.choice import AuditPlugins, TookPart, choose_plugins
from mien.auditing.examiner import Encoding, ExaminedFace, ExaminedImage, Examiner
from mien.auditing.frames import pair_frames, sole_frames
from mien.auditing.options import AuditOptions
from mien.auditing.page import write_audit
from mien.auditing.pairs import FilePair, PairedFiles, pair_files
from mien.auditing.people import PeopleFinder
from mien.auditing.report import AuditedFile, AuditReport, JudgedFaces, Leak, LeakView, UnpairedFile, Verification
from mien.auditing.unchanged import IS_UNCHANGED
from mien.auditing.views import ThinnedViews, view_of
from mien.errors import MienError, not_losing
from mien.media.credentials import SIDECAR_SUFFIX
from mien.media.discovery import Source, linked_folders, passed_over
from mien.media.files import check_folder
from mien.media.verify import verify
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.workers.threads import computing_with


def audit(
    original: Path,
    output: Path,
    *,
    options: AuditOptions | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> AuditReport:
    """Search an output for faces that still show who was there; it may be of any tool.

    original, output: two images, two videos, or two folders; which files of folders belong together, `pair_files` says.
    A file of the output's folder without an original is searched for faces, too: whoever it shows was not compared.
    A face counts as a leak if it is as it was at that place (`unchanged_share` of `IS_UNCHANGED` or more), or if the
    recognizer still takes it for the person who was at that place; both are looked at frame by frame. Frames are
    compared that are shown at the same time; an output of another size is scaled to that of the original.
    options: None: the defaults. progress, registry: as of `mien.swap`.
    out: a folder to write audit.json, index.html and the leaks' images to, which show the faces that were to be hidden,
    all of them or none; None: nothing is written.

    Returns what was found. Raises MienError if a path is missing or unreadable, nothing belongs together, a plugin
    cannot be made or fails, or `out` may not be written; if that turns out only when it is, a `ReportNotWrittenError`,
    which holds the report. For two files also if they do not fit together; of folders, such a file stands in the
    report.
    """
    options, registry, progress = options or AuditOptions(), registry or Registry(), progress or Silent()
    files = pair_files(Path(original), Path(output))
    if out is not None:
        check_folder(Path(out))
    made = [*(pair.output for pair in files.pairs), *(source.path for source in files.without_original)]
    auditor = Auditor.open(made, options, registry)
    findings = Findings()
    with computing_with(1):  # images are examined by several threads
        for pair in files.pairs:
            try:
                auditor.examine(pair, findings, progress)
            except MienError as error:
                if not Path(original).is_dir():
                    raise
                findings.files.append(_failed(pair, error))
        for source in files.without_original:
            findings.unpaired.append(auditor.search(source, progress))
    report, views = auditor.report(findings, files)
    others = _passed_over(Path(original), Path(output))
    report = report.model_copy(update={"passed_over": [str(path) for path in others]})
    if out is not None:
        with not_losing(report):
            report = write_audit(Path(out), report, views)
    return report


@dataclass
class Findings:
    """What was found so far; it grows by each file."""

    files: list[AuditedFile] = field(default_factory=list)
    leaks: list[tuple[Leak, int]] = field(default_factory=list)
    """Leaks and doubtful faces, with the tracklet of each."""
    views: ThinnedViews = field(default_factory=ThinnedViews)
    finder: PeopleFinder = field(default_factory=PeopleFinder)
    compared: list[tuple[Encoding, Encoding, int]] = field(default_factory=list)
    """Of each face with encodings: before, after, and its tracklet."""
    judged: list[tuple[float | None, ...]] = field(default_factory=list)
    """Of each of these, the distance by each judge."""
    unpaired: list[UnpairedFile] = field(default_factory=list)


class Auditor:
    """What audits several files with the same plugins, made once. Use `open`."""

    def __init__(self, plugins: AuditPlugins, options: AuditOptions, registry: Registry) -> None:
        self._plugins, self._options = plugins, options
        threads = options.threads or os.cpu_count() or 1
        self._examiner = Examiner(plugins.extractor, plugins.recognizer, plugins.judges, threads, registry)
        self._recognizer = self._examiner.recognizer
        extractors = ExtractorSet(plugins.extractor, registry) if options.keep else None
        self._kept = [self._recognizer.reference(path, extractors) for path in options.keep if extractors]

    @classmethod
    def open(cls, outputs: Sequence[Path], options: AuditOptions, registry: Registry) -> "Auditor":
        """Make the plugins, those that took no part in making the outputs if nothing else is said.

        Raises MienError if one cannot be made, or an image of somebody to keep shows no face, or several.
        """
        asked = options.extractor is None or options.recognizer is None
        return cls(choose_plugins(options, _took_part(outputs) if asked else {}, registry), options, registry)

    def examine(self, pair: FilePair, findings: Findings, progress: Progress) -> AuditedFile:
        """Examine a file and add what is found. Raises MienError if it cannot be read or does not fit its original."""
        frames = pair_frames(
            pair, self._options.every, self._options.most_frames, self._options.frames, self._options.part
        )
        progress.start(f"{pair.output.name}: auditing", len(frames.frames))
        findings.finder.next_file()
        faces = compared = kept = 0
        listed: list[tuple[Leak, int]] = []
        for image in self._examiner.examine(frames):
            tracklets = findings.finder.add(image.faces, image.images.original)
            for face, tracklet in zip(image.faces, tracklets, strict=True):
                faces += face.in_original
                if face.original_encoding is not None and face.output_encoding is not None:
                    if self._is_kept(face.original_encoding):
                        kept += 1
                        continue
                    compared += 1
                    findings.compared.append((face.original_encoding, face.output_encoding, tracklet))
                    findings.judged.append(face.judged)
                if leak := self._leak(pair, image, face):
                    findings.views.add(len(findings.leaks) + len(listed), view_of(image.images, face.box))
                    listed.append((leak, tracklet))
            progress.advance(1, faces=faces, leaks=sum(self._counts(leak) for leak, _ in listed))
        findings.leaks += listed
        sure, doubtful = ([leak for leak, _ in listed if self._counts(leak) is counts] for counts in (True, False))
        file = AuditedFile(
            original=str(pair.original.path),
            output=str(pair.output),
            frames=len(frames.frames),
            faces=faces,
            compared=compared,
            kept=kept,
            leaks=len(sure),
            doubtful=len(doubtful),
            leaking_frames=sorted({leak.frame for leak in sure}),
            doubtful_frames=sorted({leak.frame for leak in doubtful}),
            notes=list(frames.notes),
        )
        findings.files.append(file)
        return file

    def search(self, source: Source, progress: Progress) -> UnpairedFile:
        """Search a file of the output that has no original. One that cannot be read says so."""
        sure = kept = doubtful = 0
        with_faces: list[int] = []
        try:
            frames = sole_frames(source, self._options.every, self._options.most_frames, self._options.frames)
            progress.start(f"{source.path.name}: searching", len(frames.frames))
            searched = self._examiner.search(frames, encode=bool(self._kept))
            for frame, faces in zip(frames.frames, searched, strict=True):
                before = sure
                for face, encoding in faces:
                    if encoding is not None and self._is_kept(encoding):
                        kept += 1
                    elif face.score >= self._options.least_score:
                        sure += 1
                    else:
                        doubtful += 1
                with_faces += [frame] if sure > before else []
                progress.advance(1, faces=sure)
        except MienError as error:
            return _unsearched(source, error)
        return UnpairedFile(
            output=str(source.path),
            frames=len(frames.frames),
            faces=sure,
            kept=kept,
            doubtful=doubtful,
            frames_with_faces=with_faces,
        )

    def report(self, findings: Findings, files: PairedFiles) -> tuple[AuditReport, list[LeakView]]:
        """All that was found, and the leaks as they are shown."""
        people = findings.finder.people(self._recognizer)
        leaks = [leak.model_copy(update={"person": people.get(tracklet)}) for leak, tracklet in findings.leaks]
        report = AuditReport(
            extractor=self._examiner.extractor,
            recognizer=self._recognizer.record,
            same_person_below=self._recognizer.same_person_below,
            independent=self._plugins.independent,
            notes=list(self._plugins.notes),
            files=findings.files,
            without_output=[str(path) for path in files.without_output],
            without_original=findings.unpaired,
            leaks=[leak for leak in leaks if self._counts(leak)],
            doubtful=[leak for leak in leaks if not self._counts(leak)],
            verification=self._verification(findings, people),
            judges=[self._judged(findings, number) for number in range(len(self._examiner.judges))],
        )
        return report, [LeakView(leaks[number], image) for number, image in findings.views.items()]

    def _leak(self, pair: FilePair, image: ExaminedImage, face: ExaminedFace) -> Leak | None:
        distance = None
        if face.original_encoding is not None and face.output_encoding is not None:
            distance = float(self._recognizer.distances(face.output_encoding[None], face.original_encoding)[0])
        is_unchanged = bool(face.unchanged >= IS_UNCHANGED)
        is_recognized = distance is not None and distance < self._recognizer.same_person_below
        if not is_unchanged and not is_recognized:
            return None
        return Leak(
            output=str(pair.output),
            frame=image.images.frame,
            seconds=image.images.seconds,
            box=(face.box.left, face.box.top, face.box.right, face.box.bottom),
            score=face.score,
            in_original=face.in_original,
            in_output=face.in_output,
            unchanged=None if math.isnan(face.unchanged) else face.unchanged,
            distance=distance,
            is_unchanged=is_unchanged,
            is_recognized=is_recognized,
            person=None,
        )

    def _counts(self, leak: Leak) -> bool:
        # What is found in one of two images that are alike there is hardly a face: a badge, a wheel.
        return leak.in_original and leak.score >= self._options.least_score

    def _is_kept(self, encoding: Encoding) -> bool:
        limit = self._recognizer.same_person_below
        return any(self._recognizer.distances(encoding[None], one)[0] < limit for one in self._kept)

    def _judged(self, findings: Findings, number: int) -> JudgedFaces:
        judge = self._examiner.judges[number]
        distances = [distance for row in findings.judged if (distance := row[number]) is not None]
        return JudgedFaces(
            recognizer=judge.record,
            same_person_below=judge.same_person_below,
            faces=len(distances),
            verified=sum(distance < judge.same_person_below for distance in distances),
            smallest_distance=min(distances, default=None),
        )

    def _verification(self, findings: Findings, people: dict[int, int]) -> Verification:
        before = _stacked([original for original, _, _ in findings.compared])
        after = _stacked([output for _, output, _ in findings.compared])
        who = np.array([people[tracklet] for _, _, tracklet in findings.compared], np.int64)
        distances = np.linalg.norm(before.astype(np.float64) - after, axis=1)
        return Verification(
            faces=len(who),
            people=len(np.unique(who)),
            verified=int((distances < self._recognizer.same_person_below).sum()),
            smallest_distance=float(distances.min()) if len(distances) else None,
            identified=identified(before, after, who),
            accepted=accepted(before, after, who),
            enrolled=enrolled(after, who),
            trained=trained(after, who),
        )


def _passed_over(original: Path, output: Path) -> list[Path]:
    """What was not looked at of two folders, but for the sidecars of what was, and what no output is made of."""
    if not output.is_dir():
        return []
    of_output = [path for path in passed_over(output) if path.suffix != SIDECAR_SUFFIX]
    return [*linked_folders(original), *of_output]


def _stacked(encodings: Sequence[Encoding]) -> NDArray[np.float32]:
    return np.stack(encodings) if encodings else np.zeros((0, 1), np.float32)


def _took_part(outputs: Sequence[Path]) -> TookPart:
    """What the Content Credentials of the outputs name; nothing where there are none."""
    found: dict[str, frozenset[str]] = {}
    for path in outputs:
        with suppress(MienError):  # what cannot be read is told when it is looked at
            for kind, names in verify(path).took_part.items():
                found[kind] = found.get(kind, frozenset()) | names
    return found


def _unsearched(source: Source, error: MienError) -> UnpairedFile:
    return UnpairedFile(
        output=str(source.path), frames=0, faces=0, kept=0, doubtful=0, frames_with_faces=[], failure=str(error)
    )


def _failed(pair: FilePair, error: MienError) -> AuditedFile:
    return AuditedFile(
        original=str(pair.original.path),
        output=str(pair.output),
        frames=0,
        faces=0,
        compared=0,
        kept=0,
        leaks=0,
        doubtful=0,
        leaking_frames=[],
        doubtful_frames=[],
        notes=[],
        failure=str(error),
    )
