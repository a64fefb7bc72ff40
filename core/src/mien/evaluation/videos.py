"""Evaluating what any tool has made of a video: whose faces it shows, and whether they keep what the originals did."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.auditing.choice import recognizers_without
from mien.auditing.frames import PairedFrames, pair_frames
from mien.auditing.pairs import pair_files
from mien.errors import MienError, not_losing
from mien.evaluation.expression_judge import ExpressionJudge, default_expression_judge
from mien.evaluation.formulas import mean_of_finite, median_of_finite
from mien.evaluation.hifd import write_envelopes
from mien.evaluation.metrics import motion_metrics
from mien.evaluation.observation import FaceLocator, Observations, gathered
from mien.evaluation.seen_faces import SeenFace, seen_faces
from mien.evaluation.video_page import FaceOverTime, write_video_page
from mien.evaluation.video_report import FaceMetrics, IdentityMetrics, VideoEvaluation
from mien.geometry.expression import correlations, expression
from mien.geometry.pose import head_pose, pose_error_degrees, turn_error_degrees
from mien.media.files import check_folder, whole_entries
from mien.media.part import WHOLE, Part
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer, default_recognizer

_LEAST_SHARE = 0.05
"""A face that fewer of the frames show is not listed; nor one in fewer frames than:"""
_LEAST_FRAMES = 3


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """By what a video is evaluated. Raises MienError for a value that is not allowed."""

    extractor: str | None = None
    """What finds faces in both; None: the default of those installed."""
    recognizer: str | None = None
    """What says whose faces they are; None: the default one."""
    judges: tuple[str, ...] | None = None
    """Further recognizers; None: all others that are installed."""
    expressions: str | None = None
    """As of `EvaluateOptions`."""
    references: tuple[Path, ...] = ()
    """Images, one face in each, of the person whom the result is to show."""
    every: int = 1
    """Every so many frames are compared; flicker is told of all frames alone."""
    part: Part = WHOLE
    """Of an original that is a video, the part of which the result was made."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.every < 1:
            raise MienError(f"--every must be 1 or more, not {self.every}.", "--every 1")


