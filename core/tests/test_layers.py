import pytest
import torch
from torch.nn.functional import conv2d

from mien.layers import Convolution, Upscale, masked_edge_l1, masked_l1


@pytest.mark.parametrize(
    ("side", "stride", "places"), [(3, 1, 4), (5, 2, 8), (5, 2, 7), (3, 1, 1), (3, 1, 9), (5, 2, 32)]
)
def test_a_convolution_is_what_torch_says_it_is(side: int, stride: int, places: int) -> None:
    torch.manual_seed(0)
    layer = Convolution(6, 10, side, stride=stride).to(memory_format=torch.channels_last)
    maps = torch.randn(3, 6, places, places, requires_grad=True)
    ours, theirs = layer(maps), conv2d(maps, layer.weight, layer.bias, stride, side // 2)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    towards = torch.randn_like(theirs)
    grads = [torch.autograd.grad(out, [maps, layer.weight, layer.bias], towards) for out in (ours, theirs)]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_upscale_doubles() -> None:
    assert Upscale(6, 5)(torch.randn(2, 6, 4, 4)).shape == (2, 5, 8, 8)


def test_what_is_outside_of_the_mask_does_not_count() -> None:
    torch.manual_seed(0)
    wanted, drawn = torch.rand(2, 2, 3, 8, 8)
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1
    elsewhere = torch.where(mask > 0, drawn, torch.rand_like(drawn))
    for loss in (masked_l1, masked_edge_l1):
        assert loss(drawn, wanted, mask) == loss(elsewhere, wanted, mask) > 0
    inside = (drawn - wanted).abs()[..., 2:6, 2:6].mean()
    torch.testing.assert_close(masked_l1(drawn, wanted, mask), inside)


def test_a_shift_of_brightness_has_no_edges() -> None:
    wanted, mask = torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    assert masked_edge_l1(wanted + 0.3, wanted, mask) < 1e-6
