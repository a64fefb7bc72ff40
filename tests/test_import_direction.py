"""Imports run one way, cli → core ← plugins, and the core knows kinds of plugins, never their names."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CORE = REPOSITORY / "core" / "src"
CLI = REPOSITORY / "cli" / "src"
PLUGINS = sorted(path for path in REPOSITORY.glob("plugins/*/*/src") if any(path.rglob("*.py")))
OURS = {package.name for source in (CORE, CLI, *PLUGINS) for package in source.iterdir() if package.is_dir()}


def own_packages(source: Path) -> set[str]:
    return {package.name for package in source.iterdir() if package.is_dir()}


def imported(source: Path) -> Iterator[tuple[str, str]]:
    """Where, and the package: of every import in that folder, at any depth of the code, by text too."""
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                yield from ((where, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield where, node.module.partition(".")[0]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                package = node.value.partition(":")[0].partition(".")[0]
                if package in OURS and node.value != package:  # "package.module:Class"
                    yield where, package


def forbidden(source: Path, allowed: set[str]) -> list[str]:
    return [f"{where} imports {package}" for where, package in imported(source) if package in OURS - allowed]


def test_the_core_imports_neither_plugins_nor_the_command_line():
    assert forbidden(CORE, own_packages(CORE)) == []


def test_the_command_line_imports_the_core_alone():
    assert forbidden(CLI, own_packages(CLI) | own_packages(CORE)) == []


@pytest.mark.parametrize("source", PLUGINS, ids=lambda path: f"{path.parents[1].name}/{path.parent.name}")
def test_a_plugin_imports_the_core_alone(source):
    assert forbidden(source, own_packages(source) | own_packages(CORE)) == []


def test_the_core_names_no_plugin():
    known = tomllib.loads((CORE / "mien" / "plugins" / "known_plugins.toml").read_text(encoding="utf-8"))
    names = {name for of_kind in known.values() for pair in of_kind.items() for name in pair}
    # What every face has, or does, whom one may draw, and a way to match colors: words of the core's own.
    names -= {"landmarks", "brows", "expression", "histogram", "synthetic"}
    named = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} says {node.value!r}"
        for path in sorted(CORE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.partition(":")[0] in names
    ]
    assert named == []
