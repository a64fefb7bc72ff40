"""One iteration: each phase's gradients and step, with one wait for the device at most where its optimizer can skip."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from accelerate import Accelerator, DistributedType
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mien.contracts.model import Batch, Model, Sampling
from mien.counted import counted
from mien.errors import MienError
from mien.plugins.guard import guarded_after_step, guarded_in_training, guarded_losses

_STEPPED_AS_THEY_ARE = DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU


class NonFiniteLoss(Exception):
    """A loss or a gradient is not finite."""


@dataclass(slots=True)
class Phase:
    """One optimizer's part of an iteration."""

    name: str
    optimizer: Optimizer
    """As Accelerate has wrapped it."""
    bare: Optimizer
    """As the model made it."""
    parameters: list[nn.Parameter]
    plateau: ReduceLROnPlateau
    rates: list[float] = field(default_factory=list)
    """The learning rate of each group of parameters, before it is multiplied with a schedule's factor."""

    def __post_init__(self) -> None:
        """Take the rates as they are."""
        self.read_rates()

    def read_rates(self) -> None:
        """Take the optimizer's rates for those that a factor is multiplied with."""
        self.rates = [float(group["lr"]) for group in self.bare.param_groups]

    def multiply_rates(self, factor: float) -> None:
        """Step with the rates times that from now on."""
        for group, rate in zip(self.bare.param_groups, self.rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor

    @property
    def can_skip(self) -> bool:
        """Whether the optimizer leaves out a step on the device itself, told so by a tensor: torch's fused ones do."""
        return bool(getattr(self.bare, "_step_supports_amp_scaling", False))


@dataclass(slots=True)
class _Gathered:
    """Figures of an iteration, scalars on the device, until they are brought over together."""

    values: dict[str, Tensor] = field(default_factory=dict)
    bad: dict[str, Tensor] = field(default_factory=dict)
    """Phase → 1 if anything in it or in a phase before it is not finite, in any process; else 0."""

    def read(self, *others: Tensor) -> tuple[dict[str, float], dict[str, float], list[float]]:
        """The figures, `bad`, and other scalars; waits for the device once."""
        scalars = [*self.values.values(), *self.bad.values(), *others]
        read = iter(torch.stack(scalars).tolist())
        return {name: next(read) for name in self.values}, {name: next(read) for name in self.bad}, list(read)


class Iteration:
    """Does one iteration after the other with a model and the optimizers of its phases.

    On a CUDA card each phase's step is left out there if a loss or gradient of it, or of a phase before it, is
    not finite, in any process. It is seen when the figures of the whole iteration are read. Where that cannot be, as
    with an optimizer that is not fused, with fp16, whose scaler looks for itself, and on a processor, where nothing
    waits, each phase is looked at before its step.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: Model,
        wrapped: nn.Module,
        phases: Sequence[Phase],
        choice: str,
        clip: float | None,
        *,
        deferred: bool | None = None,
        compiled: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """wrapped: the model as it is called. choice: which model it is, for an error message. clip: largest norm of a
        phase's gradients. deferred: whether phases that can are looked at after the iteration; None: on a CUDA card.
        compiled: whether the losses are compiled; say: is told if that fails."""
        self._accelerator, self._model, self._wrapped = accelerator, model, wrapped
        self._phases, self._choice, self._clip = phases, choice, clip
        on_card = accelerator.device.type == "cuda"
        self._deferred = (on_card if deferred is None else deferred) and accelerator.scaler is None
        self._asked_to_stop = False
        self._is_between_steps = True
        # Shapes are fixed: a graph for any shape would depend on which ones came before, and so on where a run began.
        self._compiled = torch.compile(wrapped, dynamic=False) if compiled else None
        self._compiles: set[tuple[str, int, int, int]] = set()
        self._say = say
        self._parts = 1

    @property
    def parts(self) -> int:
        """In how many parts each batch is computed, as the device's memory does not suffice for all of it at once."""
        return self._parts

    def compute_in(self, parts: int) -> None:
        """Compute each batch in so many parts from now on; what they give is added up before a step."""
        self._parts = parts

    @property
    def compiled(self) -> bool:
        """Whether losses are compiled: as asked for, until it has failed."""
        return self._compiled is not None

    def do_not_compile(self) -> None:
        """Call the model as it is from now on."""
        self._compiled = None

    @property
    def is_between_steps(self) -> bool:
        """False after an iteration of which some phase has stepped, and then one has failed."""
        return self._is_between_steps

    @property
    def asked_to_stop(self) -> bool:
        """Whether in any process the last iteration's `stop` was true."""
        return self._asked_to_stop

    def run(self, batches: Sequence[Batch], *, stop: bool = False, fade: bool = False) -> dict[str, float]:
        """Each phase in turn, on all batches: losses and gradient norms, means over the batches.

        stop: whether this process has been told to stop. fade: as of the stage: then each step has another graph, and
        nothing is compiled. Raises NonFiniteLoss, with the weights as they were before the phase in which it happened.
        """
        self._wrapped.train()
        gathered = _Gathered()
        for phase in self._phases:
            with only_training(self._model, phase.parameters):
                self._stepped(phase).zero_grad(set_to_none=True)
                gathered.values |= self._gradients(phase, batches, gathered.values.get("loss"), fade)
                gathered.values[self._name(phase, "gradient_norm")] = self._norm(phase.parameters)
                self._look_at(phase, gathered)
                self._optimize(phase, gathered.bad.get(phase.name))
                guarded_after_step(self._model, self._choice, phase.name)
        self._is_between_steps = True
        figures, bad, (told,) = gathered.read(self._any_process(self._scalar(stop)))
        self._asked_to_stop = told > 0
        for name, is_bad in bad.items():
            if is_bad > 0:
                raise NonFiniteLoss(_described(name, figures))
        return figures

    def _gradients(self, phase: Phase, batches: Sequence[Batch], loss: Tensor | None, fade: bool) -> dict[str, Tensor]:
        """Add the gradients of a phase up; its figures. loss: of the phases before, which its own is added to."""
        figures = None
        while figures is None:
            chunks = [chunk for batch in batches for chunk in in_parts(batch, self._parts, self._model.sampling)]
            try:
                figures = self._compiled_backward(phase, chunks) if self._compiled is not None and not fade else None
                if figures is None:
                    figures = self._backward(self._wrapped, phase, chunks)
            except torch.OutOfMemoryError as error:
                self._halve(batches, error)
                phase.optimizer.zero_grad(set_to_none=True)
            if figures is None:  # not before the error, and all that it holds on to, is gone
                torch.cuda.empty_cache()
        if loss is not None:
            figures["loss"] = loss + figures["loss"]
        return figures

    def _compiled_backward(self, phase: Phase, batches: Sequence[Batch]) -> dict[str, Tensor] | None:
        """None if it cannot be compiled; then nothing has happened, and nothing is compiled any more."""
        called = self._compiled
        if called is None:
            return None
        first = batches[0]
        graph = (phase.name, first.stage, len(first), first.size)
        if graph in self._compiles:
            return self._backward(called, phase, batches)
        random_state = _random_state(self._accelerator.device)
        try:
            figures = self._backward(called, phase, batches)
        except torch.OutOfMemoryError:
            raise
        # A compiler fails in any way; an error of the model itself comes again without it.
        except Exception as error:
            self._compiled, failed = None, error
        else:
            self._compiles.add(graph)
            return figures
        _restore(random_state, self._accelerator.device)
        phase.optimizer.zero_grad(set_to_none=True)
        figures = self._backward(self._wrapped, phase, batches)
        why = str(failed).splitlines()[0] if str(failed) else type(failed).__name__
        self._say(f"The losses cannot be compiled, and are computed without from here on, which is slower. {why}")
        return figures

    def _backward(self, called: Callable[..., Any], phase: Phase, batches: Sequence[Batch]) -> dict[str, Tensor]:
        figures: dict[str, Tensor] = {}
        faces = sum(map(len, batches))
        for part, batch in enumerate(batches):
            weight = len(batch) / faces
            with self._gradients_stay_here(part + 1 < len(batches)):
                losses = guarded_losses(called, self._choice, batch, phase.name)
                loss = losses["loss"] * weight
                doing = f"the backward pass of phase {phase.name!r}"
                guarded_in_training(self._model, self._choice, doing, self._accelerator.backward, loss)
            for name, value in losses.items():
                key = "loss" if name == "loss" else self._name(phase, name)
                share = value.detach().float() * weight
                figures[key] = figures[key] + share if key in figures else share
        return figures

    def _halve(self, batches: Sequence[Batch], error: torch.OutOfMemoryError) -> None:
        """Compute in twice as many parts from now on. Raises MienError if that cannot be."""
        faces = max(map(len, batches))
        self._parts *= 2
        why = str(error).splitlines()[0]
        fix = f"mien plugins show {self._choice}   (which lists model.size, model.batch_size and its like, for --set)"
        if self._accelerator.num_processes > 1:  # the others wait for its gradients of the whole batch
            raise MienError(f"The device's memory does not suffice for a batch of {counted(faces, 'face')}: {why}", fix)
        if self._parts > faces // 2:
            raise MienError(
                f"The device's memory does not suffice for {counted(-(-2 * faces // self._parts), 'face')}: {why}", fix
            )
        self._say(
            f"The device's memory does not suffice for {faces} faces at once. From here on each batch is computed in "
            f"{self._parts} parts, whose gradients are added up before a step."
        )

    def _name(self, phase: Phase, figure: str) -> str:
        return figure if len(self._phases) == 1 else f"{phase.name}/{figure}"

    def _norm(self, parameters: list[nn.Parameter]) -> Tensor:
        """The L2 norm of the gradients, which are scaled down to `clip`. It also tells whether all are finite."""
        whole = self._accelerator.distributed_type != DistributedType.FSDP and self._accelerator.scaler is None
        if self._clip is None and whole:
            return get_total_norm([p.grad for p in parameters if p.grad is not None]).float()
        limit = self._clip if self._clip is not None else math.inf
        norm: Tensor = self._accelerator.clip_grad_norm_(parameters, limit)
        return norm.float()

    def _look_at(self, phase: Phase, gathered: _Gathered) -> None:
        """Note whether everything so far is finite; where the phase cannot skip its step, raise NonFiniteLoss."""
        if self._deferred:
            finite = torch.isfinite(torch.stack(list(gathered.values.values()))).all()
            gathered.bad[phase.name] = self._any_process(1 - finite.float())
            if phase.can_skip:
                return
            figures, bad, _ = gathered.read()
            # What an earlier phase has left out may be seen here first.
            for name, is_bad in bad.items():
                if is_bad > 0:
                    raise NonFiniteLoss(_described(name, figures))
            return
        figures, _, _ = gathered.read()
        scaling = self._accelerator.scaler is not None  # fp16: the scaler skips overflowing steps by itself
        is_finite = all(map(math.isfinite, figures.values())) or (scaling and math.isfinite(figures["loss"]))
        if float(self._any_process(self._scalar(not is_finite))) > 0:
            raise NonFiniteLoss(_described(phase.name, figures))

    def _scalar(self, flag: bool) -> Tensor:
        return torch.full((), float(flag), device=self._accelerator.device)

    def _stepped(self, phase: Phase) -> Optimizer:
        """The optimizer, without Accelerate's wrapper where that adds nothing but a search of the import path."""
        adds_nothing = self._accelerator.distributed_type in _STEPPED_AS_THEY_ARE and self._accelerator.scaler is None
        return phase.bare if adds_nothing else phase.optimizer

    def _optimize(self, phase: Phase, bad: Tensor | None) -> None:
        optimizer = self._stepped(phase)
        self._is_between_steps = False
        step = partial(guarded_in_training, self._model, self._choice, f"the step of phase {phase.name!r}")
        if bad is None or not phase.can_skip:
            step(optimizer.step)
            return
        # What GradScaler tells a fused optimizer by: where it is 1, the step is left out.
        phase.bare.found_inf = bad  # type: ignore[attr-defined]
        try:
            step(optimizer.step)
        finally:
            del phase.bare.found_inf  # type: ignore[attr-defined]

    def _gradients_stay_here(self, stay: bool) -> AbstractContextManager[None]:
        return self._accelerator.no_sync(self._wrapped) if stay else nullcontext()

    def _any_process(self, flag: Tensor) -> Tensor:
        """1 or more if the flag is set in any process, for all; without waiting for the device."""
        if self._accelerator.num_processes == 1:
            return flag
        summed: Tensor = self._accelerator.reduce(flag, "sum")
        return summed.clamp(max=1)


def in_parts(batch: Batch, parts: int, sampling: Sampling) -> list[Batch]:
    """A batch in so many parts of about the same length; two rows that are a pair stay together."""
    if parts == 1:
        return [batch]
    unit = 2 if sampling == "pairs" else 1
    ends = [unit * round(part * (len(batch) // unit) / parts) for part in range(parts + 1)]
    rows = torch.arange(len(batch), device=batch.people.device)
    return [batch.rows(rows[start:end]) for start, end in pairwise(ends) if end > start]


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    card = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), card


def _restore(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


def _described(phase: str, figures: dict[str, float]) -> str:
    return f"phase {phase}, " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


@contextmanager
def only_training(model: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let only these of a model's parameters ask for gradients, as in one phase of an iteration."""
    mine = set(map(id, parameters))
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in mine]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
