"""What a benchmark measures, and how two of them are compared."""

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from mien import BenchOptions, BenchReport, MienError, Registry, bench
from mien.benchmark.report import Machine, StageTime, TrainTime, WholeTime
from mien.benchmark.step_profile import KINDS
from mien.benchmark.training import measured_trainings
from mien.media.animation import open_video
from mien.progress import Silent

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIP = DATA / "clips" / "target_J_2s_audio.mp4"


@pytest.fixture(scope="module")
def report() -> BenchReport:
    return bench(CLIP, options=BenchOptions(frames=2, repeats=1, methods=("solid",), training=False, whole=False))


def test_each_plugin_that_works_on_the_clip_is_measured(report: BenchReport) -> None:
    measured = {(one.stage, one.what) for one in report.stages}
    registry = Registry()
    assert {("extract", name) for name in registry.names("extractor")} <= measured
    assert {("feature", name) for name in registry.names("feature")} <= measured
    assert {stage for stage, _ in measured} == {
        "decode", "encode", "extract", "search", "align", "mask", "feature", "generate", "blend"
    }  # fmt: skip
    assert not report.left_out and not report.whole and report.frames == 2


def test_a_report_is_read_as_it_was_written(report: BenchReport, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(report.model_dump_json(), encoding="utf-8")
    read = BenchReport.read(path)
    assert read == report and set(read.ratios(report).values()) == {1.0}
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(MienError, match="no report of a benchmark"):
        BenchReport.read(path)


def of(milliseconds: float) -> BenchReport:
    stage = StageTime(stage="extract", what="blazeface", milliseconds=milliseconds)
    job = WholeTime(
        what="anonymize, blocks",
        frames=100,
        seconds=4.0,
        processor_seconds=6.0,
        slowest_stage="extract blazeface",
        slowest_milliseconds=milliseconds,
    )
    machine = Machine(
        processor="a processor", cores=2, system="Linux", versions={"torch": "2"}, load=0.5, measured_on="2026-11-26"
    )
    return BenchReport(
        machine=machine, clip="clip.mp4", width=640, height=360, frames=48, stages=[stage], whole=[job],
        peak_memory_mb=900.0, left_out={"mask hands": "it is not installed"},
    )  # fmt: skip


def test_a_model_is_trained_by_itself_and_in_the_loop(environment, tmp_path: Path) -> None:
    environment.install_package("tiny", "mien-model-tiny")
    needed = [point for point in entry_points(group="mien") if point.name in ("face_recognition", "hull", "landmarks")]
    registry = Registry([*environment.points, *needed])
    frames = [frame.image for frame in open_video(CLIP).frames(0, 4)]
    left_out: dict[str, str] = {}
    (found,) = measured_trainings(frames, registry, Silent(), left_out, profiled=True)
    assert not left_out
    assert found.shares is not None and tuple(found.shares) == KINDS and sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["convolutions, forward"] > 0 and found.shares["backward"] > 0
    assert (found.what, found.resolution, found.batch_size) == ("tiny", 8, 4)
    assert found.bare_milliseconds > 0 and found.loop_milliseconds > 0 and found.peak_gflops > 1
    # Three channels to three by 3×3 at 8×8 pixels of 4 faces, forward and backward by the weights.
    assert found.gflop == pytest.approx(2 * 2 * 4 * 8**2 * 3 * 3 * 9 / 1e9)


def test_what_cannot_be_trained_is_told_with_the_reason(environment) -> None:
    environment.install_package("tiny", "mien-model-tiny")
    left_out: dict[str, str] = {}
    empty = np.zeros((64, 64, 3), np.uint8)
    needed = [point for point in entry_points(group="mien") if point.name in ("face_recognition", "hull")]
    registry = Registry([*environment.points, *needed])
    assert list(measured_trainings([empty], registry, Silent(), left_out)) == []
    assert len(left_out) == 1 and "train" in next(iter(left_out))


def test_the_loop_is_held_against_the_step_and_the_peak() -> None:
    training = TrainTime(
        what="latent:preset=small", resolution=64, batch_size=32, precision="bf16", bare_milliseconds=90.0,
        loop_milliseconds=100.0, gflop=8.0, peak_gflops=800.0, peak_memory_mb=None,
    )  # fmt: skip
    assert (training.share, training.rate, training.gflops, training.share_of_peak) == (0.9, 320.0, 80.0, 0.1)
    report = of(40.0).model_copy(update={"training": [training]})
    row = "| `latent:preset=small` | 64 | 32 | bf16 | 90.0 | 100.0 | 90% | 320 | 80 | 800 | 10% | – |"
    assert row in report.page()
    assert training.share_of_peak_in_products is None and "step's time goes to" not in report.page()
    shares = dict.fromkeys(KINDS, 0.0) | {"convolutions, forward": 0.25, "backward": 0.25, "copies": 0.5}
    profiled = training.model_copy(update={"shares": shares})
    assert profiled.share_of_peak_in_products == pytest.approx(8.0 / 0.045 / 800.0)
    row = "| `latent:preset=small` | 25% | 25% | 0% | 0% | 0% | 50% | 0% | 0% | 22% |"
    assert row in report.model_copy(update={"training": [profiled]}).page()
    slower = report.model_copy(update={"training": [training.model_copy(update={"loop_milliseconds": 200.0})]})
    assert slower.ratios(report)["training", "latent:preset=small"] == 2.0


def test_a_job_is_held_against_its_slowest_stage_on_all_cores() -> None:
    job = of(40.0).whole[0]
    assert job.rate == 25.0 and job.limit(2) == 50.0 and job.busy(2) == 0.75


def test_ratios_are_those_of_processor_time() -> None:
    assert of(20.0).ratios(of(40.0)) == {("extract", "blazeface"): 0.5, ("whole", "anonymize, blocks"): 1.0}


def test_the_page_says_where_it_was_measured_and_what_was_not() -> None:
    page = of(40.0).page()
    assert "a processor, 2 cores" in page and "0.5 threads of all processes" in page
    assert "| `anonymize, blocks` | 100 | 25.0 | 60.0 | extract blazeface | 50.0 | 50% | 75% | 67% |" in page
    assert "- mask hands: it is not installed" in page


def test_a_clip_without_a_face_is_told(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="finds no face"):
        bench(no_face(tmp_path), options=BenchOptions(frames=1, repeats=1, training=False, whole=False))
    with pytest.raises(MienError, match="--frames must be 1 or more"):
        BenchOptions(frames=0)


def no_face(folder: Path) -> Path:
    """A short clip of a rocket."""
    from PIL import Image

    path = folder / "rocket.gif"
    with Image.open(DATA / "images" / "noface" / "rocket.jpg") as image:
        small = image.convert("RGB").resize((160, 120))
    small.save(path, save_all=True, append_images=[small.rotate(90)], duration=100)
    return path
