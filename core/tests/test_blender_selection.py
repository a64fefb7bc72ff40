"""Choosing a blender for a swap, among those of a third_party: soft, hard, one that draws nothing, and some that
fail."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien import SessionOptions, SwapReport, swap
from mien.contracts.model import ModelInputs
from mien.errors import MienError
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.plugins.registry import Registry
from mien.testing import no_face, portraits, side_by_side

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips" / "face_then_noface_6s.mp4"


@dataclass(frozen=True)
class Trial:
    """The plugins of tests/plugins/trial, the extractor, and a run."""

    registry: Registry
    run: Path

    def swap(self, source: Path, output: Path, registry: Registry | None = None, **settings: Any) -> SwapReport:
        options = SessionOptions(**{"blender": "auto", "threads": 2, **settings})
        return swap(self.run, source, output, "anyone", options=options, registry=registry or self.registry)


@pytest.fixture(scope="module")
def trial(
    plugins_folder: Path, tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]
) -> Iterator[Trial]:
    folder = tmp_path_factory.mktemp("trial")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        others = [point for point in entry_points(group="mien") if point.name in ("face_recognition", "hull")]
        registry = Registry([*others, EntryPoint("trial", "trial", "mien")])
        inputs = ModelInputs(("anyone",), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        yield Trial(
            registry,
            write_run(folder / "run", registry, "flip", {}, inputs, extractor="face_recognition:search=full"),
        )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Two people side by side."""
    one, other = portraits()
    path = tmp_path / "pair.png"
    write_image(path, side_by_side(one.image, other.image), synthetic=None)
    return path


def test_the_blender_with_the_least_seam_and_the_nearest_colors_is_chosen(
    trial: Trial, image: Path, tmp_path: Path
) -> None:
    report = trial.swap(image, tmp_path / "out.png")
    comparison = report.comparison
    assert comparison is not None and comparison.faces == report.faces == 2
    assert report.blender == comparison.chosen == "soft"
    soft, hard = comparison.scores[:2]
    assert (soft.blender, hard.blender) == ("soft", "hard") and soft.seam and hard.seam
    assert soft.seam.seam < hard.seam.seam and soft.seam.color < hard.seam.color
    assert "soft" in comparison.why and "hard" in comparison.why and f"{hard.seam.score:.2f}" in comparison.why

    trial.swap(image, tmp_path / "named.png", blender="soft")
    assert np.array_equal(read_image(tmp_path / "out.png"), read_image(tmp_path / "named.png"))


def test_blenders_that_fail_or_draw_nothing_are_listed_with_the_reason(
    trial: Trial, image: Path, tmp_path: Path
) -> None:
    comparison = trial.swap(image, tmp_path / "out.png").comparison
    assert comparison is not None
    left_out = {one.blender: one.left_out for one in comparison.scores if one.left_out}
    assert set(left_out) == {"nothing", "unmakeable", "failing"}
    assert "no glue" in left_out["unmakeable"] and "out of paste" in left_out["failing"]
    assert "0%" in left_out["nothing"]


def test_the_sheet_shows_each_face_as_each_blender_sets_it_in(trial: Trial, image: Path, tmp_path: Path) -> None:
    comparison = trial.swap(image, tmp_path / "out.png").comparison
    assert comparison is not None and comparison.sheet == tmp_path / "out.blenders.png"
    with Image.open(comparison.sheet) as sheet:
        width, height = sheet.size
    assert width > 4 * 192 and height > 2 * 192  # as it was, soft, hard, nothing
    made = read_provenance(comparison.sheet)
    assert made is not None and "anyone" in made.action


@pytest.mark.long
def test_faces_of_a_video_come_from_all_over_it(trial: Trial, tmp_path: Path) -> None:
    """Its second half shows nobody, so faces are found in some of the frames looked at only."""
    comparison = trial.swap(CLIP, tmp_path / "out.mp4").comparison
    assert comparison is not None and comparison.faces == 8
    assert comparison.chosen == "soft"


def test_the_same_swap_chooses_by_the_same_numbers(trial: Trial, image: Path, tmp_path: Path) -> None:
    one, other = (trial.swap(image, tmp_path / f"{name}.png").comparison for name in "ab")
    assert one is not None and other is not None and one.scores == other.scores


def test_of_a_folder_images_and_videos_are_tried_and_bad_files_passed_over(trial: Trial, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, portrait in enumerate(portraits()):
        write_image(folder / f"{number}.png", portrait.image, synthetic=None)
    write_image(folder / "coffee.png", no_face(), synthetic=None)
    shutil.copy(CLIP.with_name("single_frame.mp4"), folder)
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    report = trial.swap(folder, tmp_path / "out")
    assert report.comparison is not None
    assert report.comparison.faces == 3
    assert report.comparison.sheet == tmp_path / "out" / "out.blenders.png"
    assert [path.name for path in report.failures] == ["bad.png"]


def test_only_the_person_asked_for_is_tried(trial: Trial, image: Path, tmp_path: Path) -> None:
    encoding = [point for point in entry_points(group="mien") if point.name in ("face_recognition", "hull", "encoding")]
    registry = Registry([*encoding, EntryPoint("trial", "trial", "mien")])
    person = tmp_path / "person.png"
    write_image(person, portraits()[1].image, synthetic=None)
    report = trial.swap(image, tmp_path / "out.png", person=person, registry=registry)
    assert report.comparison is not None and report.comparison.faces == report.faces == 1


def test_where_no_face_is_found_the_default_is_taken_and_no_sheet_written(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "coffee.png", no_face(), synthetic=None)
    report = trial.swap(tmp_path / "in", tmp_path / "out")
    assert report.comparison is not None
    assert (report.comparison.faces, report.comparison.sheet) == (0, None)
    assert "No face" in report.comparison.why and report.blender in ("failing", "hard")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["coffee.png"]


def test_a_sheet_that_is_there_is_not_overwritten_unasked(trial: Trial, image: Path, tmp_path: Path) -> None:
    standing = tmp_path / "out.blenders.png"
    standing.write_bytes(b"mine")
    with pytest.raises(MienError, match=r"out\.blenders\.png would be overwritten"):
        trial.swap(image, tmp_path / "out.png")
    assert standing.read_bytes() == b"mine"
    assert trial.swap(image, tmp_path / "out.png", overwrite=True).comparison
    assert standing.read_bytes() != b"mine"


def test_without_a_blender_that_can_be_made_nothing_begins(trial: Trial, image: Path, tmp_path: Path) -> None:
    (tmp_path / "mien_gluey.py").write_text(
        "from mien.contracts.hooks import PluginSpec, hookimpl\n"
        "@hookimpl\ndef register_models(): return [PluginSpec('flip', 'trial.model:Flip', 'x', contract=2)]\n"
        "@hookimpl\ndef register_blenders():\n"
        "    return [PluginSpec('unmakeable', 'trial.blenders:Unmakeable', 'x', contract=2)]\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        registry = Registry([EntryPoint("gluey", "mien_gluey", "mien")])
        with pytest.raises(MienError, match="no glue"):
            trial.swap(image, tmp_path / "out.png", registry=registry)
    sys.modules.pop("mien_gluey", None)


def test_a_named_blender_is_not_compared(trial: Trial, image: Path, tmp_path: Path) -> None:
    report = trial.swap(image, tmp_path / "out.png", blender="soft:color=none")
    assert (report.blender, report.comparison) == ("soft:color=none", None)
    assert not (tmp_path / "out.blenders.png").exists()
