"""What one color leaves of a head."""

import numpy as np
import pytest

from mien import MienError, Session, SessionOptions
from mien.plugins.registry import Registry
from mien.testing import ModelContract, portraits


class TestSolid(ModelContract):
    name = "solid"


def test_the_features_are_under_that_color():
    image = portraits()[0].image
    session = Session.open("solid:color=#204060", options=SessionOptions(extractor="face_recognition", threads=1))
    (face,) = session.detector.find(image)
    hidden = session.anonymize(image)
    height, width = image.shape[:2]
    x, y = np.clip(face.landmarks.round().astype(int), 0, (width - 1, height - 1)).T
    assert (hidden[y, x] == (0x20, 0x40, 0x60)).all()


def test_a_color_that_is_none_is_refused():
    with pytest.raises(MienError, match="color = 'skinish'"):
        Registry().configure("model", "solid:color=skinish")
