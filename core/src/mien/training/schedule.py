"""The learning rate over a run: what the model's own is multiplied with at a step."""

import math

from mien.contracts.model import Stage
from mien.counted import counted
from mien.errors import MienError
from mien.training.options import TrainOptions

_LEAST = 0.01
"""What a cosine ends at: a run that goes on beyond its end still learns a little."""


def rate_factor(options: TrainOptions, step: int) -> float:
    """What the rate is multiplied with at a step, counted from 0 from the run's start, in (0, 1].

    A warmup of n steps rises from 1/n to 1. A cosine falls from there to 1 % at `schedule_steps` (Loshchilov and Hutter
    2017, arXiv:1608.03983), and stays there. What a plateau does comes on top.
    """
    if step < options.warmup:
        return (step + 1) / options.warmup
    if options.schedule != "cosine" or options.schedule_steps is None:
        return 1.0
    share = min(1.0, (step - options.warmup) / max(1, options.schedule_steps - options.warmup))
    return _LEAST + (1 - _LEAST) * (1 + math.cos(math.pi * share)) / 2


def with_schedule_steps(options: TrainOptions, stages: list[Stage]) -> TrainOptions:
    """The options with a length of the cosine: `steps`, or that of all stages. Raises MienError if neither is known, or
    the warmup is as long."""
    if options.schedule != "cosine":
        return options
    length = options.schedule_steps or options.steps
    if length is None and stages and all(stage.steps is not None for stage in stages):
        length = sum(stage.steps or 0 for stage in stages)
    if length is None:
        raise MienError(
            "A cosine needs to know when training ends, and neither --steps nor the model's stages say it.",
            "--steps 20000, or --set train.schedule_steps=20000, in this command",
        )
    if options.warmup >= length:
        raise MienError(
            f"A warmup of {counted(options.warmup, 'step')} leaves nothing of a cosine over {length}.",
            f"--set train.warmup={length // 10}",
        )
    return options.model_copy(update={"schedule_steps": length})
