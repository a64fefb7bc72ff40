"""What is above the brows of a real face is in the mask."""

import numpy as np
import pytest

from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.masks import hull_mask
from mien.testing import MaskerContract, portraits
from mien_masker_brows.brows import Brows, BrowsConfig


class TestBrows(MaskerContract):
    name = "brows"


@pytest.mark.parametrize("portrait", portraits(), ids=["one", "other"])
def test_it_is_the_hull_and_what_lies_above_the_brows(portrait):
    crop = align(portrait.image, portrait.landmarks, AlignmentConfig(margin=0.3))
    hull = np.rint(hull_mask(crop.landmarks, 128, 0.1) * 255)
    (mask,) = Brows().mask([crop])
    assert (mask >= hull).all()
    brows, chin = crop.landmarks[17:27].mean(0), crop.landmarks[8]
    height = chin[1] - brows[1]
    for share in (0.05, 0.1, 0.15):
        x, y = np.rint(brows - (0, share * height)).astype(int)
        assert mask[y, x] == 255
    added = np.argwhere(mask > hull)
    assert len(added) and added[:, 0].max() < crop.landmarks[36:48, 1].max(), "nothing is added below the eyes"


def test_it_reaches_as_far_as_it_is_told():
    portrait = portraits()[0]
    crop = align(portrait.image, portrait.landmarks, AlignmentConfig(margin=0.5))
    tops = []
    for raise_by in (0.0, 0.2, 0.4):
        (mask,) = Brows(BrowsConfig(raise_by=raise_by, dilation=0.0)).mask([crop])
        tops.append(int(np.flatnonzero((mask > 127).any(1))[0]))
    height = crop.landmarks[8, 1] - crop.landmarks[17:27, 1].mean()
    assert tops[0] - tops[1] == pytest.approx(0.2 * height, abs=1.5)
    assert tops[1] - tops[2] == pytest.approx(0.2 * height, abs=1.5)


def test_up_is_where_the_forehead_is_however_the_head_is_turned():
    """A crop by the template box is not turned with the face."""
    portrait = portraits()[0]
    turned = np.stack([-portrait.landmarks[:, 1] + 300, portrait.landmarks[:, 0]], 1)  # by a quarter, clockwise
    scene = np.ascontiguousarray(np.rot90(portrait.image, -1))
    crop = align(scene, turned.astype(np.float32), AlignmentConfig(template="box", margin=0.5))
    hull = np.rint(hull_mask(crop.landmarks, 128, 0.1) * 255)
    added = np.argwhere(Brows().mask([crop])[0] > hull)
    assert added[:, 1].mean() > crop.landmarks[17:27, 0].mean(), "the forehead is to the right"
