"""Plugins of third parties, for tests of what the core does with any plugin; datasets and runs made with them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from mien import Registry
from mien.dataset import Dataset
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import PreprocessReport, preprocess
from mien.geometry.alignment import AlignmentConfig
from mien.media.video_reader import VideoSource

from .preprocessing import write
from .sources import DATA

if TYPE_CHECKING:
    from .anonymizing import House
    from .swapping import Mirror


@dataclass(frozen=True)
class ThirdParty:
    """The plugins of tests/plugins/third_party, and preprocessing with them."""

    registry: Registry

    def preprocess(self, dataset: Path, **options: Any) -> PreprocessReport:
        of_call: dict[str, Any] = {"registry": self.registry}
        of_call |= {key: options.pop(key) for key in ("sources", "progress", "executor", "registry") if key in options}
        chosen = PreprocessOptions(**{"extractor": "template", "features": "tint", "workers": 1, **options})
        return preprocess(dataset, options=chosen, **of_call)


@pytest.fixture(scope="session")
def third_party(plugins_folder: Path) -> Iterator[ThirdParty]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        yield ThirdParty(Registry([EntryPoint("third_party", "third_party", "mien")]))


@pytest.fixture(scope="session")
def frames() -> list[Any]:
    """Eight frames of person E, uint8 (300, 400, 3), RGB."""
    with VideoSource(DATA / "clips" / "target_E_4s_silent.mp4") as video:
        return [frame.image for frame in video.frames(0, 8)]


@pytest.fixture(scope="session")
def finished(third_party: ThirdParty, frames: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset of eight images, a black one and a clip, to be read only."""
    dataset = tmp_path_factory.mktemp("finished") / "E"
    for number, frame in enumerate(frames):
        write(dataset / "raw" / "images" / f"{number}.png", frame)
    write(dataset / "raw" / "black.png", frames[0] * 0)
    shutil.copy2(DATA / "clips" / "single_frame.mp4", dataset / "raw" / "z.mp4")
    third_party.preprocess(dataset)
    return dataset


@pytest.fixture
def dataset(finished: Path, tmp_path: Path) -> Path:
    """The same dataset, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "E"))


@pytest.fixture(scope="session")
def two_in_turn(frames: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of eight frames of J, eight of E and the eight of J again, their faces at one place."""
    from mien import ExtractorSet
    from mien.media.video_writer import VideoSink

    path, finder = tmp_path_factory.mktemp("turns") / "turns.mp4", ExtractorSet("blazeface", Registry())
    with VideoSource(DATA / "clips" / "target_J_2s_audio.mp4") as video:
        of_j = list(video.frames(0, 24))
    there, here = (finder.extract(image)[0].box for image in (of_j[0].image, frames[0]))
    scale = (there.right - there.left) / (here.right - here.left)
    move = np.array([[scale, 0, there.left - scale * here.left], [0, scale, there.top - scale * here.top]])
    size = of_j[0].image.shape[1::-1]
    of_e = [cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8) for image in frames]
    images = [*(frame.image for frame in of_j[:8]), *of_e, *(frame.image for frame in of_j[:8])]
    with VideoSink(path, video, synthetic=None, quality=5, sound=False) as sink:
        for image, frame in zip(images, of_j, strict=True):
            sink.write(image, frame.pts, frame.duration)
    return path


@pytest.fixture(scope="module")
def mirror(
    plugins_folder: Path, tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]
) -> Iterator["Mirror"]:
    """The model of tests/plugins/mirror, which draws what it sees, or all green."""
    from .swapping import INPUTS, Mirror

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        registry = Registry([*entry_points(group="mien"), EntryPoint("mirror", "mirror", "mien")])
        folder = tmp_path_factory.mktemp("mirror") / "run"
        yield Mirror(registry, write_run(folder, registry, "mirror", {}, INPUTS, extractor="blinkered"))


@pytest.fixture(scope="session")
def house_runs(plugins_folder: Path, people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each of the models of tests/plugins/colors that people are anonymized or swapped by."""
    from mien import TrainOptions, train

    from .anonymizing import registry_with_colors

    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        for model in ("colors", "reflection", "known", "fickle"):
            train(model, people, folder / model, options=TrainOptions(steps=1), registry=registry_with_colors())
    return folder


@pytest.fixture(scope="module")
def house(plugins_folder: Path, house_runs: Path) -> Iterator["House"]:
    """Those runs, and what anonymizes by them."""
    from mien import Extractor

    from .anonymizing import ALL_FACES, House, registry_with_colors

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        # A face in another color is still who it was: nobody whom that model draws would be far enough.
        patch.setattr("mien.anonymization.casting.CANDIDATES", 1)
        registry = registry_with_colors()
        eyes = registry.create("extractor", ALL_FACES)
        assert isinstance(eyes, Extractor)
        yield House(registry, house_runs, eyes)


@pytest.fixture
def tiny(environment: Any) -> Registry:
    """The registry with a small model, fast and made to fail on request."""
    environment.install_package("tiny", "mien-model-tiny")
    return Registry()


@pytest.fixture(scope="session")
def encoded(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The people with encodings, which a model that draws references is trained by, cut as wide as any model asks."""
    folder = tmp_path_factory.mktemp("encoded")
    for dataset in people:
        options = PreprocessOptions(
            extractor="face_recognition",
            features="landmarks:points=5+encoding",
            workers=2,
            images=False,
            alignment=AlignmentConfig(size=128, margin=0.4),
        )
        sources = Dataset.open(dataset).info.sources
        preprocess(folder / dataset.name, sources=[Path(source) for source in sources or ()], options=options)
    return [folder / dataset.name for dataset in people]
