"""`mien train`: settings reach their owners, a run goes on, and what cannot be meant is told."""

import pytest

from mien.training.run import RunRecord

TINY = "deepfakes:size=32,width=4,bottleneck=8,code_channels=8,shared_channels=8,decoder_width=8"


@pytest.fixture
def trained(mien, people, tmp_path):
    """A run of two steps."""
    run = mien("train", TINY, *people, "--run", tmp_path / "run", "--steps", 2, "--set", "model.batch_size=2")
    assert run.exit_code == 0, run.stderr
    return run


def test_a_run_tells_how_far_it_is_and_how_to_go_on(mien, trained, tmp_path):
    folder = tmp_path / "run"
    assert "Stopped at step 2 (2 of them now)" in trained.stdout
    assert f"mien train --run {folder} --resume" in trained.stdout
    assert f"mien swap {folder} INPUT OUTPUT --to E" in trained.stdout

    later = mien("train", "--run", folder, "--resume", "--steps", 3)
    assert later.exit_code == 0, later.stderr
    assert "Stopped at step 3 (1 of them now)" in later.stdout
    enough = mien("train", "--run", folder, "--resume", "--steps", 2)
    assert "Stopped at step 3 (0 of them now)" in enough.stdout and "3 steps are done" in enough.stdout


def test_going_on_without_saying_so_is_told_how(mien, trained, tmp_path):
    told = mien("train", "--run", tmp_path / "run", "--steps", 50)
    assert told.exit_code == 2 and f"{tmp_path / 'run'} holds a run already" in told.stderr
    assert f"Try:   mien train --run {tmp_path / 'run'} --resume --steps 50" in told.stderr


def test_settings_reach_the_model_and_the_training(mien, people, tmp_path):
    run = mien(
        *("train", TINY, *people, "--run", tmp_path / "run", "--seed", 7, "--precision", "no", "--on-nan", "rollback"),
        *("--set", "model.batch_size=2", "--set", "train.steps=1", "--set", "train.clip=0.5", "--set", "model.flip=0"),
    )
    assert run.exit_code == 0, run.stderr
    record = RunRecord.read(tmp_path / "run")
    assert (record.settings["size"], record.settings["batch_size"], record.settings["flip"]) == (32, 2, 0)
    options = record.options
    assert (options.seed, options.precision, options.on_nan, options.clip, options.steps) == (
        7,
        "no",
        "rollback",
        0.5,
        1,
    )


def test_a_learning_rate_is_suggested_and_drawn(mien, people, tmp_path):
    run = mien("train", TINY, *people, "--set", "model.batch_size=2", "--find-lr", tmp_path / "rates.png")
    assert run.exit_code == 0, run.stderr
    assert "Tried" in run.stdout and "--set model.learning_rate=" in run.stdout
    assert (tmp_path / "rates.png").is_file()
    neither = mien("train", TINY, *people)
    assert neither.exit_code == 2 and "--run RUN" in neither.stderr
    both = mien("train", TINY, *people, "--find-lr", tmp_path / "rates.png", "--run", tmp_path / "run")
    assert both.exit_code == 2 and "leaves no run" in both.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "deepfake", "E", "J"], "Did you mean 'deepfakes'?"),
        (["train", "deepfakes", "E", "J", "--set", "size=3"], "neither model.KEY=VALUE nor train.KEY=VALUE"),
        (["train", "deepfakes", "E", "J", "--set", "modle.size=3"], "neither model.KEY=VALUE nor train.KEY=VALUE"),
        (["train", "deepfakes", "E", "J", "--set", "model.sise=3"], "Did you mean 'size'?"),
        (["train", "deepfakes", "E", "J", "--set", "train.stepz=3"], "Did you mean 'steps'?"),
        (["train", "deepfakes", "E", "J", "--precision", "fp8"], "precision = 'fp8'"),
        (["train", "deepfakes", "E", "J", "--steps", "0"], "steps = '0'"),
        (["train", "deepfakes", "nobody", "no-one"], "nobody"),
        (["train", "deepfakes"], "No dataset was named"),
        (["train"], "No model was named"),
        (["train", "--resume"], "is not a run"),
        (["train", "deepfakes", "--resume"], "keeps its model, datasets and settings"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_told_and_nothing_is_written(mien, tmp_path, arguments, part):
    run = mien(*arguments, "--run", tmp_path / "run")
    assert run.exit_code == 2
    assert part in run.stderr
    assert run.stderr.splitlines()[1].startswith("Try: ")
    assert not (tmp_path / "run").exists()
