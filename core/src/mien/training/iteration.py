"""One iteration: each phase's gradients and step, with one wait for the device at most where its optimizer can skip."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator, DistributedType
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mien.contracts.model import Batch, Model
from mien.plugins.guard import guarded_losses


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
    schedule: ReduceLROnPlateau

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

    On a card each phase's step is left out on the card itself if a loss or gradient of it, or of a phase before it, is
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
    ) -> None:
        """wrapped: the model as it is called. choice: which model it is, for an error message. clip: largest norm of a
        phase's gradients. deferred: whether phases that can are looked at after the iteration; None: on a card."""
        self._accelerator, self._model, self._wrapped = accelerator, model, wrapped
        self._phases, self._choice, self._clip = phases, choice, clip
        on_card = accelerator.device.type != "cpu"
        self._deferred = (on_card if deferred is None else deferred) and accelerator.scaler is None
        self._asked_to_stop = False

    @property
    def asked_to_stop(self) -> bool:
        """Whether in any process the last iteration's `stop` was true."""
        return self._asked_to_stop

    def run(self, batches: Sequence[Batch], *, stop: bool = False) -> dict[str, float]:
        """Each phase in turn, on all batches: losses and gradient norms, means over the batches.

        stop: whether this process has been told to stop. Raises NonFiniteLoss, with the weights as they were before the
        phase in which it happened.
        """
        self._wrapped.train()
        gathered = _Gathered()
        for phase in self._phases:
            with only_training(self._model, phase.parameters):
                phase.optimizer.zero_grad(set_to_none=True)
                self._backward(phase, batches, gathered)
                gathered.values[self._name(phase, "gradient_norm")] = self._norm(phase.parameters)
                self._look_at(phase, gathered)
                self._optimize(phase, gathered.bad.get(phase.name))
                self._model.after_step(phase.name)
        figures, bad, (told,) = gathered.read(self._any_process(self._scalar(stop)))
        self._asked_to_stop = told > 0
        for name, is_bad in bad.items():
            if is_bad > 0:
                raise NonFiniteLoss(_described(name, figures))
        return figures

    def _backward(self, phase: Phase, batches: Sequence[Batch], gathered: _Gathered) -> None:
        for part, batch in enumerate(batches):
            with self._gradients_stay_here(part + 1 < len(batches)):
                losses = guarded_losses(self._wrapped, self._choice, batch, phase.name)
                self._accelerator.backward(losses["loss"] / len(batches))
            for name, value in losses.items():
                key = "loss" if name == "loss" else self._name(phase, name)
                share = value.detach().float() / len(batches)
                gathered.values[key] = gathered.values[key] + share if key in gathered.values else share

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

    def _optimize(self, phase: Phase, bad: Tensor | None) -> None:
        if bad is None or not phase.can_skip:
            phase.optimizer.step()
            return
        # What GradScaler tells a fused optimizer by: where it is 1, the step is left out.
        phase.bare.found_inf = bad  # type: ignore[attr-defined]
        try:
            phase.optimizer.step()
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
