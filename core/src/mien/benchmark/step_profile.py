"""What the time of a training step goes to, by kind of operation."""

import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

KINDS = (
    "convolutions, forward",
    "backward",
    "matrix products",
    "normalization",
    "element-wise",
    "copies",
    "optimizer",
    "between",
)
_PRODUCTS = ("convolutions, forward", "backward", "matrix products")
_MATRIX = "mm", "mv", "linear", "matmul"
_COPIES = (
    "copy_", "clone", "contiguous", "_to_copy", "to", "cat", "stack", "index", "gather", "pad", "pixel_", "unfold",
    "im2col", "zero_", "fill_", "empty", "zeros", "roll", "repeat", "select_backward", "slice_backward", "resize_",
)  # fmt: skip


def step_shares(step: Callable[[], object], steps: int, device: torch.device) -> dict[str, float]:
    """The share of time of each of `KINDS` in some steps, by torch's profiler.

    On a processor, of time on the clock; "between" is what no operation takes: Python, autograd's bookkeeping and the
    profiler itself. On a CUDA card, of the time of its kernels; "between" is when it has none to run. The optimizer's
    share is that of a fused one or one by lists of tensors, and of moving averages; matrix products are those of linear
    layers, and of convolutions that are computed as such, in both directions.
    """
    on_card = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]) as profiled:
        began = time.perf_counter()
        for _ in range(steps):
            step()
        if on_card:
            torch.cuda.synchronize(device)
        microseconds = 1e6 * (time.perf_counter() - began)
    taken = dict.fromkeys(KINDS, 0.0)
    for one in profiled.key_averages():
        taken[_kind(one.key)] += one.self_device_time_total if on_card else one.self_cpu_time_total
    taken["between"] = max(0.0, microseconds - sum(taken[kind] for kind in KINDS if kind != "between"))
    whole = sum(taken.values())
    return {kind: time / whole for kind, time in taken.items()}


def share_of_products(shares: dict[str, float]) -> float:
    """How much of the time convolutions and matrix products take: nearly all that is counted as GFLOP."""
    return sum(shares[kind] for kind in _PRODUCTS)


def _kind(name: str) -> str:
    """The kind of an operation, by torch's name for it, as "aten::mkldnn_convolution"."""
    library, _, operation = name.partition("::")
    if library != "aten" or not operation:
        return "between"
    if "conv" in operation:
        return "backward" if "backward" in operation else "convolutions, forward"
    if operation.startswith(("_fused_", "_foreach_", "lerp")):
        return "optimizer"
    if "_norm" in operation and "linalg" not in operation:
        return "normalization"
    if operation.rstrip("_").endswith(_MATRIX) or ("linear" in operation and "upsample" not in operation):
        return "matrix products"
    return "copies" if operation.startswith(_COPIES) and "total" not in operation else "element-wise"
