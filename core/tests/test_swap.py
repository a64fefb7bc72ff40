"""Swapping from end to end, on real faces, with a third party's model that draws what it sees, or all green."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from mien import ExtractorSet, FrameRange, Part, Session, SessionOptions, align, swap, verify
from mien.errors import MienError
from mien.geometry.pixel_shape import in_square_pixels, set_back
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import Frame, VideoSource

from .interrupting import Interrupting, no_threads_left
from .sources import DATA, STILL, J, blinded, cut, in_wide_pixels
from .swapping import INPUTS, Mirror, greenness, inner_face


@pytest.mark.parametrize("size", [128, 64])
def test_a_model_that_draws_what_it_sees_changes_nothing_but_sharpness(
    mirror: Mirror, tmp_path: Path, write_run: Callable[..., Path], size: int
) -> None:
    """So crop, batch and way back are each other's inverse, at the crop's own size and at another."""
    run = write_run(tmp_path / "run", mirror.registry, "mirror", {"size": size}, INPUTS, extractor="blinkered")
    mirror.swap(STILL, tmp_path / "out.png", "seen", run=run)
    before, after = read_image(STILL), read_image(tmp_path / "out.png")
    (top, left), (bottom, right) = inner_face(mirror, before)
    part = [
        cv2.GaussianBlur(cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float64), None, 4)
        for image in (before, after)
    ]
    shift, response = cv2.phaseCorrelate(part[0], part[1], cv2.createHanningWindow(part[0].shape[::-1], cv2.CV_64F))
    assert np.abs(shift).max() < 0.15 and response > 0.9  # a pixel of the smaller crop is 3.5 pixels of the image
    assert np.abs(part[0] - part[1]).mean() < 2
    assert (before != after).any(-1).mean() < 0.3


def test_an_image_is_drawn_within_the_mask_labelled_and_untouched_around_it(mirror: Mirror, tmp_path: Path) -> None:
    report = mirror.swap(STILL, tmp_path / "new" / "out.png")
    before, after = read_image(STILL), read_image(tmp_path / "new" / "out.png")
    (top, left), (bottom, right) = inner_face(mirror, before)
    assert greenness(after[top:bottom, left:right]).mean() > 0.95
    assert (before == after).all(-1).mean() > 0.7
    assert (report.frames, report.faces, report.frames_no_face, report.failures) == (1, 1, 0, {})
    made = read_provenance(tmp_path / "new" / "out.png")
    assert made is not None and "green" in made.action and len(made.run) == 16


def test_a_video_keeps_its_times_and_sound_and_says_that_it_is_synthetic(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 20))
    report = mirror.swap(clip, tmp_path / "out.mp4")
    before, after = VideoSource(clip), VideoSource(tmp_path / "out.mp4")
    assert after.frame_times() == before.frame_times()
    assert all(greenness(frame.image).mean() > 0.03 for frame in after.frames())
    assert (report.frames, report.faces, report.interpolated, report.files[0].no_face) == (20, 20, 0, ())
    assert set(report.stage_seconds) == {"decode", "extract", "generate", "blend", "encode"}
    assert report.frames_per_second == pytest.approx(20 / report.seconds)
    assert read_provenance(tmp_path / "out.mp4") is not None
    sound = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            sound.append([bytes(packet) for packet in container.demux(audio=0)])
    assert sound[0] == sound[1] and len(sound[0]) > 50
    assert no_threads_left()


def test_a_part_of_a_video_is_swapped_and_the_report_says_which(mirror: Mirror, tmp_path: Path) -> None:
    part = Part.between("0.2", "0:00:00.600")
    report = mirror.swap(J, tmp_path / "out.mp4", part=part)
    before, after = VideoSource(J), VideoSource(tmp_path / "out.mp4")
    assert report.frames == len(after.frame_times()) == 12
    outside = np.s_[:60]
    for one, other in zip(before.frames(6, 18), after.frames(), strict=True):
        assert np.abs(one.image[outside].astype(int) - other.image[outside]).mean() < 3
        assert greenness(other.image).mean() > 0.03
    assert report.files[0].notes == ("it holds 0:00:00.200 to 0:00:00.600 of the source: frames 6–17 of 72",)
    with pytest.raises(MienError, match="is an image, which has no time"):
        mirror.swap(STILL, tmp_path / "out.png", part=part)
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(STILL, folder)
    shutil.copy(DATA / "clips" / "single_frame.mp4", folder)
    told = mirror.swap(folder, tmp_path / "out", part=part)
    assert [file.frames for file in told.files] == [1, 0]
    assert "shows no frame from 0:00:00.200 to 0:00:00.600" in told.files[1].failure


def test_the_same_swap_gives_the_same_file(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 12))
    for name, threads in (("a.mp4", 1), ("b.mp4", 3)):
        mirror.swap(clip, tmp_path / name, "seen", threads=threads, credentials=False)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_missed_face_is_bridged_and_a_long_absence_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 24), blinded([4, 5, 12, 13, 14, 15, 16, 17, 23]))
    report = mirror.swap(clip, tmp_path / "out.mp4")
    file = report.files[0]
    assert (file.interpolated, file.faces) == (2, 17)
    assert file.no_face == (FrameRange(12, 17), FrameRange(23, 23)) and file.frames_no_face == 7
    assert [str(part) for part in file.no_face] == ["12–17", "23"]
    assert file.partial == ()  # there, nothing at all was drawn
    drawn = [greenness(frame.image).mean() > 0.03 for frame in VideoSource(tmp_path / "out.mp4").frames()]
    assert [index for index, is_drawn in enumerate(drawn) if not is_drawn] == [12, 13, 14, 15, 16, 17, 23]


def test_a_second_face_that_is_lost_is_reported_beside_the_one_that_was_drawn(mirror: Mirror, tmp_path: Path) -> None:
    def one_covered(frame: Frame) -> np.ndarray:
        image = frame.image.copy()
        if 6 <= frame.index < 16:
            image[:, : frame.image.shape[1] // 2] = 128  # the left one of the two
        return image

    clip = cut(DATA / "clips" / "two_people_2s_audio.mp4", tmp_path / "two.mp4", slice(0, 20), one_covered)
    report = mirror.swap(clip, tmp_path / "out.mp4")
    file = report.files[0]
    assert (file.faces, file.interpolated, file.no_face) == (30, 0, ())
    assert file.partial == (FrameRange(6, 15),)
    assert report.frames_partial == file.frames_partial == 10

    person = tmp_path / "J.png"  # the other one: whoever is not to be drawn is not missed
    write_image(person, next(VideoSource(J).frames(40)).image, synthetic=None)
    alone = mirror.swap(clip, tmp_path / "alone.mp4", person=person).files[0]
    assert (alone.faces, alone.frames_no_face, alone.partial) == (20, 0, ())


def test_faces_are_searched_as_asked_for_instead_of_as_the_run_did(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 3), blinded(range(3)))
    assert mirror.swap(clip, tmp_path / "own.mp4").faces == 0
    assert mirror.swap(clip, tmp_path / "asked.mp4", extractor="face_recognition:search=full").faces == 3


def test_where_nothing_was_drawn_in_square_pixels_nothing_changes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    for shape in (2.0, 64 / 27, 10 / 11):
        view = in_square_pixels(image, shape)
        assert (set_back(image, view, view.copy()) == image).all()
        drawn = view.copy()
        drawn[: view.shape[0] // 2] = 7
        back = set_back(image, view, drawn)
        assert (back[:14] == 7).all() and (back[16:] == image[16:]).all()


def test_a_face_painted_on_a_badge_is_left_alone(mirror: Mirror, tmp_path: Path) -> None:
    badge = DATA / "images" / "doubtful" / "false_face_on_badge.jpg"
    report = mirror.swap(badge, tmp_path / "out.png", extractor="face_recognition")
    assert report.faces == 1


def test_faces_are_found_where_pixels_are_not_square(mirror: Mirror, tmp_path: Path) -> None:
    in_wide_pixels(J, tmp_path / "wide.mp4", slice(0, 8))
    assert VideoSource(tmp_path / "wide.mp4").pixel_shape == 2
    report = mirror.swap(tmp_path / "wide.mp4", tmp_path / "out.mp4", extractor="face_recognition")
    assert (report.faces, report.interpolated) == (8, 0)
    again = VideoSource(tmp_path / "out.mp4")
    assert again.pixel_shape == 2
    mirror.swap(J, tmp_path / "square.mp4", extractor="face_recognition")
    square = greenness(next(VideoSource(tmp_path / "square.mp4").frames()).image)
    shown = in_square_pixels(next(again.frames()).image, 2)
    green = greenness(shown)
    assert (green & square).sum() / (green | square).sum() > 0.9  # as wide and as high as in square pixels
    before = next(VideoSource(tmp_path / "wide.mp4").frames()).image.astype(int)
    around = ~cv2.dilate(greenness(next(again.frames()).image).astype(np.uint8), np.ones((31, 31))).astype(bool)
    assert np.abs(next(again.frames()).image - before)[around].mean() < 2


def test_ctrl_c_ends_everything_at_once_and_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    progress = Interrupting(after=5)
    with pytest.raises(KeyboardInterrupt):
        mirror.swap(J, tmp_path / "out.mp4", progress=progress)
    assert progress.total == 72
    assert list(tmp_path.iterdir()) == [] and no_threads_left()


@pytest.mark.parametrize("segment_seconds", [60.0, 0.2])
def test_a_video_in_which_nobody_was_drawn_claims_nothing(
    mirror: Mirror, tmp_path: Path, segment_seconds: float
) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 12), blinded(range(12)))
    report = mirror.swap(clip, tmp_path / "out.mkv", segment_seconds=segment_seconds)
    assert (report.faces, report.frames_no_face, len(VideoSource(tmp_path / "out.mkv").frame_times())) == (0, 12, 12)
    assert read_provenance(tmp_path / "out.mkv") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.mkv"], "no credentials either"


def test_credentials_say_with_which_settings_a_model_drew(mirror: Mirror, tmp_path: Path) -> None:
    mirror.swap(STILL, tmp_path / "out.png", blender="feather:feather=0.2", masker="hull+brows:raise_by=0.1")
    used = {use.choice.partition(":")[0]: use.choice for use in verify(tmp_path / "out.png").plugins}
    assert "feather=0.2" in used["feather"] and "raise_by=0.1" in used["brows"]
    swap(
        "morph:people=5",
        STILL,
        tmp_path / "morph.png",
        reference=[STILL],
        options=SessionOptions(enhancers="match_grain"),
    )
    (model,) = [use.choice for use in verify(tmp_path / "morph.png").plugins if use.kind == "model"]
    assert "people=5," in model


GOOD = np.full((64, 80, 3), 90, np.uint8)
NO_IMAGES = [
    (GOOD.astype(np.float32) / 255, "float32 (64, 80, 3)", "numpy.rint(image * 255).astype(numpy.uint8)"),
    (GOOD.astype(np.float64), "float64 (64, 80, 3)", "numpy.rint(image).astype(numpy.uint8)"),
    (GOOD.astype(np.uint16) * 257, "uint16 (64, 80, 3)", "(image // 257).astype(numpy.uint8)"),
    (GOOD[..., 0], "uint8 (64, 80)", "numpy.stack([image.squeeze()] * 3, axis=-1)"),
    (np.dstack([GOOD, GOOD[..., :1]]), "uint8 (64, 80, 4)", "image[..., :3]"),
    (GOOD[:0], "uint8 (0, 80, 3)", ""),
    (STILL, f"the path '{STILL}'", f"mien.media.images.read_image(Path('{STILL}'))"),
    (None, "a NoneType", "numpy.asarray(image), which has to give that"),
]


@pytest.mark.parametrize(("image", "this_is", "fix"), NO_IMAGES, ids=[this_is for _, this_is, _ in NO_IMAGES])
def test_what_is_no_image_is_refused_by_the_session_before_a_plugin_sees_it(
    mirror: Mirror, image: Any, this_is: str, fix: str
) -> None:
    session = Session.open(mirror.run, options=SessionOptions(blender="paste"), registry=mirror.registry)
    blocks = Session.open("blocks", options=SessionOptions(extractor="blinkered"), registry=mirror.registry)
    calls: list[Callable[[], object]] = [
        lambda: session.swap(image, "green"),
        lambda: list(session.swap_images([image], "green")),
        lambda: list(session.swap_frames([GOOD, image], "green")),
        lambda: session.swap(GOOD, reference=[image]),
        lambda: blocks.anonymize(image),
        lambda: session.given([(image, "theirs")]),
        lambda: ExtractorSet("blinkered", mirror.registry).extract(image),
        lambda: align(image, np.zeros((68, 2), np.float32)),
    ]
    for call in calls:
        with pytest.raises(MienError) as refused:
            call()
        assert refused.value.message.endswith(f"; this is {this_is}.") and refused.value.fix == fix


def test_one_image_alone_is_no_list_of_references(mirror: Mirror) -> None:
    session = Session.open(mirror.run, options=SessionOptions(blender="paste"), registry=mirror.registry)
    with pytest.raises(MienError, match=r"Reference images are a list; this is uint8 \(64, 80, 3\)"):
        session.swap(GOOD, reference=GOOD)
