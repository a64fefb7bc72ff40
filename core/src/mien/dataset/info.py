"""What dataset.json says of a dataset, and where the files of one lie.

DATASET/faces/dataset.json                  DatasetInfo; written last, so what has none is not finished
DATASET/faces/index.parquet                 the N faces in the order of the arrays, then what was dropped
DATASET/faces/arrays/crops.npy              uint8 (N, S, S, 3), RGB, whole
DATASET/faces/arrays/masks.npy              uint8 (N, S, S), 255 is face
DATASET/faces/arrays/landmarks68.npy        float32 (N, 68, 2), in pixels of the crop; NaN: not known
DATASET/faces/arrays/KEY.npy                float32 (N, *shape) for each feature, with KEY.mean.npy and KEY.cov.npy
DATASET/faces/arrays/images64.npy           uint8 (N, 64, 64, 3), black where the mask is 0: small copies of 2, 4, … px
DATASET/faces/images/64/000123.png          the same of row 123 as an image
"""

import json
import shlex
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.media.files import writing_to
from mien.media.part import Part, clock_of
from mien.tracking.recognizer_record import RecognizerRecord, StoredEncoding

FORMAT_VERSION = 2
FACES = "faces"
NEXT_FACES = ".faces.new"
OLD_FACES = ".faces.old"
CROPS = "crops"
MASKS = "masks"
LANDMARKS = "landmarks68"
LARGEST_COPY_PX = 128
People: TypeAlias = Literal["dataset", "folders", "recognizer"]
"""Who is in a dataset. dataset: one person, named after it. folders: whoever a subfolder of the sources is named after;
of files in none, the dataset's person. recognizer: groups that the recognizer takes for one person each: person1, …"""


class FeatureInfo(BaseModel):
    """A feature that a dataset holds."""

    model_config = ConfigDict(frozen=True)

    choice: str
    """What the user would type for it, all settings spelled out."""
    key: str
    """Stem of its files in arrays/."""
    distribution: str
    version: str
    shape: tuple[int, ...]
    bounds: tuple[float, float]


class Counts(BaseModel):
    """What became of the images and frames."""

    model_config = ConfigDict(frozen=True)

    read: int
    """Images and frames that were read."""
    faces: int
    """Faces kept: N."""
    no_face: int
    """Images and frames in which no face was found."""
    unreadable: int
    """Files, or stretches of a video, that could not be read."""
    failed: int
    """Images and frames on which a plugin failed."""
    dropped: int
    """Faces found but not kept."""
    no_mask: int = 0
    """Faces kept, of whose crops the maskers leave less than 1 % as face; 0, too, of what an earlier mien has made."""


class DatasetInfo(BaseModel):
    """What dataset.json says."""

    model_config = ConfigDict(frozen=True)

    format_version: int
    mien_version: str
    extractor: str
    """What the user would type for it, all settings spelled out."""
    extractor_distribution: str
    extractor_version: str
    alignment: AlignmentConfig
    masker: str
    """What the user would type for the maskers, all settings spelled out."""
    masker_distributions: tuple[str, ...]
    """Distribution and version of each of them."""
    people: People
    """How the faces' people are told."""
    features: tuple[FeatureInfo, ...]
    sizes: tuple[int, ...]
    """Sides of the small copies, in pixels, smallest first; none if there are no copies."""
    count: int
    """Number of faces N."""
    digest: str
    """SHA-256 over the crops, masks and landmarks of all faces: what the dataset is, wherever it lies."""
    counts: Counts
    reasons: dict[str, int]
    """Why something is not among the faces → how often."""
    images: bool
    """Whether images/ was written."""
    largest: bool
    """Whether only the largest face of an image was kept."""
    recognizer: RecognizerRecord | None
    """What told people apart when it was made; None: nothing had to."""
    keep_person: StoredEncoding | None
    """The person whose faces alone were kept."""
    sources: tuple[str, ...] | None
    """Absolute paths that the images came from; None: from raw/."""
    start: str | None = None
    """From when on videos were read, as H:MM:SS.mmm from their first frame; None: from that on."""
    end: str | None = None
    """Until when; None: to their end."""

    @property
    def part(self) -> Part:
        """What of videos was read."""
        return Part.between(self.start, self.end)

    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        return self.alignment.size

    def as_options(
        self, *, features: str | None = None, alignment: AlignmentConfig | None = None, copies: bool | None = None
    ) -> str:
        """How it was made, as options of `mien preprocess`. features, alignment, copies: instead of its own."""
        return options_of(
            extractor=self.extractor,
            alignment=alignment or self.alignment,
            masker=self.masker,
            features="+".join(feature.choice for feature in self.features) if features is None else features,
            people=self.people,
            largest=self.largest,
            copies=bool(self.sizes) if copies is None else copies,
            images=self.images,
            keeps_person=self.keep_person is not None,
            part=self.part,
        )


