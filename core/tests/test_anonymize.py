"""Anonymizing from end to end, on real faces, with a stranger's model that draws each stranger in a colour of its own."""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from mien import Extractor, MienError, Registry, TrainOptions, anonymize, swap, train
from mien.alignment import align
from mien.face import RgbImage
from mien.identity import Recognizer
from mien.pictures import read_picture, write_picture
from mien.pipeline import AnonymizeReport, FrameRange
from mien.pipeline.hiding import hidden
from mien.pipeline.whom import Strangers
from mien.provenance import read_provenance
from mien.video import Frame, VideoSource
from mien.video_sink import VideoSink

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIPS = DATA / "clips"
E, J, TWO = CLIPS / "target_E_4s_silent.mp4", CLIPS / "target_J_2s_audio.mp4", CLIPS / "two_people_2s_audio.mp4"
FACE_THEN_NONE = CLIPS / "face_then_noface_6s.mp4"
STILL = DATA / "pictures" / "stills" / "grace_hopper.jpg"
NO_FACE = DATA / "pictures" / "noface" / "rocket.jpg"
ALL_FACES = "face_recognition:search=full,upsample=0"

PLUGINS = """
from mien.hooks import PluginSpec, hookimpl


@hookimpl
def register_models():
    return [
        PluginSpec("colours", "mien_colours_classes:Colours", "a colour for each stranger"),
        PluginSpec("mirror", "mien_colours_classes:Mirror", "draws what it sees, and says that it invents"),
        PluginSpec("known", "mien_colours_classes:Known", "draws those whom it was trained on"),
    ]


@hookimpl
def register_blenders():
    return [PluginSpec("paste", "mien_colours_classes:Paste", "the face, pasted")]


@hookimpl
def register_extractors():
    return [
        PluginSpec("blinkered", "mien_colours_classes:Blinkered", "sees nothing while the corner is magenta"),
        PluginSpec("half", "mien_colours_classes:Half", "sees the left half of a picture only"),
    ]
"""
CLASSES = """
import torch
from torch import nn

from mien import Blender, Extractor, Model, Registry, Stage
from mien.alignment import composite, erode_and_feather


class Mirror(Model):
    invents, swaps = True, False
    size = 64

    def __init__(self, config, inputs):
        super().__init__(config, inputs)
        self.weight = nn.Parameter(torch.ones(1))

    def stages(self):
        return [Stage(64, 2)]

    def optimizer(self, phase):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def forward(self, batch, phase):
        return {"loss": (batch.images * self.weight).abs().mean()}

    def generate(self, batch, identity):
        assert identity is None
        return batch.images


class Known(Mirror):
    invents, swaps = False, True


class Colours(Mirror):
    # All the face in the one of 360 hues that its stranger's number says.
    def generate(self, batch, identity):
        assert identity is None
        hue = (batch.strangers % 360) / 60
        away = torch.stack([(hue - 3).abs() - 1, 2 - (hue - 2).abs(), 2 - (hue - 4).abs()], 1)
        return (away.clamp(0, 1) * 2 - 1)[:, :, None, None].float().expand_as(batch.images)


class Paste(Blender):
    def blend(self, scene, face, mask, to_crop):
        return composite(scene, face, erode_and_feather(mask, 0.1, 0.1), to_crop)


class Blinkered(Extractor):
    def __init__(self, config=None):
        super().__init__(config)
        self.eyes = Registry().create("extractor", "face_recognition:search=full,upsample=0")

    def extract(self, image):
        red, green, blue = image[:16, :16].reshape(-1, 3).mean(0)
        return [] if min(red, blue) > 200 and green < 60 else self.eyes.extract(image)


class Half(Blinkered):
    def extract(self, image):
        return [face for face in self.eyes.extract(image) if face.landmarks[:, 0].mean() < image.shape[1] / 2]
"""


@dataclass(frozen=True)
class House:
    """The stranger's plugins beside the installed ones, and runs of those models."""

    registry: Registry
    runs: Path

    def anonymize(self, source: Path, output: Path, model: str = "colours", **options: Any) -> AnonymizeReport:
        settings = {"blender": "paste", "extractor": "blinkered", "check": False, "registry": self.registry, **options}
        return anonymize(self.runs / model, source, output, **settings)


