"""The loop: stages, phases and "loss". It knows no model's name and no loss but that one."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mien.contracts.model import Batch, Model, Stage
from mien.counted import counted
from mien.errors import MienError
from mien.plugins.guard import guarded_losses, guarded_optimizer, guarded_stages
from mien.progress import Progress
from mien.training import checkpoints
from mien.training.activations import checkpoint_activations
from mien.training.checkpoints import TrainingState
from mien.training.data import BatchRows, TrainingData
from mien.training.feed import ActiveStage, BatchFeed
from mien.training.held_out_expression import HeldOutExpression
from mien.training.iteration import Iteration, NonFiniteLoss, Phase
from mien.training.metrics import Averages, MetricsLog
from mien.training.options import TrainOptions
from mien.training.previews import write_preview
from mien.training.schedule import rate_factor
from mien.training.stopping import StopRequest
from mien.training.weights import WEIGHTS, write_weights

_VALIDATION_FACES = 128
_PREVIEW_FACES = 8


class Loop:
    """Trains one model. Make it, `restore` a checkpoint if there is one, then `run`."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: Model,
        choice: str,
        data: TrainingData,
        options: TrainOptions,
        run: Path,
        progress: Progress,
        expression: HeldOutExpression | None = None,
    ) -> None:
        """choice: which model it is, for an error message. expression: measures what held-out faces do, drawn."""
        self._accelerator, self._data, self._options, self._run = accelerator, data, options, run
        self._choice = choice
        self._progress = progress
        self._expression = expression
        self._shown: dict[str, float] = {}
        if options.checkpoint_activations:
            checkpoint_activations(model)
        self._memory = torch.channels_last if options.channels_last else torch.contiguous_format
        self._model = model.to(accelerator.device, memory_format=self._memory)  # type: ignore[call-overload]
        self._stages = guarded_stages(model, choice)
        # Without stages there is nothing to step on: what such a model learns it has been fitted to.
        made = [(name, guarded_optimizer(model, choice, name)) for name in model.phases] if self._stages else []
        prepared = accelerator.prepare(model, *(optimizer for _, optimizer in made))
        wrapped, *optimizers = prepared if made else [prepared]
        self._wrapped: nn.Module = wrapped
        self._phases = [
            Phase(
                name,
                optimizer,
                bare,
                [parameter for group in optimizer.param_groups for parameter in group["params"]],
                ReduceLROnPlateau(bare, factor=options.plateau_factor, patience=options.plateau_patience),
            )
            for (name, bare), optimizer in zip(made, optimizers, strict=True)
        ]
        self._iteration = Iteration(
            accelerator,
            model,
            wrapped,
            self._phases,
            choice,
            options.clip,
            compiled=options.compile is True,
            say=progress.say,
        )
        self._at = TrainingState()
        self._tensors: list[Tensor] = []
        self._whole: list[int] | None = None
        """How often each of these had been written into when the last step was done; None: it is not to be kept."""

    @property
    def at(self) -> TrainingState:
        """How far the run is."""
        return self._at

    def restore(self, checkpoint: Path) -> None:
        """Go on from a checkpoint, exactly. Raises MienError if it is damaged."""
        self._at = checkpoints.load(self._accelerator, checkpoint)
        self._iteration.compute_in(self._at.parts)
        if not self._at.compiled:
            self._iteration.do_not_compile()
        for phase in self._phases:
            phase.plateau.load_state_dict(self._at.schedules[phase.name])
            phase.read_rates()

    def run(self, stop: StopRequest) -> str:
        """Train until told to stop; returns why it stopped. A checkpoint is written at the end.

        Raises MienError if a loss is not finite, with the step, the faces and the last good checkpoint; and if a plugin
        fails: then a checkpoint of the last whole step is written, where nothing has been changed since.
        """
        try:
            with self._feed() as feed:
                why = self._train(stop, feed)
        except torch.OutOfMemoryError as error:
            raise MienError(
                f"The device's memory does not suffice to train this model: {str(error).splitlines()[0]}{self._kept()}",
                f"mien plugins show {self._choice}   (which lists model.preset, model.size and its like, for --set)",
            ) from error
        except MienError as error:
            if kept := self._kept():
                raise MienError(f"{error.message}{kept}", error.fix) from error
            raise
        self.checkpoint()
        self._accelerator.wait_for_everyone()  # or the first to leave takes the others' connection with it
        self._accelerator.end_training()
        return why

    def _feed(self) -> BatchFeed:
        accelerator = self._accelerator
        place = accelerator.process_index, accelerator.num_processes
        return BatchFeed(self._data, self._model, self._options, accelerator.device, *place)

    def _count(self, stage: ActiveStage) -> None:
        """One step more is done."""
        self._at.step += 1
        self._at.stage_step += 1
        if stage.of_model.steps is not None and self._at.stage_step >= stage.of_model.steps:
            self._at.stage, self._at.stage_step = self._at.stage + 1, 0

    def _train(self, stop: StopRequest, feed: BatchFeed) -> str:
        options, began = self._options, time.monotonic()
        seconds_before = self._at.seconds
        metrics = MetricsLog(self._accelerator, self._run, self._at.step)
        log = Averages()
        self._start_bar()
        stage = self._stage()
        self._tensors = _tensors_of(self._model)
        self._whole = self._versions()
        why = "the last stage is done" if self._stages else "it is fitted"
        while stage is not None:
            if options.steps is not None and self._at.step >= options.steps:
                why = f"{counted(self._at.step, 'step')} {'is' if self._at.step == 1 else 'are'} done"
                break
            began_step = time.monotonic()
            try:
                figures = self._step(stage, feed, stop=stop.wanted)
            except NonFiniteLoss as error:
                self._whole = None
                self._go_back(error)
                metrics = MetricsLog(self._accelerator, self._run, self._at.step)
                log = Averages()
                stage = self._stage()
                self._whole = self._versions()
                continue
            self._whole = self._versions()
            self._count(stage)
            self._at.seconds = seconds_before + time.monotonic() - began
            faces = self._faces_per_step(stage.of_model)
            log.add(figures, faces, time.monotonic() - began_step)
            shown = {"loss": round(figures["loss"], 4), "faces_per_second": round(log.faces_per_second, 1)}
            self._progress.advance(1, **shown, **self._shown)
            self._report(metrics, log, stage)
            if self._at.step % options.steps_per_checkpoint == 0:
                self.checkpoint()
            if self._at.step % options.steps_per_preview == 0:
                self.preview(stage)
            alone = self._accelerator.num_processes == 1
            if stop.wanted if alone else self._iteration.asked_to_stop:  # all have to stop at the same step
                why = f"{stop.by_signal} was received" if stop.by_signal else f"{options.minutes:g} minutes are over"
                break
            stage = self._stage() if self._at.stage_step == 0 else stage
        return why

    def start_at(self, stage: int) -> None:
        """Begin with a later stage, as to measure it."""
        self._at.stage, self._at.stage_step = stage, 0

    def ramp(self, rates: Sequence[float]) -> Iterator[float]:
        """Train a step at each learning rate, and yield its loss. Ends before the first that is not finite, and where
        the stages do."""
        self._progress.start("learning rates", len(rates))
        stage = self._stage()
        with self._feed() as feed:
            for rate in rates:
                if stage is None:
                    return
                try:
                    figures = self._step(stage, feed, stop=False, factor=rate / self._phases[0].rates[0])
                except NonFiniteLoss:
                    return
                self._count(stage)
                self._progress.advance(1, rate=f"{rate:.1e}", loss=round(figures["loss"], 4))
                stage = self._stage() if self._at.stage_step == 0 else stage
                yield figures["loss"]

    def checkpoint(self) -> None:
        """Write a checkpoint and RUN/model.safetensors, unless this step has one. Raises MienError on a full disk."""
        newest, weights = checkpoints.newest(self._run), self._run / WEIGHTS
        is_of_this_step = newest is not None and int(newest.name) == self._at.step
        # Weights older than the checkpoint: a kill kept the new ones from being written.
        if newest and is_of_this_step and weights.exists() and weights.stat().st_mtime_ns >= newest.stat().st_mtime_ns:
            return
        self._share_buffers()
        self._at.parts = self._iteration.parts
        self._at.compiled = self._iteration.compiled or self._options.compile is not True
        self._at.schedules = {phase.name: dict(phase.plateau.state_dict()) for phase in self._phases}
        self._multiply_rates(1.0)
        checkpoints.save(self._accelerator, self._run, self._at, self._options.checkpoints_kept)
        if self._accelerator.is_main_process:
            write_weights(self._run, self._model)
        self._accelerator.wait_for_everyone()

    def _kept(self) -> str:
        """After a failure: write a checkpoint, if no tensor has changed since the last whole step; in words."""
        alone = self._accelerator.num_processes == 1  # the others would have to write, too, and may be anywhere
        same = self._whole == self._versions()
        same = same and list(map(id, self._tensors)) == list(map(id, _tensors_of(self._model)))
        if not (alone and self._at.step and self._iteration.is_between_steps and same):
            return ""
        try:
            self.checkpoint()
        except MienError:  # as of a full disk, which may be what has failed first
            return ""
        return f" What {self._at.step} steps have trained is kept: {checkpoints.newest(self._run)}."

    def _versions(self) -> list[int]:
        return [tensor._version for tensor in self._tensors]

    def _share_buffers(self) -> None:
        """Each process gathers its own statistics for batch normalization; the first one's count, as in DDP itself."""
        if self._accelerator.num_processes > 1:
            for buffer in self._model.buffers():
                buffer.copy_(broadcast(buffer))

    def _step(
        self, stage: ActiveStage, feed: BatchFeed, *, stop: bool, factor: float | None = None
    ) -> dict[str, float]:
        """One iteration. Returns losses and gradient norms; raises NonFiniteLoss before weights are spoilt.

        factor: of the learning rates; None: the schedule's.
        """
        self._seed()
        self._multiply_rates(rate_factor(self._options, self._at.step) if factor is None else factor)
        fed = feed.take(stage, self._at.stage_step)
        try:
            return self._iteration.run(fed.batches, stop=stop, fade=stage.of_model.fade)
        except NonFiniteLoss as error:
            rows = "; ".join(self._data.describe(picked) for picked in fed.rows)
            raise NonFiniteLoss(f"{error}, faces (row numbers) {rows}") from error

    def _multiply_rates(self, factor: float) -> None:
        for phase in self._phases:
            phase.multiply_rates(factor)

    def _seed(self) -> None:
        """Random numbers are a function of seed, process and step: nothing that happened before can change them."""
        key = [self._options.seed, self._accelerator.process_index, self._at.step, self._at.rollbacks]
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
        if self._accelerator.device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # without what torch notes down for cards that are not there
        else:
            torch.manual_seed(seed)

    def _batch(self, rows: BatchRows, stage: ActiveStage) -> Batch:
        return self._data.batch(
            rows, self._model, stage.of_model.resolution, 1.0, stage.number, self._accelerator.device
        )

    def _stage(self) -> ActiveStage | None:
        number = self._at.stage
        if number >= len(self._stages):
            return None
        stage = self._stages[number]
        sampler = self._data.sampler(self._model, stage, self._options.seed, number, self._at.rollbacks)
        return ActiveStage(number, stage, sampler)

    def _faces_per_step(self, stage: Stage) -> int:
        batches = self._options.accumulate * int(self._accelerator.num_processes)
        return stage.batch_size * batches

    def _report(self, metrics: MetricsLog, log: Averages, stage: ActiveStage) -> None:
        step, options = self._at.step, self._options
        if step % options.steps_per_validation == 0:
            self._validate(metrics, stage)
        if step % options.steps_per_log == 0:
            factor = rate_factor(options, step - 1)
            rates = {f"learning_rate/{phase.name}": phase.rates[0] * factor for phase in self._phases}
            figures = {**log.take(), **rates, "stage": float(self._at.stage), "seconds": self._at.seconds}
            if self._iteration.parts > 1:
                figures["batch_parts"] = float(self._iteration.parts)
            metrics.add(step, figures)

    @torch.no_grad()
    def _validate(self, metrics: MetricsLog, stage: ActiveStage) -> None:
        held_out = self._data.held_out(_VALIDATION_FACES // self._iteration.parts)
        if held_out is None:
            return
        self._wrapped.eval()
        batch = self._batch(held_out, stage)
        figures: dict[str, float] = {}
        for phase in self._phases:
            torch.manual_seed(self._options.seed)  # the same warps every time: losses of two steps can be compared
            losses = guarded_losses(self._wrapped, self._choice, batch, phase.name)
            figures |= {f"validation/{phase.name}/{name}": float(value) for name, value in losses.items()}
            if self._model.lowers_rate_on_plateau and self._options.schedule == "plateau":
                phase.multiply_rates(1.0)
                phase.plateau.step(self._mean_over_processes(losses["loss"]))
                phase.read_rates()
        figures |= self._follows()
        metrics.add(self._at.step, figures)

    def _follows(self) -> dict[str, float]:
        """Whether drawn faces open and close their eyes as held-out ones do; in the main process."""
        if self._expression is None or not self._accelerator.is_main_process:
            return {}
        self._model.eval()
        with self._accelerator.autocast():
            found = self._expression.figures(self._model, self._choice, self._accelerator.device)
        # A swap loses more than a reconstruction, and is what it is for.
        drawn_as = "swap" if any(name.startswith("swap/") for name in found) else "own"
        named = {"eyes_r": f"{drawn_as}/eye_opening_r", "blink": f"{drawn_as}/blink"}
        self._shown = {shown: round(found[name], 2) for shown, name in named.items() if name in found}
        return {f"expression/{name}": value for name, value in found.items()}

    def _mean_over_processes(self, value: Tensor) -> float:
        return float(self._accelerator.reduce(value.detach().float(), "mean"))

    @torch.no_grad()
    def preview(self, stage: ActiveStage) -> None:
        """Write RUN/previews/STEP.png, in the main process."""
        if not self._accelerator.is_main_process:
            return
        rows = self._data.held_out(_PREVIEW_FACES) or self._data.spread(_PREVIEW_FACES)
        self._model.eval()
        torch.manual_seed(self._options.seed)
        batch = self._batch(rows, stage)
        path = self._run / "previews" / f"{self._at.step:08d}.png"
        with self._accelerator.autocast():
            write_preview(path, self._model, self._choice, batch, self._data.names_of(rows), self._at.step)

    def _go_back(self, error: NonFiniteLoss) -> None:
        newest, step = checkpoints.newest(self._run), self._at.step + 1
        where = f"The last good checkpoint is {newest}." if newest else "There is no checkpoint yet."
        message = f"Step {step}: a loss or gradient of the model {self._choice!r} is not finite ({error}). {where}"
        if newest is None:
            raise MienError(
                message,
                "The same command with a lower learning rate, or with --set train.clip=1: what has no checkpoint is "
                "begun anew.",
            )
        if self._options.on_nan == "stop":
            raise MienError(message, f"mien train --run {self._run} --resume --on-nan rollback")
        rollbacks = self._at.rollbacks + 1
        if rollbacks > self._options.rollbacks:
            raise MienError(
                f"{message} The run has gone back {self._options.rollbacks} times already.",
                f"Train another run with a lower learning rate, or with --set train.clip=1: --run {self._run}-2",
            )
        self._progress.say(f"{message} Going back to it, and on with another order of faces.")
        self.restore(newest)
        self._at.rollbacks = rollbacks

    def _start_bar(self) -> None:
        ends = [self._options.steps] if self._options.steps is not None else []
        if all(stage.steps is not None for stage in self._stages):
            ends.append(sum(stage.steps or 0 for stage in self._stages))
        total = min(ends) - self._at.step if ends and self._options.minutes is None else None
        self._progress.start("training", total)


def _tensors_of(model: Model) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
