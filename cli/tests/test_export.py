"""`mien export` and `mien runs`: a run handed on, and what is said of those that are there."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien import Registry
from mien.contracts.model import ModelInputs
from mien.training.run import PluginRecord, RunRecord

SMALL = {"size": 32, "width": 4, "bottleneck": 8, "code_channels": 8}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: Callable[..., Path]) -> Path:
    """A run as training leaves it, but for what only training needs; the current folder is the one it lies in."""
    monkeypatch.chdir(tmp_path)
    registry = Registry()
    inputs = ModelInputs(("anna",), 10, 1, np.zeros(10, np.float32), np.eye(10, dtype=np.float32))
    plugin = registry.find("model", "latent")
    plugins = [
        PluginRecord(kind="model", name="latent", distribution=plugin.distribution, version=plugin.version),
        PluginRecord(kind="feature", name="freckles", distribution="some-freckles", version="7.2"),
    ]
    made_from = {"extractor": "blazeface", "features": "landmarks:points=5"}
    return write_run(Path("anna"), registry, "latent", SMALL, inputs, **made_from, plugins=plugins)


def usable(run: Path) -> None:
    record = RunRecord.read(run)
    record.model_copy(update={"plugins": record.plugins[:1]}).write(run)


def test_a_folder_and_a_package_are_written_and_what_to_do_with_them_is_told(mien, run):
    usable(run)
    folder = mien("export", run, "--license", "CC0")
    assert folder.exit_code == 0, folder.stderr
    assert "mien swap anna-export INPUT OUTPUT" in folder.stdout
    package = mien("export", run, "--package", "anna", "--license", "CC0", "--version", "2.0")
    assert package.exit_code == 0, package.stderr
    assert "pip install mien-run-anna" in package.stdout
    assert 'version = "2.0"' in Path("mien-run-anna/pyproject.toml").read_text()


def test_what_is_for_a_package_alone_needs_its_name(mien, run):
    refused = mien("export", run, "--version", "2.0")
    assert refused.exit_code == 2
    assert "mien export anna --package NAME --version 2.0" in refused.stderr


def test_the_runs_of_a_folder_are_listed_with_what_is_missing(mien, run):
    shown = mien("runs", ".")
    assert shown.exit_code == 0, shown.stderr
    assert "anna cannot be used: It needs the feature 'freckles' of some-freckles" in shown.stdout
    assert "pip install 'some-freckles==7.2'" in shown.stdout
    (listed,) = json.loads(mien("runs", "anna", "--json").stdout)["runs"]
    assert (listed["name"], listed["model"], listed["draws"]) == ("anna", "latent", "anna")


def test_what_is_no_run_is_an_error(mien, run):
    refused = mien("runs", "ann")
    assert refused.exit_code == 2
    assert "Did you mean 'anna'?" in refused.stderr


def test_an_installed_run_is_listed_and_a_broken_one_with_its_reason(mien, run, environment):
    registers = """
        from mien.contracts.hooks import RunSpec, hookimpl

        @hookimpl
        def register_runs():
            return [RunSpec("ben", "their_ben", "latent: draws ben", contract=1, license="CC0")]
    """
    environment.install("their-ben", {"their_ben": registers})
    environment.install("broken-run", {"broken_run": "raise ValueError('no weights')"})
    shown = mien("runs").stdout
    assert "latent: draws ben" in shown
    assert "The run 'ben' of their-ben 1.0 cannot be read" in shown
    assert "pip install --force-reinstall their-ben" in shown
    assert "ValueError: no weights" in shown


@pytest.mark.parametrize("columns", [60, 80, 119, 120])
def test_a_distributions_name_stays_whole_in_a_narrow_terminal(mien, environment, monkeypatch, columns):
    registers = """
        from mien.contracts.hooks import RunSpec, hookimpl

        @hookimpl
        def register_runs():
            return [RunSpec("our_ben", "our_ben", "latent: draws ben", contract=1, license="CC-BY-NC-4.0")]
    """
    environment.install("mien-run-our-ben", {"our_ben": registers})
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = mien("runs").stdout.splitlines()
    assert any("mien-run-our-ben" in line and "1.0" in line for line in lines)
    assert any("our_ben" in line and "CC-BY-NC-4.0" in line for line in lines)
