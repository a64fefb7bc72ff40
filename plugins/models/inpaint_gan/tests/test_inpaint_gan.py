from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.contracts.target import Synthetic
from mien.geometry.alignment import AlignmentConfig, align
from mien.layers import LANDMARK_MAPS, MIRRORED_68, landmark_maps
from mien.testing import portraits
from mien.testing.model import ModelContract
from mien_model_inpaint_gan.augment import Strengths, augmented

TINY = {"size": 32, "width": 4, "most_channels": 16, "styles": 16, "batch_size": 4}
STILL = Strengths(bend=0.0, narrow=0.0, light=0.0, gray=0.0, blur=0.0)


class TestInpaintGan(ModelContract):
    name = "inpaint_gan"
    small = TINY


@pytest.fixture
def contract():
    return TestInpaintGan()


def test_what_is_drawn_does_not_depend_on_the_face_that_was_there(contract):
    model = contract.make().eval()
    batch = contract.batch(model, 2)
    hole = model._hole(batch)
    other = replace(batch, images=torch.where(hole > 0, torch.rand_like(batch.images), batch.images))
    target = Synthetic(torch.tensor([5] * len(batch)))
    with torch.inference_mode():
        torch.testing.assert_close(model.generate(batch, target), model.generate(other, target), rtol=0, atol=0)


def test_outside_of_the_hole_the_picture_stays(contract):
    model = contract.make().eval()
    batch = contract.batch(model, 2)
    with torch.inference_mode():
        drawn = model.generate(batch, Synthetic(torch.tensor([5] * len(batch))))
    outside = (model._hole(batch) == 0).expand_as(drawn)
    assert outside.any()
    torch.testing.assert_close(drawn[outside], batch.images[outside])


def test_synthetic_people_are_as_far_apart_as_those_of_the_training(contract):
    model = contract.make()
    generator = torch.Generator().manual_seed(0)
    encodings = torch.randn(200, 16, generator=generator) * 0.1 + 0.3
    batch = contract.batch(model, 1)
    rows = torch.zeros(200, dtype=torch.int64)
    with torch.no_grad():
        model.fit([replace(batch.rows(rows), encodings=encodings)])
        people = model._people(torch.randn(200, 16, generator=generator))
    spread = torch.pdist(people).median() / torch.pdist(encodings).median()
    assert 0.7 < float(spread) < 1.1
    assert float(people.norm(dim=1).std()) < 1e-5


@pytest.mark.parametrize("mirrored", [False, True])
def test_augmenting_takes_the_landmarks_along(contract, mirrored):
    portrait = portraits()[0]
    crop = align(portrait.image, portrait.landmarks, AlignmentConfig(size=128, margin=0.3))
    model = contract.make()
    batch = contract.batch(model, 1)
    # The picture is its own landmarks' map: where the lines go shows where the landmarks should be.
    points = torch.from_numpy(np.asarray(crop.landmarks, np.float32))[None]
    maps = landmark_maps(points, 128, 128)
    picture = maps.amax(1, keepdim=True).repeat(1, 3, 1, 1) * 2 - 1
    batch = replace(batch, images=picture, masks=torch.ones(1, 1, 128, 128), landmarks=points)
    for seed in range(20):
        torch.manual_seed(seed)
        changed = augmented(batch, replace(STILL, bend=0.012, narrow=1.0))
        expected = landmark_maps(changed.landmarks, 128, 128).amax(1)
        shown = (changed.images[:, 0] + 1) / 2
        was_mirrored = bool(changed.landmarks[0, 0, 0] > changed.landmarks[0, 16, 0]) != bool(
            points[0, 0, 0] > points[0, 16, 0]
        )
        assert not was_mirrored  # the jaw begins on the same side: numbers are exchanged with the sides
        # Lines drawn at the moved landmarks lie on the lines that were moved.
        on_lines = shown[expected > 0.8]
        assert float(on_lines.mean()) > 0.45, seed


def test_mirrored_landmarks_are_numbered_as_those_of_the_mirrored_face():
    assert sorted(MIRRORED_68) == list(range(68))
    assert [MIRRORED_68[number] for number in MIRRORED_68] == list(range(68))
    landmarks = torch.from_numpy(portraits()[0].landmarks)[None].float()
    flipped = torch.stack([100 - landmarks[..., 0], landmarks[..., 1]], -1)[:, list(MIRRORED_68)]
    assert float((landmarks[0, 16] - landmarks[0, 0])[0]) * float((flipped[0, 16] - flipped[0, 0])[0]) > 0


def test_maps_of_faces_without_landmarks_are_empty():
    maps = landmark_maps(torch.full((2, 68, 2), torch.nan), 64, 32)
    assert maps.shape == (2, LANDMARK_MAPS, 32, 32)
    assert not maps.any()
