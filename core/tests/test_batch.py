"""Whatever is done with a face, the model sees the same: training, previews, evaluation, swapping and anonymizing."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien import (
    AnonymizeOptions,
    Batch,
    EvaluateOptions,
    PreprocessOptions,
    Registry,
    SessionOptions,
    TrainOptions,
    anonymize,
    evaluate,
    preprocess,
    swap,
    train,
)
from mien.geometry.alignment import AlignmentConfig
from mien.media.images import write_image
from mien.testing import portraits
from mien.training.batch import CropArrays, make_batch

IMAGES = 8
"""Copies of one image: some are trained on, some held out."""


@pytest.fixture(scope="module")
def registry(plugins_folder: Path) -> Iterator[Registry]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        yield Registry([*entry_points(group="mien"), EntryPoint("witness", "witness", "mien")])


@pytest.fixture(scope="module")
def anna(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one image, many times, at 72 px."""
    dataset = tmp_path_factory.mktemp("one") / "anna"
    (dataset / "raw").mkdir(parents=True)
    for number in range(IMAGES):
        write_image(dataset / "raw" / f"{number}.png", portraits()[0].image, synthetic=None)
    options = PreprocessOptions(
        extractor="face_recognition",
        features="landmarks:points=5+thumbnail:size=4",
        alignment=AlignmentConfig(size=72, margin=0.2),
        copies=False,
        workers=1,
    )
    preprocess(dataset, options=options, registry=registry)
    return dataset


@pytest.mark.parametrize(
    ("side", "shown_whole"),
    [(40, False), *(pytest.param(*one, marks=pytest.mark.long) for one in ((72, False), (72, True), (40, True)))],
)
def test_the_model_sees_one_face_the_same_bit_for_bit(
    registry: Registry, anna: Path, tmp_path: Path, side: int, shown_whole: bool
) -> None:
    seen: dict[str, list[Batch]] = registry.load("model", "witness").seen  # type: ignore[attr-defined]
    seen.clear()
    run, image = tmp_path / "run", anna / "raw" / "0.png"
    by: dict[str, list[Batch]] = {}

    def keep(*names: str) -> None:
        """What was seen since the last call, by what was going on."""
        for name, what in zip(names, ("training", "validation", "generate"), strict=False):
            by[name] = seen.pop(what, [])

    options = TrainOptions(steps=2, held_out=0.25, steps_per_preview=1, steps_per_validation=1)
    choice = f"witness:side={side},shown_whole={str(shown_whole).lower()}"
    features = "landmarks:points=5+thumbnail:size=4"
    train(choice, [anna], run, features=features, options=options, registry=registry)
    keep("training", "validation", "previews")
    seen.clear()
    evaluate(run, anna, options=EvaluateOptions(to="anna", faces=2), registry=registry)
    by["evaluation"] = seen.pop("generate")
    swap(run, image, tmp_path / "swapped.png", registry=registry)
    by["swap"] = seen.pop("generate")
    # It searches by all extractors, if none is named: for the same landmarks by that of the dataset.
    anonymize(
        image,
        tmp_path / "anonymous.png",
        method=run,
        options=AnonymizeOptions(check=False),
        session=SessionOptions(extractor="face_recognition"),
        registry=registry,
    )
    by["anonymize"] = seen.pop("generate")
    assert not seen and all(by.values()), "each of them showed it something"
    first = by["training"][0]
    assert first.images.shape[1:] == (3, side, side)
    for name, batches in by.items():
        for batch in batches:
            for field in ("images", "masks", "landmarks", "features"):
                expected = getattr(first, field)[:1].expand_as(getattr(batch, field))
                assert torch.equal(getattr(batch, field), expected), f"{field} of {name}"


@given(size=st.integers(16, 64), resolution=st.integers(4, 96), masked=st.booleans(), seed=st.integers(0, 10**6))
def test_a_batch_is_the_same_with_and_without_other_faces(size: int, resolution: int, masked: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    crops = CropArrays(
        images=rng.integers(0, 256, (3, size, size, 3), np.uint8),
        masks=rng.integers(0, 256, (3, size, size), np.uint8),
        landmarks=rng.uniform(0, size, (3, 68, 2)).astype(np.float32),
        features=rng.normal(size=(3, 5)).astype(np.float32),
        people=np.arange(3),
        tracks=np.full(3, -1),
    )
    alone = CropArrays(
        *(getattr(crops, name)[1:2] for name in ("images", "masks", "landmarks", "features", "people", "tracks"))
    )
    many = make_batch(crops, resolution=resolution, masked=masked)
    one = make_batch(alone, resolution=resolution, masked=masked)
    assert many.images.shape == (3, 3, resolution, resolution) and many.masks.shape == (3, 1, resolution, resolution)
    assert many.images.min() >= -1 and many.images.max() <= 1 and many.masks.min() >= 0 and many.masks.max() <= 1
    for field in ("images", "masks", "landmarks", "features", "people", "tracks"):
        assert torch.equal(getattr(one, field), getattr(many, field)[1:2]), field
