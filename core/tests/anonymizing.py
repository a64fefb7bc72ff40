"""Anonymizing with a model that draws each synthetic person in a color of their own; and which color that is."""

from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien import AnonymizeOptions, AnonymizeReport, Extractor, Registry, SessionOptions, anonymize
from mien.anonymization.redaction import hidden
from mien.contracts.face import Face, RgbImage
from mien.inference.target import synthetic_id
from mien.media.video_reader import VideoSource

ALL_FACES = "face_recognition:search=full,upsample=0"


@dataclass(frozen=True)
class House:
    """The plugins of tests/plugins/colors beside the installed ones, and runs of those models."""

    registry: Registry
    runs: Path
    eyes: Extractor

    def anonymize(self, source: Path, output: Path, model: str = "colors", **options: Any) -> AnonymizeReport:
        chosen = {"blender": "paste", "extractor": "blinkered", "check": False, "registry": self.registry, **options}
        of_options = {one.name for one in fields(AnonymizeOptions)}
        of_session = ({one.name for one in fields(SessionOptions)} - of_options) & chosen.keys()
        of_call = {"registry", "progress", "seed"} & chosen.keys()
        return anonymize(
            source,
            output,
            method=self.runs / model,
            options=AnonymizeOptions(**{name: chosen[name] for name in chosen.keys() - of_session - of_call}),
            session=SessionOptions(**{name: chosen[name] for name in of_session}),
            **{name: chosen[name] for name in of_call},
        )

    def faces(self, image: RgbImage) -> list[Face]:
        """The faces of an image, from left to right."""
        return sorted(self.eyes.extract(image), key=lambda face: float(face.landmarks[:, 0].mean()))


def hues(house: House, before: Path, after: Path) -> list[list[float]]:
    """Of each frame, from left to right: the hue, in degrees, that each face's nose has now."""
    found: list[list[float]] = []
    for old, new in zip(VideoSource(before).frames(), VideoSource(after).frames(), strict=True):
        noses = (face.landmarks[30].round().astype(int) for face in house.faces(old.image))
        found.append([hue_at(new.image, x, y) for x, y in noses])
    return found


def hue_at(image: RgbImage, x: int, y: int) -> float:
    """The hue of a place, in degrees; not a number if it has none."""
    color = image[y - 2 : y + 3, x - 2 : x + 3].reshape(1, -1, 3).mean(1, keepdims=True)
    hue, saturation, _ = cv2.cvtColor(color.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0, 0]
    return float(hue) if saturation > 0.8 else float("nan")


def apart(one: float, other: float) -> float:
    """How far two hues are apart, in degrees."""
    return abs((one - other + 180) % 360 - 180)


def hue_of(file: str, person: int, seed: int = 0) -> float:
    """The hue as which the model draws the synthetic person that a person of a file becomes."""
    return synthetic_id(seed, file, person) % 360


def is_hidden(image: RgbImage) -> bool:
    """Whether an image consists of a few blocks, each of one color."""
    small = cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA).astype(int)
    flat = np.abs(np.diff(small, axis=1)).max(-1) < 12
    return bool(flat.mean() > 0.8 and np.abs(image.astype(int) - hidden(image)).mean() < 4)


def registry_with_colors(*, without: str = "") -> Registry:
    """The plugins of tests/plugins/colors beside the installed ones, but for those of one entry point."""
    points = [point for point in entry_points(group="mien") if point.name != without]
    return Registry([*points, EntryPoint("colors", "colors", "mien")])


def without_encoding() -> Registry:
    """As if nothing were installed that tells people apart."""
    return registry_with_colors(without="encoding")


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
