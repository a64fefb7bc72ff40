"""A step of training of each model: by itself, and within the loop that also feeds it, checks it and notes it down."""

import copy
import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.optim import Optimizer

from mien.benchmark.report import TrainTime
from mien.benchmark.step_profile import step_shares
from mien.contracts.face import RgbImage
from mien.contracts.model import Batch, Model
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.media.images import write_image
from mien.plugins.choice import parse_choice
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.training.global_state import global_state_restored
from mien.training.iteration import only_training
from mien.training.loop import Loop
from mien.training.options import TrainOptions
from mien.training.speed import convolution_peak_gflops, step_gflop
from mien.training.stopping import StopRequest
from mien.training.trainer import Beginning, begin

_FEATURES = "landmarks:points=10+thumbnail:size=2"
_MARGIN = 0.4
"""Of the crops: models that draw with photographs look at wider ones than others."""
_SECONDS = 2.0
"""So long each of the two is measured, and two turns at least."""
_TURN = 6
"""Steps in the loop and bare steps have turns of so many; the first step of each is not counted."""
_FEWEST_TURNS, _MOST_TURNS = 2, 7
_PROFILED = 3
"""Steps that are profiled."""
_NEVER = 10**9


def measured_trainings(
    frames: Sequence[RgbImage],
    registry: Registry,
    progress: Progress,
    left_out: dict[str, str],
    models: Sequence[str] | None = None,
    *,
    profiled: bool = False,
) -> Iterator[TrainTime]:
    """Train models on the faces of some frames, at their last stage.

    left_out: is told what cannot be measured, and why. models: plugin choices; None: each that is installed and trained
    by steps, by its preset for small machines if it has one. profiled: whether a step is told apart by kinds of
    operation.
    """
    choices = _choices(registry) if models is None else models
    with tempfile.TemporaryDirectory() as folder:
        try:
            people = _people(Path(folder), frames, registry)
        except MienError as error:
            left_out["train"] = error.message
            return
        peaks: dict[str, float] = {}
        progress.start("training", len(choices))
        for choice in choices:
            try:
                yield _measured(choice, people, Path(folder) / "run", registry, peaks, profiled)
            except MienError as error:
                left_out[f"train {choice}"] = error.message
            progress.advance(1)


def _choices(registry: Registry) -> list[str]:
    """Each model that is trained by steps, small where it can be."""
    models = {name: cast(type[Model], registry.load("model", name)) for name in registry.names("model")}
    return [
        f"{name}:preset=small" if "small" in model.Config.presets else name
        for name, model in models.items()
        if model.stages is not Model.stages
    ]


def _people(folder: Path, frames: Sequence[RgbImage], registry: Registry) -> list[Path]:
    """Two datasets of the frames' faces, with what models ask for."""
    for number, frame in enumerate(frames):
        write_image(_made(folder / "frames") / f"{number:04d}.png", frame, synthetic=None)
    features = [part for part in _FEATURES.split("+") if part.partition(":")[0] in registry.names("feature")]
    with suppress(MienError):  # if nothing installed tells people apart, a model that needs it says so itself
        features.append(Recognizer(registry).record.choice)
    options = PreprocessOptions(
        features="+".join(features), copies=False, images=False, alignment=AlignmentConfig(margin=_MARGIN)
    )
    preprocess(folder / "first", [folder / "frames"], options=options, registry=registry)
    shutil.copytree(folder / "first", folder / "second")
    return [folder / "first", folder / "second"]


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _measured(
    choice: str, people: list[Path], folder: Path, registry: Registry, peaks: dict[str, float], profiled: bool
) -> TrainTime:
    loaded = cast(type[Model], registry.load("model", parse_choice(choice).name))
    features = _FEATURES if loaded.needs_features else ""
    with global_state_restored():
        begun = begin(choice, people[: loaded.people[0]], folder, features, None, _options(1), registry)
        begun.fit(Silent())
        number = len(begun.model.stages()) - 1
        stage = begun.model.stages()[number]
        bare = _Bare(copy.deepcopy(begun.model), begun, number)
        wanted = math.ceil(_SECONDS / bare.seconds(1)[0] / _TURN)
        turns = _Turns(bare.seconds)
        steps = _TURN * (1 + min(_MOST_TURNS, max(_FEWEST_TURNS, wanted)))
        loop = Loop(begun.accelerator, begun.model, choice, begun.data, _options(steps), folder, turns, None)
        loop.start_at(number)
        memory = _peak_memory_mb(lambda: loop.run(StopRequest(None)), begun.accelerator.device)
        shares = step_shares(bare.step, _PROFILED, begun.accelerator.device) if profiled else None
        gflop = step_gflop(bare.model, bare.batch)
        precision = begun.options.precision
        if precision not in peaks:
            dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
            peaks[precision] = convolution_peak_gflops(dtype, device=begun.accelerator.device)
    shutil.rmtree(folder, ignore_errors=True)
    return TrainTime(
        what=choice,
        resolution=stage.resolution,
        batch_size=stage.batch_size,
        precision=precision,
        bare_milliseconds=1000 * statistics.median(turns.alone),
        loop_milliseconds=1000 * statistics.median(turns.in_loop),
        gflop=gflop,
        peak_gflops=peaks[precision],
        peak_memory_mb=memory,
        shares=shares,
    )


