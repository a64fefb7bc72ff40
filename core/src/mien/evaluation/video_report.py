"""What an evaluation of a video says, as it is written to video.json."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mien.evaluation.report import MotionMetrics
from mien.media.files import whole_file
from mien.tracking.recognizer_record import RecognizerRecord

FILE = "video.json"
_CONFIG = ConfigDict(frozen=True, extra="forbid")


class IdentityMetrics(BaseModel):
    """Whose face it is, in the eyes of one recognizer."""

    model_config = _CONFIG

    same_person_below: float
    """Each recognizer has a scale of its own."""
    to_original: float | None
    """Median identity distance to the face that was there, frame by frame."""
    verified_as_original: float
    """Share of the frames in which it is still taken for that person; not found again is not."""
    to_reference: float | None = None
    """Median identity distance to the person of the reference images; None: there are none."""
    verified_as_reference: float | None = None
    """Share of the frames in which it is taken for that person; not found again is not."""
    nearer_to_reference: float | None = None
    """Share of the frames in which it is nearer to that person than to who was filmed; not found again is not."""


class FaceMetrics(BaseModel):
    """How well the result keeps one face's bearing, over the frames in which the original shows it.

    None where a figure makes no sense: nothing moved, or the face was found in too few frames.
    """

    model_config = _CONFIG

    face: int
    """From 0, the face in most frames first."""
    frames: int
    """In which the original shows it."""
    found: float
    """Share of them in which the result shows a face at its place."""
    identity: dict[str, IdentityMetrics]
    """Recognizer → whose face it is."""
    follows: dict[str, float]
    """mouth_opening, mouth_width, eye_opening → correlation over the frames, by landmarks, original against result."""
    motion: MotionMetrics | None
    """The same of jaw, smile, brows, blinks and gaze; None without a judge of expressions."""
    pose_degrees: float | None
    """Mean angle between the head poses."""
    turn_degrees: float | None = None
    """The same, less what is constant: how far the result's head turns otherwise than the original's. By landmarks, two
    people who look the same way have different poses."""
    detail: float | None
    """Variance of the Laplacian inside of the face, as a share of the original's: median over the frames."""
    change: float | None
    """Mean change of the original's gray levels (0 to 255) in the face from frame to frame, along the landmarks'
    flow."""
    flicker: float | None
    """The result's, as a multiple of the original's. None: no frame follows another."""


class VideoEvaluation(BaseModel):
    """What `evaluate_video` measured."""

    model_config = _CONFIG

    format_version: int = 1
    original: str
    result: str
    frames: int
    """Frames compared."""
    every: int
    extractor: str
    recognizers: list[RecognizerRecord]
    expressions: RecognizerRecord | None
    references: list[str]
    notes: list[str]
    faces: list[FaceMetrics]

    def write(self, folder: Path) -> Path:
        """Write FOLDER/video.json. Raises MienError if it may not be written."""
        with whole_file(folder / FILE) as partial:
            partial.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        return folder / FILE

    def rows(self) -> list[tuple[str, list[str]]]:
        """A table: the figure, and its value for each face; rows without any value are left out."""
        rows: list[tuple[str, list[str]]] = [
            ("frames", [f"{face.frames}" for face in self.faces]),
            ("found", [f"{face.found:.0%}" for face in self.faces]),
        ]
        for name in self.faces[0].identity if self.faces else ():
            of = [face.identity[name] for face in self.faces]
            rows += [
                (
                    f"to original, {name} (same below {of[0].same_person_below:g})",
                    _texts([one.to_original for one in of]),
                ),
                (f"is original, {name}", [f"{one.verified_as_original:.0%}" for one in of]),
                (f"to reference, {name}", _texts([one.to_reference for one in of])),
                (f"is reference, {name}", _texts([one.verified_as_reference for one in of], "{:.0%}")),
            ]
        for title, key in (("mouth r", "mouth_opening"), ("mouth width r", "mouth_width"), ("eyes r", "eye_opening")):
            rows.append((title, _texts([face.follows.get(key) for face in self.faces])))
        for key in ("jaw", "smile", "brows", "blink", "gaze_x", "gaze_y"):
            values = [face.motion.follows.get(key) if face.motion else None for face in self.faces]
            rows.append((f"{key.replace('_', ' ')} r", _texts(values)))
        closures = [face.motion.lid_closure if face.motion else None for face in self.faces]
        rows += [
            ("lids close, of the original's", _texts(closures, "{:.0%}")),
            ("pose °", _texts([face.pose_degrees for face in self.faces], "{:.1f}")),
            ("turns °", _texts([face.turn_degrees for face in self.faces], "{:.1f}")),
            ("detail, of the original's", _texts([face.detail for face in self.faces], "{:.0%}")),
            ("flicker, of the original's", _texts([face.flicker for face in self.faces], "{:.2f}")),
        ]
        return [(title, texts) for title, texts in rows if any(text != "–" for text in texts)]


def _texts(values: list[float | None], form: str = "{:.2f}") -> list[str]:
    return ["–" if value is None else form.format(value) for value in values]
