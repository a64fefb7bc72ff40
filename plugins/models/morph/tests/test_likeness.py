from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mien import preprocess
from mien.contracts.model import Batch, Generated
from mien.contracts.target import Known
from mien.dataset import Dataset
from mien.dataset.options import PreprocessOptions
from mien.geometry.alignment import AlignmentConfig
from mien.geometry.pose import head_pose, mean_shape
from mien.media.part import Part
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.tracking.recognizer import Recognizer
from mien.training.data import BatchRows, TrainingData
from mien.training.options import TrainOptions
from mien.training.run import make_model
from mien_model_morph.frame import frame_points
from mien_model_morph.learned.differentiable import changing_with
from mien_model_morph.learned.likeness import Likeness
from mien_model_morph.learned.looks import LearnedPerson, Looks
from mien_model_morph.model import Drawing, Morph

GENTLE = {"lightness_rate": 0.01, "moves_rate": 0.0001}
"""Smaller steps are enough for smooth images of no face."""
SETTINGS = {"restore": "none", "batch_size": 2, "strangers": 2, "pictures": 8}


class TestLikeness(ModelContract):
    name = "likeness"
    small = {"size": 64, "restore": "none", "batch_size": 2, "strangers": 1, "lightness_side": 16, **GENTLE}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    """Some faces of E and of J, cut wide."""
    folder, clips = tmp_path_factory.mktemp("wide"), Path(__file__).parents[4] / "tests" / "data" / "clips"
    how = PreprocessOptions(
        extractor="blazeface",
        copies=False,
        images=False,
        part=Part(end=Fraction(1)),
        alignment=AlignmentConfig(size=256, margin=0.3, shift_y=0.1),
    )
    for person, clip in (("E", "target_E_4s_silent.mp4"), ("J", "target_J_2s_audio.mp4")):
        preprocess(folder / person, sources=[clips / clip], options=how)
    datasets = [Dataset.open(folder / person) for person in "EJ"]
    options, registry = TrainOptions(held_out=0.2), Registry()
    return TrainingData(datasets, FeatureSet("", registry), options, Likeness, Recognizer(registry, "sface"))


def fitted(data: TrainingData, name: str) -> Morph:
    settings = SETTINGS if name == "likeness" else {"restore": "none", "pictures": 8}
    model = make_model(Registry(), name, settings, data.inputs)
    with torch.no_grad():
        model.fit(data.fit_batches(model))
    assert isinstance(model, Morph)
    return model


@pytest.fixture(scope="module")
def model(data: TrainingData) -> Likeness:
    made = fitted(data, "likeness")
    assert isinstance(made, Likeness)
    return made


def batch_of(data: TrainingData, model: Morph, rows: list[int]) -> Batch:
    return data.batch(BatchRows(np.array(rows)), model, 256)


def test_before_anything_is_learned_it_draws_what_morph_draws(data: TrainingData, model: Likeness) -> None:
    morph = fitted(data, "morph")
    batch = batch_of(data, model, [0, len(data.training_rows) - 1])
    target = Known(torch.tensor([1, 0]))
    with torch.inference_mode():
        mine, theirs = model.generate(batch, target), morph.generate(batch, target)
    assert isinstance(mine, Generated) and isinstance(theirs, Generated)
    assert torch.equal(mine.images, theirs.images) and torch.equal(mine.masks, theirs.masks)


def test_looks_are_the_same_left_and_right_and_leave_what_opens_alone() -> None:
    looks = Looks(1, 16)
    with torch.no_grad():
        looks.left.normal_(std=5.0)
    lightness = looks(torch.tensor([0]))[0][0, 0].detach()
    assert (lightness - lightness.flip(1)).abs().max() < 1e-3
    points = frame_points()
    for opening in (slice(36, 42), slice(42, 48), slice(60, 68)):
        x, y = points[opening].mean(0).round().astype(int)
        assert abs(float(lightness[y, x])) < 0.05
    chin = points[8].round().astype(int)
    assert abs(float(lightness[chin[1], chin[0]])) < 0.5
    assert lightness.abs().max() > 5


