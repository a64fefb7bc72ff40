"""What an error advises works: the command of its fix runs, and then the one that failed does."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mien_cli.app import make_app

CLIPS = Path(__file__).resolve().parent / "data" / "clips"
ONE, SEVERAL = CLIPS / "single_frame.mp4", CLIPS / "target_J_2s_audio.mp4"
MADE = ("preprocess", "sets/J", "--from", SEVERAL, "--extractor", "blazeface", "--no-images")


def mien(arguments: Sequence[object]) -> Result:
    return CliRunner().invoke(make_app(), list(map(str, arguments)), prog_name="mien", env={"COLUMNS": "4000"})


def fix_of(failed: Result) -> list[str]:
    """The command after Try:, as a shell reads it; what stands in brackets after it is another way."""
    assert failed.exit_code == 2, failed.output
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("Try:")]
    return shlex.split(line.removeprefix("Try:").partition("   (")[0])


def follow(failed: Result) -> None:
    program, *arguments = fix_of(failed)
    assert program == "mien"
    followed = mien(arguments)
    assert followed.exit_code == 0, followed.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert mien(MADE).exit_code == 0
    return tmp_path


@pytest.mark.long
def test_after_another_alignment(here: Path) -> None:
    other = (*MADE, "--alignment", "margin=0.3,size=64", "--features", "landmarks:points=5")
    follow(mien(other))
    assert mien(other).exit_code == 0


@pytest.mark.parametrize(
    "more", [("--masker", "hull:dilation=0.2"), pytest.param(("--largest",), marks=pytest.mark.long)]
)
def test_after_another_way_of_making_a_dataset(here: Path, more: tuple[str, ...]) -> None:
    follow(mien((*MADE, *more)))
    assert mien((*MADE, *more)).exit_code == 0


@pytest.mark.long
def test_a_model_that_draws_from_features_that_were_not_measured(here: Path) -> None:
    train = ["train", "latent:preset=small", "sets/J", "--run", "run", "--steps", "1"]
    failed = mien(train)
    train += fix_of(failed)[:2]
    train[-1] = train[-1].rstrip(",")
    follow(mien(train))
    assert mien(train).exit_code == 0
    more = [*train[:-1], "landmarks+thumbnail:size=4+histogram", "--run", "other"]
    follow(mien(more))
    assert mien(more).exit_code == 0
    assert mien([*train, "--run", "third"]).exit_code == 0  # what was measured before is still there


@pytest.mark.long
def test_a_dataset_whose_crops_are_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mien((*MADE, "--alignment", "size=32")).exit_code == 0
    train = ["train", "dcgan:preset=small", "sets/J", "--run", "run", "--steps", "1"]
    follow(mien(train))
    assert mien(train).exit_code == 0
