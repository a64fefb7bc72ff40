"""dlib's face recognition network, read from dlib's own file and run by torch: the same numbers, ten times as fast.

Davis King, "High Quality Face Recognition with Deep Metric Learning" (2017), a ResNet of 29 convolutions; its layers
are those of dlib's examples/dnn_face_recognition_ex.cpp. dlib runs it in 85 to 150 ms a face on one core and holds
Python's global lock meanwhile; torch takes 10 ms, lets other threads run, and can be differentiated, so that it can
stand in a loss.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn

CHIP_PX = 150
"""Side of the chips that it looks at."""
_MEAN = (122.782, 117.001, 104.298)
_SCALE = 256.0
_WIDTHS = (32,) * 3 + (64,) * 4 + (128,) * 3 + (256,) * 4
"""Channels of each residual block."""
_HALVING = (3, 7, 10, 13)
"""The blocks that halve their picture."""
_NUMBERS = 128
_TENSOR_VERSION = 2


class RecognitionNetwork(nn.Module):
    """128 numbers for each chip: of one person they lie within 0.6 of each other.

    Its weights take no gradient; its input may.
    """

    _mean: Tensor

    def __init__(self, file: Path) -> None:
        """file: dlib_face_recognition_resnet_model_v1.dat. Raises ValueError if it holds another network."""
        super().__init__()
        *layers, numbers = _arrays_in(file)
        shapes = list(_convolutions())
        if len(layers) != 2 * len(shapes) or numbers.size != _WIDTHS[-1] * _NUMBERS:
            raise ValueError(f"{file} holds another network")
        weights, biases = [], []
        for (inputs, outputs, side), filters, affine in zip(shapes, layers[::2], layers[1::2], strict=True):
            # Each convolution is followed by a factor and a summand for each channel: folded into it.
            factor, summand = affine[:outputs], affine[outputs:]
            kernel = filters[:-outputs].reshape(outputs, inputs, side, side) * factor[:, None, None, None]
            weights.append(torch.from_numpy(kernel).to(memory_format=torch.channels_last))
            biases.append(torch.from_numpy(filters[-outputs:] * factor + summand))
        self._weights = nn.ParameterList(nn.Parameter(weight, requires_grad=False) for weight in weights)
        self._biases = nn.ParameterList(nn.Parameter(bias, requires_grad=False) for bias in biases)
        self._numbers = nn.Parameter(
            torch.from_numpy(numbers.reshape(_WIDTHS[-1], _NUMBERS).copy()), requires_grad=False
        )
        self.register_buffer("_mean", torch.tensor(_MEAN).reshape(1, 3, 1, 1))

    def forward(self, chips: Tensor) -> Tensor:
        """chips: float (N, 3, 150, 150), RGB, 0 to 255. Returns (N, 128)."""
        x = ((chips - self._mean) / _SCALE).contiguous(memory_format=torch.channels_last)
        x = functional.relu(functional.conv2d(x, self._weights[0], self._biases[0], stride=2))
        x = functional.max_pool2d(x, 3, 2)
        for block in range(len(_WIDTHS)):
            x = self._block(x, block)
        return x.mean((2, 3)) @ self._numbers

    def _block(self, x: Tensor, block: int) -> Tensor:
        first, second = 1 + 2 * block, 2 + 2 * block
        halving = block in _HALVING
        y = functional.conv2d(
            x, self._weights[first], self._biases[first], stride=2 if halving else 1, padding=0 if halving else 1
        )
        y = functional.conv2d(functional.relu(y), self._weights[second], self._biases[second], padding=1)
        if halving:
            # Where the shapes of the two differ, dlib fills the smaller one up with zeros.
            x = functional.avg_pool2d(x, 2, 2)
            channels, side = y.shape[1], max(x.shape[2], y.shape[2])
            x, y = (_filled(tensor, channels, side) for tensor in (x, y))
        return functional.relu(x + y)


def _filled(tensor: Tensor, channels: int, side: int) -> Tensor:
    return functional.pad(tensor, (0, side - tensor.shape[3], 0, side - tensor.shape[2], 0, channels - tensor.shape[1]))


def _convolutions() -> Iterator[tuple[int, int, int]]:
    """Of each convolution: its channels in and out, and the side of its kernel."""
    yield 3, _WIDTHS[0], 7
    before = _WIDTHS[0]
    for width in _WIDTHS:
        yield before, width, 3
        yield width, width, 3
        before = width


def _arrays_in(file: Path) -> list[NDArray[np.float32]]:
    """The parameters in a file of dlib's, in the order of the layers: convolutions, affine layers, the last matrix.

    A tensor is its format's version, four extents and float32, little-endian; an integer is a byte that says how many
    follow, and these (dlib/serialize.h, dlib/cuda/tensor_tools.h).
    """
    data = file.read_bytes()

    def integer(at: int) -> tuple[int, int]:
        length = data[at] & 0x0F
        return int.from_bytes(data[at + 1 : at + 1 + length], "little"), at + 1 + length

    arrays, at = [], 0
    name = re.compile(rb"con_4|affine_|fc_2")
    while layer := name.search(data, at):  # not in the numbers before: these may happen to spell a name
        at = layer.end()
        header = []
        for _ in range(7 if layer.group() == b"fc_2" else 5):  # the last layer says its outputs and inputs before
            value, at = integer(at)
            header.append(value)
        version, *extents = header[-5:]
        count = int(np.prod(extents))
        if version != _TENSOR_VERSION or at + 4 * count > len(data):
            raise ValueError(f"{file} holds another network")
        arrays.append(np.frombuffer(data, "<f4", count, at).astype(np.float32))
        at += 4 * count
    if not arrays:
        raise ValueError(f"{file} holds no network of dlib's")
    return arrays
