"""What an evaluation says, as it is written to evaluation.json."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mien.errors import MienError
from mien.media.files import whole_file
from mien.tracking.recognizer_record import RecognizerRecord

FILE = "evaluation.json"


class JudgeMetrics(BaseModel):
    """Whose face it is in the eyes of a recognizer that nothing else was done with; as in `Metrics`."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    same_person_below: float
    """Each recognizer has a scale of its own."""
    to_target: float | None
    verified_as_target: float | None
    to_original: float
    verified_as_original: float


class MotionMetrics(BaseModel):
    """Whether faces do what their originals did, by blendshapes."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    follows: dict[str, float]
    """jaw, smile, brows, blink, gaze_x, gaze_y → correlation over the faces, original against result; without those
    that do not move at all."""
    lid_closure: float | None
    """How far the lids close, of how far the original's do; see `mien.geometry.blendshapes.lid_closure`. None: the
    original does not blink."""


class Metrics(BaseModel):
    """How well one way of drawing did; None where a figure makes no sense. Shares are in [0, 1]."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    name: str
    """The model's name, or the baseline's."""
    is_baseline: bool
    """Whether it is the model; otherwise a baseline."""
    drawn_as: str | None
    """The person, or None: people who do not exist."""
    found: float
    """Share of the faces that are found again in the result."""
    to_target: float | None
    """Median identity distance to the mean encoding of the person drawn."""
    to_target_mean: float | None
    """The same as a mean."""
    verified_as_target: float | None
    """Share of all faces that are taken for that person."""
    to_original: float
    """Median identity distance to the face that was there, by its own encoding."""
    to_original_mean: float
    """The same as a mean."""
    verified_as_original: float
    """Share of all faces that are still taken for the same person as before."""
    verified_as_known: float
    """Share of all faces that are taken for a person of the run, whoever it is: for synthetic people, that they are
    copies."""
    to_people: dict[str, float]
    """Person of the run → median identity distance to their mean encoding."""
    expression_eyes: float
    expression_mouth: float
    expression: float
    """Mean landmark error after Procrustes, of the eye distance: eyes, mouth, all 68."""
    follows: dict[str, float]
    """Measure of the expression → correlation over the faces, original against result."""
    pose_degrees: float
    """Mean angle between the head poses."""
    l1: float | None
    ssim: float | None
    psnr: float | None
    """Drawn crop against the original one, inside of the mask: L1 in [0, 1], SSIM, PSNR in dB. None for a swap."""
    frechet: float
    """Fréchet distance of the encodings to those of real faces: of the person drawn, or of the faces evaluated."""
    diversity: float | None
    """Mean identity distance between different synthetic people drawn from one face; None for a person or a
    baseline."""
    constancy: float | None
    """Mean identity distance between images of one synthetic person, drawn from different faces; None likewise."""
    combined: dict[str, float]
    """"α,β" → mean combined score; a face that was not found again counts 0."""
    judges: dict[str, JudgeMetrics]
    """Judge, as in `Evaluation.judges` → whose face it says it is."""
    motion: MotionMetrics | None = None
    """What `Evaluation.expressions` says; None without it."""


class Beats(BaseModel):
    """On which figures the model is better than a baseline."""

    model_config = ConfigDict(frozen=True)

    baseline: str
    drawn_as: str | None
    better: dict[str, bool]
    """Heading of the figure in the tables → whether the model is better; the same is not better."""


class Evaluation(BaseModel):
    """What `evaluate` measured."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    format_version: int = 1
    run: str
    weights: str
    """SHA-256 of the weights that were evaluated."""
    model: str
    settings: dict[str, object]
    features: str
    step: int
    minutes: float
    """Time trained."""
    dataset: str
    dataset_digest: str
    rows: list[int]
    candidates: int
    """How many rows there were to choose from."""
    faces_asked: int
    """How many were asked for at most."""
    last_asked: float | None
    """The share at the end of each clip that was asked for."""
    held_out: bool
    source_ranges: list[str]
    """From which files and frames."""
    unreadable: list[str]
    """Scenes that could not be read, and were left out."""
    extractor: str
    blender: str
    recognizer: RecognizerRecord
    same_person_below: float
    judges: list[RecognizerRecord]
    """Further recognizers, each asked whose faces were drawn."""
    expressions: RecognizerRecord | None = None
    """The feature that judged what faces do; None: landmarks alone did."""
    seed: int
    device: str
    threads: int
    faces_per_second: float
    """Of `Model.generate` alone, in batches of 8."""
    frechet_floor: float
    """The same distance between two halves of the real faces: what cannot be told from nothing. Of half as many."""
    diversity_of_real: float
    """Mean identity distance between the training faces."""
    constancy_of_real: float
    """Mean identity distance between training faces of the same person."""
    metrics: list[Metrics]
    beats: list[Beats]
    """The model beside each baseline."""

    def metrics_of(self, drawn_as: str | None, *, is_baseline: bool) -> list[Metrics]:
        """The model's metrics, or the baselines', for a person or for synthetic people."""
        return [
            metrics for metrics in self.metrics if metrics.drawn_as == drawn_as and metrics.is_baseline == is_baseline
        ]

    @property
    def drawn_as(self) -> list[str | None]:
        """Whom the model drew, in order."""
        return [metrics.drawn_as for metrics in self.metrics if not metrics.is_baseline]

    def write(self, folder: Path) -> Path:
        """Write FOLDER/evaluation.json. Raises MienError if it may not be written."""
        with whole_file(folder / FILE) as partial:
            partial.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        return folder / FILE

    @classmethod
    def read(cls, folder: Path) -> "Evaluation | None":
        """What FOLDER/evaluation.json says; None if there is none, or another version of mien wrote it."""
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except ValueError:
            return None


def folder_of(run: Path, dataset: Path) -> Path:
    """Where the evaluation of a run on a dataset lies. Raises MienError for a dataset without a name."""
    name = dataset.resolve().name
    if not name:
        raise MienError(f"{dataset} has no name.", "mien evaluate RUN --on DATASET")
    return run / "evaluations" / name
