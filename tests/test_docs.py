"""What docs/ says is so: its examples work, its pages of commands are current, its links lead somewhere."""

import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import mien
from mien import PeoplePolicy
from mien.media.provenance import read_provenance
from mien.plugins.registry import Registry
from mien.template import new_plugin

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
KIND_PAGES = sorted((DOCS / "plugins").glob("*.md"))
SNIPPET = r'--8<-- "docs/examples/(\w+)\.py"\n'
CLIPS = REPOSITORY / "tests" / "data" / "clips"
PLUGIN = "mymodel"
"""The tutorial's."""


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    page: Path
    number: int
    language: str
    text: str

    @property
    def names_file(self) -> str:
        """The file that it says it is, in its first line."""
        first = re.match(r"# ([\w./-]+\.(?:py|toml))\n", self.text)
        return first[1] if first else ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(DOCS)}-{self.number}-{self.language}"


def blocks_of(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(page, number, language, text) for number, (language, text) in enumerate(found)]


def prose_of(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"^```\w*\n.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def commands_of(blocks: list[Block]) -> list[str]:
    return [line for block in blocks if block.language == "shell" for line in block.text.splitlines() if line.strip()]


def what_runs(block: Block) -> str:
    """The test that runs a block; "" if none does."""
    if block.page in KIND_PAGES:
        if block.language in ("python", "toml"):
            return "test_the_example_of_a_kind_keeps_its_contract" if block.names_file else ""
        return "test_the_commands_for_the_example_are_understood" if block.language == "shell" else ""
    tests = {
        ("cli.md", "text"): "test_the_pages_of_commands_are_what_the_commands_say",
        ("tutorial.md", "shell"): "test_the_tutorial_from_nothing_to_a_swapped_clip",
        ("tutorial.md", "diff"): "test_the_tutorials_change_fits_the_template",
        ("anonymizing.md", "shell"): "test_the_commands_for_anonymizing_are_understood",
        ("anonymizing.md", "toml"): "test_the_policy_of_the_page_is_read",
        ("runs.md", "shell"): "test_the_commands_for_runs_are_understood",
        ("runs.md", "python"): "test_the_run_package_written_by_hand_is_found",
        ("runs.md", "toml"): "test_the_run_package_written_by_hand_is_found",
        ("provenance.md", "shell"): "test_the_commands_about_outputs_are_understood",
        ("faces.md", "shell"): "test_the_commands_about_outputs_are_understood",
        ("auditing.md", "shell"): "test_the_commands_about_outputs_are_understood",
        ("judging.md", "shell"): "test_the_commands_about_outputs_are_understood",
        ("scale.md", "shell"): "test_the_commands_about_outputs_are_understood",
        ("tutorial.md", "python"): "test_what_the_tutorial_quotes_is_in_the_template",
        ("python.md", "python"): "test_an_example_stands_on_the_page_and_has_its_test"
        if re.fullmatch(SNIPPET, block.text)
        else "test_the_calls_of_the_page_one_after_the_other",
    }
    return tests.get((block.page.name, block.language), "")


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks_of(page)], ids=str)
def test_every_block_of_code_is_run(block):
    assert what_runs(block) in globals(), f"No test runs this block of {block.page.name}:\n{block.text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_code_is_fenced(page):
    """Code that is only indented would escape the test above, as would a fence that is not closed; `make …` may be."""
    prose = prose_of(page)
    assert "```" not in prose
    targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for indented in re.findall(r"\n\n(?: {4}|\t)(.+)", prose):
        assert indented in [f"make {target}" for target in targets], f"Fence it: {indented}"


def test_the_pages_of_commands_are_what_the_commands_say():
    if f"typer=={version('typer')}" not in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines():
        pytest.skip("each typer shows help in its own way; the page is that of the tested version")
    pages = loaded(DOCS / "tools" / "cli_pages.py")
    assert pages.page() == pages.PAGE.read_text(encoding="utf-8"), "Run: .venv/bin/python docs/tools/cli_pages.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_what_a_page_links_to_is_there(page):
    for target in re.findall(r"\]\(([^)#\s]+)", prose_of(page)):
        if not target.startswith(("https://", "http://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.relative_to(REPOSITORY)} links to {target}"


def test_the_site_has_every_page():
    site = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = set(leaves(site["nav"]))
    assert listed | set(site["not_in_nav"].split()) == {page.relative_to(DOCS).as_posix() for page in PAGES}


def test_the_reference_has_every_public_name():
    pages = (DOCS / "reference").glob("*.md")
    listed = {name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)}
    for name in mien.__all__:
        its = getattr(mien, name)
        if inspect.isclass(its) or inspect.isfunction(its):
            assert {its.__module__, f"{its.__module__}.{its.__qualname__}"} & listed, f"no page has mien.{name}"


@dataclass(frozen=True)
class Example:
    """The plugin of a page, installed."""

    kind: str
    name: str
    registry: Registry
    files: dict[str, str]
    commands: list[str]


@pytest.fixture(params=KIND_PAGES, ids=lambda page: page.stem)
def example(request, environment, monkeypatch) -> Example:
    """A page's plugin, as whoever copies its blocks and installs them has it."""
    page = request.param
    blocks = blocks_of(page)
    files = {block.names_file: block.text for block in blocks if block.names_file}
    project = tomllib.loads(files["pyproject.toml"])
    ((name, package),) = project["project"]["entry-points"]["mien"].items()
    assert project["project"]["name"] == f"mien-{page.stem}-{name.replace('_', '-')}"
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{package}"]
    modules = {
        path.removeprefix("src/").removesuffix(".py").replace("/", "."): text
        for path, text in files.items()
        if path.startswith(f"src/{package}/")
    }
    environment.install(project["project"]["name"], {package: "", **modules}, entry_point=name)
    kept = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(environment.folder), kept])))
    return Example(page.stem, name, Registry(environment.points), files, commands_of(blocks))


