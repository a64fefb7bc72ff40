"""A run that is handed on draws as before, tells nothing of the machine it comes from, and is found by its name."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mien import MienError, Registry, Session, TrainedRun, TrainOptions, evaluate, export_package, export_run, resume
from mien.contracts.model import ModelInputs
from mien.evaluation.report import Evaluation, Metrics
from mien.media.images import read_image
from mien.plugins.run_location import locate_run
from mien.sharing.summary import list_runs
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training.run import DatasetRecord, PluginRecord, RunRecord

STILL = Path(__file__).resolve().parents[2] / "tests" / "data" / "images" / "stills" / "grace_hopper.jpg"
SMALL = {"size": 32, "width": 4, "bottleneck": 8, "code_channels": 8, "batch_size": 2}
ELSEWHERE = "/home/somebody"
LATENT = (("model", "latent"), ("extractor", "blazeface"), ("masker", "hull"), ("feature", "landmarks"))

KEEPS = '''
    """A model that draws by a file of weights of the user's, and keeps numbers of every sort."""

    import torch

    from mien import Model, PluginConfig
    from mien.contracts.plugin import WeightsFile

    class KeepsConfig(PluginConfig):
        weights: WeightsFile | None = None
        """The user's."""
        palette: str = ""
        """What should be a file of weights, and is none."""

    class Keeps(Model):
        Config = KeepsConfig
        targets = frozenset({"synthetic"})
        unsaved = ("critic",)

        def __init__(self, config, inputs):
            super().__init__(config, inputs)
            self.small = torch.nn.Parameter(torch.linspace(-1, 1, 64))
            self.large = torch.nn.Parameter(torch.linspace(-1e6, 1e6, 64))
            self.critic = torch.nn.Linear(2, 2)
            self.register_buffer("fitted", torch.full((4,), 1e-9))
            self.register_buffer("counted", torch.tensor([2**40]))

        def fit(self, faces):
            """So that a run is needed."""

        def generate(self, batch, target):
            return batch.images
