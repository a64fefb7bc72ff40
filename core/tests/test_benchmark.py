"""What a benchmark measures, and how two of them are compared."""

from pathlib import Path

import pytest

from mien import BenchOptions, BenchReport, MienError, Registry, bench
from mien.benchmark.report import Machine, StageTime, WholeTime

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIP = DATA / "clips" / "target_J_2s_audio.mp4"


@pytest.fixture(scope="module")
def report() -> BenchReport:
    return bench(CLIP, options=BenchOptions(frames=2, repeats=1, methods=("solid",), whole=False))


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
        bench(no_face(tmp_path), options=BenchOptions(frames=1, repeats=1, whole=False))
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
