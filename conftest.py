"""What the tests of all distributions share: plugins of strangers, installed for one test."""

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent

import hypothesis
import pytest

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


class Environment:
    """A folder that distributions are installed in, as pip would: their modules, and a dist-info folder each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        distribution: str,
        modules: dict[str, str],
        version: str = "1.0",
        entry_point: str = "",
        requires: Sequence[str] = (),
    ) -> None:
        """Install a distribution.

        modules: module name → source. entry_point: its name in the group `mien`, with the first module as its value; by
        default what the distribution is called after its last hyphen.
        """
        for module, source in modules.items():
            path = self.folder.joinpath(*module.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source), encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
        name = entry_point or distribution.rpartition("-")[2]
        (info / "entry_points.txt").write_text(f"[mien]\n{name} = {next(iter(modules))}\n")

    @property
    def points(self) -> list[EntryPoint]:
        """The entry points of what is installed here, and of nothing else."""
        found = distributions(path=[str(self.folder)])
        return [point for distribution in found for point in distribution.entry_points]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """An empty environment; what is installed in it can be imported until the test ends."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield Environment(folder)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Datasets of two people, E and J, each from a clip of some seconds; read only."""
    from mien.dataset.preprocess import preprocess

    folder = tmp_path_factory.mktemp("people")
    clips = Path(__file__).parent / "tests" / "data" / "clips"
    made = []
    for name, clip in (("E", "target_E_4s_silent.mp4"), ("J", "target_J_2s_audio.mp4")):
        preprocess(
            folder / name,
            extractor="face_recognition",
            features="landmarks:points=5",
            sources=[clips / clip],
            workers=2,
            images=False,
        )
        made.append(folder / name)
    return made
