"""The list of faces says where each is, which of them are one track and one person, and what could not be read."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import FacesDocument, FacesOptions, MienError, find_faces, write_faces
from mien.detection.document import FaceRecord, FileRecord, FrameRecord
from mien.detection.report import FacesReport
from mien.media.images import read_image, write_image
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink

from .sources import pictures

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY / "tests" / "data"
TWO, FACE = DATA / "clips" / "two_people_2s_audio.mp4", DATA / "images" / "formats" / "rgb.png"
NO_FACE, CUT_OFF = DATA / "images" / "noface" / "rocket.jpg", DATA / "images" / "formats" / "truncated.jpg"
FAST = FacesOptions(extractor="blazeface")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A clip of two people who change sides at a cut; one of its frames; a portrait; a broken image."""
    folder = tmp_path_factory.mktemp("sources")
    video = VideoSource(TWO)
    with VideoSink(folder / "two.mp4", video, synthetic=None) as sink:
        for frame in video.frames(0, 24):
            image = frame.image if frame.index < 12 else np.roll(frame.image, video.width // 2, axis=1)
            sink.write(np.ascontiguousarray(image), frame.pts, frame.duration)
    write_image(folder / "still.png", next(video.frames(40)).image, synthetic=None)
    shutil.copy(FACE, folder / "face.png")
    shutil.copy(CUT_OFF, folder)
    return [folder / name for name in ("still.png", "two.mp4", "face.png", CUT_OFF.name)]


@pytest.fixture(scope="module")
def report(sources: list[Path]) -> FacesReport:
    return find_faces(sources, options=FAST)


def test_people_have_one_number_in_all_files_and_a_track_ends_at_a_cut(report: FacesReport) -> None:
    still, video, portrait, broken = report.files
    left, right = sorted(still.frames[0].faces, key=lambda face: face.box.left)
    assert {left.person, right.person} == {0, 1}
    assert len(video.frames) == 24
    tracks = set()
    for frame in video.frames:
        faces = sorted(frame.faces, key=lambda face: face.box.left)
        people = [face.person for face in faces]
        assert people == ([left.person, right.person] if frame.index < 12 else [right.person, left.person])
        tracks |= {(face.track, face.person, frame.index < 12) for face in faces}
    assert sorted(track for track, _, _ in tracks) == [0, 1, 2, 3]
    assert [face.person for face in portrait.frames[0].faces] == [2]
    assert report.people == 3
    assert broken.frames == () and "cannot be read" in broken.failure
    assert list(report.failures) == [broken.path]


def test_faces_are_where_they_are_seen(report: FacesReport, sources: list[Path]) -> None:
    height, width = read_image(sources[0]).shape[:2]
    for face in report.files[0].frames[0].faces:
        assert face.landmarks is not None and face.landmarks.shape == (68, 2)
        assert (face.landmarks > 0).all() and (face.landmarks < [width, height]).all()
        assert face.landmarks[27:36].mean(0) == pytest.approx(
            [(face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2], abs=0.25 * width
        )
        assert face.is_sure and face.score > 0.9
    times = [frame.seconds for frame in report.files[1].frames]
    assert times == pytest.approx([number / 30 for number in range(24)], abs=1e-3)


def test_what_is_written_is_what_was_found(report: FacesReport, tmp_path: Path) -> None:
    write_faces(tmp_path / "faces.json", report)
    document = FacesDocument.read(tmp_path / "faces.json")
    assert (document.people, len(document.files)) == (3, 4)
    for file, written in zip(report.files, document.files, strict=True):
        assert (written.path, written.kind, written.failure) == (file.path, file.kind, file.failure)
        for frame, record in zip(file.frames, written.frames, strict=True):
            assert [face.person for face in frame.faces] == [face.person for face in record.faces]
            for face, its in zip(frame.faces, record.faces, strict=True):
                np.testing.assert_allclose(np.array(its.landmarks), face.landmarks, atol=0.006)
                assert its.points == {}
    lines = (tmp_path / "faces.json").read_text("utf-8").splitlines()
    assert sum(line.startswith('{"frame":') for line in lines) == report.frames


@pytest.mark.parametrize("asked", [True, False])
def test_further_points_are_written_if_they_are_asked_for(asked: bool, tmp_path: Path) -> None:
    options = FacesOptions(extractor="centerface", identities=False)
    write_faces(tmp_path / "faces.json", find_faces([FACE], options=options), points=asked)
    (face,) = FacesDocument.read(tmp_path / "faces.json").files[0].frames[0].faces
    assert face.landmarks is None and face.person is None
    assert list(face.points) == (["five"] if asked else [])


def test_every_key_stands_on_the_page() -> None:
    page = (REPOSITORY / "docs" / "faces.md").read_text("utf-8")
    for part in (FacesDocument, FileRecord, FrameRecord, FaceRecord):
        for key in part.model_fields:
            assert f"`{key}`" in page, key


def test_people_need_not_be_told_apart(sources: list[Path], third_party: Any, tmp_path: Path) -> None:
    options = FacesOptions(extractor="template", identities=False)
    report = find_faces([sources[0]], options=options, registry=third_party.registry)
    assert report.recognizer is None and report.people == 0
    write_faces(tmp_path / "faces.json", report)
    assert json.loads((tmp_path / "faces.json").read_text("utf-8"))["recognizer"] is None


def test_a_name_that_is_no_text_stands_there(third_party: Any, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    shutil.copy(NO_FACE, path)
    options = FacesOptions(extractor="template", identities=False)
    write_faces(tmp_path / "faces.json", find_faces([tmp_path], options=options, registry=third_party.registry))
    (file,) = FacesDocument.read(tmp_path / "faces.json").files
    assert file.path.endswith("caf\\xe9.jpg")


def test_a_single_file_that_cannot_be_read_is_an_error(third_party: Any, tmp_path: Path) -> None:
    options = FacesOptions(extractor="template", identities=False)
    with pytest.raises(MienError, match="cannot be read"):
        find_faces([CUT_OFF], options=options, registry=third_party.registry)
    with pytest.raises(MienError, match="neither an image nor a video"):
        find_faces([tmp_path], options=options, registry=third_party.registry)


@pytest.mark.long
def test_a_thorough_search_finds_what_the_other_does_not() -> None:
    small = DATA / "images" / "stills"
    quick = find_faces([small], options=FacesOptions(extractor="blazeface", identities=False))
    thorough = find_faces([small], options=FacesOptions(thorough=True, identities=False))
    assert thorough.faces > quick.faces


def test_the_pages_of_a_tiff_are_images_of_their_own_in_which_one_person_is_known(tmp_path: Path) -> None:
    (file,) = find_faces([pictures(tmp_path / "a.tif", [read_image(FACE)] * 2)], options=FAST).files
    (one,), (other,) = (frame.faces for frame in file.frames)
    assert one.track != other.track and one.person == other.person is not None
