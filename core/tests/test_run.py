"""A run is opened with the plugins that it was made with, or it is said that they are others."""

import re
import warnings
from pathlib import Path

import pytest

from mien import MienError, MienWarning, PluginChoice, TrainedRun, TrainOptions, train

SMALL = {"size": 32, "width": 4, "bottleneck": 8, "code_channels": 8, "batch_size": 2}


@pytest.fixture(scope="module")
def made(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    train(PluginChoice("latent", SMALL), people[:1], run, features="landmarks:points=5", options=TrainOptions(steps=1))
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    for name in ("run.toml", "model.safetensors"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def changed(run: Path, pattern: str, by: str) -> None:
    text, found = re.subn(pattern, by, (run / "run.toml").read_text(encoding="utf-8"), count=1)
    assert found
    (run / "run.toml").write_text(text, encoding="utf-8")


def test_it_names_every_plugin_with_its_version(run: Path) -> None:
    plugins = {(one.kind, one.name, one.distribution, one.version) for one in TrainedRun.open(run).record.plugins}
    assert plugins == {
        ("model", "latent", "mien-model-latent", "0.1.0"),
        ("extractor", "face_recognition", "mien-extractor-face-recognition", "0.1.0"),
        ("masker", "hull", "mien-masker-hull", "0.1.0"),
        ("feature", "landmarks", "mien-feature-landmarks", "0.1.0"),
    }


def test_with_the_same_versions_nothing_is_said(run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TrainedRun.open(run)


def test_with_another_version_it_is_opened_with_a_warning(run: Path) -> None:
    changed(
        run,
        r'distribution = "mien-feature-landmarks"\nversion = "0.1.0"',
        r'distribution = "mien-feature-landmarks"\nversion = "7.2"',
    )
    with pytest.warns(MienWarning, match=r"was made with mien-feature-landmarks 7\.2; 0\.1\.0 is installed"):
        assert TrainedRun.open(run).people == ("E",)


def test_without_one_of_them_it_says_what_to_install(run: Path) -> None:
    changed(
        run,
        r'name = "landmarks"\ndistribution = "mien-feature-landmarks"',
        r'name = "freckles"\ndistribution = "some-freckles"',
    )
    with pytest.raises(MienError) as raised:
        TrainedRun.open(run)
    assert "the feature 'freckles' of some-freckles 0.1.0, which is not installed" in raised.value.message
    assert raised.value.fix == "pip install 'some-freckles==0.1.0'"


def test_a_plugin_that_is_there_twice_is_not_said_to_be_missing(run: Path, environment) -> None:
    hook = """
        from mien.contracts.hooks import PluginSpec, hookimpl

        @hookimpl
        def register_models():
            return [PluginSpec("latent", "other:Latent", "another of that name", contract=2)]
    """
    environment.install("other-latent", {"other": hook})
    with pytest.raises(MienError, match="Two distributions register the model 'latent'") as raised:
        TrainedRun.open(run)
    assert "not installed" not in raised.value.message


def test_a_run_of_contract_1_is_told_with_the_command_that_makes_it_anew(run: Path) -> None:
    changed(run, r"format_version = \d+", "format_version = 1")
    with pytest.raises(MienError, match="earlier mien") as caught:
        TrainedRun.open(run)
    assert caught.value.fix.startswith("mien train latent ")
    assert caught.value.fix.endswith(f"--run {run}-2 --features landmarks:points=5")
