"""Plugins of a third party, for tests of what the core does with any plugin; and datasets made with them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import cv2
import pytest

from mien import Registry
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import PreprocessReport, preprocess
from mien.media.video_reader import VideoSource

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"


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


def write(path: Path, image: Any) -> Path:
    """Write an image as PNG, so that it is read back as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return path


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