def evaluate_video(
    original: Path,
    result: Path,
    *,
    options: VideoOptions | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> VideoEvaluation:
    """Measure how well a result keeps what the faces of a video do, and whose faces they are; it may be of any tool.

    original, result: two videos, or two images. Frames are compared that are shown at the same time; a result of
    another size is scaled to that of the original. Each face of the original is followed over the frames, the same
    person in all shots, and looked for at its place in the result.
    options: None: the defaults. progress, registry: as of `mien.evaluate`.
    out: a folder to write video.json to, index.html, a page with frames and curves, and hifd/: landmarks and encodings
    as the package `hifd` reads them; all of it or nothing. None: nothing is written.

    Returns the figures of each face. Raises MienError if a file is missing or unreadable, the two do not fit together,
    a plugin cannot be made or fails, the original shows no face, or `out` may not be written; if that turns out only
    when it is, a `ReportNotWrittenError`, which holds the figures.
    """
    options, registry, progress = options or VideoOptions(), registry or Registry(), progress or Silent()
    original, result = Path(original), Path(result)
    if original.is_dir():
        raise MienError(f"{original} is a folder.", "mien evaluate --video ORIGINAL RESULT, with two files")
    (pair,) = pair_files(original, result).pairs
    frames = pair_frames(pair, options.every, part=options.part)
    if out is not None:
        check_folder(Path(out))
    judging = _Judging.open(options, registry)
    faces = judging.seen(frames, options.every, progress)
    least = max(min(_LEAST_FRAMES, len(frames.frames)), _LEAST_SHARE * len(frames.frames))
    faces = sorted((face for face in faces if len(face.frames) >= least), key=lambda face: -len(face.frames))
    if not faces:
        raise MienError(f"No face was found in {original}.", "Search it otherwise: --extractor NAME")
    observed = [
        (gathered([one.original for one in face.frames]), gathered([one.result for one in face.frames]))
        for face in faces
    ]
    evaluation = VideoEvaluation(
        original=str(original),
        result=str(result),
        frames=len(frames.frames),
        every=options.every,
        extractor=judging.extractors.text,
        recognizers=[recognizer.record for recognizer in judging.recognizers],
        expressions=judging.expressions.record if judging.expressions else None,
        references=[str(path) for path in options.references],
        notes=list(frames.notes),
        faces=[judging.metrics(number, face, *observed[number]) for number, face in enumerate(faces)],
    )
    if out is not None:
        shown = [judging.over_time(face, *seen) for face, seen in zip(faces, observed, strict=True)]
        names = [record.choice for record in evaluation.recognizers]
        samples = {f"face{number}": pair for number, pair in enumerate(observed)}
        with not_losing(evaluation), whole_entries(Path(out)) as partial:
            evaluation.write(partial)
            write_video_page(partial, evaluation, shown)
            write_envelopes(partial / "hifd", evaluation.extractor, names, samples)
    return evaluation


@dataclass(frozen=True, slots=True)
class _Judging:
    """The plugins that judge."""

    extractors: ExtractorSet
    recognizers: list[Recognizer]
    expressions: ExpressionJudge | None
    references: list[NDArray[np.float32] | None]
    """Of each recognizer, the mean encoding of the person whom the result is to show."""

    @classmethod
    def open(cls, options: VideoOptions, registry: Registry) -> "_Judging":
        """Raises MienError if a plugin cannot be made, or a reference shows no face, or several."""
        first = options.recognizer or default_recognizer(registry)
        judges = options.judges
        if judges is None:
            judges = tuple(name for name in recognizers_without(frozenset(), registry) if name != first)
        extractors = ExtractorSet(options.extractor or registry.default("extractor"), registry)
        recognizers = [Recognizer(registry, choice) for choice in dict.fromkeys((first, *judges))]
        by_expression = options.expressions or default_expression_judge(registry)
        references: list[NDArray[np.float32] | None] = [
            recognizer.mean(np.stack([recognizer.reference(path, extractors) for path in options.references]))
            if options.references
            else None
            for recognizer in recognizers
        ]
        return cls(
            extractors,
            recognizers,
            ExpressionJudge(registry, by_expression) if by_expression else None,
            references,
        )

    def seen(self, frames: PairedFrames, every: int, progress: Progress) -> list[SeenFace]:
        """The faces of the original, followed over the frames. every: of how many frames one is among them."""
        progress.start(f"evaluating {frames.pair.output.name}", len(frames.frames))
        locator = FaceLocator(self.extractors, self.recognizers[0], self.recognizers[1:], self.expressions)
        return seen_faces(frames, self.extractors, locator, self.recognizers[0], progress)

    def metrics(self, number: int, face: SeenFace, originals: Observations, results: Observations) -> FaceMetrics:
        """The figures of one face."""
        follows = correlations(expression(originals.landmarks), expression(results.landmarks))
        poses = head_pose(originals.landmarks), head_pose(results.landmarks)
        changes_of_frames = np.array([one.change for one in face.frames])
        changed = changes_of_frames[np.isfinite(changes_of_frames).all(1)]
        changes = changed.mean(0) if len(changed) else None
        encodings = zip(
            (originals.encodings, *originals.by_judges), (results.encodings, *results.by_judges), strict=True
        )
        return FaceMetrics(
            face=number,
            frames=len(face.frames),
            found=float(results.found.mean()),
            identity={
                recognizer.record.choice: _identity(recognizer, reference, before, after)
                for recognizer, reference, (before, after) in zip(
                    self.recognizers, self.references, encodings, strict=True
                )
            },
            follows={name: r for name, r in follows.items() if np.isfinite(r)},
            motion=motion_metrics(self.expressions, originals.weights, results.weights) if self.expressions else None,
            pose_degrees=_finite(mean_of_finite(pose_error_degrees(*poses))),
            turn_degrees=_finite(mean_of_finite(turn_error_degrees(*poses))),
            detail=_finite(median_of_finite([one.detail for one in face.frames])),
            change=None if changes is None else float(changes[0]),
            flicker=None if changes is None or changes[0] == 0 else float(changes[1] / changes[0]),
        )

    def over_time(self, face: SeenFace, originals: Observations, results: Observations) -> FaceOverTime:
        """What the page shows of one face."""
        first, second = expression(originals.landmarks), expression(results.landmarks)
        curves = {
            "eyes open": (first.eye_opening, second.eye_opening),
            "mouth open": (first.mouth_opening, second.mouth_opening),
            "mouth width": (first.mouth_width, second.mouth_width),
        }
        if self.expressions:
            before, after = (self.expressions.motion(seen.weights) for seen in (originals, results))
            curves |= {"lids closed": (before.blink, after.blink), "jaw open": (before.jaw, after.jaw)}
        changes = np.array([one.change for one in face.frames], np.float64)
        if np.isfinite(changes).any():
            curves["change, levels"] = (changes[:, 0], changes[:, 1])
        views = [one.view for one in face.frames if one.view]
        return FaceOverTime(views, np.array([one.seconds for one in face.frames], np.float64), curves)


def _identity(
    recognizer: Recognizer,
    reference: NDArray[np.float32] | None,
    originals: NDArray[np.float32],
    results: NDArray[np.float32],
) -> IdentityMetrics:
    limit = recognizer.same_person_below
    to_original = np.linalg.norm(results.astype(np.float64) - originals, axis=1)
    to_reference = None if reference is None else recognizer.distances(results, reference)
    return IdentityMetrics(
        same_person_below=limit,
        to_original=_finite(median_of_finite(to_original)),
        verified_as_original=float((to_original < limit).mean()),
        to_reference=None if to_reference is None else _finite(median_of_finite(to_reference)),
        verified_as_reference=None if to_reference is None else float((to_reference < limit).mean()),
        nearer_to_reference=None if to_reference is None else float((to_reference < to_original).mean()),
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
