"""Every --flag that an error, a help text or a page names is an option of the command it is named with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from mien_cli.app import make_app

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for folder in ("core/src", "cli/src", "plugins")
    for path in (REPOSITORY / folder).rglob("*.py")
    if not {"tests", "bench", "tools"} & set(path.relative_to(REPOSITORY).parts)
)
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(path for folder in ("docs", "plugins") for path in (REPOSITORY / folder).rglob("*.md")),
]
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
OTHERS = "pip|git|make|mypy|pytest|python|mkdocs|accelerate|ray|…"
"""Programs whose options are not ours; … stands for the command of the line above."""
PROGRAM = re.compile(rf"(?<![\w./-])(?:(?P<mien>mien)(?P<words>(?: [a-z]+)*)(?![\w/-])|(?:{OTHERS})(?!\w))")
OF_PYTEST = {"--rootdir", "--import-mode"}  # `mien plugins check` calls it


def options_of_commands() -> dict[tuple[str, ...], set[str]]:
    """The options of each command, as ("plugins", "check"); () is `mien` itself."""
    found: dict[tuple[str, ...], set[str]] = {}

    def walk(command: object, path: tuple[str, ...]) -> None:
        parameters = getattr(command, "params", [])
        found[path] = {"--help", *(name for one in parameters for name in (*one.opts, *one.secondary_opts))}
        for name, below in getattr(command, "commands", {}).items():
            walk(below, (*path, name))

    walk(get_command(make_app()), ())
    return found


OPTIONS = options_of_commands()


def unknown_flags(text: str) -> Iterator[str]:
    """The flags of a text that no command has, or not the one they are named with.

    A flag belongs to the program before it in the same quoted words or sentence; one that stands alone to any command.
    """
    for part in re.split(r"`|\n|(?<=[.:;,]) |\(|\)", text):
        for flag in FLAG.finditer(part):
            program = max(PROGRAM.finditer(part, 0, flag.start()), key=lambda found: found.start(), default=None)
            if flag[0] in OF_PYTEST or (program and not program["mien"]):
                continue
            words = tuple(program["words"].split()) if program else ()
            while words and words not in OPTIONS:
                words = words[:-1]
            candidates = [OPTIONS[words]] if program else OPTIONS.values()
            if not any(flag[0] in options for options in candidates):
                yield flag[0]


def texts_of(source: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module, with … where an f-string holds a value, and the lines where they begin."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def test_a_flag_that_is_none_is_noticed():
    assert list(unknown_flags("mien plugins --check")) == []
    assert list(unknown_flags("mien plugins --quick")) == ["--quick"]
    assert list(unknown_flags("mien plugins show landmarks --to anna")) == ["--to"]
    assert list(unknown_flags("Choose another --blender, or pip install --upgrade mien")) == []
    assert list(unknown_flags("Choose another --belnder.")) == ["--belnder"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_flags_in_messages_and_docstrings_exist(source):
    unknown = [f"line {line}: {flag}" for line, text in texts_of(source) for flag in unknown_flags(text)]
    assert unknown == []


COMMANDS_OF = {
    "core/src/mien/anonymization": ("anonymize",),
    "core/src/mien/auditing": ("audit", "evaluate"),
    "core/src/mien/benchmark": ("bench",),
    "core/src/mien/dataset": ("preprocess",),
    "core/src/mien/detection": ("faces",),
    "core/src/mien/evaluation": ("evaluate", "compare"),
    "core/src/mien/inference": ("swap", "anonymize"),
    "core/src/mien/sharing": ("export",),
    "core/src/mien/training": ("train", "evaluate", "swap"),
    **{
        f"cli/src/mien_cli/commands/{path.stem}.py": (path.stem,)
        for path in (REPOSITORY / "cli/src/mien_cli/commands").glob("[a-z]*.py")
    },
}
"""Folder or module → the commands that tell its errors."""


def advice_of(source: Path) -> Iterator[tuple[int, str]]:
    """What the errors of a module advise: the second argument of each, as `texts_of`."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and len(node.args) == 2:
            yield node.lineno, ast.unparse(node.args[1])


@pytest.mark.parametrize("place", COMMANDS_OF)
def test_an_error_advises_options_of_a_command_that_tells_it(place):
    options = [OPTIONS.get((name,), set()) for name in COMMANDS_OF[place]]
    options += [below for path, below in OPTIONS.items() if len(path) > 1 and path[0] in COMMANDS_OF[place]]
    sources = [source for source in SOURCES if source.is_relative_to(REPOSITORY / place)]
    foreign = [
        f"{source.name}, line {line}: {flag[0]}"
        for source in sources
        for line, advice in advice_of(source)
        for flag in FLAG.finditer(advice)
        if not PROGRAM.search(advice) and not any(flag[0] in known for known in options)
    ]
    assert sources and foreign == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_flags_on_pages_exist(page):
    assert list(unknown_flags(page.read_text(encoding="utf-8"))) == []
