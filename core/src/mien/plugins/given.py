"""What a plugin was given stays as it was: arrays are read only, and tensors are looked at afterwards."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.contracts.face import Face, FaceCrop

if TYPE_CHECKING:  # torch is loaded by those functions alone that are given tensors: preprocessing does without
    from torch import Tensor


def read_only(value: Any, views: dict[int, Any] | None = None) -> Any:
    """The same, its arrays as views that may not be written; one array that is there twice stays one."""
    views = {} if views is None else views
    if isinstance(value, np.ndarray):
        if id(value) not in views:
            view = value.view()
            view.flags.writeable = False
            views[id(value)] = view
        return views[id(value)]
    if isinstance(value, Face):
        landmarks, points = (read_only(part, views) for part in (value.landmarks, value.points))
        return Face(value.box, landmarks, value.score, points)
    if isinstance(value, FaceCrop):
        parts = (value.image, value.mask, value.landmarks, value.to_crop, value.scene, value.points)
        return FaceCrop(*(read_only(part, views) for part in parts))
    if isinstance(value, Mapping):
        return {key: read_only(part, views) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [read_only(part, views) for part in value]
    return value


class Watched:
    """The tensors of what a plugin is given, as they are now."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """given: by the names that an error calls them."""
        self._tensors = dict(_tensors(given))
        self._before = {name: _state(tensor) for name, tensor in self._tensors.items()}

    def changed(self) -> str | None:
        """One that has been written into since; None: none has."""
        changed = (name for name, tensor in self._tensors.items() if not _is_as_before(tensor, self._before[name]))
        return next(changed, None)


def _tensors(value: Any, name: str = "") -> "Iterator[tuple[str, Tensor]]":
    import torch

    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _tensors(part, key)
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from _tensors(part, f"{name}[{number}]")
    elif is_dataclass(value):
        for part in fields(value):
            yield from _tensors(getattr(value, part.name), f"{name}.{part.name}")


def _state(tensor: "Tensor") -> "int | Tensor":
    # A tensor counts how often it was written into, which costs nothing; one made in inference mode does not.
    return tensor.clone() if tensor.is_inference() else tensor._version


def _is_as_before(tensor: "Tensor", before: "int | Tensor") -> bool:
    import torch

    if isinstance(before, int):
        return tensor._version == before
    return torch.equal(tensor.nan_to_num(), before.nan_to_num())  # NaN stands for what is not known
