"""A moving average of a network's weights, which draws better than the weights of any one step."""

import copy
from typing import cast

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """An exponential moving average of a network's weights (Polyak and Juditsky 1992; for GANs: Karras et al. 2018).

    It begins as the plain mean of all weights so far, so that a short training's average is not that of its beginning.
    Buffers, such as the statistics of a batch normalization, are copied. Nothing of it asks for gradients.
    """

    updates: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        """decay: share of the average that stays at each update, in [0, 1)."""
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights of a step."""
        self.updates += 1
        decay = min(self._decay, 1 - 1 / (float(self.updates) + 1))
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for copied, original in zip(self.network.buffers(), network.buffers(), strict=True):
            copied.copy_(original)

    def forward(self, *inputs: Tensor, **options: object) -> Tensor:
        """What the averaged network makes of the inputs, in evaluation mode whatever the model around it is in."""
        self.network.eval()
        return cast(Tensor, self.network(*inputs, **options))