'''
REGISTERS = """
    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_models():
        return [PluginSpec("keeps", "keeps_class:Keeps", "keeps", contract=2, weights_license="CC-BY-4.0")]
"""


@pytest.fixture(scope="module")
def a_run(write_run: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a run that was not trained, as if it had been on a dataset of somebody's disk."""
    inputs = ModelInputs(("E",), 10, 10, np.linspace(0, 1e-7, 10, dtype=np.float32), np.eye(10, dtype=np.float32))

    def write(run: Path, model: str, settings: dict[str, Any], registry: Registry) -> Path:
        plugins = [registry.find(kind, name) for kind, name in (("model", model), *LATENT[1:])]
        return write_run(
            run, registry, model, settings, inputs,
            extractor="blazeface", features="landmarks:points=5", mien_version="0.1.0",
            datasets=[DatasetRecord(name="E", path=f"{ELSEWHERE}/E", digest="ab" * 32, faces=12)],
            plugins=[
                PluginRecord(kind=p.kind, name=p.spec.name, distribution=p.distribution, version=p.version)
                for p in plugins
            ],
            options=TrainOptions(init_from=f"{ELSEWHERE}/start.safetensors", seed=7),
        )  # fmt: skip

    return write


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, a_run: Callable[..., Path]) -> Path:
    folder = a_run(tmp_path_factory.mktemp("made") / "run", "latent", SMALL, Registry())
    (folder / "metrics.jsonl").write_text('{"step": 1}\n')
    (folder / "checkpoints" / "00000001").mkdir(parents=True)
    (folder / "checkpoints" / "00000001" / "random_states_0.pkl").write_bytes(b"\x80")
    return folder


@pytest.fixture
def keeps(environment) -> Registry:
    environment.install("their-keeps", {"keeps": REGISTERS, "keeps_class": KEEPS})
    return Registry()


def refusal(call: Callable[..., object], *arguments: object, **named: object) -> MienError:
    with pytest.raises(MienError) as caught:
        call(*arguments, **named)
    return caught.value


def drawn(run: Path | str, registry: Registry | None = None) -> np.ndarray:
    return Session.open(run, registry=registry).swap(read_image(STILL), "E").astype(int)


def test_an_exported_run_draws_the_same_within_half_precision(run: Path, tmp_path: Path) -> None:
    before, after = drawn(run), drawn(export_run(run, tmp_path / "out"))
    changed = (before != read_image(STILL)).any(-1)
    assert changed.sum() > 5000
    assert np.abs(before - after)[changed].max() <= 3
    assert np.abs(before - after)[changed].mean() < 0.5
    assert (tmp_path / "out" / "model.safetensors").stat().st_size < (run / "model.safetensors").stat().st_size * 0.6


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes there")
def test_whoever_may_read_new_files_may_read_all_of_it(run: Path, tmp_path: Path) -> None:
    folder = export_run(run, tmp_path / "handed_on")
    (tmp_path / "new").touch()
    modes = {path.name: path.stat().st_mode for path in folder.iterdir() if path.is_file()}
    assert modes == dict.fromkeys(modes, (tmp_path / "new").stat().st_mode)


def test_what_only_training_needs_stays_behind(run: Path, tmp_path: Path) -> None:
    out = export_run(run, tmp_path / "out")
    assert {path.name for path in out.rglob("*")} == {"run.toml", "model.safetensors", "card.md"}
    assert load_file(out / "model.safetensors")  # nothing pickled
    record = RunRecord.read(out)
    assert [(one.name, one.faces, one.path) for one in record.datasets] == [("E", 12, None)]
    assert record.options.init_from is None
    for path in out.iterdir():
        assert ELSEWHERE.encode() not in path.read_bytes()
        assert str(tmp_path).encode() not in path.read_bytes().replace(f"mien swap {out}".encode(), b"")


def test_numbers_that_half_precision_would_spoil_are_kept(
    keeps: Registry, tmp_path: Path, a_run: Callable[..., Path]
) -> None:
    out = export_run(a_run(tmp_path / "run", "keeps", {}, keeps), tmp_path / "out", registry=keeps)
    stored = load_file(out / "model.safetensors")
    assert {name: str(stored[name].dtype) for name in ("small", "large", "fitted", "counted")} == {
        "small": "torch.float16",
        "large": "torch.float32",
        "fitted": "torch.float32",
        "counted": "torch.int64",
    }
    assert not [name for name in stored if name.startswith("critic")]
    read = TrainedRun.open(out, keeps).model.state_dict()
    assert read["small"].dtype == torch.float32
    assert read["counted"].item() == 2**40
    assert np.allclose(TrainedRun.open(out, keeps).model.inputs.feature_mean, np.linspace(0, 1e-7, 10), rtol=1e-6)


def test_a_users_file_of_weights_stays_with_the_user(
    keeps: Registry, tmp_path: Path, a_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "my models, all" / "net+1.onnx"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    made = a_run(tmp_path / "run", "keeps", {"weights": str(file)}, keeps)
    monkeypatch.chdir(tmp_path)
    config = TrainedRun.open(made, keeps).model.config
    assert config.weights.path == file  # type: ignore[attr-defined]

    out = export_run(made, tmp_path / "out", registry=keeps)
    text = (out / "run.toml").read_text()
    assert config.weights.sha256 in text  # type: ignore[attr-defined]
    assert "models" not in text
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    missing = refusal(TrainedRun.open, out, keeps)
    assert "net%2B1.onnx" in missing.message
    assert str(elsewhere / "net+1.onnx") in missing.fix
    Path("net+1.onnx").write_bytes(b"other weights")
    assert "another file of weights than was recorded" in refusal(TrainedRun.open, out, keeps).message
    Path("net+1.onnx").write_bytes(b"weights")
    TrainedRun.open(out, keeps)


def test_a_setting_that_is_a_path_is_refused(keeps: Registry, tmp_path: Path, a_run: Callable[..., Path]) -> None:
    made = a_run(tmp_path / "run", "keeps", {"palette": f"{ELSEWHERE}/palette.png"}, keeps)
    refused = refusal(export_run, made, tmp_path / "out", registry=keeps)
    assert f"setting palette={ELSEWHERE}/palette.png" in refused.message
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_replaced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "is there already" in refusal(export_run, run, tmp_path / "out").message
    assert "is there already" in refusal(export_package, run, "anna", tmp_path / "out").message


def evaluation_of(run: Path, weights: str) -> Evaluation:
    figures: dict[str, Any] = dict.fromkeys(Metrics.model_fields, 0.25)
    figures |= {"name": "latent", "is_baseline": False, "drawn_as": "E", "judges": {}, "combined": {}, "motion": None}
    figures |= {"to_people": {}, "follows": {"mouth_opening": 0.917}}
    by = RecognizerRecord(choice="encoding", distribution="mien-feature-encoding", version="0.1.0")
    return Evaluation(
        run=run.name, weights=weights, model="latent", settings={}, features="", step=3, minutes=1.5,
        dataset="J", dataset_digest="cd" * 32, rows=[0, 1], candidates=9, faces_asked=2, last_asked=None,
        held_out=False, source_ranges=["secret_holiday.mp4: 2 of frames 0 to 1"], unreadable=[],
        extractor="blazeface", blender="feather",
        recognizer=by, same_person_below=0.6, judges=[], seed=0, device="cpu", threads=1, faces_per_second=50,
        frechet_floor=0.1, diversity_of_real=0.5, constancy_of_real=0.3, metrics=[Metrics(**figures)], beats=[],
    )  # fmt: skip


@pytest.fixture
def evaluated(run: Path, tmp_path: Path) -> Path:
    """The run with an evaluation of its weights, and one of older weights."""
    folder = shutil.copytree(run, tmp_path / "evaluated")
    evaluation_of(run, TrainedRun.open(run).digest).write(folder / "evaluations" / "J")
    evaluation_of(run, "of older weights").model_copy(update={"dataset": "K"}).write(folder / "evaluations" / "K")
    return folder


def test_the_card_says_what_it_is_made_of_and_how_good_it_is(evaluated: Path, tmp_path: Path) -> None:
    out = export_run(evaluated, tmp_path / "out", license="CC-BY-4.0", data_license="with | consent")
    card = (out / "card.md").read_text()
    for part in (
        "draws E. **What it draws is synthetic.**",
        "| Model | latent |",
        "| width | 4 |",
        "| Features | landmarks:points=5 |",
        "| Random seed | 7 |",
        "| E | 12 | abababababababab |",
        "| The weights of this run | CC-BY-4.0 |",
        r"| The data that it was trained on | with \| consent |",
        "| extractor | blazeface | mien-extractor-blazeface | 0.1.0 | Apache-2.0 |",
        "### On J",
        "| mouth r ↑ | 0.92 |",
    ):
        assert part in card
    assert "On K" not in card
    assert "secret_holiday" not in card
    assert RunRecord.read(export_run(out, tmp_path / "again")).license == "CC-BY-4.0"


def test_figures_outlive_a_second_export(evaluated: Path, tmp_path: Path) -> None:
    once = export_run(evaluated, tmp_path / "once")
    again = export_run(once, tmp_path / "again")
    figures = [(folder / "card.md").read_text().partition("## Figures")[2] for folder in (once, again)]
    assert figures[0] == figures[1]
    assert "| mouth r ↑ | 0.92 |" in figures[0]
    assert "Measured before the weights were rounded" in figures[0]
    assert "secret_holiday" not in (again / "figures.json").read_text()


def test_an_evaluation_of_the_exported_weights_counts_instead(evaluated: Path, tmp_path: Path) -> None:
    once = export_run(evaluated, tmp_path / "once")
    made = evaluation_of(once, TrainedRun.open(once).digest)
    made.model_copy(update={"candidates": 77}).write(once / "evaluations" / "J")
    card = (export_run(once, tmp_path / "again") / "card.md").read_text()
    assert "2 faces of 77," in card
    assert "2 faces of 9," not in card
    assert "Measured before" not in card


def test_figures_of_other_weights_are_left_out_and_damaged_ones_refused(evaluated: Path, tmp_path: Path) -> None:
    once = export_run(evaluated, tmp_path / "once")
    digest = TrainedRun.open(once).digest
    file = once / "figures.json"
    file.write_text(file.read_text().replace(digest, "ef" * 32))
    assert "None: it was not evaluated" in (export_run(once, tmp_path / "again") / "card.md").read_text()
    file.write_text("{")
    assert refusal(export_run, once, tmp_path / "more").fix == f"rm {file}"


def test_an_exported_run_cannot_go_on_and_says_what_can(run: Path, tmp_path: Path) -> None:
    out = export_run(run, tmp_path / "out")
    refused = refusal(resume, out)
    assert "was exported" in refused.message
    assert refused.fix == (
        f"mien train latent:size=32,bottleneck=8,code_channels=8,width=4,batch_size=2 DATASET --run {out}-2 "
        f"--features landmarks:points=5 --set train.seed=7 --set train.init_from={out / 'model.safetensors'}"
    )


@pytest.fixture(scope="module")
def installed(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The run as a wheel, installed as pip does, beside all plugins that are installed here, and no other run."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "text").write_text("All rights reserved.\n")
    written = export_package(
        run, "anna_e", folder / "source", package_version="1.2", license="CC0", license_file=folder / "text"
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, *build, written], check=True)
    (wheel,) = folder.glob("mien_run_anna_e-1.2-*.whl")
    subprocess.run([*pip, "install", "--no-index", "--no-deps", "--target", folder / "site", wheel], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "site"))
        yield Registry([point for point in entry_points(group="mien") if point.name != "synthetic"])
    sys.modules.pop("mien_run_anna_e", None)


def test_an_installed_run_is_found_by_its_name_and_draws(run: Path, installed: Registry) -> None:
    (found,) = installed.runs
    assert (found.spec.name, found.distribution, found.version) == ("anna_e", "mien-run-anna-e", "1.2")
    assert np.abs(drawn(run) - drawn("anna_e", installed)).max() <= 3
    licence = list(found.folder.parents[1].glob("*.dist-info/licenses/LICENSE"))
    assert [path.read_text() for path in licence] == ["All rights reserved.\n"]


def test_it_asks_for_all_that_drawing_needs(run: Path, installed: Registry) -> None:
    (found,) = installed.runs
    (metadata,) = found.folder.parents[1].glob("*.dist-info/METADATA")
    asked = {line.split(": ")[1] for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist")}
    kinds = ("model-latent", "extractor-blazeface", "masker-hull", "feature-landmarks", "blender-feather")
    assert asked == {"mien-core>=0.1.0", *(f"mien-{kind}>=0.1.0" for kind in kinds)}


def test_the_list_tells_what_is_installed_and_what_lies_in_folders(run: Path, installed: Registry) -> None:
    (listed,) = list_runs(registry=installed)
    assert (listed.name, listed.model, listed.draws, listed.problem) == ("anna_e", "latent", "E", "")
    assert (listed.license, listed.data_license) == ("CC0", "not stated")
    (folder,) = list_runs([run.parent], installed)
    assert (folder.name, folder.model, folder.distribution) == (str(run), "latent", "")
    assert "mien runs" in refusal(list_runs, [Path("anna")], installed).fix


def test_a_folder_that_is_a_run_wins(
    run: Path, installed: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("anna_e").mkdir()  # a dataset, say
    assert locate_run("anna_e", installed).installed is not None
    (Path("anna_e") / "run.toml").write_bytes((run / "run.toml").read_bytes())
    assert locate_run("anna_e", installed).installed is None


def test_an_unknown_name_is_told_the_nearest(installed: Registry, tmp_path: Path) -> None:
    unknown = refusal(Session.open, "ana_e", registry=installed)
    assert "'anna_e'" in unknown.message
    assert unknown.fix == "mien runs"
    told = refusal(Session.open, "somebody_else", registry=installed).message
    assert "There are: anna_e, blocks, blur, morph, solid." in told, "with the models that need no run"


def test_two_runs_of_one_name_are_told_apart_by_their_distributions(installed: Registry, environment) -> None:
    registers = """
        from mien.contracts.hooks import RunSpec, hookimpl

        @hookimpl
        def register_runs():
            return [RunSpec("anna_e", "other_anna", "another", contract=1)]
    """
    environment.install("other-anna", {"other_anna": registers})
    environment.install("newer-anna", {"newer_anna": registers.replace("contract=1", "contract=9")})
    both = Registry([*(installed._points or []), *environment.points])
    doubled = refusal(Session.open, "anna_e", registry=both)
    assert "Two distributions register the run 'anna_e'" in doubled.message
    assert "other-anna 1.0" in doubled.message
    assert all("Two distributions" in one.problem for one in list_runs(registry=both))
    (broken,) = both.broken
    assert broken.fix == "pip install --upgrade mien-core"


def test_without_a_plugin_of_the_run_it_says_what_to_install(installed: Registry) -> None:
    points: list[EntryPoint] = [point for point in installed._points or [] if point.name != "latent"]
    without = Registry(points)
    refused = refusal(Session.open, "anna_e", registry=without)
    assert "the model 'latent' of mien-model-latent 0.1.0, which is not installed" in refused.message
    assert refused.fix == "pip install 'mien-model-latent==0.1.0'"
    (listed,) = list_runs(registry=without)
    assert listed.fix == refused.fix


def test_nothing_is_written_beside_an_installed_run(installed: Registry, tmp_path: Path) -> None:
    refused = refusal(evaluate, "anna_e", tmp_path / "J", registry=installed)
    assert "installed run" in refused.message
    assert "--out FOLDER" in refused.fix


@pytest.mark.parametrize(
    ("named", "told"),
    [("Anna E", "mien export {run} --package anna_e"), ("latent", "mien export {run} --package my_latent")],
)
def test_a_name_that_cannot_be_one_is_refused(run: Path, tmp_path: Path, named: str, told: str) -> None:
    assert refusal(export_package, run, named, tmp_path / "out").fix == told.format(run=run)


def test_a_version_that_is_none_is_refused(run: Path, tmp_path: Path) -> None:
    refused = refusal(export_package, run, "anna", tmp_path / "out", package_version="first")
    assert "--version 0.1.0" in refused.fix
