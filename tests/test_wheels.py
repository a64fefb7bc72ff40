"""What is built from this checkout works without it: every wheel brings its code, its data and its licence."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mien.plugins.kinds import KINDS

REPOSITORY = Path(__file__).resolve().parents[1]
BUILT = sorted(path.parent for path in REPOSITORY.rglob("pyproject.toml") if ".venv" not in path.parts)
PACKAGES = sorted(
    path.parent.name for folder in BUILT for path in folder.glob("src/*/__init__.py") if path.parent.name != "mien"
)
KNOWN = sorted(
    name
    for kind, names in tomllib.loads((REPOSITORY / "core/src/mien/plugins/known_plugins.toml").read_text()).items()
    if kind in KINDS
    for name in names
)
"""The plugins of the distributions that are made here."""
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """The standard output of a process that has to succeed."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def project_of(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def files_in(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """All distributions of this checkout, built."""
    folder = tmp_path_factory.mktemp("wheels")
    build = ["wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    run(*PIP, *build, *BUILT, cwd=folder)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheels, tmp_path_factory):
    """A folder outside of the checkout, with the wheels alone installed in it."""
    folder = tmp_path_factory.mktemp("site")
    run(*PIP, "install", "--quiet", "--no-index", "--no-deps", "--target", folder, *wheels, cwd=folder)
    return folder


@pytest.fixture
def python(site, tmp_path):
    """Run Python with what is in that folder before all else; libraries come from where the tests run."""

    def run_python(*arguments):
        return run(sys.executable, *arguments, cwd=tmp_path, PYTHONPATH=str(site))

    return run_python


def test_every_distribution_is_built(wheels):
    names = {wheel.name.split("-")[0] for wheel in wheels}
    assert names == {project_of(folder)["name"].replace("-", "_") for folder in BUILT}


def test_every_wheel_brings_its_licence(site):
    text = (REPOSITORY / "LICENSE").read_bytes()
    licences = {path.parents[1].name.split("-")[0]: path for path in site.glob("*.dist-info/licenses/LICENSE")}
    assert licences.keys() == {project_of(folder)["name"].replace("-", "_") for folder in BUILT}
    assert all(path.read_bytes() == text for path in licences.values())


def test_a_package_is_the_installed_one_and_says_its_types(python, site):
    code = (
        "import importlib, json, sys\n"
        "print(json.dumps({name: importlib.import_module(name).__file__ for name in sys.argv[1:]}))"
    )
    found = json.loads(python("-c", code, "mien", *PACKAGES))
    for name, file in found.items():
        assert Path(file).parent == site / name
        assert (site / name / "py.typed").is_file()


def test_all_plugins_are_listed_and_none_is_broken(python):
    listed = json.loads(python("-m", "mien_cli", "plugins", "--json"))
    assert sorted(plugin["name"] for plugin in listed["plugins"]) == KNOWN
    assert listed["broken"] == []


@pytest.mark.parametrize("choice", KNOWN)
def test_a_plugin_s_class_is_found(python, choice):
    shown = json.loads(python("-m", "mien_cli", "plugins", "show", choice, "--json"))
    assert shown["name"] == choice


def test_the_demo_finds_its_clips(python, site):
    code = "from importlib import resources; print(resources.files('mien_cli.demo') / 'data')"
    found = Path(python("-c", code).strip())
    assert found.is_relative_to(site)
    data = files_in(found)
    assert data == files_in(REPOSITORY / "cli/src/mien_cli/demo/data")
    assert any(name.endswith(".mp4") for name in data)
