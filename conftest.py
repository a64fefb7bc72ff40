"""What the tests of all distributions share: plugins of third parties, installed for one test."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, distributions, version
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from mien import Registry
    from mien.contracts.model import ModelInputs

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("mien", deadline=None)
hypothesis.settings.load_profile("mien")

PLUGINS = Path(__file__).parent / "tests" / "plugins"
"""Packages of plugins, as third parties write them."""

SLOW = [line for line in (Path(__file__).parent / "tests" / "slow.txt").read_text().splitlines() if line[:1] != "#"]
"""Files and tests that `make test-fast` leaves out."""
IN_ANOTHER_PROCESS = "_in_another_process"
"""What the contract's checks are called that start Python once more for each plugin. They are long ones, but for
those of the plugins in core/tests, one of each kind."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what tests/slow.txt lists and what is long, before pytest chooses by marks."""
    for item in items:
        test = item.nodeid.partition("[")[0]
        if any(test == line or test.startswith(f"{line}::") for line in SLOW):
            item.add_marker(pytest.mark.slow)
        if test.endswith(IN_ANOTHER_PROCESS) and not test.startswith("core/"):
            item.add_marker(pytest.mark.long)


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
        """Install a distribution of a few lines; one of more is a package in tests/plugins.

        modules: module name → source. entry_point: its name in the group `mien`, with the first module as its value; by
        default what the distribution is called after its last hyphen.
        """
        for module, source in modules.items():
            path = self.folder.joinpath(*module.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source), encoding="utf-8")
        self._describe(distribution, next(iter(modules)), version, entry_point, requires)

    def install_package(
        self,
        package: str,
        distribution: str = "",
        version: str = "1.0",
        *,
        entry_point: str = "",
        named: str = "",
        replaced: Mapping[str, str] | None = None,
        requires: Sequence[str] = (),
    ) -> None:
        """Install a package of tests/plugins.

        distribution: mien-PACKAGE by default. named: what the package is to be called here, if not as it is. replaced:
        text of its modules → other text, to see what comes of a fault; each has to be there once.
        """
        target = shutil.copytree(
            PLUGINS / package, self.folder / (named or package), ignore=shutil.ignore_patterns("__pycache__")
        )
        for old, new in (replaced or {}).items():
            sources = {path: path.read_text(encoding="utf-8") for path in target.rglob("*.py")}
            found = [path for path, source in sources.items() for _ in range(source.count(old))]
            if len(found) != 1:
                raise ValueError(f"{old!r} stands in {package} {len(found)} times")
            found[0].write_text(sources[found[0]].replace(old, new), encoding="utf-8")
        name = distribution or f"mien-{package.replace('_', '-')}"
        self._describe(name, named or package, version, entry_point, requires)

    def _describe(
        self, distribution: str, module: str, version: str, entry_point: str, requires: Sequence[str]
    ) -> None:
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
        name = entry_point or distribution.rpartition("-")[2]
        (info / "entry_points.txt").write_text(f"[mien]\n{name} = {module}\n")

    @property
    def points(self) -> list[EntryPoint]:
        """The entry points of what is installed here, and of nothing else."""
        found = distributions(path=[str(self.folder)])
        return [point for distribution in found for point in distribution.entry_points]


@pytest.fixture(scope="session", autouse=True)
def credentials_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The key that tests sign with, instead of that of whoever runs them."""
    path = tmp_path_factory.mktemp("key") / "credentials.pem"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_CREDENTIALS_KEY", str(path))
        yield path


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
def plugins_folder() -> Path:
    """Where packages of third parties' plugins are, to be put on the path."""
    return PLUGINS


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Writes the run of a model that was not trained: `write_run(folder, registry, model, settings, inputs, **record)`.

    inputs: `ModelInputs`. record: fields of the `RunRecord`, the extractor among them, that are not as those of a run
    on no dataset.
    """
    import torch

    from mien.geometry.alignment import AlignmentConfig
    from mien.training import TrainOptions
    from mien.training.run import PluginRecord, RunRecord, make_model
    from mien.training.weights import write_weights

    def write(
        folder: Path, registry: "Registry", model: str, settings: dict[str, Any], inputs: "ModelInputs", **record: Any
    ) -> Path:
        made, plugin = make_model(registry, model, settings, inputs), registry.find("model", model)
        described = {
            "mien_version": version("mien-core"),
            "torch_version": str(torch.__version__),
            "model": model,
            "settings": made.config.model_dump(mode="json"),
            "masker": "hull",
            "features": "",
            "alignment": AlignmentConfig(),
            "people": list(inputs.people) if "known" in made.targets else [],
            "people_count": len(inputs.people),
            "training_rows": inputs.rows,
            "feature_length": inputs.features,
            "processes": 1,
            "datasets": [],
            "plugins": [
                PluginRecord(kind="model", name=model, distribution=plugin.distribution, version=plugin.version)
            ],
            "options": TrainOptions(),
        }
        folder.mkdir()
        RunRecord.model_validate({**described, **record}).write(folder)
        write_weights(folder, made)
        return folder

    return write


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Datasets of two people, E and J, each from a clip of some seconds; read only. Cut and masked as in the study, and
    as the demo's weights were trained."""
    from mien.dataset.options import PreprocessOptions
    from mien.dataset.preprocess import preprocess
    from mien.geometry.alignment import AlignmentConfig

    folder = tmp_path_factory.mktemp("people")
    clips = Path(__file__).parent / "tests" / "data" / "clips"
    made = []
    for name, clip in (("E", "target_E_4s_silent.mp4"), ("J", "target_J_2s_audio.mp4")):
        preprocess(
            folder / name,
            sources=[clips / clip],
            options=PreprocessOptions(
                extractor="face_recognition",
                features="landmarks:points=5",
                masker="hull",
                alignment=AlignmentConfig(),
                workers=2,
                images=False,
            ),
        )
        made.append(folder / name)
    return made


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 20 kB: writes fail as those on a full disk do."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
