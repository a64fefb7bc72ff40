"""A moving average of a network's weights, which draws better than the weights of any one step."""

import copy
import weakref
from typing import cast

import torch
from torch import Tensor, nn


class _Counted:
    """What a counter on the device holds, without asking the device as long as nobody else has written it."""

    def __init__(self) -> None:
        self._known: tuple[weakref.ref[Tensor], int, int] | None = None

    def after_one_more(self, counter: Tensor) -> int:
        """Count on, and return the count."""
        known, value = self._known, None
        if known is not None and known[0]() is counter and known[1] == counter._version:
            value = known[2]
        value = (int(counter) if value is None else value) + 1
        counter += 1
        self.starts_at(counter, value)
        return value

    def starts_at(self, counter: Tensor, value: int) -> None:
        """Take that value for what the counter holds, until somebody writes it."""
        self._known = weakref.ref(counter), counter._version, value

    def __deepcopy__(self, _: object) -> "_Counted":
        return _Counted()  # the copy's counter is another

    def __reduce__(self) -> tuple[type["_Counted"], tuple[()]]:
        return _Counted, ()


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
        self._counted = _Counted()

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights of a step."""
        decay = min(self._decay, 1 - 1 / (self._counted.after_one_more(self.updates) + 1))
        mine: list[Tensor] = list(self.network.parameters())
        theirs: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        copied, originals = list(self.network.buffers()), list(network.buffers())
        if copied:
            torch._foreach_copy_(copied, originals)

    def forward(self, *inputs: Tensor, **options: object) -> Tensor:
        """What the averaged network makes of the inputs, in evaluation mode whatever the model around it is in."""
        self.network.eval()
        return cast(Tensor, self.network(*inputs, **options))
