"""ONNX networks, run by ONNX Runtime on one processor core. It is an extra of the core: `mien-core[onnx]`."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

_ERRORS_ALONE = 3


class OnnxNetwork:
    """A network of one input. An instance is used by one thread at a time; while it works, others may run."""

    def __init__(self, network: bytes, outputs: Sequence[str]) -> None:
        """network: the file's content. outputs: names of what is wanted of it, in this order.

        Raises ValueError if it cannot be read, or has no such output.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # for images of many sizes it takes half as much memory again
        options.log_severity_level = _ERRORS_ALONE
        try:
            self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no class in common
            raise ValueError(str(error)) from error
        (self._input,) = (given.name for given in self._session.get_inputs())
        there = [output.name for output in self._session.get_outputs()]
        if missing := [name for name in outputs if name not in there]:
            raise ValueError(f"it has no output {missing[0]}, but {', '.join(there)}")
        self._outputs = list(outputs)

    def __call__(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs for an input; images are (1, C, H, W)."""
        outputs: list[NDArray[np.float32]] = self._session.run(self._outputs, {self._input: values})
        return outputs