def _options(steps: int) -> TrainOptions:
    """The defaults, but for what happens every some hundred steps."""
    return TrainOptions(
        steps=steps,
        steps_per_validation=_NEVER,
        steps_per_preview=_NEVER,
        steps_per_checkpoint=_NEVER,
        held_out=0.0,
    )


class _Bare:
    """The steps of a model without a loop: one batch again and again; losses, gradients, optimizers and averages."""

    def __init__(self, model: Model, begun: Beginning, stage: int) -> None:
        self._device, self._autocast = begun.accelerator.device, begun.accelerator.autocast
        self.model = model.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        of_model = model.stages()[stage]
        rows = begun.data.spread(of_model.batch_size)
        rows = begun.data.repeated(rows, of_model.batch_size)
        self.batch: Batch = begun.data.batch(rows, model, of_model.resolution, 1.0, stage, self._device)
        self._phases: list[tuple[str, Optimizer, list[nn.Parameter]]] = []
        for phase in model.phases:
            optimizer = model.optimizer(phase)
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            self._phases.append((phase, optimizer, parameters))

    def step(self) -> None:
        """Do one."""
        self.model.train()
        for phase, optimizer, parameters in self._phases:
            with only_training(self.model, parameters):
                optimizer.zero_grad(set_to_none=True)
                with self._autocast():
                    loss = self.model(self.batch, phase)["loss"]
                loss.float().backward()
                optimizer.step()
                self.model.after_step(phase)
        float(loss.detach())  # waits for a card

    def seconds(self, steps: int) -> list[float]:
        """How long each of some steps takes, after one that is not counted."""
        taken = []
        for _ in range(steps + 1):
            began = time.perf_counter()
            self.step()
            taken.append(time.perf_counter() - began)
        return taken[1:]


class _Turns(Silent):
    """Notes how long each step of a loop takes, and lets something else have every other turn.

    The machine's other work comes and goes, so both are measured close together. The first turn of either is not
    counted, as memory is still being taken and faces are still being read.
    """

    def __init__(self, other: Callable[[int], list[float]]) -> None:
        """other: does one step more than it is told, and returns how long each but the first took, in seconds."""
        self._other = other
        self._steps = 0
        self._began: float | None = None
        self._alone: list[float] = []
        self._in_loop: list[float] = []

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        """A step of the loop is done."""
        now = time.perf_counter()
        if self._began is not None:
            self._in_loop.append(now - self._began)
        self._began = None  # the first step of a turn has a batch that was made during the other's
        self._steps += 1
        if self._steps % _TURN == 0:
            self._alone += self._other(_TURN - 1)
        else:
            self._began = time.perf_counter()

    @property
    def in_loop(self) -> list[float]:
        """Seconds of each counted step of the loop."""
        return self._in_loop[_TURN - 1 :]

    @property
    def alone(self) -> list[float]:
        """Seconds of each counted step of the other."""
        return self._alone[_TURN - 1 :]


def _peak_memory_mb(work: Callable[[], object], device: torch.device) -> float | None:
    """The most memory in use while something works, in 2²⁰ bytes: of a CUDA card, else, on Linux, of the process; None:
    not known."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        work()
        return torch.cuda.max_memory_allocated(device) / 2**20
    marks = Path("/proc/self/clear_refs")
    try:
        marks.write_text("5", encoding="ascii")  # forget the peak so far
        known = True
    except OSError:
        known = False
    work()
    if not known:
        return None
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(
        (float(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")),
        None,
    )