@pytest.mark.long
def test_the_example_of_a_kind_keeps_its_contract(example, tmp_path):
    (test,) = (path for path in example.files if path.startswith("tests/"))
    assert set(example.files) - {"pyproject.toml", test} == {
        f"src/mien_{example.kind}_{example.name}/{module}.py" for module in ("__init__", example.name)
    }
    place = tmp_path / "plugin" / test
    place.parent.mkdir(parents=True)
    place.write_text(example.files[test], encoding="utf-8")
    ran = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", place, cwd=place.parent)
    assert re.search(r"\d\d passed", ran)
    assert "failed" not in ran


def test_the_commands_for_the_example_are_understood(example, parsed):
    used = False
    for command in example.commands:
        program, *arguments = command.split()
        if command == "pip install -e .":
            continue
        assert program == "mien", f"no test runs {command!r}"
        parsed(arguments)
        for word in (part for argument in arguments for part in argument.split("+")):
            if re.fullmatch(rf"{example.name}(:.*)?", word):
                example.registry.configure(example.kind, word)
                used = True
    assert used


def test_the_commands_for_runs_are_understood(parsed):
    for command in commands_of(blocks_of(DOCS / "runs.md")):
        program, *arguments = shlex.split(command)
        if program == "mien":
            parsed(arguments)
        else:
            assert (program, arguments[-1]) == ("pip", "mien-run-anna-ben")


@pytest.mark.parametrize("page", ["provenance.md", "faces.md", "auditing.md", "judging.md", "scale.md"])
def test_the_commands_about_outputs_are_understood(parsed, page):
    for command in commands_of(blocks_of(DOCS / page)):
        program, *arguments = shlex.split(command)
        assert program == "mien" and parsed(arguments)


def test_the_commands_for_anonymizing_are_understood(parsed):
    for command in commands_of(blocks_of(DOCS / "anonymizing.md")):
        program, *arguments = shlex.split(command)
        assert program == "mien"
        parsed(arguments)
        if "--with" in arguments:
            Registry().configure("model", arguments[arguments.index("--with") + 1])


def test_the_policy_of_the_page_is_read(tmp_path):
    (block,) = (block for block in blocks_of(DOCS / "anonymizing.md") if block.names_file)
    (tmp_path / block.names_file).write_text(block.text, encoding="utf-8")
    policy = PeoplePolicy.read(tmp_path / block.names_file)
    assert [person.action for person in policy.people] == ["keep", "swap", "swap", "anonymize"]
    for method in (policy.default.method, policy.people[3].method):
        Registry().configure("model", method)


def test_the_run_package_written_by_hand_is_found(environment):
    files = {block.names_file: block.text for block in blocks_of(DOCS / "runs.md") if block.names_file}
    ((name, package),) = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["mien"].items()
    module = f"{package}.__init__"
    environment.install(
        f"mien-run-{name}", {package: "", module: files[f"src/{package}/__init__.py"]}, entry_point=name
    )
    (environment.folder / package / "run").mkdir()
    (environment.folder / f"{package}.py").unlink()
    (found,) = Registry(environment.points).runs
    assert found.spec.name == name
    assert found.folder == environment.folder / package / "run"


