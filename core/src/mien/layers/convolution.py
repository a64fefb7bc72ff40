"""Convolutions that several architectures are made of."""

from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad

NEGATIVE_SLOPE = 0.1
_FEW_PLACES = 16


class Convolution(nn.Conv2d):
    """A square convolution with zero padding that is fast for many channels at few places, too.

    (N, channels_in, H, W) → (N, channels_out, H', W'). At 4×4 places and fewer a processor's convolution kernels reach
    a fraction of what its matrix product does, so there the patches are laid out as rows and multiplied. Weights, their
    names and the result are those of nn.Conv2d, but for rounding.
    """

    def __init__(self, channels_in: int, channels_out: int, side: int, *, stride: int = 1) -> None:
        super().__init__(channels_in, channels_out, side, stride=stride, padding=side // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve."""
        return convolve(maps, self.weight, self.bias, self.stride[0])


def convolve(maps: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1) -> Tensor:
    """What `Convolution` does, with a weight (channels_out, channels_in, side, side) that is no module's own."""
    side = weight.shape[-1]
    padding = side // 2
    height, width = ((length + 2 * padding - side) // stride + 1 for length in maps.shape[2:])
    if maps.device.type != "cpu" or height * width > _FEW_PLACES:
        return conv2d(maps, weight, bias, stride, padding)
    # Channels last, as the loop keeps weights and images, so that neither is copied to change its order.
    padded = pad(maps.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    patches = padded.unfold(1, side, stride).unfold(2, side, stride).permute(0, 1, 2, 4, 5, 3)
    rows = patches.reshape(len(maps) * height * width, side * side * maps.shape[1])
    product = linear(rows, weight.permute(0, 2, 3, 1).reshape(len(weight), -1), bias)
    return product.reshape(len(maps), height, width, len(weight)).permute(0, 3, 1, 2)


class Upscale(nn.Module):
    """Doubles the resolution: convolution 3×3, LeakyReLU 0.1, PixelShuffle 2 (sub-pixel convolution, arXiv:1609.05158).

    (N, channels_in, H, W) → (N, channels_out, 2H, 2W)
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = Convolution(channels_in, 4 * channels_out, 3)
        self.activation = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, maps: Tensor) -> Tensor:
        """Double the maps."""
        doubled: Tensor = self.shuffle(self.activation(self.convolution(maps)))
        return doubled
