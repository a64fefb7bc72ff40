"""Every distribution is laid out alike, so that whoever knows one knows all."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mien.plugins.kinds import KINDS

REPOSITORY = Path(__file__).resolve().parents[1]
KIND_OF_FOLDER = {kind.plural: kind for kind in KINDS.values()}
BELOW = sorted(path for path in REPOSITORY.glob("plugins/*/*") if path.is_dir() and not path.name.startswith("."))
PLUGINS = [path for path in BELOW if path.parent.name in KIND_OF_FOLDER]
RUNS = [path for path in BELOW if path.parent.name == "runs"]
DISTRIBUTIONS = [REPOSITORY / "core", REPOSITORY / "cli", *PLUGINS, *RUNS]
BUILT = sorted(path.parent for path in REPOSITORY.rglob("pyproject.toml") if ".venv" not in path.parts)


def test_below_plugins_there_are_kinds_and_runs():
    assert sorted(BELOW) == sorted([*PLUGINS, *RUNS])


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_a_run_has_one_name_from_folder_to_entry_point(folder):
    name, project = folder.name, project_of(folder)
    assert project["name"] == f"mien-run-{name.replace('_', '-')}"
    assert project["entry-points"] == {"mien": {name: f"mien_run_{name}"}}
    assert package_of(folder).name == f"mien_run_{name}"


def name_of(folder: Path) -> str:
    return str(folder.relative_to(REPOSITORY))


def project_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def package_of(folder: Path) -> Path:
    (package,) = [path for path in (folder / "src").iterdir() if (path / "__init__.py").exists()]
    return package


def required_editables() -> set[str]:
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line.removeprefix("-e ").removeprefix("./") for line in lines if line.startswith("-e ")}


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)
def test_a_distribution_has_all_its_parts(folder):
    for part in ("pyproject.toml", "README.md", "src", "tests"):
        assert (folder / part).exists(), f"{name_of(folder)} has no {part}"
    assert (package_of(folder) / "py.typed").exists()
    assert list((folder / "tests").glob("test_*.py")), f"{name_of(folder)} has no tests"
    assert len((folder / "README.md").read_text(encoding="utf-8").strip().splitlines()) > 2


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)
def test_a_distribution_says_what_it_is(folder):
    project = project_of(folder)
    assert project["license"] == "MIT"
    assert project["requires-python"] == ">=3.11"
    assert project["version"] == project_of(REPOSITORY)["version"]
    pinned = [requirement for requirement in project["dependencies"] if "==" in requirement]
    assert not pinned, "a distribution asks for ranges; constraints.txt pins"


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)
def test_a_distribution_is_installed_from_this_checkout(folder):
    assert name_of(folder) in required_editables()


@pytest.mark.parametrize("folder", PLUGINS, ids=name_of)
def test_a_plugin_has_one_name_from_folder_to_entry_point(folder):
    kind, name = KIND_OF_FOLDER[folder.parent.name].name, folder.name
    project = project_of(folder)
    assert project["name"] == f"mien-{kind}-{name.replace('_', '-')}"
    assert package_of(folder).name == f"mien_{kind}_{name}"
    assert project["entry-points"] == {"mien": {name: f"mien_{kind}_{name}"}}


@pytest.mark.parametrize("folder", PLUGINS, ids=name_of)
def test_a_plugin_is_known_to_the_core(folder):
    known = tomllib.loads((REPOSITORY / "core/src/mien/plugins/known_plugins.toml").read_text(encoding="utf-8"))
    assert known[KIND_OF_FOLDER[folder.parent.name].name][folder.name] == project_of(folder)["name"]


@pytest.mark.parametrize("folder", PLUGINS, ids=name_of)
def test_a_plugin_runs_the_contract_tests_of_its_kind(folder):
    contract = KIND_OF_FOLDER[folder.parent.name].tests.partition(":")[2]
    classes = [
        node
        for path in (folder / "tests").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and contract in [base.id for base in node.bases if isinstance(base, ast.Name)]
    ]
    assert any(f"name = '{folder.name}'" in ast.unparse(node) for node in classes)


def test_the_core_knows_no_distribution_that_is_not_here():
    """Whoever registered such a name would be installed by the pip command that an unknown plugin is answered with."""
    known = tomllib.loads((REPOSITORY / "core/src/mien/plugins/known_plugins.toml").read_text(encoding="utf-8"))
    named = {distribution for of_kind in known.values() for distribution in of_kind.values()}
    assert named == {project_of(folder)["name"] for folder in [*PLUGINS, *RUNS]}


@pytest.mark.parametrize("folder", BUILT, ids=name_of)
def test_whatever_is_built_brings_the_licence(folder):
    assert project_of(folder)["license-files"] == ["LICENSE"]
    assert (folder / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    chosen = settings.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {}).get("sdist", {})
    assert "LICENSE" in chosen.get("only-include", ["LICENSE"])


def test_the_root_distribution_brings_all_the_others():
    brought = {re.split(r"[<>=!~ ]", requirement)[0] for requirement in project_of(REPOSITORY)["dependencies"]}
    assert brought == {project_of(folder)["name"] for folder in DISTRIBUTIONS}


def test_what_is_installed_from_this_checkout_is_here():
    for path in required_editables():
        assert (REPOSITORY / path / "pyproject.toml").exists(), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_page(kind):
    page = (REPOSITORY / "docs" / "plugins" / f"{kind}.md").read_text(encoding="utf-8")
    assert f"mien plugins new {kind} " in page
    assert f"contract={KINDS[kind].contract}" in page
    assert f"plugins/{kind}.md" in (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")


def test_what_is_listed_as_slow_is_there():
    lines = (REPOSITORY / "tests" / "slow.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if not line.startswith("#")]
    assert listed == sorted(listed)
    for line in listed:
        path, *names = line.split("::")
        source = (REPOSITORY / path).read_text(encoding="utf-8")
        assert all(re.search(rf"(def|class) {name}\b", source) for name in names), line


def test_the_map_of_the_core_has_every_package():
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (REPOSITORY / "core/src/mien").glob("*/__init__.py")}
    assert packages == set(re.findall(r"^\| `(\w+)` \| .*\? \|$", page, re.MULTILINE))
