"""Layers that several architectures share."""

from torch import Tensor, nn

NEGATIVE_SLOPE = 0.1


class Upscale(nn.Module):
    """Doubles the resolution: convolution 3×3, LeakyReLU 0.1, PixelShuffle 2 (sub-pixel convolution, arXiv:1609.05158).

    (N, channels_in, H, W) → (N, channels_out, 2H, 2W)
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, 4 * channels_out, 3, padding=1)
        self.activation = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, maps: Tensor) -> Tensor:
        """Double the maps."""
        doubled: Tensor = self.shuffle(self.activation(self.convolution(maps)))
        return doubled


def masked_l1(drawn: Tensor, wanted: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute error inside the masks. drawn, wanted: (N, C, S, S). masks: (N, 1, S, S) in [0, 1]."""
    difference = (drawn.float() - wanted.float()).abs() * masks
    return difference.sum() / (masks.sum() * drawn.shape[1]).clamp_min(1.0)


def masked_edge_l1(drawn: Tensor, wanted: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighbouring pixels, inside the masks; shapes as `masked_l1`.

    It asks for the edges that a mean absolute error alone smooths away (gradient difference loss with exponent 1 on
    signed differences; Mathieu, Couprie, LeCun 2016, arXiv:1511.05440).
    """
    error = drawn.float() - wanted.float()
    across = (error[..., :, 1:] - error[..., :, :-1]).abs() * masks[..., :, 1:] * masks[..., :, :-1]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * masks[..., 1:, :] * masks[..., :-1, :]
    return (across.sum() + down.sum()) / (2 * masks.sum() * drawn.shape[1]).clamp_min(1.0)
