"""The weights of a run: model.safetensors holds what swapping needs of a model, and nothing pickled."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mien.contracts.model import Model
from mien.errors import MienError
from mien.media.files import whole_file

WEIGHTS = "model.safetensors"
AS_IT_WAS = "Install the version of the plugin that run.toml names; of one of your own, put its code back as it was."
"""What to do where weights do not fit their model."""
_MEAN, _COVARIANCE = "inputs.feature_mean", "inputs.feature_covariance"


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], NDArray[np.float32], NDArray[np.float32]]:
    """What `write_weights` wrote: the model's tensors by name, and mean (D,) and covariance (D, D) of its features.

    All are float32, also where they were stored in half precision.
    Raises SafetensorError or OSError if the file is damaged, KeyError if it is no run's.
    """
    with safe_open(path, framework="pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    tensors = {name: tensor.float() if _is_half(tensor) else tensor for name, tensor in stored.items()}
    mean, covariance = tensors.pop(_MEAN).numpy(), tensors.pop(_COVARIANCE).numpy()
    return tensors, mean, covariance


def write_weights(run: Path, model: Model, *, half: bool = False) -> None:
    """Write RUN/model.safetensors.

    half: parameters as float16, those that lose more by it than rounding excepted; buffers as they are.
    Raises MienError if the disk is full or the run may not be written.
    """
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in saved_state(model).items()}
    if half:
        parameters = dict(model.named_parameters())
        tensors = {name: _halved(tensor) if name in parameters else tensor for name, tensor in tensors.items()}
    tensors[_MEAN] = torch.from_numpy(np.ascontiguousarray(model.inputs.feature_mean))
    tensors[_COVARIANCE] = torch.from_numpy(np.ascontiguousarray(model.inputs.feature_covariance))
    with weights_written(run / WEIGHTS), whole_file(run / WEIGHTS) as partial:
        partial.touch()
        readable_by = partial.stat().st_mode
        save_file(tensors, partial, metadata={"format": "pt"})  # two entries would be written in a random order
        partial.chmod(readable_by)  # whoever may read new files; safetensors makes it a file of its owner's alone


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    """A float32 tensor as float16, unless that overflows, or moves a value by more than 2⁻¹¹ of the largest one."""
    if tensor.dtype != torch.float32 or not tensor.numel():
        return tensor
    half = tensor.half()
    largest = tensor.abs().max()  # not finite if any value is not; then no comparison holds
    return half if bool((half.float() - tensor).abs().max() <= largest * 2**-11) else tensor


def saved_state(model: Model) -> dict[str, torch.Tensor]:
    """What a run keeps of a model: its state without the children that it names in `unsaved`."""
    return {name: tensor for name, tensor in model.state_dict().items() if name.partition(".")[0] not in model.unsaved}


def load_weights(model: Model, tensors: Mapping[str, torch.Tensor]) -> None:
    """Load what `saved_state` gave. A buffer that is empty takes the shape it was saved with.

    Raises RuntimeError, as torch does, if names or shapes do not fit.
    """
    shape_buffers(model, {name: tensor.shape for name, tensor in tensors.items()})
    kept = {name: tensor for name, tensor in model.state_dict().items() if name.partition(".")[0] in model.unsaved}
    model.load_state_dict({**kept, **tensors})


def shape_buffers(model: Model, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give empty buffers the shapes that are to be loaded into them: what `Model.fit` made them."""
    for name, buffer in list(model.named_buffers()):
        if not buffer.numel() and name in shapes and tuple(shapes[name]) != tuple(buffer.shape):
            owner, _, own_name = name.rpartition(".")
            shaped = torch.zeros(tuple(shapes[name]), dtype=buffer.dtype, device=buffer.device)
            setattr(model.get_submodule(owner), own_name, shaped)


@contextmanager
def weights_written(path: Path) -> Iterator[None]:
    """Turn what torch and safetensors say of a failed write, which is no OSError, into a MienError with the path."""
    try:
        yield
    except (RuntimeError, SafetensorError) as error:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        free = shutil.disk_usage(folder).free
        raise MienError(
            f"{path} was not written ({free / 1e6:.0f} MB free on its disk): {str(error).splitlines()[0]}",
            f"df -h {folder}",
        ) from error


def _is_half(tensor: torch.Tensor) -> bool:
    return tensor.dtype in (torch.float16, torch.bfloat16)
