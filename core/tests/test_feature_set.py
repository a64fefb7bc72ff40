from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien import FaceCrop, MienError, Registry
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import align
from mien.plugins.feature_set import FeatureSet, feature_key


@pytest.fixture
def crops(third_party: Any, frames: list[Any]) -> list[FaceCrop]:
    extractor = third_party.registry.create("extractor", "template")
    return [align(frame, face.landmarks) for frame in frames[:3] for face in extractor.extract(frame)]


def test_a_set_joins_its_features_in_order_and_maps_them_to_minus_one_to_one(
    third_party: Any, crops: list[FaceCrop]
) -> None:
    features = FeatureSet("surroundings+tint", third_party.registry)
    values = features.compute(crops)
    vector = features.vector(crops)
    assert [key for key, _ in features.features] == ["surroundings-whole=false", "tint"]
    assert features.length == 6
    assert features.needs_scene
    assert vector.dtype == np.float32
    expected = np.concatenate([values["surroundings-whole=false"], values["tint"]], axis=1) / 127.5 - 1
    np.testing.assert_allclose(vector, expected, atol=1e-6)
    np.testing.assert_array_equal(features.join(values), vector)


def test_a_set_s_text_makes_the_same_set(third_party: Any) -> None:
    features = FeatureSet("surroundings:whole=1+tint", third_party.registry)
    assert features.text == "surroundings:whole=true+tint"
    assert FeatureSet(features.text, third_party.registry).choices == features.choices


def test_the_empty_set_has_vectors_of_length_0(third_party: Any, crops: list[FaceCrop]) -> None:
    features = FeatureSet("", third_party.registry)
    assert features.length == 0
    assert not features.needs_scene
    assert features.vector(crops).shape == (3, 0)


def test_no_crops_give_no_rows(third_party: Any) -> None:
    assert FeatureSet("tint+surroundings", third_party.registry).vector([]).shape == (0, 6)


def test_a_feature_twice_is_refused_however_it_is_written(third_party: Any) -> None:
    with pytest.raises(MienError, match="twice"):
        FeatureSet("surroundings+surroundings:whole=false", third_party.registry)


def test_one_feature_with_two_settings_makes_two(third_party: Any) -> None:
    features = FeatureSet("surroundings+surroundings:whole=true", third_party.registry)
    assert [key for key, _ in features.features] == ["surroundings-whole=false", "surroundings-whole=true"]


@given(value=arrays(np.float32, (4, 3), elements=st.floats(0, 255, width=32)))
def test_what_lies_within_the_bounds_is_mapped_into_minus_one_to_one(third_party: Any, value: Any) -> None:
    vector = FeatureSet("tint", third_party.registry).join({"tint": value})
    assert (np.abs(vector) <= 1).all()
    np.testing.assert_allclose((vector + 1) * 127.5, value, atol=1e-4)


class _Settings(PluginConfig):
    path: str = "../a b"
    widths: tuple[int, ...] = (64, 128)
    scale: float | None = None


def test_a_key_is_a_file_s_stem_whatever_the_settings_hold() -> None:
    key = feature_key("shape", _Settings())
    assert key == "shape-path=..%2Fa b,widths=[64,128]"
    assert Path(key).name == key


def test_a_fault_of_a_feature_is_told_with_all_its_settings(environment: Any, crops: list[FaceCrop]) -> None:
    environment.install_package("faulty", version="1.2")
    registry = Registry(environment.points)
    features = FeatureSet("faulty:fault=shape", registry)
    with pytest.raises(MienError, match=r"'faulty:fault=shape' of mien-faulty 1\.2 returned float32 \(3, 1\)"):
        features.compute(crops)
    with pytest.raises(MienError, match="which hold nothing"):
        FeatureSet("faulty:fault=bounds", registry)
