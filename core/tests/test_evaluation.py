"""Judging runs on real faces: what is judged, by what, and what is written."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import CompareOptions, Dataset, MienError, TrainOptions, compare, evaluate, export_run, train
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.evaluation import Evaluation
from mien.evaluation.options import EvaluateOptions
from mien.evaluation.report import folder_of
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training.run import RunRecord, TrainedRun

HELD_OUT = 0.25
START = Path(__file__).resolve().parents[2] / "tests/data/weights/deepfakes_small.safetensors"


@pytest.fixture(scope="module")
def swapping(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that draws both people well: it begins with weights that were trained on these clips."""
    run = tmp_path_factory.mktemp("runs") / "swapping"
    options = TrainOptions(steps=1, init_from=str(START), held_out=HELD_OUT)
    train("deepfakes:preset=small,learning_rate=1e-6", people, run, options=options)
    return run


@pytest.fixture(scope="module")
def inventing(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has hardly begun to invent people."""
    run = tmp_path_factory.mktemp("runs") / "inventing"
    options = TrainOptions(steps=2, held_out=HELD_OUT)
    train("cgan:preset=small,width=4", people, run, features="landmarks:points=5", options=options)
    return run


@pytest.fixture(scope="module")
def evaluated(swapping: Path, people: list[Path]) -> Evaluation:
    return evaluate(swapping, people[0], options=EvaluateOptions(faces=5))


@pytest.mark.long
def test_only_the_end_of_the_clip_which_training_never_saw_is_evaluated(
    evaluated: Evaluation, people: list[Path]
) -> None:
    count = len(Dataset.open(people[0]))
    assert evaluated.held_out and evaluated.candidates == int(count * HELD_OUT)
    assert (
        evaluated.rows[0] == count - evaluated.candidates
        and evaluated.rows[-1] == count - 1
        and len(evaluated.rows) == 5
    )
    assert re.search(r"target_E_4s_silent.mp4: 5 of frames \d+ to \d+", evaluated.source_ranges[0])


def test_each_person_is_drawn_and_beside_it_what_has_learnt_nothing(evaluated: Evaluation) -> None:
    assert evaluated.drawn_as == ["E", "J"]
    assert [one.name for one in evaluated.metrics_of("E", is_baseline=True)] == [
        "mean face",
        "thumbnail, 8 px",
        "nearest training face",
    ]


def test_a_model_that_learnt_a_person_draws_them_as_they_are(evaluated: Evaluation) -> None:
    (model,), (mean, thumbnail, _) = (
        evaluated.metrics_of("E", is_baseline=False),
        evaluated.metrics_of("E", is_baseline=True),
    )
    assert model.found == 1 and model.verified_as_target == 1
    assert model.to_original < mean.to_original < thumbnail.to_original
    assert model.l1 < thumbnail.l1 and model.ssim > thumbnail.ssim and model.psnr > thumbnail.psnr
    assert model.expression < thumbnail.expression


def test_a_swap_shows_the_other_person_and_has_no_original_to_compare_pixels_with(evaluated: Evaluation) -> None:
    (swap,) = evaluated.metrics_of("J", is_baseline=False)
    assert swap.to_target < evaluated.same_person_below < swap.to_original
    assert swap.to_people["J"] < swap.to_people["E"]
    assert (swap.l1, swap.ssim, swap.psnr) == (None, None, None)


def test_the_face_itself_enlarged_keeps_its_colors_but_is_nobody(evaluated: Evaluation) -> None:
    _, thumbnail, nearest = evaluated.metrics_of("E", is_baseline=True)
    assert thumbnail.to_original > nearest.to_original


@pytest.mark.long
def test_judging_again_gives_the_same(
    evaluated: Evaluation, swapping: Path, people: list[Path], tmp_path: Path
) -> None:
    again = evaluate(swapping, people[0], options=EvaluateOptions(faces=5), out=tmp_path)
    mine, theirs = (_flat(each.model_dump(exclude={"faces_per_second"})) for each in (again, evaluated))
    assert mine.keys() == theirs.keys()
    # Of one baseline the last digits differ now and then: encodings by some 1e-5, and what is correlated over five
    # faces that hardly move by 2e-3.
    coarse = {name for name in mine if ".motion." in name}
    assert coarse and len(coarse) < len(mine) / 4
    for names, most in ((mine.keys() - coarse, 1e-4), (coarse, 5e-3)):
        assert {n: mine[n] for n in names} == pytest.approx({n: theirs[n] for n in names}, abs=most, nan_ok=True)


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Each figure and word of nested lists and dicts, by where it stands."""
    if isinstance(value, dict):
        return {place: leaf for key, part in value.items() for place, leaf in _flat(part, f"{name}.{key}").items()}
    if isinstance(value, list | tuple):
        return {place: leaf for n, part in enumerate(value) for place, leaf in _flat(part, f"{name}.{n}").items()}
    return {name: value}


@pytest.mark.long
def test_an_exported_run_is_evaluated_beside_the_datasets_that_are_named(
    evaluated: Evaluation, swapping: Path, people: list[Path], tmp_path: Path
) -> None:
    exported, asked = export_run(swapping, tmp_path / "exported"), EvaluateOptions(to="E", faces=5)
    assert "### On E" in (exported / "card.md").read_text()
    with pytest.raises(MienError, match=r"trained on the dataset J, .* does not say where it lies") as raised:
        evaluate(exported, people[0], options=asked)
    assert "--trained-on J" in raised.value.fix
    again = evaluate(exported, people[0], options=replace(asked, trained_on=tuple(people[1:])))
    (half,), (full,) = again.metrics_of("E", is_baseline=False), evaluated.metrics_of("E", is_baseline=False)
    assert again.rows == evaluated.rows
    assert half.l1 == pytest.approx(full.l1, abs=0.002) and half.to_target == pytest.approx(full.to_target, abs=0.03)


def test_what_is_written_is_read_again_and_the_page_needs_no_other_file(
    evaluated: Evaluation, swapping: Path, people: list[Path]
) -> None:
    folder = folder_of(swapping, people[0])
    assert Evaluation.read(folder) == evaluated
    page = (folder / "index.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    for shown in ("Swap: drawn as J", "Reconstruction: drawn as E", "nearest training face", "Synthetic"):
        assert shown in page
    assert (folder / "faces_J.png").stat().st_size > 10_000


@pytest.mark.long
def test_a_judge_says_by_its_own_encodings_whose_faces_they_are(
    swapping: Path, people: list[Path], environment: Any, tmp_path: Path
) -> None:
    source = Path(__file__).resolve().parents[2] / "tests/plugins/mien_angular.py"
    environment.install("mien-feature-angular", {"mien_angular": source.read_text()})
    trained = TrainedRun.open(swapping)
    assert trained.recognizer == "encoding"
    evaluation = evaluate(
        swapping, people[0], options=EvaluateOptions(to="J", faces=3, judges=("angular",)), out=tmp_path
    )
    (judge,) = evaluation.judges
    assert (evaluation.recognizer.choice, judge.distribution) == ("encoding", "mien-feature-angular")
    (swap,) = evaluation.metrics_of("J", is_baseline=False)
    (judged,) = swap.judges.values()
    assert judged.to_target < judged.same_person_below < judged.to_original
    assert judged.to_target != swap.to_target and judged.verified_as_target == 1 and judged.verified_as_original == 0
    page = (tmp_path / "index.html").read_text()
    assert page.count(f"<dt>to target, {judge.choice}</dt>") == 1 and f"further recognizers: {judge.choice}" in page
    other = evaluate(swapping, people[0], options=EvaluateOptions(to="J", faces=3, recognizer="angular"), out=tmp_path)
    assert other.recognizer == judge and other.metrics_of("J", is_baseline=False)[0].to_target == pytest.approx(
        judged.to_target, abs=1e-4
    )
    for recognizer, judges, told in (
        (None, ("encoding",), "encoding cannot judge: it is what recognizes"),
        ("angular", ("encoding",), "encoding cannot judge: it is what .* trained with"),
        (None, ("angular", "angular"), "named twice"),
    ):
        with pytest.raises(MienError, match=told):
            evaluate(swapping, people[0], options=EvaluateOptions(recognizer=recognizer, judges=judges), out=tmp_path)


def test_runs_of_different_recognizers_are_compared_by_one_that_is_named(
    evaluated: Evaluation, swapping: Path, people: list[Path], tmp_path: Path
) -> None:
    other = Path(shutil.copytree(swapping, tmp_path / "other"))
    record = RunRecord.read(other)
    record.recognizer = RecognizerRecord(choice="vanished", distribution="mien-feature-vanished", version="1.0")
    record.write(other)
    with pytest.raises(MienError, match="different recognizers") as caught:
        compare([swapping, other], people[0], options=CompareOptions(faces=5))
    assert caught.value.fix.endswith("--recognizer encoding")
    comparison = compare([swapping, other], people[0], options=CompareOptions(faces=5, recognizer="encoding"))
    assert [one.recognizer for one in comparison.evaluations] == [evaluated.recognizer] * 2


@pytest.mark.long
def test_another_seed_draws_other_synthetic_people(inventing: Path, people: list[Path], tmp_path: Path) -> None:
    one, other = (
        evaluate(inventing, people[1], options=EvaluateOptions(faces=3, seed=seed), out=tmp_path / str(seed))
        for seed in (0, 1)
    )
    assert one.drawn_as == [None] and one.metrics_of(None, is_baseline=False)[0].to_target is None
    assert one.metrics_of(None, is_baseline=True) == other.metrics_of(None, is_baseline=True)
    assert one.metrics_of(None, is_baseline=False)[0].l1 != other.metrics_of(None, is_baseline=False)[0].l1
    assert "People who do not exist, seed 1" in (tmp_path / "1" / "index.html").read_text()


@pytest.mark.long
def test_runs_stand_side_by_side_and_are_evaluated_once(
    evaluated: Evaluation, swapping: Path, inventing: Path, people: list[Path], tmp_path: Path
) -> None:
    before = folder_of(swapping, people[0]) / "evaluation.json"
    written = before.stat().st_mtime_ns
    comparison = compare([swapping, inventing], people[0], options=CompareOptions(faces=5), out=tmp_path)
    assert before.stat().st_mtime_ns == written, "it was judged already"
    tables = comparison.tables()
    assert tables["E"][0][0] == "swapping" and tables[None][0][0] == "inventing"
    assert json.loads((tmp_path / "comparison.json").read_text())["dataset"] == "E"
    assert "inventing" in (tmp_path / "index.html").read_text()


def test_runs_that_held_out_other_faces_are_not_compared(
    evaluated: Evaluation, swapping: Path, people: list[Path], tmp_path: Path
) -> None:
    options = TrainOptions(steps=1, held_out=0.1)
    train("latent:preset=small,width=8", people[:1], tmp_path / "r", features="landmarks:points=5", options=options)
    with pytest.raises(MienError, match="different faces"):
        compare([swapping, tmp_path / "r"], people[0], options=CompareOptions(faces=5))
    with pytest.raises(MienError, match="held out"):
        evaluate(tmp_path / "r", people[0], options=EvaluateOptions(last=HELD_OUT))


@pytest.mark.long
def test_a_dataset_that_the_run_does_not_know_counts_whole_or_from_its_end(
    swapping: Path, people: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    clip = Path(__file__).resolve().parents[2] / "tests/data/clips/vfr.mp4"
    preprocess(
        other, sources=[clip], options=PreprocessOptions(extractor="face_recognition", features="", images=False)
    )
    whole = evaluate(swapping, other, options=EvaluateOptions(to="J", faces=2))
    assert not whole.held_out and whole.rows == [0, len(Dataset.open(other)) - 1]
    end = evaluate(swapping, other, options=EvaluateOptions(to="J", faces=2, last=0.5))
    assert end.rows[0] == len(Dataset.open(other)) - end.candidates


@pytest.mark.long
def test_scenes_that_are_gone_are_an_error_with_the_command_that_brings_them_back(
    swapping: Path, people: list[Path], tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    shutil.copy(Path(__file__).resolve().parents[2] / "tests/data/clips/single_frame.mp4", clip)
    preprocess(
        tmp_path / "gone",
        sources=[clip],
        options=PreprocessOptions(extractor="face_recognition", features="", images=False),
    )
    clip.unlink()
    with pytest.raises(MienError, match=r"clip\.mp4") as told:
        evaluate(swapping, tmp_path / "gone")
    assert "mien preprocess" in told.value.fix


def test_a_person_whom_the_run_does_not_know_is_refused(swapping: Path, people: list[Path]) -> None:
    with pytest.raises(MienError, match="nobody"):
        evaluate(swapping, people[0], options=EvaluateOptions(to="nobody"))


def test_the_real_faces_are_as_far_apart_as_one_person_s(evaluated: Evaluation) -> None:
    assert 0 < evaluated.frechet_floor < 0.5 and np.isfinite(evaluated.diversity_of_real)
