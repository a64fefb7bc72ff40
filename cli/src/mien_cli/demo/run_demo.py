"""The demo's way through the repository: preprocess, train, swap, anonymize; each is what a user would call."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from mien import Registry, TrainOptions, anonymize, preprocess, swap, train
from mien.dataset.options import PreprocessOptions
from mien.errors import MienError
from mien.evaluation.video_report import VideoEvaluation
from mien.evaluation.videos import VideoOptions, evaluate_video
from mien.geometry.alignment import AlignmentConfig
from mien.inference.options import SessionOptions
from mien.inference.session import Session
from mien.media.files import whole_file
from mien.media.images import write_image
from mien.plugins.choice import parse_choice
from mien.progress import Progress
from mien.tracking.recognizer import Recognizer
from mien.training.run import RunRecord
from mien_cli.demo.contact_sheet import spread_frames, write_sheet

MODEL = "morph:pictures=40"
METHOD = "synthetic"
DRIVER, JUDGE = "blazeface", "face_recognition"
"""What finds the faces to be drawn, lids and lips included, and what finds them to be judged."""
ALIGNMENT = AlignmentConfig(size=256, margin=0.3, shift_y=0.1)
FEATURES = "landmarks:points=68+blendshapes"
"""For a model that draws from features."""
NEW_FACE, OLD_FACE = "E", "J"
TARGET = "target_J_2s_audio.mp4"
SWAPPED, ANONYMOUS, SHEET, REPORT = "swapped.mp4", "anonymous.mp4", "contact_sheet.png", "report.json"
REPEAT_RARE = 8
_REFERENCES_OF_CLIP, _COMPARED_EVERY = 8, 2


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo found, all of it measured in this call."""

    folder: Path
    video: Path
    """The clip with the new face."""
    anonymous: Path
    """The clip with the face of somebody who does not exist."""
    sheet: Path
    faces: dict[str, int]
    """Person → faces in their dataset."""
    new_face: str
    """Who is drawn,"""
    old_face: str
    """over whom."""
    model: str
    """What drew them, as a plugin choice."""
    steps: int
    """Of training; 0 for a model that is only fitted."""
    seconds: dict[str, float]
    """Stage → how long it took."""
    comparison: VideoEvaluation
    """What `mien evaluate --video` says of the swapped clip, beside pictures of the new person."""
    still_match: int
    """Faces of `anonymous` that are still taken for the person who was filmed,"""
    compared: int
    """of so many that were compared with them."""

    def write(self, path: Path) -> None:
        """Write as JSON."""
        with whole_file(path) as partial:
            values = asdict(self) | {"comparison": self.comparison.model_dump()}
            partial.write_text(json.dumps(values, indent=1, default=str), encoding="utf-8")


def run_demo(
    folder: Path, *, progress: Progress, model: str = MODEL, minutes: float = 2.0, recognizer: str | None = None
) -> DemoReport:
    """Swap person E onto person J in a clip of two seconds, anonymize J in it, and measure what came of it.

    folder: where everything is written; it must not hold anything but an earlier demo. model: what draws E, as a plugin
    choice. minutes: of training, for a model that is trained by steps. recognizer: a feature choice, what recognizes
    the faces of the result; None: the default.
    Raises MienError if the folder holds something else or a plugin is missing.
    """
    _make_room(folder)
    registry = Registry()
    recognizes = Recognizer(registry, recognizer)  # before anything takes long
    loaded = registry.load("model", parse_choice(model).name)
    features = FEATURES if getattr(loaded, "needs_features", False) else ""
    seconds: dict[str, float] = {}
    with resources.as_file(resources.files("mien_cli.demo") / "data") as data:
        people = {name: sorted((data / name).glob("*.mp4")) for name in (NEW_FACE, OLD_FACE)}
        with _timed(seconds, "preprocess"):
            made = {
                name: preprocess(
                    folder / name,
                    sources=clips,
                    options=PreprocessOptions(extractor=DRIVER, features=features, copies=False, alignment=ALIGNMENT),
                    progress=progress,
                    registry=registry,
                )
                for name, clips in people.items()
            }
        with _timed(seconds, "train"):
            trained = train(
                model,
                [folder / name for name in people],
                folder / "run",
                features=features,
                recognizer=recognizes.record.choice,
                options=TrainOptions(minutes=minutes, repeat_rare=REPEAT_RARE, steps_per_checkpoint=1000),
                progress=progress,
                registry=registry,
            )
            if trained.reason.endswith(
                "was received"
            ):  # training takes Ctrl-C for "stop in order"; the demo stops with it
                raise KeyboardInterrupt
        original, video, sheet = data / TARGET, folder / SWAPPED, folder / SHEET
        anonymous = folder / ANONYMOUS
        with _timed(seconds, "swap"):
            how = SessionOptions(extractor=DRIVER, overwrite=True)
            swap(folder / "run", original, video, NEW_FACE, options=how, progress=progress, registry=registry)
        with _timed(seconds, "anonymize"):
            hidden = anonymize(
                original,
                anonymous,
                method=METHOD,
                session=SessionOptions(recognizer=recognizes.record.choice, overwrite=True),
                progress=progress,
                registry=registry,
            )
        with _timed(seconds, "compare"):
            session = Session.open(folder / "run", options=how, progress=progress, registry=registry)
            comparison = _compared(original, video, people[NEW_FACE], recognizes.record.choice, progress, registry)
            session = session.drawing(session.target_of(NEW_FACE))
            write_sheet(sheet, session, original, video, anonymous)
    report = DemoReport(
        folder=folder,
        video=video,
        anonymous=anonymous,
        sheet=sheet,
        faces={name: done.faces for name, done in made.items()},
        new_face=NEW_FACE,
        old_face=OLD_FACE,
        model=model,
        steps=trained.steps_here,
        seconds=seconds,
        comparison=comparison,
        still_match=hidden.check.verified if hidden.check else 0,
        compared=hidden.check.faces if hidden.check else 0,
    )
    report.write(folder / REPORT)
    return report


def _compared(
    original: Path, result: Path, clips: list[Path], recognizer: str, progress: Progress, registry: Registry
) -> VideoEvaluation:
    """The swapped clip beside the original, and beside frames of the new person's clips."""
    with TemporaryDirectory() as folder:
        references = [Path(folder) / f"{number}.png" for number in range(len(clips) * _REFERENCES_OF_CLIP)]
        frames = [frame for clip in clips for frame in spread_frames(clip, _REFERENCES_OF_CLIP)]
        for path, frame in zip(references, frames, strict=True):
            write_image(path, frame, synthetic=None)
        options = VideoOptions(
            extractor=JUDGE, recognizer=recognizer, references=tuple(references), every=_COMPARED_EVERY
        )
        return evaluate_video(original, result, options=options, progress=progress, registry=registry)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - began, 1)


def _make_room(folder: Path) -> None:
    if not folder.exists():
        return
    made = (SWAPPED, ANONYMOUS, SHEET, REPORT)
    ours = {NEW_FACE, OLD_FACE, "run", *made}
    others = sorted(path.name for path in folder.iterdir() if path.name not in ours and not path.name.startswith("."))
    run = folder / "run"
    if run.exists() and RunRecord.read(run).people != [NEW_FACE, OLD_FACE]:
        others.append("a run of other people")
    if others:
        raise MienError(f"{folder} holds something else than a demo: {others[0]}.", f"mien demo --out {folder}-2")
    # The datasets stay: preprocessing notices that nothing has changed.
    shutil.rmtree(run, ignore_errors=True)
    for name in made:
        (folder / name).unlink(missing_ok=True)
