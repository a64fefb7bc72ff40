"""A new plugin installs, passes its contract and runs as it is."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mien.errors import MienError
from mien.plugins.kinds import KINDS
from mien.plugins.registry import Registry
from mien.template import new_plugin

REPOSITORY = Path(__file__).resolve().parents[2]


def source_of(plugin: Path) -> dict[str, str]:
    """Its modules, as the `environment` fixture installs them."""
    (package,) = (plugin / "src").iterdir()
    return {
        ".".join(path.relative_to(plugin / "src").with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(package.glob("*.py"))
    }


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_whole_and_tidy(kind: str, tmp_path: Path) -> None:
    written = new_plugin(kind, "very_own", tmp_path / "plugin")
    files = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    package = f"src/mien_{kind}_very_own"
    assert files == {
        "pyproject.toml", "README.md", ".gitignore", ".github/workflows/tests.yml", "tests/test_very_own.py",
        f"{package}/__init__.py", f"{package}/very_own.py", f"{package}/py.typed",
    }  # fmt: skip
    project = tomllib.loads((written / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == f"mien-{kind}-very-own"
    assert project["entry-points"] == {"mien": {"very_own": f"mien_{kind}_very_own"}}
    config = ["--config", str(REPOSITORY / "pyproject.toml")]
    for command in (["check", "--extend-ignore", "D1"], ["format", "--check"]):
        tidy = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *config, str(written)], capture_output=True, text=True
        )
        assert tidy.returncode == 0, tidy.stdout
    assert "{{" not in "".join(path.read_text(encoding="utf-8") for path in written.rglob("*.*") if path.is_file())


def test_the_model_has_at_most_sixty_lines(tmp_path: Path) -> None:
    (module,) = (new_plugin("model", "own", tmp_path / "plugin") / "src").rglob("own.py")
    assert len([line for line in module.read_text(encoding="utf-8").splitlines() if line.strip()]) < 60


def test_the_model_names_nothing_that_it_need_not(tmp_path: Path) -> None:
    """What has a default in the contract is not met by whoever begins: methods to train and draw with, and settings."""
    (module,) = (new_plugin("model", "own", tmp_path / "plugin") / "src").rglob("own.py")
    (own,) = [
        node
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Own"
    ]
    methods = {node.name for node in own.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
    assert methods == {"stages", "optimizer", "forward", "generate"}
    assigned = [
        node.targets if isinstance(node, ast.Assign) else [node.target]
        for node in own.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    ]
    assert {ast.unparse(name) for names in assigned for name in names} == {"Config", "config"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_with_its_settings(kind: str, tmp_path: Path, environment) -> None:
    written = new_plugin(kind, "own", tmp_path / "plugin")
    environment.install(f"mien-{kind}-own", source_of(written), entry_point="own")
    registry = Registry(environment.points)
    assert registry.broken == []
    (plugin,) = registry.plugins
    assert (plugin.kind, plugin.spec.name) == (kind, "own")
    assert registry.trouble(plugin) == ("", "")
    assert registry.load(kind, "own").Config.model_fields


@pytest.mark.parametrize(
    ("kind", "name", "message", "fix"),
    [
        ("filter", "own", "'filter' is no kind of plugin", "mien plugins new extractor own"),
        ("feature", "Very-Own", "cannot be a plugin's name", "mien plugins new feature very_own"),
        ("feature", "2nd", "cannot be a plugin's name", "mien plugins new feature nd"),
        ("feature", "class", "cannot be a plugin's name", "mien plugins new feature my_class"),
        ("feature", "../up", "cannot be a plugin's name", "mien plugins new feature up"),
        ("feature", "landmarks", "is installed, of mien-feature-landmarks", "mien plugins new feature my_landmarks"),
    ],
)
def test_what_cannot_be_is_refused(kind: str, name: str, message: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(MienError) as raised:
        new_plugin(kind, name, tmp_path / "plugin")
    assert message in raised.value.message
    assert raised.value.fix == fix
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "plugin").mkdir()
    with pytest.raises(MienError, match="is there already"):
        new_plugin("feature", "own", tmp_path / "plugin")
    assert list((tmp_path / "plugin").iterdir()) == []
