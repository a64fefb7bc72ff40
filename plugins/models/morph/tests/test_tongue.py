"""Pictures on which the tongue is put out are left out where a mouth is drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mien_model_morph import openpeople
from mien_model_morph.bank import fitted_bank
from mien_model_morph.expression import LEFT_EYE, MOUTH, SKIN
from mien_model_morph.frame import pose_of
from mien_model_morph.tongue import is_tongue_out
from mien_model_morph.warp import into_frame

PUT_OUT = 14
"""Which picture of each sheet shows it, but for two people, whose landmarks there take the tongue for a lip."""


@pytest.fixture(scope="module")
def sheet() -> dict[int, list[tuple[NDArray[np.float64], NDArray[np.uint8]]]]:
    """Landmarks and texture of each picture, by person."""
    measured = openpeople.measured()
    faces: dict[int, list[tuple[NDArray[np.float64], NDArray[np.uint8]]]] = {}
    for person in range(10):
        image = openpeople.sheet_of(person)
        rows = np.flatnonzero(measured.people == person)
        landmarks = measured.landmarks[rows].astype(np.float64)
        faces[person] = [(at, into_frame(image, at)) for at in landmarks]
    return faces


def test_each_tongue_is_seen_and_nothing_else(
    sheet: dict[int, list[tuple[NDArray[np.float64], NDArray[np.uint8]]]],
) -> None:
    found = [
        (person, number)
        for person, faces in sheet.items()
        for number, (at, texture) in enumerate(faces)
        if is_tongue_out(texture, pose_of(at).frontal(at))
    ]
    assert found == [(person, PUT_OUT) for person in (0, 1, 5, 7, 8, 9)]


def test_mouth_and_skin_are_of_other_pictures(
    sheet: dict[int, list[tuple[NDArray[np.float64], NDArray[np.uint8]]]],
) -> None:
    faces = sheet[0]
    landmarks = np.stack([at for at, _ in faces]).astype(np.float32)
    textures = np.stack([texture for _, texture in faces])
    out = [number for number, (at, texture) in enumerate(faces) if is_tongue_out(texture, pose_of(at).frontal(at))]
    (person,) = fitted_bank(np.zeros(len(faces), np.int64), landmarks, textures)
    for part in (SKIN, MOUTH):
        assert not set(out) & set(person.choices[part])
    assert set(out) <= set(person.choices[LEFT_EYE])
    (alone,) = fitted_bank(np.zeros(1, np.int64), landmarks[out], textures[out])
    assert list(alone.choices[MOUTH]) == [0]
