"""Plugins that the reference study did not have go the whole path without a line of theirs in the core."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mien import (
    AnonymizeOptions,
    Dataset,
    MienError,
    PreprocessOptions,
    Session,
    SessionOptions,
    TrainedRun,
    TrainOptions,
    anonymize,
    preprocess,
    swap,
    train,
)
from mien.geometry.alignment import AlignmentConfig
from mien.media.images import read_image, write_image
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.testing import portraits
from mien_cli.app import make_app

DATA = Path(__file__).parent / "data"
CLIP = DATA / "clips" / "target_J_2s_audio.mp4"


@pytest.fixture(autouse=True)
def foreign(environment):
    environment.install_package("foreign")


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """One person."""
    path = tmp_path / "one.png"
    write_image(path, portraits()[0].image, synthetic=None)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another person."""
    path = tmp_path / "other.png"
    write_image(path, portraits()[1].image, synthetic=None)
    return path


def change(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the pixels that are others."""
    return float((before != after).any(2).mean())


@pytest.mark.parametrize(
    ("extractor", "template", "known"),
    [("five", "arcface", False), ("boxes", "box", False), ("mesh", "ffhq", True), ("boxes+mesh", "landmarks", True)],
)
def test_a_dataset_of_faces_of_which_other_points_are_known(extractor, template, known, portrait, tmp_path):
    alignment = AlignmentConfig(template=template, size=96)
    made = preprocess(
        tmp_path / "anna",
        sources=[portrait],
        options=PreprocessOptions(extractor=extractor, alignment=alignment, workers=1, images=False),
    )
    crops, landmarks = made.dataset.crops(), made.dataset.landmarks()
    assert crops.shape == (1, 96, 96, 3)
    assert np.isfinite(landmarks).all() == known


def test_a_one_shot_swapper_draws_whoever_an_image_shows(portrait, other, tmp_path):
    report = swap("one_shot", portrait, tmp_path / "out.png", reference=[other])
    assert report.faces == 1
    before, after = read_image(portrait), read_image(tmp_path / "out.png")
    assert 0.05 < change(before, after) < 0.6
    session = Session.open("one_shot")
    with pytest.raises(MienError, match="no face"):
        session.swap(before, reference=[np.zeros((64, 64, 3), np.uint8)])
    with pytest.raises(MienError, match="draws a reference, not people who do not exist"):
        session.anonymize(before)


@pytest.mark.long
def test_a_network_of_256_px_learns_from_pairs_with_a_recognizer_in_its_loss(portrait, other, people, tmp_path):
    sources = [path for dataset in people for path in sorted(map(Path, Dataset.open(dataset).info.sources or ()))]
    preprocess(
        tmp_path / "both",
        sources=[*sources[:1], portrait, other],
        options=PreprocessOptions(
            extractor="face_recognition",
            features="cosine",
            alignment=AlignmentConfig(size=256, margin=0.3),
            workers=2,
            images=False,
        ),
    )
    run = tmp_path / "run"
    trained = train("pairs", [tmp_path / "both"], run, recognizer="cosine", options=TrainOptions(steps=2))
    assert trained.step == 2
    assert TrainedRun.open(run).recognizer == "cosine"
    assert swap(run, portrait, tmp_path / "out.png", reference=[other]).faces == 1
    command = ["swap", str(run), str(portrait), str(tmp_path / "told.png"), "--reference", str(other)]
    told = CliRunner().invoke(make_app(), command)
    assert told.exit_code == 0, told.stderr
    assert np.array_equal(read_image(tmp_path / "told.png"), read_image(tmp_path / "out.png"))


def test_an_inpainter_sees_what_is_around_the_face_and_invents_the_rest(portrait, tmp_path):
    session = Session.open("inpainter")
    image = read_image(portrait)
    one, again, another = (session.anonymize(image, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, another)
    assert 0.02 < change(image, one) < 0.6


def test_photographs_are_fitted_without_a_step_and_drawn(people, tmp_path):
    run = tmp_path / "run"
    trained = train("photographs", people, run)
    assert trained.step == 0 and trained.reason == "it is fitted"
    opened = TrainedRun.open(run)
    assert len(opened.model.faces) == opened.record.training_rows
    with VideoSource(CLIP) as video:
        frame = next(video.frames(10, 11)).image
    drawn = Session.open(run).swap(frame, to="E")
    assert 0.01 < change(frame, drawn) < 0.6


def test_a_window_looks_at_the_frames_around(tmp_path):
    with VideoSource(CLIP) as video:
        frames = [frame.image for frame in video.frames(0, 8)]
    session = Session.open("window", options=SessionOptions(blender="feather:color=none"))
    still = list(session.swap_frames([frames[0]] * 4, seed=0))
    moving = list(session.swap_frames(frames, seed=0))
    assert len(moving) == 8
    # The mean of three frames that are one is that frame; of others it is not.
    own, mean = (float(np.abs(a.astype(int) - frames[0]).mean()) for a in (still[1], moving[1]))
    assert own < mean


def test_a_window_does_not_look_at_other_images():
    with VideoSource(CLIP) as video:
        images = [frame.image for frame in video.frames(0, 60, only=[0, 40])]
    session = Session.open("window", options=SessionOptions(blender="feather:color=none"))
    together = list(session.swap_images(images, seed=0))
    assert all((session.swap(image, seed=0) == one).all() for image, one in zip(images, together, strict=True))
    as_frames = list(session.swap_frames(images, seed=0))
    assert (as_frames[0] != together[0]).any()


def test_a_model_of_few_lines_hides_a_head_whose_landmarks_nobody_knows(portrait, tmp_path):
    options = SessionOptions(extractor="boxes", blender="feather:color=none")
    image = read_image(portrait)
    hidden = Session.open("cells", options=options).anonymize(image)
    assert change(image, hidden) > 0.1
    report = anonymize(
        portrait,
        tmp_path / "out.png",
        method="cells",
        options=AnonymizeOptions(check=False),
        session=SessionOptions(extractor="boxes"),
    )
    assert report.faces == 1 and report.frames_hidden == 0


def test_what_stands_in_front_of_a_face_stays(portrait, other, tmp_path):
    image = read_image(portrait)
    y, x = (int(middle) for middle in portraits()[0].landmarks.mean(0)[::-1])
    image[y + 5 : y + 15, x - 60 : x + 60] = 255
    barred = tmp_path / "barred.png"
    write_image(barred, image, synthetic=None)
    options = SessionOptions(blender="feather:color=none", overwrite=True)
    faces = {}
    for masker in ("hull", "hull+bars"):
        how = replace(options, masker=masker)
        # The model says itself what of it is to be set in: what stands in front is taken from that, too.
        swap("one_shot", barred, tmp_path / "out.png", reference=[other], options=how)
        faces[masker] = read_image(tmp_path / "out.png")[y + 7 : y + 13, x - 20 : x + 20]
    assert (faces["hull+bars"] > 250).mean() > 0.9 > (faces["hull"] > 250).mean() + 0.3


def test_of_what_is_thin_no_more_stays_than_there_is(portrait, other, tmp_path):
    """Blenders shrink a mask and let it fade: beside a bar much of the face would be what it was."""
    image = read_image(portrait)
    y, x = (int(middle) for middle in portraits()[0].landmarks.mean(0)[::-1])
    image[y + 5 : y + 13, x - 60 : x + 60] = 255
    beside = (slice(y + 17, y + 20), slice(x - 20, x + 20))
    barred = tmp_path / "barred.png"
    write_image(barred, image, synthetic=None)
    faces = {}
    for masker in ("hull", "hull+bars", "hull+wires"):
        how = SessionOptions(blender="feather:color=none", overwrite=True, masker=masker)
        swap("one_shot", barred, tmp_path / "out.png", reference=[other], options=how)
        faces[masker] = read_image(tmp_path / "out.png")
        assert (faces[masker][y + 9, x - 20 : x + 20] > 240).all() == (masker != "hull")
    new, bars, wires = (change(image[beside], of_masker[beside]) for of_masker in faces.values())
    assert bars < 0.3 * new and wires > 0.9 * new


@pytest.mark.parametrize("seldom", [True, False])
def test_what_is_thin_does_not_come_and_go_in_a_video(portrait, other, seldom):
    """What a masker sees in one frame alone is no rim, and what it does not see in one is there all the same."""
    plain = read_image(portrait)
    y, x = (int(middle) for middle in portraits()[0].landmarks.mean(0)[::-1])
    there = (slice(y + 5, y + 13), slice(x - 60, x + 60))
    inner = (slice(y + 8, y + 10), slice(x - 30, x + 30))
    barred = plain.copy()
    barred[there] = 255
    options = SessionOptions(blender="feather:color=none", masker="hull+wires")
    session, reference = Session.open("one_shot", options=options), [read_image(other)]
    frames = [plain if seldom else barred] * 20
    frames[10] = barred if seldom else plain
    in_video = list(session.swap_frames(frames, reference=reference))
    alone = list(session.swap_images(frames, reference=reference))
    assert np.abs(in_video[9].astype(int) - alone[9])[inner].mean() < 6  # landmarks are held steady
    kept_alone, kept = (change(frames[10][inner], of[10][inner]) < 0.1 for of in (alone, in_video))
    assert kept_alone == seldom and kept != seldom


def test_what_is_seldom_there_is_looked_for_in_some_frames_and_around_what_is_found(portrait, other):
    plain = read_image(portrait)
    y, x = (int(middle) for middle in portraits()[0].landmarks.mean(0)[::-1])
    barred = plain.copy()
    barred[y + 5 : y + 15, x - 60 : x + 60] = 255
    inner = (slice(y + 8, y + 12), slice(x - 20, x + 20))
    options = SessionOptions(blender="feather:color=none", masker="hull+beams")
    frames = [plain] * 24
    for number in (2, *range(9, 19)):
        frames[number] = barred
    session = Session.open("one_shot", options=options)
    drawn = list(session.swap_frames(frames, reference=[read_image(other)]))
    stays = [number for number in range(24) if (drawn[number][inner] > 240).mean() > 0.9]
    assert stays == list(range(9, 19))


def test_no_seam_can_be_seen_where_something_stands_in_front(other, tmp_path):
    """What is thin is held still over frames, and what is seldom there looked for in few of them: also over a seam."""
    video = VideoSource(CLIP)
    with VideoSink(tmp_path / "barred.mp4", video, synthetic=None, quality=0) as sink:
        for frame in video.frames(0, 36):
            image = frame.image.copy()
            if 9 <= frame.index < 22 or frame.index == 30:
                image[150:160, 250:390] = 255
            sink.write(image, frame.pts, frame.duration)
    images = {}
    for masker in ("hull+wires", "hull+beams"):
        for seconds in (0.35, 600.0):
            how = SessionOptions(masker=masker, quality=0, overwrite=True, segment_seconds=seconds)
            swap("one_shot", tmp_path / "barred.mp4", tmp_path / "out.mp4", reference=[other], options=how)
            images[masker, seconds] = np.stack([frame.image for frame in VideoSource(tmp_path / "out.mp4").frames()])
        assert (images[masker, 0.35] == images[masker, 600.0]).all()
    assert (images["hull+wires", 600.0] != images["hull+beams", 600.0]).any()


def test_an_enhancer_works_on_what_was_drawn(portrait, other):
    image, reference = read_image(portrait), read_image(other)
    plain, grainy = (
        Session.open("one_shot", options=SessionOptions(enhancers=enhancers)).swap(image, reference=[reference])
        for enhancers in ("", "grain")
    )
    assert 0.01 < change(plain, grainy) < 0.6


def test_a_recognizer_that_goes_by_the_cosine_keeps_a_person(portrait, other, tmp_path):
    made = preprocess(
        tmp_path / "anna",
        sources=[portrait, other],
        options=PreprocessOptions(
            extractor="face_recognition", keep_person=portrait, recognizer="cosine", workers=1, images=False
        ),
    )
    assert made.dataset.info.recognizer is not None and made.dataset.info.recognizer.choice == "cosine"
    assert made.faces >= 1
