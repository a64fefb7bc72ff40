"""What training changes for the whole process, and puts back."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from accelerate.state import AcceleratorState, PartialState

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def global_state_restored() -> Iterator[None]:
    """Leave random states, deterministic algorithms, the environment and Accelerate's state as they were found.

    Of several processes, the group that they make stays.
    """
    ours, numpys, environment = random.getstate(), np.random.get_state(), dict(os.environ)  # noqa: NPY002
    cpu = torch.get_rng_state()
    cards = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    shared = bool(PartialState._shared_state)
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cards is not None:
            torch.cuda.set_rng_state_all(cards)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        alone = not torch.distributed.is_initialized()
        AcceleratorState._reset_state(reset_partial_state=alone and not shared)


def leaving_global_state(call: Callable[P, R]) -> Callable[P, R]:
    """The same call, within `global_state_restored`."""

    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with global_state_restored():
            return call(*args, **kwargs)

    return wrapped
