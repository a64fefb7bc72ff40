"""Contract tests of enhancers: `class TestMine(EnhancerContract): name = "mine"`."""

import copy
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.contracts.enhancer import Enhancer
from mien.contracts.face import Landmarks
from mien.contracts.model import Batch, Generated
from mien.contracts.plugin import PluginConfig
from mien.counted import counted
from mien.geometry.alignment import align
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.plugin import PluginContract, in_fresh_process

_SIDE = 64
"""Side of the crops in pixels."""


class EnhancerContract(PluginContract):
    """What every enhancer has to keep. Subclass it in a test file of the plugin; nothing else is needed."""

    kind: ClassVar[str] = "enhancer"

    def create(self) -> Enhancer:
        """A new enhancer with the settings of the test."""
        return cast(Enhancer, super().create())

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_returns_images_in_range(self, count: int) -> None:
        """Of no face, of one and of three: float32, square, in [-1, 1]."""
        images, batch = _drawn(), _batch()
        chosen = torch.arange(count)
        enhanced = _enhanced(self.create(), images[chosen], batch.rows(chosen))
        assert len(enhanced.images) == count, f"enhance() returns {counted(len(enhanced.images), 'image')} of {count}."

    @pytest.mark.parametrize("side", [16, 64, 256])
    def test_drawn_faces_of_any_size_will_do(self, side: int) -> None:
        """Whatever the side of the crops is that they were drawn from."""
        _enhanced(self.create(), _drawn(side), _batch())

    def test_changes_something(self) -> None:
        """With the settings of the test."""
        images = _drawn()
        enhanced = _enhanced(self.create(), images, _batch()).images
        same = enhanced.shape == images.shape and torch.equal(enhanced, images)
        assert not same, "enhance() returns the images as they were: let the default settings do something."

    def test_keeps_faces_where_they_are(self) -> None:
        """The area of an image is that of its crop: scaled down, the enhanced faces are still much like the drawn."""
        images = _drawn()
        enhanced = _small(_enhanced(self.create(), images, _batch()).images)
        distances = torch.cdist(enhanced.flatten(1), _small(images).flatten(1))
        assert torch.equal(distances.argmin(1), torch.arange(len(images))), (
            "Enhanced faces are nearer to other drawn faces than to their own: keep the order of the rows and the area."
        )

    def test_leaves_its_arguments_as_they_were(self) -> None:
        """Also where it could work in place."""
        images, batch = _drawn(), _batch()
        before = copy.deepcopy((images, batch))
        _enhanced(self.create(), images, batch)
        assert torch.equal(images, before[0]), "enhance() has changed its images; work on a copy."
        for name in ("images", "masks", "features", "people", "landmarks"):
            same = torch.equal(getattr(batch, name), getattr(before[1], name))
            assert same, f"enhance() has changed batch.{name}; work on a copy."

    def test_a_face_does_not_depend_on_the_faces_beside_it(self) -> None:
        """A video is split anywhere."""
        enhancer, images, batch = self.create(), _drawn(), _batch()
        together = _enhanced(enhancer, images, batch).images
        row = torch.tensor([1])
        alone = _enhanced(enhancer, images[row], batch.rows(row)).images
        assert torch.allclose(together[row], alone, atol=1e-3), "A face's image depends on the batch around it."

    def test_the_same_faces_give_the_same_images(self) -> None:
        """Whatever was enhanced before."""
        enhancer, images, batch = self.create(), _drawn(), _batch()
        first = _enhanced(enhancer, images, batch).images
        _enhanced(enhancer, images.flip(0), batch.rows(torch.tensor([2, 1, 0])))
        assert torch.equal(_enhanced(enhancer, images, batch).images, first), (
            "enhance() answers something else the second time: draw no random numbers, keep no state between calls."
        )

    def test_faces_without_landmarks_will_do(self) -> None:
        """Their landmarks are NaN."""
        batch = _batch()
        batch.landmarks.fill_(torch.nan)
        _enhanced(self.create(), _drawn(), batch)

    def test_gives_the_same_images_in_another_process(self) -> None:
        """Made from the pickled settings alone."""
        enhancer = self.create()
        there = in_fresh_process(_images_of, self.name, enhancer.config)
        here = _enhanced(enhancer, _drawn(), _batch()).images.numpy()
        assert np.array_equal(there, here), "enhance() answers something else in another process."

    def test_works_on_every_device_of_this_machine(self) -> None:
        """What it returns lies where the images lie."""
        devices = [name for name in ("cuda", "mps") if getattr(torch, name).is_available()]
        if not devices:
            pytest.skip("This machine has no device but its processor.")
        for device in devices:
            images = _enhanced(self.create(), _drawn().to(device), _batch().to(device)).images
            assert images.device.type == device, f"enhance() of images on {device} returns one on {images.device}."


