"""How fast training is, as a share of what the device's convolutions reach."""

import statistics
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mien.contracts.model import Batch, Model
from mien.training.iteration import only_training

_REPETITIONS = 10
_WARM_UP = 2


def step_gflop(model: Model, batch: Batch) -> float:
    """Multiplications and additions of one iteration on a batch, all phases, forward and backward, in 10⁹."""
    model.train()
    with FlopCounterMode(display=False) as counter:
        for phase in model.phases:
            groups = model.optimizer(phase).param_groups
            with only_training(model, [parameter for group in groups for parameter in group["params"]]):
                model(batch, phase)["loss"].backward()
    model.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / 1e9


def convolution_peak_gflops(
    dtype: torch.dtype,
    channels: int = 256,
    side: int = 32,
    count: int = 16,
    device: torch.device | str = "cpu",
) -> float:
    """GFLOP/s of a 3×3 convolution on this device, forward and backward, channels last; the median of some."""
    layer = nn.Conv2d(channels, channels, 3, padding=1, device=device).to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    maps = torch.rand(count, channels, side, side, dtype=dtype, device=device)
    maps = maps.to(memory_format=torch.channels_last).requires_grad_()
    seconds = []
    for _ in range(_REPETITIONS):
        began = time.perf_counter()
        layer(maps).sum().backward()
        if maps.is_cuda:
            torch.cuda.synchronize(maps.device)
        seconds.append(time.perf_counter() - began)
    gflop = 3 * 2 * count * side**2 * channels**2 * 9 / 1e9
    return gflop / statistics.median(seconds[_WARM_UP:])
