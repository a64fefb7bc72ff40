"""Every block of code in README.md does what it says."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.media.images import write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource
from mien.plugins.choice import parse_choices
from mien.plugins.kinds import KINDS
from mien.plugins.registry import Registry

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def block(language: str, holding: str) -> str:
    found = [text for kind, text in BLOCKS if kind == language and holding in text]
    assert len(found) == 1, f"README.md has {len(found)} {language} blocks with {holding!r}"
    return found[0]


COMMANDS = [line.strip() for line in re.findall(r"^    (mien [^#\n]*)", README, re.MULTILINE)]
PLUGIN = "mine"
"""Of the block that writes one: `mien plugins new` makes it, and the tutorial's test goes on with it."""
KIND_OF = {name: kind for kind in KINDS for name in (kind, f"{kind}s")} | {
    "enhance": "enhancer",
    "recognizer": "feature",
}
"""Which kind of plugin a parameter of a command names."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str, parsed: Callable[[Sequence[str]], dict[str, Any]]) -> None:
    """Its options and arguments are those of `mien`, and the plugins that it names take their settings."""
    values = parsed(shlex.split(command)[1:])
    registry = Registry()
    for parameter, value in values.items():
        if parameter in KIND_OF and value and PLUGIN not in value:
            for choice in parse_choices(value):
                registry.configure(KIND_OF[parameter], choice)


@pytest.mark.parametrize("wrong", ["mien swap anna-ben ben.mp4 --to anna", "mien train --run a --no-such-option"])
def test_a_command_that_is_none_would_be_noticed(wrong: str, parsed: Callable[[Sequence[str]], dict[str, Any]]) -> None:
    with pytest.raises(Exception, match=r"Missing parameter|No such option"):
        parsed(shlex.split(wrong)[1:])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_what_is_done_by_hand_can_be_done(tmp_path: Path) -> None:
    """The commands one after the other as they stand, on short clips, with a few steps of training."""
    clips = REPOSITORY / "tests" / "data" / "clips"
    shutil.copy(clips / "target_E_4s_silent.mp4", tmp_path / "anna.mp4")
    for name in ("ben", "street"):
        shutil.copy(clips / "target_J_2s_audio.mp4", tmp_path / f"{name}.mp4")
    with VideoSource(tmp_path / "anna.mp4") as video:
        write_image(tmp_path / "photos" / "anna.png", next(video.frames()).image, synthetic=None)
    (by_hand,) = re.findall(r"^## By hand\n(.*?)^- ", README, re.MULTILINE | re.DOTALL)
    leaks = ["--max-leaks", "999"]  # of a network of two steps, who knows
    shorter = {"train": ["--steps", "2"], "evaluate": ["--faces", "4"], "audit": ["--every", "12", *leaks]}
    commands = [line.strip() for line in re.findall(r"^    (mien [^#\n]*)", by_hand, re.MULTILINE)]
    assert len(commands) > 5
    for command in commands:
        words = shlex.split(command)[1:]
        more = ["--steps", "3"] if "--resume" in words else shorter.get(words[0], [])
        ended = subprocess.run(
            [sys.executable, "-m", "mien_cli", *words, *more], cwd=tmp_path, capture_output=True, text=True
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"
    for made in ("swapped.mp4", "anonymous.mp4"):
        assert read_provenance(tmp_path / made) is not None


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_path_from_python(tmp_path: Path) -> None:
    clips = REPOSITORY / "tests" / "data" / "clips"
    shutil.copy(clips / "target_E_4s_silent.mp4", tmp_path / "anna.mp4")
    shutil.copy(clips / "target_J_2s_audio.mp4", tmp_path / "ben.mp4")
    with VideoSource(tmp_path / "ben.mp4") as video:
        before = next(video.frames()).image
    write_image(tmp_path / "ben.jpg", before, synthetic=None)
    code = block("python", "Session.open(") + "\nimport numpy\nnumpy.save('image.npy', image)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert read_provenance(tmp_path / "swapped.mp4") is not None
    after = np.load(tmp_path / "image.npy")
    assert after.shape == before.shape
    assert (np.abs(after.astype(int) - before).max(2) > 16).mean() > 0.02  # the face, at least, is another


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
    """Of all kinds: a kind of which the project has none is named below it."""
    table = README.partition("## Plugins")[2].partition("## Writing one")[0]
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \|.*\| ([\w-]+) \|$", table, re.MULTILINE)
    ours = {
        (plugin.kind, plugin.spec.name, plugin.distribution)
        for plugin in Registry().plugins
        if plugin.distribution.startswith(f"mien-{plugin.kind}-")
    }
    assert set(rows) == ours and len(rows) == len(ours)
    for kind in KINDS:
        assert kind in table, f"the table says nothing of {kind}s"
