"""Activations that are computed again for the backward pass instead of being kept: less memory, more time."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def checkpoint_activations(network: nn.Module) -> None:
    """Let the parts of a network keep nothing but their inputs for the backward pass (Chen et al. 2016,
    arXiv:1604.06174).

    Each nn.Sequential is divided into about as many parts as each of them has layers; a member of an nn.ModuleList that
    is made of layers is a part. What lies elsewhere keeps its activations. Gradients are the same, bit for bit: random
    numbers are drawn again, and buffers, as a batch normalization's statistics, are as they were in the first pass.
    """
    for child in network.children():
        if isinstance(child, nn.Sequential) and type(child).forward is nn.Sequential.forward:
            _replace_forward(child, _sequential_forward)
        elif isinstance(network, nn.ModuleList) and not isinstance(child, nn.ModuleList) and _has_layers(child):
            _replace_forward(child, _whole_forward)
        else:
            checkpoint_activations(child)


def _has_layers(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


def _replace_forward(module: nn.Module, forward: Callable[..., Any]) -> None:
    module.forward = MethodType(forward, module)  # bound, so that a copy of the module computes with its own layers


def _sequential_forward(self: nn.Sequential, maps: Tensor) -> Tensor:
    layers = list(self)
    if not torch.is_grad_enabled():
        return _in_turn(layers, maps)
    length = math.isqrt(max(len(layers) - 1, 0)) + 1
    for start in range(0, len(layers), length):
        part = layers[start : start + length]
        maps = _computed_twice(partial(_in_turn, part), part, maps)
    return maps


def _in_turn(layers: list[nn.Module], maps: Tensor) -> Tensor:
    for layer in layers:
        maps = layer(maps)
    return maps


def _whole_forward(self: nn.Module, *inputs: Any, **options: Any) -> Any:
    computed = partial(type(self).forward, self, **options)
    return _computed_twice(computed, [self], *inputs) if torch.is_grad_enabled() else computed(*inputs)


def _computed_twice(function: Callable[..., Any], modules: list[nn.Module], *inputs: Any) -> Any:
    buffers = [buffer for module in modules for buffer in module.buffers()]
    return checkpoint(function, *inputs, use_reentrant=False, context_fn=partial(_contexts, buffers))


def _contexts(buffers: list[Tensor]) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first and of the second computation."""
    return nullcontext(), _AsBefore(buffers)


class _AsBefore:
    """A context in which buffers have the values that they have now. It may be entered again and again: a gradient of a
    gradient asks for more than one."""

    def __init__(self, buffers: list[Tensor]) -> None:
        self._buffers = buffers
        self._now = [buffer.clone() for buffer in buffers]
        self._later: list[Tensor] = []

    def __enter__(self) -> None:
        self._later = [buffer.clone() for buffer in self._buffers]
        _write(self._buffers, self._now)

    def __exit__(self, *_: object) -> None:
        _write(self._buffers, self._later)


def _write(buffers: list[Tensor], values: list[Tensor]) -> None:
    for buffer, value in zip(buffers, values, strict=True):
        buffer.data.copy_(value)  # uncounted: that a graph holds the buffer is no fault, as it has its values again