@pytest.fixture
def written(tmp_path, monkeypatch) -> Path:
    """A folder with the plugin that the tutorial begins with."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / new_plugin("model", PLUGIN)


def test_what_the_tutorial_quotes_is_in_the_template(written):
    source = (written / "src" / f"mien_model_{PLUGIN}" / f"{PLUGIN}.py").read_text(encoding="utf-8")
    for block in blocks_of(DOCS / "tutorial.md"):
        if block.language == "python":
            assert block.text in source, f"The template of a model has no longer:\n{block.text}"


def test_the_tutorials_change_fits_the_template(written):
    save_change(written.parent)
    run("git", "apply", "-p0", "edges.diff", cwd=written.parent)
    changed = (written / "src" / f"mien_model_{PLUGIN}" / f"{PLUGIN}.py").read_text(encoding="utf-8")
    assert "edges: float" in changed
    compile(changed, "changed", "exec")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_tutorial_from_nothing_to_a_swapped_clip(tmp_path):
    """In an environment that finds what this one has, and into which the tutorial installs its plugin."""
    virtual, here = tmp_path / "venv", tmp_path / "here"
    here.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", virtual, cwd=tmp_path)
    site = next(virtual.glob("lib/python*/site-packages"))
    found = [path for path in sys.path if path.endswith("-packages")]
    (site / "what_this_one_has.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in found))
    # What is built is built with the tools that are here, so that nothing is fetched.
    for program, module in (("mien", "mien_cli"), ("pytest", "pytest"), ("pip", "pip")):
        more = " --no-index --no-build-isolation --disable-pip-version-check" if program == "pip" else ""
        script = virtual / "bin" / program
        script.write_text(f'#!/bin/sh\nexec "{virtual}/bin/python" -m {module} "$@"{more}\n')
        script.chmod(0o755)
    save_change(here)
    script = "".join(block.text for block in blocks_of(DOCS / "tutorial.md") if block.language == "shell")
    path = f"{virtual / 'bin'}{os.pathsep}{os.environ['PATH']}"
    told = run("bash", "-euxo", "pipefail", "-c", script, cwd=here, PATH=path, MIEN=str(REPOSITORY))
    assert '"edges": ' in told  # what tail shows of the metrics
    for clip in ("swapped.mp4", "sharper.mp4"):
        assert (here / clip).stat().st_size > 10_000
    assert list((here / "first" / "previews").glob("*.png"))


@pytest.mark.long
def test_the_site_loads_nothing_from_elsewhere(tmp_path):
    run(sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site", cwd=REPOSITORY)
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text(encoding="utf-8")):
            assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag), f"{page.name}: {tag}"


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """The standard output of a process that has to succeed."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def save_change(folder: Path) -> None:
    """Save the tutorial's change under the name that the tutorial gives it."""
    (change,) = (block for block in blocks_of(DOCS / "tutorial.md") if block.language == "diff")
    (folder / "edges.diff").write_text(change.text, encoding="utf-8")


def leaves(nav: Any) -> list[str]:
    """The pages of a navigation, however deep."""
    if isinstance(nav, str):
        return [nav]
    return [leaf for part in (nav.values() if isinstance(nav, dict) else nav) for leaf in leaves(part)]


def loaded(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_calls_of_the_page_one_after_the_other(tmp_path):
    """Each snippet imports what it uses, and goes on from what those before it left on the disk."""
    for name, clip in (("anna", "target_E_4s_silent.mp4"), ("ben", "target_J_2s_audio.mp4")):
        (tmp_path / f"{name}.mp4").write_bytes((CLIPS / clip).read_bytes())
    snippets = [block.text for block in blocks_of(DOCS / "python.md") if not re.fullmatch(SNIPPET, block.text)]
    each = "import sys\nfor snippet in sys.argv[1:]:\n    exec(snippet, {})"
    told = run(sys.executable, "-c", each, *snippets, cwd=tmp_path)
    for line in ("anna 100 faces", "25 5 25 steps are done", "(360, 640, 3) 4 4", "72 frames by a session",
                 "72 frames, 72 faces", "mean face", "mien-feature-mine"):  # fmt: skip
        assert line in told, told
    # What a model of 25 steps draws may still be taken for who was filmed: then it lies beside, and is labeled as well.
    (anonymous,) = tmp_path.glob("anonymous*.mp4")
    for drawn in ("swapped.png", "by-session.mp4", "swapped.mp4", anonymous.name):
        assert read_provenance(tmp_path / drawn) is not None
    assert (tmp_path / "comparison" / "index.html").is_file()


def test_an_example_stands_on_the_page_and_has_its_test():
    included = re.findall(SNIPPET, (DOCS / "python.md").read_text(encoding="utf-8"))
    assert sorted(included) == sorted(path.stem for path in (DOCS / "examples").glob("*.py"))
    tests = (REPOSITORY / "tests" / "test_examples.py").read_text(encoding="utf-8")
    for example in included:
        assert f'run("{example}"' in tests, f"no test runs {example}.py"


def test_the_tests_that_the_page_of_files_names_are_there() -> None:
    lines = (DOCS / "files.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|") and ".py`" in line]
    assert len(rows) == 14
    for row in rows:
        for one in row.rpartition(" | ")[2].split("; "):
            names = re.findall(r"`([^`]+)`", one)
            files = [name for name in names if name.endswith(".py")]
            found = [path if "/" in path else f"core/tests/{path}" for path in files]
            texts = [(REPOSITORY / path).read_text(encoding="utf-8") for path in found]
            assert texts, row
            for test in set(names) - set(files):
                assert any(f"def {test}(" in text for text in texts), test
