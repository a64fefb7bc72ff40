"""TFLite networks, run by LiteRT and its XNNPACK kernels on one processor core.

LiteRT is what such networks are published for: the small ones that find and measure faces take a half to a fifth of the
time that OpenCV takes for them. It is an extra of the core: `mien-core[tflite]`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

_FIRST = Lock()
_said: set[int] = set()
"""The process in which LiteRT has said that it is there."""


class TfliteNetwork:
    """A network of one input. An instance is used by one thread at a time; while it works, others may run."""

    def __init__(self, network: bytes, outputs: Sequence[str], shape: Sequence[int] | None = None) -> None:
        """network: the file's content. outputs: names of what is wanted of it, in this order.

        shape: of the input, where it is to be another than the file says.

        Raises ValueError or RuntimeError if it cannot be read, or has no such output.
        """
        with _without_greeting():
            self._interpreter = Interpreter(model_content=network, num_threads=1)
            (given,) = self._interpreter.get_input_details()
            self._input = given["index"]
            if shape is not None:
                self._interpreter.resize_tensor_input(self._input, list(shape), strict=False)
            self._interpreter.allocate_tensors()
        indices = {output["name"]: output["index"] for output in self._interpreter.get_output_details()}
        if missing := [name for name in outputs if name not in indices]:
            raise ValueError(f"it has no output {missing[0]}, but {', '.join(indices)}")
        self._outputs = [indices[name] for name in outputs]

    def __call__(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs for an input; images are (1, H, W, C). Raises ValueError for another shape than the network's."""
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def image_input(image: NDArray[np.uint8], black: float = 0.0, white: float = 1.0) -> NDArray[np.float32]:
    """An image as such networks take it: uint8 (H, W, C) → float32 (1, H, W, C), 0 as `black`, 255 as `white`."""
    values = image[None].astype(np.float32)
    values *= np.float32((white - black) / 255)
    if black:
        values += np.float32(black)
    return values


@contextmanager
def _without_greeting() -> Iterator[None]:
    """LiteRT tells standard error once in each process which kernels it takes, and has no setting for that."""
    with _FIRST, ExitStack() as stack:
        if os.getpid() not in _said:
            _said.add(os.getpid())
            with suppress(OSError):  # a process may have no standard error
                standard_error = os.dup(2)
                stack.callback(os.close, standard_error)
                stack.callback(os.dup2, standard_error, 2)
                os.dup2(stack.enter_context(open(os.devnull, "wb")).fileno(), 2)
        yield
