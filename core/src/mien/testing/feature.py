"""Contract tests of features: `class TestMine(FeatureContract): name = "mine"`."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig
from mien.counted import counted
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, align
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.plugin import PluginContract, in_fresh_process

_NETWORK_TOLERANCE = 0.01
"""Between `compute` and `network`, as a share of the bounds: of the same weights in other arithmetic."""
_OWN_CUT_TOLERANCE = 0.03
"""Likewise, where `compute` cuts a face by itself, by whole pixels it may be."""


class FeatureContract(PluginContract):
    """What every feature has to keep. Subclass it in a test file of the plugin; nothing else is needed."""

    kind: ClassVar[str] = "feature"

    def create(self) -> Feature:
        """A new feature with the settings of the test."""
        return cast(Feature, super().create())

    def test_says_its_shape_and_bounds(self) -> None:
        """Before it has measured anything."""
        feature = self.create()
        assert all(isinstance(side, int) and side >= 1 for side in feature.shape), (
            f"shape {feature.shape}: ints from 1."
        )
        low, high = feature.bounds
        assert np.isfinite([low, high]).all() and low < high, (
            f"bounds {feature.bounds}: two finite numbers, low < high."
        )

    def test_names_each_of_its_values_or_none(self) -> None:
        """What the core finds by name has to lie where the names say."""
        names, values = self.create().value_names, math.prod(self.create().shape)
        assert isinstance(names, tuple) and len(names) in (0, values), (
            f"value_names has {counted(len(names), 'name')} for {values} values: one for each, in order, or ()."
        )
        assert len(set(names)) == len(names), "Two of value_names are the same."

    def test_measures_no_faces(self) -> None:
        """An empty array of the right shape."""
        self._checked(self.create(), [])

    @pytest.mark.parametrize("count", [1, 3])
    def test_values_are_finite_and_within_bounds(self, count: int) -> None:
        """On real faces, one and an odd number of them."""
        feature = self.create()
        values, (low, high) = self._checked(feature, _crops()[:count]), feature.bounds
        outside = float(((values < low) | (values > high)).mean())
        assert outside <= 0.01, (
            f"{outside:.0%} of the values lie outside of the bounds: {values.min()} to {values.max()}."
        )

    @pytest.mark.parametrize("size", [16, 64, 100, 256])
    def test_crops_of_any_size_will_do(self, size: int) -> None:
        """The shape of the values does not depend on it."""
        self._checked(self.create(), _crops(size))

    def test_a_face_partly_outside_of_its_image_will_do(self) -> None:
        """As extractors find them at the border."""
        portrait = portraits()[0]
        x = round(float(portrait.landmarks[:, 0].mean()))
        cut_off = align(np.ascontiguousarray(portrait.image[:, x:]), portrait.landmarks - np.array([x, 0], np.float32))
        self._checked(self.create(), [cut_off])

    def test_a_batch_gives_what_face_by_face_does(self) -> None:
        """Faces do not influence each other."""
        feature, crops = self.create(), _crops()
        together = feature.compute(crops)
        low, high = feature.bounds
        for row, crop in enumerate(crops):
            apart = float(np.abs(feature.compute([crop])[0] - together[row]).max())
            assert apart <= 1e-5 * (high - low), (
                f"Face {row} alone is measured differently than in a batch, by {apart}."
            )

    def test_different_faces_measure_differently(self) -> None:
        """A constant tells nothing."""
        first, second = self.create().compute(_crops()[:2])
        assert not np.array_equal(first, second), "compute() gives two people the same values."

    def test_leaves_the_crops_as_they_were(self) -> None:
        """Even if it could write into them."""
        crops, before = _crops(), _crops()
        self.create().compute(crops)
        for crop, old in zip(crops, before, strict=True):
            for part in ("image", "mask", "landmarks", "to_crop", "scene"):
                same = np.array_equal(getattr(crop, part), getattr(old, part))
                assert same, f"compute() has changed crop.{part}; work on a copy."

    def test_how_a_crop_lies_in_memory_does_not_matter(self) -> None:
        """Crops read from a dataset may not be written; scenes from video have padded rows."""
        feature, crop = self.create(), _crops()[0]
        assert crop.scene is not None
        padded = np.zeros((crop.scene.shape[0], crop.scene.shape[1] + 16, 3), np.uint8)[:, : crop.scene.shape[1]]
        padded[:] = crop.scene
        image = crop.image.copy()
        image.setflags(write=False)
        same = np.array_equal(feature.compute([replace(crop, image=image, scene=padded)]), feature.compute([crop]))
        assert same, "compute() answers something else of read-only arrays or views; call np.ascontiguousarray() first."

    def test_says_whether_it_needs_the_scene(self) -> None:
        """What needs none can be added to a dataset later, from the crops alone."""
        feature, crops = self.create(), _crops()
        alone = [replace(crop, scene=None) for crop in crops]
        if feature.needs_scene:
            with pytest.raises(MienError) as raised:
                feature.compute(alone)
            assert raised.value.fix, "The MienError for a missing scene needs a fix: what to do next."
        else:
            same = np.array_equal(feature.compute(alone), feature.compute(crops))
            assert same, "compute() looks at crop.scene: set needs_scene = True."

    def test_tells_people_apart_if_it_says_so(self) -> None:
        """One person in other light is nearer than `same_person_below`, two people are not."""
        feature = self.create()
        limit = feature.same_person_below
        if limit is None:
            pytest.skip("It does not say that it tells people apart (same_person_below).")
        people = portraits()
        darker = [align((person.image * 0.8).astype(np.uint8), person.landmarks) for person in people]
        values = feature.compute([*(align(person.image, person.landmarks) for person in people), *darker])
        rows = values.reshape(len(values), -1)
        for first, second in combinations(range(len(rows)), 2):
            distance = float(np.linalg.norm(rows[first] - rows[second]))
            same = first % len(people) == second % len(people)
            assert (distance < limit) == same, (
                f"{'One person' if same else 'Two people'} at {distance:.2f}: limit {limit}."
            )

    def test_its_network_says_what_compute_does(self) -> None:
        """If it has one, of the very crops; and a loss can take gradients through it."""
        feature = self.create()
        network = feature.network()
        if network is None:
            pytest.skip("network() is None: no loss can go through this feature.")
        import torch

        cut = feature.network_alignment or feature.alignment
        crops = [align(person.image, person.landmarks, cut) for person in portraits()]
        images = torch.stack([torch.from_numpy(crop.image).permute(2, 0, 1) for crop in crops]).float() / 127.5 - 1
        images.requires_grad_()
        values, (low, high) = network(images), feature.bounds
        wanted = (len(crops), *feature.shape)
        assert tuple(values.shape) == wanted, f"network() gives {tuple(values.shape)} for 2 faces instead of {wanted}."
        apart = float(np.abs(values.detach().numpy() - feature.compute(crops)).max())
        tolerance = _OWN_CUT_TOLERANCE if feature.network_alignment else _NETWORK_TOLERANCE
        assert apart <= tolerance * (high - low), f"network() says something else than compute(), by {apart}."
        assert values.requires_grad, "No gradient goes through network()."
        (gradient,) = torch.autograd.grad(values.sum(), images)
        assert bool(gradient.abs().sum() > 0), "The gradient through network() is 0."
        trained = [name for name, weights in network.named_parameters() if weights.requires_grad]
        assert not trained, f"{trained[0]} of network() asks for a gradient: call requires_grad_(False)."

    def test_the_same_faces_give_the_same_values(self) -> None:
        """Whatever was measured before."""
        feature, crops = self.create(), _crops()
        first = feature.compute(crops)
        feature.compute(crops[::-1])
        assert np.array_equal(feature.compute(crops), first), "compute() answers something else the second time."

    def test_gives_the_same_values_in_another_process(self) -> None:
        """Made from the pickled settings alone, as the workers of preprocessing do."""
        feature = self.create()
        there = in_fresh_process(_values, self.name, feature.config)
        assert np.array_equal(there, feature.compute(_crops())), "compute() answers something else in another process."

    def _checked(self, feature: Feature, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        values = feature.compute(crops)
        wanted = (len(crops), *feature.shape)
        assert values.shape == wanted, (
            f"compute() returns {values.shape} for {counted(len(crops), 'face')} instead of {wanted}."
        )
        assert values.dtype == np.float32, f"compute() returns {values.dtype}: make it float32."
        assert np.isfinite(values).all(), "compute() returns values that are not finite."
        return values


def _crops(size: int = 128) -> list[FaceCrop]:
    """Three faces of two people, the third turned by 30 degrees."""
    one, other = portraits()
    config = AlignmentConfig(size=size)
    turn = np.array([[np.cos(np.pi / 6), np.sin(np.pi / 6)], [-np.sin(np.pi / 6), np.cos(np.pi / 6)]], np.float32)
    turned = (one.landmarks - one.landmarks.mean(0)) @ turn + one.landmarks.mean(0)
    views = [(one.image, one.landmarks), (other.image, other.landmarks), (one.image, turned)]
    return [align(image, landmarks, config) for image, landmarks in views]


def _values(name: str, config: PluginConfig) -> NDArray[np.float32]:
    feature: Any = Registry().load("feature", name)(config)
    values: NDArray[np.float32] = feature.compute(_crops())
    return values
