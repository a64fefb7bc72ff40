from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.contracts.model import Batch, Model, ModelInputs
from mien.contracts.target import Known
from mien.dataset import Dataset
from mien.errors import MienError
from mien.geometry.expression import expression
from mien.geometry.pose import angles_degrees, head_pose, mean_shape
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training.data import BatchRows, TrainingData
from mien.training.options import TrainOptions
from mien.training.run import make_model
from mien_model_expression.driver import MEASURES, measured

TINY = {"size": 32, "styles": 16, "width": 4, "most_channels": 16, "batch_size": 4}
FEATURES = "landmarks:points=5"


class TestExpression(ModelContract):
    name = "expression"
    small = TINY


class TestExpressionAgainstADiscriminator(ModelContract):
    name = "expression"
    small = {**TINY, "adversarial": 0.1, "adversarial_after": 0, "discriminator_width": 4}


def test_the_discriminator_counts_late() -> None:
    contract = TestExpressionAgainstADiscriminator()
    model = make_model(Registry(), "expression", {**contract.small, "adversarial_after": 2}, contract.inputs())
    batch = contract.batch(model, 2, 0)
    counts = []
    for _ in range(3):
        counts.append("adversarial" in model(batch, "main"))
        model.after_step("discriminator")
        model.after_step("main")
    assert counts == [False, False, True]


@pytest.fixture(scope="module")
def fitted(people: list[Path]) -> tuple[TrainingData, Model]:
    """The data of J, who smiles and blinks, and a model that is fitted to it, not trained."""
    data = TrainingData([Dataset.open(people[1])], FeatureSet(FEATURES, Registry()), TrainOptions(held_out=0.0))
    torch.manual_seed(0)
    model = make_model(Registry(), "expression", {"preset": "small"}, data.inputs)
    with torch.no_grad():
        model.fit(data.fit_batches(model))
    return data, model.eval()


def batch_of(data: TrainingData, model: Model, rows: np.ndarray) -> Batch:
    return data.batch(BatchRows(rows), model, model.resolution)


def draw(model: Model, batch: Batch, person: int = 0) -> torch.Tensor:
    with torch.inference_mode():
        drawn = model.generate(batch, Known(torch.full((len(batch),), person)))
    assert isinstance(drawn, torch.Tensor)
    return drawn


def test_it_wants_features() -> None:
    with pytest.raises(MienError, match="draws from features"):
        make_model(Registry(), "expression", TINY, ModelInputs(("a",), 0, 9, np.zeros(0), np.zeros((0, 0))))


@pytest.mark.long
def test_only_what_a_face_does_decides_what_is_drawn(fitted: tuple[TrainingData, Model]) -> None:
    data, model = fitted
    batch = batch_of(data, model, np.array([0, 40]))
    other = replace(batch, images=batch.images.flip(0), people=torch.full_like(batch.people, -1))
    assert torch.equal(draw(model, batch), draw(model, other))
    assert not torch.allclose(*draw(model, batch))


def test_before_the_first_step_lids_close_and_the_mouth_opens(fitted: tuple[TrainingData, Model]) -> None:
    data, model = fitted
    rows = data.training_rows
    measures = expression(data.landmarks_of(BatchRows(rows)))
    chosen = np.array([measures.eye_opening.argmin(), measures.eye_opening.argmax()])
    batch = batch_of(data, model, rows[chosen])
    drawn = draw(model, batch)
    error = (drawn - batch.images).abs().mean((1, 2, 3))
    exchanged = (drawn.flip(0) - batch.images).abs().mean((1, 2, 3))
    assert (error < exchanged).all(), "each is more like itself than like the other"
    assert float(error.max()) < 0.15


def test_what_a_person_never_does_is_not_drawn(fitted: tuple[TrainingData, Model]) -> None:
    data, model = fitted
    batch = batch_of(data, model, np.arange(4))
    wild = replace(batch, features=batch.features + 50, landmarks=batch.landmarks * torch.tensor([1.0, 1.5]))
    assert float((draw(model, wild) - draw(model, batch)).abs().mean()) < 0.6
    driver = model.driver(wild, batch.people)
    assert float(driver.abs().max()) < 6


def test_a_face_without_landmarks_does_what_is_usual(fitted: tuple[TrainingData, Model]) -> None:
    data, model = fitted
    batch = batch_of(data, model, np.arange(2))
    bare = replace(batch, landmarks=torch.full_like(batch.landmarks, torch.nan))
    assert (model.driver.standardized(bare)[:, -MEASURES:] == 0).all()


def test_several_people_are_each_themselves(people: list[Path]) -> None:
    datasets = [Dataset.open(folder) for folder in people]
    data = TrainingData(datasets, FeatureSet(FEATURES, Registry()), TrainOptions())
    model = make_model(Registry(), "expression", TINY, data.inputs)
    with torch.no_grad():
        model.fit(data.fit_batches(model))
    rows = data.spread(8)
    batch = batch_of(data, model.eval(), rows.rows)
    as_first, as_second = draw(model, batch, 0), draw(model, batch, 1)
    mean = [batch.images[batch.people == person].mean((0, 2, 3)) for person in (0, 1)]
    for drawn, own, other in ((as_first, *mean), (as_second, *reversed(mean))):
        colors = drawn.mean((0, 2, 3))
        assert (colors - own).abs().sum() < (colors - other).abs().sum()


def test_landmarks_say_how_far_eyes_and_mouth_are_open_and_where_the_head_is_turned() -> None:
    face = torch.from_numpy(mean_shape()[None, :, :2].astype(np.float32)) * 40 + 64
    shut = face.clone()
    shut[:, [37, 38, 43, 44], 1] = shut[:, [41, 40, 47, 46], 1]
    open_eyes, closed_eyes = measured(face), measured(shut)
    assert (open_eyes[0, 2:4] > 0.1).all() and (closed_eyes[0, 2:4] < 0.05).all()
    angles = angles_degrees(head_pose(face.numpy()))
    assert float(open_eyes[0, 0]) == pytest.approx(np.radians(angles.yaw[0]), abs=1e-6)
    assert measured(face * 3 + 7)[0].tolist() == pytest.approx(open_eyes[0].tolist(), abs=1e-4)
