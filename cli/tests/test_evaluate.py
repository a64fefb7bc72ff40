"""`mien evaluate` and `mien compare`: what they print."""

import shutil
from pathlib import Path

import pytest

from mien import TrainOptions, train

FACE = Path(__file__).resolve().parents[2] / "tests" / "data" / "images" / "formats" / "rgb.png"


@pytest.fixture(scope="module")
def run(people, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = TrainOptions(steps=2, held_out=0.25)
    train("latent:preset=small,width=8", people[:1], folder, features="landmarks:points=5", options=options)
    return folder


def test_evaluate_prints_the_figures_what_is_beaten_and_where_the_page_is(mien, run, people):
    told = mien("evaluate", str(run), "--on", str(people[0]), "--faces", "3")
    assert told.exit_code == 0, told.stderr
    for part in ("held out by training", "Drawn as E", "expression ↓", "nearest training face", "beside the mean face"):
        assert part in told.stdout
    assert (run / "evaluations" / "E" / "index.html").exists() and "index.html" in told.stdout


def test_compare_puts_runs_side_by_side(mien, run, people, tmp_path):
    told = mien("compare", str(run), str(run), "--on", str(people[0]), "--faces", "3", "--out", str(tmp_path / "c"))
    assert told.exit_code == 0, told.stderr
    assert "Drawn as E" in told.stdout and (tmp_path / "c" / "comparison.json").exists()


def test_one_run_is_nothing_to_compare(mien, run, people):
    told = mien("compare", str(run), "--on", str(people[0]))
    assert told.exit_code == 2 and "nothing to compare" in told.stderr


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--recognizer", "encodin"], "Did you mean 'encoding'?"),
        (["--recognizer", "thumbnail"], "does not tell people apart"),
        (["--judge", "encoding"], "encoding cannot judge"),
    ],
)
def test_what_is_no_recognizer_or_no_judge_is_told(mien, run, people, options, part):
    told = mien("evaluate", str(run), "--on", str(people[0]), *options)
    assert told.exit_code == 2 and part in told.stderr
    assert told.stderr.splitlines()[1].startswith("Try: ")


def test_a_dataset_that_is_not_there_is_told(mien, run, tmp_path):
    told = mien("evaluate", str(run), "--on", str(tmp_path / "nobody"))
    assert told.exit_code == 2 and "mien preprocess" in told.stderr


def test_another_version_of_a_plugin_is_told_in_a_note(mien, run, tmp_path):
    other = shutil.copytree(run, tmp_path / "run")
    record = (other / "run.toml").read_text(encoding="utf-8")
    changed = record.replace('"mien-model-latent"\nversion = "0.1.0"', '"mien-model-latent"\nversion = "7.2"')
    assert changed != record
    (other / "run.toml").write_text(changed, encoding="utf-8")
    told = mien("evaluate", str(other), "--on", str(tmp_path / "nobody"))
    (note,) = (line for line in told.stderr.splitlines() if line.startswith("Note: "))
    assert "was made with mien-model-latent 7.2; 0.1.0 is installed." in note


def test_a_result_of_any_tool_is_measured_without_a_run(mien, tmp_path):
    told = mien("evaluate", "--video", str(FACE), str(FACE), "--extractor", "blazeface", "--out", str(tmp_path))
    assert told.exit_code == 0, told.stderr
    figures = {line[:40].strip(): line.split()[-1] for line in told.stdout.splitlines() if line.strip()}
    assert figures["detail, of the original's"] == "100%" and figures["is original, sface"] == "100%"
    assert (tmp_path / "video.json").is_file() and (tmp_path / "hifd" / "deid").is_dir()


@pytest.mark.parametrize("options", [[], ["run"], ["run", "--video", "a.mp4", "b.mp4"]])
def test_what_is_to_be_evaluated_has_to_be_said(mien, options):
    told = mien("evaluate", *options)
    assert told.exit_code == 2 and "mien evaluate --video ORIGINAL RESULT" in told.stderr


def test_where_nothing_can_be_written_is_told_before_anything_is_measured(mien, run, people, tmp_path):
    (tmp_path / "file").write_text("")
    face, out = str(FACE), str(tmp_path / "file")
    for asked in (
        ("evaluate", "--video", face, face, "--extractor", "none"),
        ("evaluate", str(run), "--on", str(people[0])),
        ("compare", str(run), str(run), "--on", str(people[0])),
    ):
        told = mien(*asked, "--out", out)
        assert told.exit_code == 2 and f"{out} is a file, not a folder to write to." in told.stderr
        assert "evaluating" not in told.stderr and "drawing" not in told.stderr


def test_what_was_measured_is_printed_if_it_cannot_be_written(mien, tmp_path, small_files):
    told = mien("evaluate", "--video", str(FACE), str(FACE), "--extractor", "blazeface", "--out", str(tmp_path / "new"))
    assert told.exit_code == 2 and "cannot be written" in told.stderr
    assert "1 frame. Found by blazeface" in told.stdout and "is original, sface" in told.stdout
    assert "Page:" not in told.stdout and list(tmp_path.iterdir()) == []


def test_the_part_that_a_result_was_made_of_can_be_said(mien, tmp_path):
    clip = FACE.parents[2] / "clips" / "target_J_2s_audio.mp4"
    part = tmp_path / "part.mp4"
    made = mien("anonymize", clip, part, "--with", "solid", "--no-check", "--start", "0.2", "--end", "0.4")
    assert made.exit_code == 0, made.stderr
    asked = ("evaluate", "--video", str(clip), str(part), "--extractor", "blazeface", "--every", "3")
    whole = mien(*asked)
    assert whole.exit_code == 2 and "--start TIME --end TIME" in whole.stderr
    told = mien(*asked, "--start", "0.2", "--end", "0.4")
    assert told.exit_code == 0 and "2 frames." in told.stdout
    alone = mien("evaluate", "run", "--on", "dataset", "--start", "0.2")
    assert alone.exit_code == 2 and "--start and --end are of a video" in alone.stderr
