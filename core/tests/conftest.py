"""Plugins of a stranger, for tests of what the core does with any plugin; and datasets made with them."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import cv2
import pytest

from mien import Registry
from mien.dataset.preprocess import PreprocessReport, preprocess
from mien.media.video_reader import VideoSource

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"

STRANGER = '''
"""An extractor and two features that need no weights, and misbehave when they are told to."""

import os
import signal
from pathlib import Path

import numpy as np

from mien import Box, Extractor, Face, Feature, MienError, PluginConfig
from mien.contracts.masker import Masker
from mien.geometry.alignment import covered_region, with_hull
from mien.contracts.hooks import PluginSpec, hookimpl

# The 68 landmarks of person E in the middle of his clips' frames, as shares of width and height.
LANDMARKS = np.array([
    .388, .555, .391, .600, .396, .643, .403, .685, .414, .723, .433, .756, .458, .779, .488, .795, .523, .801,
    .557, .795, .584, .777, .607, .753, .622, .721, .631, .683, .636, .643, .639, .602, .642, .561, .415, .483,
    .431, .458, .456, .449, .482, .452, .506, .463, .547, .461, .569, .449, .594, .447, .616, .458, .628, .486,
    .525, .495, .525, .518, .525, .542, .525, .567, .498, .607, .511, .609, .524, .611, .537, .610, .549, .608,
    .442, .517, .456, .504, .473, .502, .489, .514, .473, .521, .457, .522, .560, .515, .577, .505, .593, .507,
    .605, .521, .592, .527, .576, .523, .477, .685, .495, .662, .512, .650, .524, .656, .536, .651, .552, .664,
    .568, .686, .552, .696, .536, .701, .524, .701, .511, .700, .494, .695, .485, .682, .512, .671, .524, .673,
    .536, .672, .560, .683, .536, .674, .524, .675, .512, .673,
]).reshape(68, 2)
CELL = np.array([400, 300])  # size of a frame of E; a wider image shows several side by side


class TemplateConfig(PluginConfig):
    """How the template finds faces."""

    grow: float = 1.0
    """How much larger than the template the faces are."""
    fuse: str = ""
    """A file: if it is there when an image with a green corner comes, it is removed, and preprocessing is killed."""


class Template(Extractor):
    """E's face in every cell of an image that is not black. A red corner makes it fail."""

    Config = TemplateConfig

    def extract(self, image):
        corner = tuple(int(value) for value in image[0, 0])
        if corner == (255, 0, 0):
            raise ArithmeticError("this image has a red corner")
        if corner == (0, 255, 0) and self.config.fuse and Path(self.config.fuse).exists():
            Path(self.config.fuse).unlink()
            print("a word before dying", flush=True)
            os.kill(os.getppid() if "parent" in self.config.fuse else os.getpid(), signal.SIGKILL)
        faces = []
        for cell in range(max(1, image.shape[1] // CELL[0])):
            shown = image[:, cell * CELL[0] : (cell + 1) * CELL[0]]
            if shown.size and shown.mean() > 8:
                scale = 0.9 if image.shape[1] >= 2 * CELL[0] and cell == 0 else self.config.grow
                middle = LANDMARKS.mean(0)
                points = ((LANDMARKS - middle) * scale + middle) * CELL + (cell * CELL[0], 0)
                (left, top), (right, bottom) = points.min(0), points.max(0)
                faces.append(Face(Box(left, top, right, bottom), points.astype(np.float32), 1 / (1 + cell)))
        return faces


class Boxes(Template):
    """The same faces without landmarks."""

    def extract(self, image):
        return [Face(face.box, None, face.score) for face in super().extract(image)]


class Nose(Feature):
    """Where the nose is: needs landmarks."""

    shape = (2,)
    bounds = (0.0, 1.0)

    def compute(self, crops):
        if any(crop.landmarks is None for crop in crops):
            raise MienError("The feature nose needs landmarks.", "Leave it out.")
        return np.array([crop.landmarks[30] / crop.size for crop in crops], np.float32).reshape(-1, 2)


class Tint(Feature):
    """Mean color of the crop."""

    shape = (3,)
    bounds = (0.0, 255.0)

    def compute(self, crops):
        return np.array([crop.masked_image.mean((0, 1)) for crop in crops], np.float32).reshape(-1, 3)


class SurroundingsConfig(PluginConfig):
    """What is measured."""

    whole: bool = False
    """The whole scene, not only what the crop covers."""


class Outline(Masker):
    """The hull of the landmarks."""

    def mask(self, crops):
        masks = [with_hull(crop).mask * 255 for crop in crops]
        return np.rint(masks).astype(np.uint8) if masks else np.zeros((0, 0, 0), np.uint8)


class Surroundings(Feature):
    """Mean color of the scene about the face: people are told apart by it."""

    Config = SurroundingsConfig
    needs_scene = True
    same_person_below = 20.0
    shape = (3,)
    bounds = (0.0, 255.0)

    def compute(self, crops):
        return np.array([self._seen(crop).mean((0, 1)) for crop in crops], np.float32).reshape(-1, 3)

    def _seen(self, crop):
        if self.config.whole:
            return crop.scene
        return crop.scene[covered_region(crop.to_crop, crop.size, crop.scene.shape)]


@hookimpl
def register_extractors():
    return [
        PluginSpec("template", "mien_stranger:Template", "a face in the middle"),
        PluginSpec("boxes", "mien_stranger:Boxes", "its box alone"),
    ]


@hookimpl
def register_maskers():
    return [PluginSpec("outline", "mien_stranger:Outline", "the hull of the landmarks")]


@hookimpl
def register_features():
    return [
        PluginSpec("nose", "mien_stranger:Nose", "where the nose is"),
        PluginSpec("tint", "mien_stranger:Tint", "mean color"),
        PluginSpec("surroundings", "mien_stranger:Surroundings", "mean color of the scene"),
    ]
'''


@dataclass(frozen=True)
class Stranger:
    """The stranger's plugins, and preprocessing with them."""

    registry: Registry
    folder: Path

    def preprocess(self, dataset: Path, **options: Any) -> PreprocessReport:
        settings: dict[str, Any] = {"extractor": "template", "features": "tint", "workers": 1}
        return preprocess(dataset, **{**settings, "registry": self.registry, **options})


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "mien_stranger.py").write_text(STRANGER, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield Stranger(Registry([EntryPoint("stranger", "mien_stranger", "mien")]), folder)
    sys.modules.pop("mien_stranger", None)


@pytest.fixture(scope="session")
def frames() -> list[Any]:
    """Eight frames of person E, uint8 (300, 400, 3), RGB."""
    with VideoSource(DATA / "clips" / "target_E_4s_silent.mp4") as video:
        return [frame.image for frame in video.frames(0, 8)]


def write(path: Path, image: Any) -> Path:
    """Write an image as PNG, so that it is read back as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return path


@pytest.fixture(scope="session")
def finished(stranger: Stranger, frames: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset of eight images, a black one and a clip, to be read only."""
    dataset = tmp_path_factory.mktemp("finished") / "E"
    for number, frame in enumerate(frames):
        write(dataset / "raw" / "images" / f"{number}.png", frame)
    write(dataset / "raw" / "black.png", frames[0] * 0)
    shutil.copy2(DATA / "clips" / "single_frame.mp4", dataset / "raw" / "z.mp4")
    stranger.preprocess(dataset)
    return dataset


@pytest.fixture
def dataset(finished: Path, tmp_path: Path) -> Path:
    """The same dataset, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "E"))
