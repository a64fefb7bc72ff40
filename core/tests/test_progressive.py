"""The networks that grow: what is blended in, and the paper's layers."""

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from mien.layers import EqualizedConvolution, EqualizedLinear, GrowingDiscriminator, GrowingGenerator
from mien.layers.equalized import pixel_norm, with_batch_deviation
from mien.layers.progressive import faded, widths_of

WIDTHS = [8, 8, 6, 4]
TOP = len(WIDTHS) - 1


def doubled(images: torch.Tensor) -> torch.Tensor:
    return interpolate(images, scale_factor=2, mode="nearest")


@pytest.fixture
def generator() -> GrowingGenerator:
    torch.manual_seed(0)
    return GrowingGenerator(10, WIDTHS)


@pytest.fixture
def discriminator() -> GrowingDiscriminator:
    torch.manual_seed(0)
    return GrowingDiscriminator(WIDTHS)


@pytest.mark.parametrize("level", range(1, TOP + 1))
def test_a_level_that_begins_to_be_blended_in_draws_what_the_one_below_drew(
    level: int, generator: GrowingGenerator
) -> None:
    vectors = torch.randn(3, 10)
    below, whole = generator(vectors, level=level - 1), generator(vectors, level=level)
    assert whole.shape == (3, 3, 4 * 2**level, 4 * 2**level)
    torch.testing.assert_close(generator(vectors, level=level, fade=0.0), doubled(below))
    torch.testing.assert_close(generator(vectors, level=level, fade=1.0), whole)
    torch.testing.assert_close(generator(vectors, level=level, fade=0.25), 0.75 * doubled(below) + 0.25 * whole)
    assert not torch.allclose(whole, doubled(below), atol=0.01)


@pytest.mark.parametrize("level", range(1, TOP + 1))
def test_and_scores_as_the_level_below_did(level: int, discriminator: GrowingDiscriminator) -> None:
    images = torch.rand(3, 3, 4 * 2**level, 4 * 2**level) * 2 - 1
    below = discriminator(avg_pool2d(images, 2), level=level - 1)
    torch.testing.assert_close(discriminator(images, level=level, fade=0.0), below)
    whole = discriminator(images, level=level)
    torch.testing.assert_close(discriminator(images, level=level, fade=1.0), whole)
    assert not torch.allclose(whole, below, atol=1e-3)


def test_real_faces_are_shown_as_coarse_as_the_level_is() -> None:
    images = torch.rand(2, 3, 8, 8)
    coarse = doubled(avg_pool2d(images, 2))
    torch.testing.assert_close(faded(images, 0.0), coarse)
    torch.testing.assert_close(faded(images, 0.5), (coarse + images) / 2)
    assert torch.equal(faded(images, 1.0), images)


def test_the_maps_of_each_level_are_the_paper_s() -> None:
    # Table 2 of the paper: 4² to 1024²
    assert widths_of(9, 8192, 512) == [512, 512, 512, 512, 256, 128, 64, 32, 16]


def test_at_1024_pixels_the_networks_have_the_paper_s_size() -> None:
    widths = widths_of(9, 8192, 512)
    with torch.device("meta"):
        networks = GrowingGenerator(512, widths), GrowingDiscriminator(widths)
    in_the_paper = [
        sum(parameter.numel() for name, parameter in network.named_parameters() if _counted(name))
        for network in networks
    ]
    assert [round(count / 1e6, 1) for count in in_the_paper] == [23.1, 23.1]


def _counted(name: str) -> bool:
    """Table 2 counts the layers to and from colors of the last level alone."""
    part, _, rest = name.partition(".")
    return part not in ("to_rgb", "from_rgb") or rest.startswith("8.")


def test_a_batch_of_equal_faces_has_no_deviation_and_each_batch_its_own() -> None:
    torch.manual_seed(0)
    same, different = torch.randn(1, 2, 4, 4).expand(3, -1, -1, -1), torch.randn(3, 2, 4, 4)
    maps = with_batch_deviation(torch.cat([same, different]), groups=2)
    assert maps.shape == (6, 3, 4, 4)
    torch.testing.assert_close(maps[:, :2], torch.cat([same, different]))
    assert maps[:3, 2].abs().max() < 1e-3
    expected = different.std(0, correction=0).mean()
    torch.testing.assert_close(maps[3:, 2], expected.expand(3, 4, 4), atol=1e-4, rtol=1e-4)


def test_several_batches_are_scored_in_one_go_as_each_alone(discriminator: GrowingDiscriminator) -> None:
    one, other = torch.rand(2, 3, 3, 16, 16)
    together = discriminator(torch.cat([one, other]), level=2, fade=0.5, groups=2)
    alone = [discriminator(images, level=2, fade=0.5) for images in (one, other)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_equalized_layers_keep_the_variance_and_store_standard_normal_weights() -> None:
    torch.manual_seed(0)
    maps = torch.randn(8, 32, 16, 16)
    for layer, values in ((EqualizedConvolution(32, 64, 3), maps), (EqualizedLinear(512, 256), torch.randn(64, 512))):
        assert abs(float(layer.weight.detach().std()) - 1) < 0.02
        # He's gain: what a rectifier halves is doubled before.
        inner = layer(values)[..., 1:-1, 1:-1] if values.dim() == 4 else layer(values)
        assert abs(float(inner.detach().var()) - 2) < 0.2


def test_an_equalized_convolution_is_a_convolution_with_scaled_weights() -> None:
    torch.manual_seed(0)
    for places in (4, 8):  # few places are computed in another way
        layer = EqualizedConvolution(6, 5, 3, gain=1.0)
        maps = torch.randn(2, 6, places, places)
        expected = torch.nn.functional.conv2d(maps, layer.weight / math.sqrt(54), layer.bias, padding=1)
        torch.testing.assert_close(layer(maps), expected, atol=1e-5, rtol=1e-5)


def test_pixel_norm_leaves_the_direction_and_takes_the_length() -> None:
    maps = torch.randn(2, 8, 4, 4) * 100
    normed = pixel_norm(maps)
    torch.testing.assert_close(normed.square().mean(1), torch.ones(2, 4, 4))
    torch.testing.assert_close(normed * maps.square().mean(1, keepdim=True).sqrt(), maps)
    assert pixel_norm(torch.zeros(1, 8)).isfinite().all()


@pytest.mark.parametrize("conditioning", ["channels", "projection"])
def test_a_verdict_depends_on_the_condition(conditioning: str) -> None:
    torch.manual_seed(0)
    judge = GrowingDiscriminator(WIDTHS, length=5, conditioning=conditioning)
    images, conditions = torch.rand(2, 3, 16, 16), torch.randn(2, 2, 5)
    for fade in (0.5, 1.0):
        one, other = (judge(images, condition, level=2, fade=fade) for condition in conditions)
        assert not torch.allclose(one, other, atol=1e-3)


def test_a_condition_as_channels_is_as_if_it_were_painted_beside_the_colors() -> None:
    torch.manual_seed(0)
    first = GrowingDiscriminator(WIDTHS, length=5, conditioning="channels").from_rgb[2]
    images, condition = torch.rand(2, 3, 16, 16), torch.randn(2, 5)
    painted = torch.cat([images, condition[:, :, None, None].expand(-1, -1, 16, 16)], 1)
    expected = torch.nn.functional.leaky_relu(first.convolution(painted), 0.2)
    torch.testing.assert_close(first(images, condition), expected, atol=1e-5, rtol=1e-5)
