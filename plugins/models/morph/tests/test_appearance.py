"""People who do not exist have looks of their own, and none that nobody has."""

import cv2
import numpy as np
import pytest

from mien_model_morph.appearance import appearance
from mien_model_morph.bank import openpeople_bank
from mien_model_morph.frame import frame_points, regions
from mien_model_morph.light import Light, coarse


@pytest.mark.parametrize("number", [1, 4, 5])
def test_brows_become_darker_but_no_paler_than_half_way_to_the_skin(number: int) -> None:
    person = openpeople_bank()[number]
    at_rest = person.texture(person.rest)
    added, _ = appearance().moved(number, at_rest, strength=2.0)
    points = frame_points()
    brows = np.zeros(at_rest.shape[:2], np.uint8)
    for brow in (points[17:22], points[22:27]):
        cv2.polylines(brows, [np.round(brow - (0, 3)).astype(np.int32)], False, 1, 7)
    skin = Light(coarse(at_rest), coarse(np.ascontiguousarray(regions()[..., 0]))).field(len(at_rest))
    paler = added[..., 0] - 0.5 * np.clip(skin - at_rest, 0, None)[..., 0]
    assert np.percentile(paler[brows > 0], 95) < 4  # 9 to 15 without
