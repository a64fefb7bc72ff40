"""What is said of figures side by side: which way is better, what is beaten, and which judgement still counts."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien import Evaluation, MienError, TrainOptions, compare, evaluate, export_package, train
from mien.evaluation.losses import training_losses
from mien.evaluation.metric_table import beaten, beats, best, shown
from mien.evaluation.options import CompareOptions, EvaluateOptions
from mien.evaluation.page import facts_of
from mien.evaluation.report import Metrics, folder_of

FACES = 2


@pytest.fixture(scope="module")
def run(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step, judged already."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = TrainOptions(steps=1, held_out=0.25)
    train("latent:preset=small,width=8", people[:1], folder, features="landmarks:points=5", options=options)
    evaluate(folder, people[0], options=EvaluateOptions(faces=FACES))
    return folder


@pytest.fixture
def own(run: Path, people: list[Path]) -> Metrics:
    """Figures of a person on frames of their own; by the nearest training face, which is found again."""
    known = Evaluation.read(folder_of(run, people[0]))
    assert known is not None
    return known.metrics_of("E", is_baseline=True)[-1].model_copy(update={"name": "model"})


def swap_of(own: Metrics) -> Metrics:
    return own.model_copy(update={"l1": None, "ssim": None, "psnr": None})


def test_a_swap_should_be_far_from_the_original_and_a_reconstruction_near(own: Metrics) -> None:
    assert "to original ↓" in [column.heading(own) for column in shown([own])]
    swap = swap_of(own)
    assert {"to original ↑", "is original ↓", "score 6,1 ↑"} <= {column.heading(swap) for column in shown([swap])}


def test_only_a_change_of_person_has_a_combined_score(own: Metrics) -> None:
    assert not {"score 1,1", "score 6,1"} & {column.title for column in shown([own])}
    assert not {"score 1,1", "score 6,1"} & set(beats(own, own))


def test_nothing_is_better_than_itself_and_of_equals_none_is_the_best(own: Metrics) -> None:
    assert not any(beats(own, own).values())
    assert all(best(column, [own, own]) == [False, False] for column in shown([own]))
    (sentence,) = beaten(own, [own])
    assert "as good on" in sentence and "better" not in sentence and "worse" not in sentence


def test_what_is_better_as_good_and_worse_is_said_of_each_figure(own: Metrics) -> None:
    model = own.model_copy(update={"found": 1.0, "expression": 0.02, "l1": 0.05, "follows": {}})
    other = model.model_copy(update={"name": "other", "expression": 0.04, "l1": 0.03, "frechet": 9.0})
    (sentence,) = beaten(model, [other])
    assert sentence == ("model beside the other: better on expression, Fréchet; as good on found, SSIM; worse on L1.")
    assert beats(model, other)["expression"] and not beats(model, other)["L1"] and not beats(model, other)["found"]


def test_what_differs_by_less_than_the_last_digit_shows_is_as_good(own: Metrics) -> None:
    model = own.model_copy(update={"l1": 0.0504, "ssim": 0.5, "found": 1.0})
    other = model.model_copy(update={"name": "other", "l1": 0.0506, "ssim": 0.501, "found": 1.0})
    (sentence,) = beaten(model, [other])
    good, worse = sentence.split("as good on ")[1].split("; worse on ")
    assert "L1" in good and worse == "SSIM."


def test_a_few_faces_are_said_to_be_few(run: Path, people: list[Path]) -> None:
    known = Evaluation.read(folder_of(run, people[0]))
    assert known is not None
    assert any("may be chance" in fact for fact in facts_of(known))
    enough = known.model_copy(update={"rows": list(range(30))})
    assert not any("may be chance" in fact for fact in facts_of(enough))


def test_faces_that_are_never_found_beat_nobody(own: Metrics) -> None:
    lost = own.model_copy(update={"found": 0.0, "expression": float("nan"), "frechet": float("nan")})
    seen = own.model_copy(update={"found": 1.0, "expression": 0.5, "frechet": 9.0})
    assert not any(beats(lost, seen)[figure] for figure in ("found", "expression", "Fréchet"))
    assert all(beats(seen, lost)[figure] for figure in ("found", "expression", "Fréchet"))


@pytest.mark.long
def test_a_judgement_by_another_blender_does_not_count(run: Path, people: list[Path]) -> None:
    folder = folder_of(run, people[0])
    evaluate(run, people[0], options=EvaluateOptions(faces=FACES, blender="poisson"))
    comparison = compare([run, run], people[0], options=CompareOptions(faces=FACES))
    assert [one.blender for one in comparison.evaluations] == ["feather", "feather"]
    told = (folder / "evaluation.json").stat().st_mtime_ns
    compare([run, run], people[0], options=CompareOptions(faces=FACES))
    assert (folder / "evaluation.json").stat().st_mtime_ns == told, "it was judged already"


def test_runs_of_one_name_are_told_apart_by_their_paths(run: Path, people: list[Path], tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    assert compare([run, other], people[0], options=CompareOptions(faces=FACES)).names == [str(run), str(other)]


@pytest.mark.long
def test_an_installed_run_is_compared_by_its_name(
    run: Path, people: list[Path], tmp_path: Path, environment: Any
) -> None:
    written = export_package(run, "anna", tmp_path / "package")
    shutil.copytree(written / "src", environment.folder, dirs_exist_ok=True)
    environment.install("mien-run-anna", {"anna_hook": "from mien_run_anna import register_runs"})
    with_dataset = CompareOptions(faces=FACES, trained_on=(people[0],))
    with pytest.raises(MienError, match="nothing is written beside it") as caught:
        compare([run, "anna"], people[0], options=with_dataset)
    assert caught.value.fix.endswith("--out FOLDER")

    out = tmp_path / "compared"
    found = compare([run, "anna"], people[0], options=with_dataset, out=out)
    assert found.names == ["run", "anna"]
    assert found.evaluations[0].rows == found.evaluations[1].rows
    own, installed = (evaluation.metrics_of("E", is_baseline=False)[0] for evaluation in found.evaluations)
    assert installed.l1 == pytest.approx(own.l1, abs=0.01)  # in half precision
    assert {path.name for path in (out / "evaluations").iterdir()} == {"anna"}
    assert (out / "index.html").is_file()


@pytest.mark.long
def test_the_share_that_all_runs_held_out_is_proposed(run: Path, people: list[Path], tmp_path: Path) -> None:
    less = tmp_path / "less"
    options = TrainOptions(steps=1, held_out=0.125)
    train("latent:preset=small,width=8", people[:1], less, features="landmarks:points=5", options=options)
    with pytest.raises(MienError, match="different faces") as told:
        compare([run, less], people[0], options=CompareOptions(faces=FACES))
    assert told.value.fix.endswith("--last 0.125")
    rows = [
        one.rows for one in compare([run, less], people[0], options=CompareOptions(faces=FACES, last=0.125)).evaluations
    ]
    assert rows[0] == rows[1]


def test_losses_are_drawn_for_each_phase_even_if_a_kill_cut_the_last_line_off(tmp_path: Path) -> None:
    lines = [{"step": step, "loss": 1 / step, "learning_rate/main": 0.1} for step in range(1, 9)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 9, "lo')
    one = Image.open(io.BytesIO(training_losses(tmp_path) or b""))
    rates = {"learning_rate/d": 0.1, "learning_rate/g": 0.1}
    two = [{"step": step, "d/real": 0.5, "g/fake": 0.5, "validation/g/l1": 0.1, **rates} for step in range(1, 9)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, two)))
    assert Image.open(io.BytesIO(training_losses(tmp_path) or b"")).height == 2 * one.height


def test_a_run_that_logged_nothing_has_no_losses(tmp_path: Path) -> None:
    assert training_losses(tmp_path) is None
