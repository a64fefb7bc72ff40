"""The decoder: from a style, which is who and what, to an image, doubled by smooth steps that leave no grid."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from mien.layers import Convolution

_FIRST_SIDE = 4
_SLOPE = 0.2
_HALF = math.sqrt(0.5)


class Decoder(nn.Module):
    """Driver (N, D) and numbers of people (N,) → images (N, 3, size, size), what a linear face lacks, at first 0."""

    def __init__(self, driver: int, people: int, size: int, styles: int, width: int, most: int) -> None:
        """driver, styles: lengths. people: how many. width: channels next to the image; they double at each halving, up
        to `most`."""
        super().__init__()
        levels = int(math.log2(size // _FIRST_SIDE))
        channels = [min(width * 2 ** (levels - level), most) for level in range(levels + 1)]
        self.mapping = nn.ModuleList([_OfPerson(people, driver, styles), _OfPerson(people, styles, styles)])
        self.first = nn.Linear(styles, channels[0] * _FIRST_SIDE**2)
        self.blocks = nn.ModuleList(
            _Doubling(wide, narrow, styles, _FIRST_SIDE * 2 ** (level + 1))
            for level, (wide, narrow) in enumerate(pairwise(channels))
        )
        self.last = nn.Conv2d(channels[-1], 3, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, driver: Tensor, people: Tensor) -> Tensor:
        """Draw."""
        styles = driver
        for layer in self.mapping:
            styles = leaky_relu(layer(styles, people), _SLOPE)
        maps = self.first(styles).unflatten(1, (-1, _FIRST_SIDE, _FIRST_SIDE))
        for block in self.blocks:
            maps = block(maps, styles)
        # Neither bent nor cut off here: an image beyond its range would have no way back.
        image: Tensor = self.last(leaky_relu(maps, _SLOPE)).float()
        return image


class _OfPerson(nn.Module):
    """A linear layer of each person's own: (N, wide) and numbers of people (N,) → (N, narrow).

    One that all share would learn who it is from what the face does, since no two people's neutral face is alike; and a
    driver of another build would change who is drawn.
    """

    def __init__(self, people: int, wide: int, narrow: int) -> None:
        super().__init__()
        one = torch.randn(narrow, wide) / math.sqrt(wide)
        self.weight = nn.Parameter(one.expand(people, -1, -1).clone())
        self.bias = nn.Parameter(torch.randn(people, narrow) / math.sqrt(wide))

    def forward(self, values: Tensor, people: Tensor) -> Tensor:
        """Map."""
        mapped: Tensor = torch.baddbmm(self.bias[people, :, None], self.weight[people], values[:, :, None])
        return mapped[:, :, 0]


class _Doubling(nn.Module):
    """(N, wide, H, W) → (N, narrow, 2H, 2W): a residual block whose channels the style scales and shifts.

    Enlarged is bilinearly, before the second convolution: no pixel is treated otherwise than its neighbor (Odena et al.
    2016, doi:10.23915/distill.00003).
    """

    def __init__(self, wide: int, narrow: int, styles: int, side: int) -> None:
        super().__init__()
        self.one, self.two = Convolution(wide, narrow, 3), Convolution(narrow, narrow, 3)
        self.past = nn.Conv2d(wide, narrow, 1)
        self.style = nn.Linear(styles, 2 * narrow)
        self.place = nn.Parameter(torch.zeros(narrow, side, side))
        nn.init.kaiming_normal_(self.one.weight, a=_SLOPE)
        nn.init.kaiming_normal_(self.two.weight, a=_SLOPE)
        nn.init.kaiming_normal_(self.past.weight, nonlinearity="linear")

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        """Double."""
        scale, shift = self.style(styles)[:, :, None, None].chunk(2, 1)
        inner = self.one(leaky_relu(maps, _SLOPE)) * (1 + scale) + shift
        both = interpolate(torch.cat([inner, self.past(maps)], 1), scale_factor=2.0, mode="bilinear")
        inner, past = both.chunk(2, 1)
        doubled: Tensor = (past + self.two(leaky_relu(inner + self.place, _SLOPE))) * _HALF
        return doubled