def options_of(
    *,
    extractor: str,
    alignment: AlignmentConfig,
    masker: str,
    features: str,
    people: People,
    largest: bool,
    copies: bool,
    images: bool,
    keeps_person: bool,
    part: Part,
) -> str:
    """Options of `mien preprocess` that make a dataset so; the image of a person is left for the user to fill in."""
    named = {"--extractor": extractor, "--alignment": str(alignment), "--masker": masker, "--features": features}
    if people != "dataset":
        named["--people"] = people
    for name, time in (("--start", part.start), ("--end", part.end)):
        if time is not None:
            named[name] = clock_of(time)
    flags = {
        "--largest": largest,
        "--no-copies": not copies,
        "--no-images": copies and not images,
        "--keep-person IMAGE": keeps_person,
    }
    said = [f"{option} {shlex.quote(value)}" for option, value in named.items() if value]
    return " ".join([*said, *(flag for flag, is_asked in flags.items() if is_asked)])


def array_file(faces: Path, name: str) -> Path:
    """Where an array of a faces folder lies."""
    return faces / "arrays" / f"{name}.npy"


def image_file(faces: Path, size: int, row: int) -> Path:
    """Where the image of a row lies."""
    return faces / f"images/{size}/{row:06d}.png"  # one join: this is asked for some ten times a face


@cache
def copy_sizes(size: int) -> tuple[int, ...]:
    """Sides of the small copies of crops of a side: 2, 4, 8, … up to it, and to 128."""
    return tuple(2**power for power in range(1, min(size, LARGEST_COPY_PX).bit_length()))


def command_to_remake(path: Path, sources: tuple[str, ...] | None, options: str = "") -> str:
    """The command that makes a dataset anew of the same sources. options: more of the command line."""
    given = [part for source in sources or () for part in ("--from", source)]
    return " ".join(
        part for part in (shlex.join(["mien", "preprocess", str(path), "--again", *given]), options) if part
    )


def read_info(path: Path) -> DatasetInfo | None:
    """What DATASET's dataset.json says; None if there is none.

    Raises MienError if it is damaged, or if a newer mien has written it.
    """
    file = path / FACES / "dataset.json"
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MienError(f"{file} cannot be read: {error.strerror}.", f"ls -l {file}") from error
    try:
        version = _FormatVersion.model_validate_json(text).format_version
        if version > FORMAT_VERSION:
            raise MienError(
                f"{file} has the format version {version}; this mien knows up to {FORMAT_VERSION}.",
                "pip install --upgrade mien",
            )
        if version < FORMAT_VERSION:
            raise MienError(
                f"{path} was made by an earlier mien, in the format {version} instead of {FORMAT_VERSION}.",
                command_to_remake(path, _recorded_sources(text)),
            )
        return DatasetInfo.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MienError(
            f"{file} is damaged: {f'{where}: ' if where else ''}{first['msg']}.",
            f"mien preprocess {path} --again",
        ) from error


def finish_swap(path: Path) -> None:
    """Finish what a run left that was stopped between taking the old faces away and putting the new ones there.

    The old ones are only taken away when the new ones are whole.
    """
    if (path / FACES).exists() or not (path / OLD_FACES).exists():
        return
    whole = path / NEXT_FACES if (path / NEXT_FACES / "dataset.json").exists() else path / OLD_FACES
    # Not found: the run itself, or another reader, has just finished it.
    with writing_to(path / FACES), suppress(FileNotFoundError):
        whole.rename(path / FACES)


def _recorded_sources(text: bytes) -> tuple[str, ...] | None:
    sources = json.loads(text).get("sources")
    return tuple(map(str, sources)) if isinstance(sources, list) else None


class _FormatVersion(BaseModel):
    format_version: int