def test_moved_features_do_not_turn_the_head_nor_open_lids_and_lips() -> None:
    looks = Looks(1, 16)
    torch.manual_seed(0)
    for _ in range(10):
        with torch.no_grad():
            looks.moves.normal_(std=0.03)
        moved = mean_shape() + looks(torch.tensor([0]))[1][0].detach().numpy()
        for yaw in (0.0, 0.5):
            turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
            seen, usual = ((head @ turn.T)[None, :, :2].astype(np.float32) for head in (moved, mean_shape()))
            between = head_pose(seen)[0] @ head_pose(usual)[0].T
            assert np.degrees(np.arccos(np.clip((np.trace(between) - 1) / 2, -1, 1))) < 1.5
        for upper, lower in ((37, 41), (44, 46), (62, 66)):
            assert np.allclose((moved - mean_shape())[upper], (moved - mean_shape())[lower], atol=1e-4)


def drawing_of(model: Likeness, batch: Batch, lightness: NDArray[np.float32], shape: NDArray[np.float32]) -> Drawing:
    image = ((batch.images[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
    person = LearnedPerson(model._photographed(0), lightness, shape)
    return model.draw(image, batch.landmarks[0].double().numpy(), person)


def test_what_is_differentiated_is_what_is_drawn_and_grows_as_it_does(data: TrainingData, model: Likeness) -> None:
    batch = batch_of(data, model, [len(data.training_rows) - 1])
    torch.manual_seed(0)
    looks, who = Looks(1, 16), torch.tensor([0])
    with torch.no_grad():
        looks.moves.normal_(std=0.01)
    lightness, shape = looks(who)
    first = drawing_of(model, batch, lightness.detach().numpy()[0, 0], shape.detach().numpy()[0])
    drawn = changing_with([first], lightness, shape)
    assert torch.equal(drawn.detach()[0].permute(1, 2, 0), torch.from_numpy(first.image * 2 - 1))
    # Lighter and darker cheeks, and a mouth that lies lower: how pixels change, and how the gradient says they do.
    for parameter in (looks.left, looks.moves):
        direction = torch.zeros_like(parameter)
        if parameter is looks.left:
            direction = torch.nn.functional.interpolate(torch.randn(1, 1, 8, 4), size=(16, 8), mode="bicubic")[0]
        else:
            direction[:, -2] = 0.01
        with torch.no_grad():
            parameter += direction
            lighter, moved = looks(who)
            now = drawing_of(model, batch, lighter.numpy()[0, 0], moved.numpy()[0])
            parameter -= direction
        change = torch.from_numpy((now.image - first.image) * first.mask[..., None] * 2).permute(2, 0, 1)[None]
        (gradient,) = torch.autograd.grad((drawn * change).sum(), parameter, retain_graph=True)
        # The scene's light takes some of it back, or more: right is the direction, and the order of magnitude.
        assert 0.3 < float((gradient * direction).sum() / change.square().sum()) < 2.5


@pytest.mark.long
def test_a_recognizer_sees_who_is_drawn_over_heads_that_were_never_seen(data: TrainingData) -> None:
    """Thirty steps; judged on held-out faces of E, drawn as J, and of J, drawn as E."""
    model = fitted(data, "likeness")
    torch.manual_seed(0)
    held_out = data.held_out(8)
    assert held_out is not None
    unseen = data.batch(held_out, model, 256)
    optimizer = model.optimizer("main")

    def identity() -> float:
        model.eval()
        with torch.no_grad():
            return float(model(unseen, "main")["identity"])

    before = identity()
    model.train()
    random = np.random.default_rng(0)
    for _ in range(30):
        rows = random.choice(len(data.training_rows), 2, replace=False)
        optimizer.zero_grad()
        model(batch_of(data, model, rows.tolist()), "main")["loss"].backward()
        optimizer.step()
        model.after_step("main")
    assert identity() < 0.85 * before