def _enhanced(enhancer: Enhancer, images: Tensor, batch: Batch) -> Generated:
    """What it returns, with masks of its own or those of the batch."""
    with torch.inference_mode():
        answer = enhancer.enhance(images, batch)
    enhanced = answer if isinstance(answer, Generated) else Generated(answer, answer.new_ones(_mask_shape(answer)))
    side = enhanced.images.shape[-1]
    for what, values, channels, lowest in (("images", enhanced.images, 3, -1), ("masks", enhanced.masks, 1, 0)):
        wanted = (len(images), channels, side, side)
        assert values.shape == wanted, f"enhance() returns {what} of {tuple(values.shape)} instead of {wanted}."
        assert values.dtype == torch.float32, f"enhance() returns {what} of {values.dtype}: make them float32."
        assert values.isfinite().all(), f"enhance() returns {what} that are not finite."
        within = not len(values) or (values.min() >= lowest - 1e-3 and values.max() <= 1.001)
        assert within, f"enhance() returns {what} that do not lie in [{lowest}, 1]; clamp them."
    return enhanced


def _mask_shape(images: Tensor) -> tuple[int, ...]:
    return (len(images), 1, *images.shape[2:])


def _batch() -> Batch:
    """Three crops of two people, 64 px, as a model gets them."""
    one, other = portraits()
    darker = (one.image * 0.6).astype(np.uint8)
    views = ((one.image, one.landmarks), (other.image, other.landmarks), (darker, one.landmarks))
    crops = [align(image, landmarks) for image, landmarks in views]
    images = torch.from_numpy(np.stack([crop.image for crop in crops])).permute(0, 3, 1, 2).float() / 127.5 - 1
    masks = torch.from_numpy(np.stack([crop.mask for crop in crops]))[:, None]
    landmarks = torch.from_numpy(np.stack([cast(Landmarks, crop.landmarks) for crop in crops]))
    scale = _SIDE / images.shape[-1]  # with pixel centers at integers: p′ = (p + ½)·k − ½ for the scale k
    return Batch(
        torch.nn.functional.interpolate(images, size=(_SIDE, _SIDE), mode="area"),
        torch.nn.functional.interpolate(masks, size=(_SIDE, _SIDE), mode="area"),
        torch.zeros(3, 0),
        torch.full((3,), -1),
        landmarks=(landmarks + 0.5) * scale - 0.5,
    )


def _drawn(side: int = _SIDE) -> Tensor:
    """What a model may have drawn of them: a little blurred."""
    small = torch.nn.functional.avg_pool2d(_batch().images, 2)
    return torch.nn.functional.interpolate(small, size=(side, side), mode="bilinear", antialias=True).clamp(-1, 1)


def _small(images: Tensor) -> Tensor:
    return torch.nn.functional.interpolate(images, size=(16, 16), mode="area")


def _images_of(name: str, config: PluginConfig) -> NDArray[np.float32]:
    enhancer: Any = Registry().load("enhancer", name)(config)
    return _enhanced(enhancer, _drawn(), _batch()).images.numpy()
