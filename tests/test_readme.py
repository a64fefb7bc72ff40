"""Every block of code in README.md does what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mien.plugins.kinds import KINDS
from mien.plugins.registry import Registry

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def block(language: str, holding: str) -> str:
    found = [text for kind, text in BLOCKS if kind == language and holding in text]
    assert len(found) == 1, f"README.md has {len(found)} {language} blocks with {holding!r}"
    return found[0]


@pytest.mark.timeout(600)
def test_the_path_from_python(tmp_path: Path) -> None:
    clips = REPOSITORY / "tests" / "data" / "clips"
    shutil.copy(clips / "target_E_4s_silent.mp4", tmp_path / "anna.mp4")
    shutil.copy(clips / "target_J_2s_audio.mp4", tmp_path / "ben.mp4")
    ended = subprocess.run(
        [sys.executable, "-c", block("python", "swap(")], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "swapped.mp4").stat().st_size > 10_000
    assert "frames" in ended.stdout


COMMANDS = re.findall(r"^    (mien [^#\n]*)", README, re.MULTILINE)

MISSING = (
    r"There is no file or folder (?:\S*/)?([\w.-]+)\.\s",
    r"The dataset ([\w-]+) does not exist",
    r"([\w-]+) is not a run: it has no",
    r"No (?:model|plugin) named '(mine)' is installed",  # what `mien plugins new` writes is not yet installed
)
"""What a command says of the files, datasets, runs and plugins of its arguments that are not here."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str, tmp_path: Path) -> None:
    arguments = command.split()[1:]
    ended = subprocess.run([sys.executable, "-m", "mien_cli", *arguments], cwd=tmp_path, capture_output=True, text=True)
    if "plugins new" in command:
        assert ended.returncode == 0, ended.stderr
        return
    # There are no such people here; what has to be right is the command, so that nothing else is missing but them.
    assert ended.returncode == 2
    told = ended.stderr.partition("Try:")[0]
    missing = [said for pattern in MISSING for said in re.findall(pattern, told)]
    assert missing and set(missing) <= set(arguments), ended.stderr


def test_the_plugin(environment) -> None:
    modules = {
        "brightness.__init__": block("python", "# brightness/__init__.py"),
        "brightness.feature": block("python", "# brightness/feature.py"),
    }
    environment.install("mien-feature-brightness", {"brightness": "", **modules})
    feature = Registry(environment.points).create("feature", "brightness")
    assert feature.shape == (1,)
    contract: dict[str, type] = {}
    exec(block("python", "FeatureContract"), contract)
    assert contract["TestBrightness"].name == "brightness"
    assert '[project.entry-points.mien]\nbrightness = "brightness"' in block("toml", "mien-feature-brightness")


def test_what_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / target).exists(), f"README.md links to {target}"


def test_every_plugin_of_the_project_stands_in_the_table() -> None:
    rows = re.findall(rf"^\| ({'|'.join(KINDS)}) \| `(\w+)` \|.*\| ([\w-]+) \|$", README, re.MULTILINE)
    ours = {
        (plugin.kind, plugin.spec.name, plugin.distribution)
        for plugin in Registry().plugins
        if plugin.distribution.startswith(f"mien-{plugin.kind}-")
    }
    assert set(rows) == ours
