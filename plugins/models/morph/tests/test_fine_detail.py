"""Fine detail for pictures that show none, of a person who does not exist."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien import Registry
from mien.contracts.face import FaceCrop
from mien.geometry.alignment import AlignmentConfig, align
from mien.plugins.enhancer_set import EnhancerSet
from mien.testing.images import portraits
from mien_model_morph.bank import openpeople_bank
from mien_model_morph.fitted import FittedPerson
from mien_model_morph.frame import frame_points, regions

NO_ENHANCER = ""


def taken(crop: FaceCrop, side: int, *, finer: bool) -> NDArray[np.uint8]:
    """The texture taken from a crop that was so small."""
    small = cv2.resize(crop.image, (side, side), interpolation=cv2.INTER_AREA)
    person = FittedPerson(1)
    person.add(cv2.resize(small, crop.image.shape[:2], interpolation=cv2.INTER_CUBIC), crop.landmarks)
    (texture,) = person.textures(EnhancerSet(NO_ENHANCER, Registry()), openpeople_bank() if finer else ())
    return np.asarray(texture)


def lightness(texture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY), np.float64)


def eyes() -> NDArray[np.bool_]:
    """Where the eyes lie in the frame."""
    inside = np.zeros((256, 256), np.uint8)
    for eye in (slice(36, 42), slice(42, 48)):
        cv2.fillConvexPoly(inside, np.round(frame_points()[eye]).astype(np.int32), 1)
    return inside > 0


def fine(texture: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    of = lightness(texture)
    return float((of - cv2.GaussianBlur(of, (0, 0), 1.5))[where].std())


@pytest.fixture(scope="module")
def crop() -> FaceCrop:
    """A sharp face."""
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks, AlignmentConfig(size=256, margin=0.2, shift_y=0.1))


@pytest.fixture(scope="module")
def both(crop: FaceCrop) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The texture of a crop of 90 px, as it is and with fine detail."""
    return taken(crop, 90, finer=False), taken(crop, 90, finer=True)


def test_eyes_and_skin_become_as_fine_as_in_a_sharp_picture(
    crop: FaceCrop, both: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> None:
    soft, finer = both
    sharp = taken(crop, crop.image.shape[0], finer=False)
    for where in (eyes(), regions()[..., 0] > 0.95):
        assert fine(finer, where) > 1.3 * fine(soft, where)
        assert fine(finer, where) < 2 * fine(sharp, where)


def test_what_is_coarser_stays(both: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    soft, finer = (cv2.GaussianBlur(texture.astype(np.float32), (0, 0), 6) for texture in both)
    assert np.abs(finer - soft).max() < 8
    assert np.abs(finer - soft).mean() < 0.5


def test_a_sharp_picture_stays_as_it_is(crop: FaceCrop) -> None:
    side = crop.image.shape[0]
    assert np.array_equal(taken(crop, side, finer=True), taken(crop, side, finer=False))


def test_it_comes_gradually_as_pictures_become_soft(crop: FaceCrop) -> None:
    sides = range(90, 256, 6)
    added = [
        np.abs(taken(crop, side, finer=True).astype(float) - taken(crop, side, finer=False)).mean() for side in sides
    ]
    assert added[0] > 0 and added[-1] == 0
    assert max(-np.diff(added)) < 0.7 * added[0]