@pytest.fixture(scope="module")
def house(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "mien_colours.py").write_text(PLUGINS, encoding="utf-8")
    (folder / "mien_colours_classes.py").write_text(CLASSES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        registry = Registry([*entry_points(group="mien"), EntryPoint("colours", "mien_colours", "mien")])
        for model in ("colours", "mirror", "known"):
            train(model, people, folder / model, options=TrainOptions(steps=1), registry=registry)
        yield House(registry, folder)
    for name in ("mien_colours", "mien_colours_classes"):
        sys.modules.pop(name, None)


def cut(source: Path, target: Path, frames: slice, change: Callable[[Frame], RgbImage] | None = None) -> Path:
    """A piece of a clip, its frames changed, with all its sound."""
    video = VideoSource(source)
    with VideoSink(target, video, synthetic=None, quality=5) as sink:
        for frame in video.frames(frames.start, frames.stop):
            sink.write(change(frame) if change else frame.image, frame.pts, frame.duration)
    return target


def blinded(indices: Sequence[int]) -> Callable[[Frame], RgbImage]:
    def change(frame: Frame) -> RgbImage:
        image = frame.image.copy()
        if frame.index in indices:
            image[:16, :16] = (255, 0, 255)
        return image

    return change


def left_covered(indices: Sequence[int]) -> Callable[[Frame], RgbImage]:
    def change(frame: Frame) -> RgbImage:
        image = frame.image.copy()
        if frame.index in indices:
            image[:, : image.shape[1] // 2] = 128
        return image

    return change


def hues(registry: Registry, before: Path, after: Path) -> list[list[float]]:
    """Of each frame, from left to right: the hue, in degrees, that each face's nose has now."""
    eyes = registry.create("extractor", ALL_FACES)
    assert isinstance(eyes, Extractor)
    found: list[list[float]] = []
    for old, new in zip(VideoSource(before).frames(), VideoSource(after).frames(), strict=True):
        noses = sorted(
            (face.landmarks[30].round().astype(int) for face in eyes.extract(old.image)), key=lambda at: at[0]
        )
        of_frame = []
        for x, y in noses:
            colour = new.image[y - 2 : y + 3, x - 2 : x + 3].reshape(1, -1, 3).mean(1, keepdims=True)
            hue, saturation, _ = cv2.cvtColor(colour.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0, 0]
            of_frame.append(float(hue) if saturation > 0.8 else float("nan"))
        found.append(of_frame)
    return found


def apart(one: float, other: float) -> float:
    """How far two hues are apart, in degrees."""
    return abs((one - other + 180) % 360 - 180)


def hue_of(file: str, person: int, seed: int = 0) -> float:
    """The hue as which the model draws the stranger that a person of a file becomes."""
    return Strangers(seed).number(file, person) % 360


def is_hidden(image: RgbImage) -> bool:
    """Whether a picture consists of a few blocks, each of one colour."""
    small = cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA).astype(int)
    flat = np.abs(np.diff(small, axis=1)).max(-1) < 12
    return bool(flat.mean() > 0.8 and np.abs(image.astype(int) - hidden(image)).mean() < 4)


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_everybody_in_a_video_is_one_stranger_each_in_all_frames(house: House, tmp_path: Path) -> None:
    clip = cut(TWO, tmp_path / "pair.mp4", slice(0, 12))
    report = house.anonymize(clip, tmp_path / "out.mp4")
    drawn = hues(house.registry, clip, tmp_path / "out.mp4")
    assert [len(of_frame) for of_frame in drawn] == [2] * 12
    strangers = [hue_of("pair.mp4", 0), hue_of("pair.mp4", 1)]
    assert apart(*strangers) > 20
    first = sorted(strangers, key=lambda hue: apart(hue, drawn[0][0]))
    assert all(apart(hue, expected) < 5 for of_frame in drawn for hue, expected in zip(of_frame, first, strict=True))
    assert (report.people, report.faces, report.frames_hidden, report.frames_hidden_in_part) == (2, 24, 0, 0)


@pytest.mark.parametrize("told_by", ["encodings", "places"])
def test_who_is_lost_and_comes_back_is_the_same_stranger(house: House, tmp_path: Path, told_by: str) -> None:
    registry = house.registry if told_by == "encodings" else without_encoding()
    clip = cut(J, tmp_path / "J.mp4", slice(0, 30), blinded(range(8, 22)))
    report = house.anonymize(clip, tmp_path / "out.mp4", registry=registry)
    drawn = [hue for (hue,) in hues(house.registry, clip, tmp_path / "out.mp4")]
    for index in (*range(8), *range(22, 30)):
        assert apart(drawn[index], hue_of("J.mp4", 0)) < 5
    assert (report.people, report.faces) == (1, 16)
    assert report.files[0].hidden == (FrameRange(8, 21),)


def test_after_a_cut_everybody_is_who_they_were_and_nothing_is_hidden(house: House, tmp_path: Path) -> None:
    """Both faces are at one place, so that only their encodings tell that it is not one person."""
    faces = {name: [frame.image for frame in VideoSource(path).frames(0, 8)] for name, path in (("E", E), ("J", J))}
    faces["J"] = [cv2.resize(image[:, 80:560], (400, 300)) for image in faces["J"]]
    shots = [*faces["E"], *faces["J"], *faces["E"]]
    clip = cut(E, tmp_path / "shots.mp4", slice(0, 24), lambda frame: shots[frame.index])
    report = house.anonymize(clip, tmp_path / "out.mp4")
    drawn = [hue for (hue,) in hues(house.registry, clip, tmp_path / "out.mp4")]
    of_E, of_J = hue_of("shots.mp4", 0), hue_of("shots.mp4", 1)
    assert apart(of_E, of_J) > 20
    assert all(
        apart(hue, expected) < 5 for hue, expected in zip(drawn, [of_E] * 8 + [of_J] * 8 + [of_E] * 8, strict=True)
    )
    assert (report.people, report.frames_hidden, report.frames_hidden_in_part) == (2, 0, 0)


def without_encoding() -> Registry:
    """As if nothing were installed that tells people apart."""
    points = [point for point in entry_points(group="mien") if point.name != "encoding"]
    return Registry([*points, EntryPoint("colours", "mien_colours", "mien")])
