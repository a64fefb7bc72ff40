"""A step of training of each model: by itself, and within the loop that also feeds it, checks it and notes it down."""

import copy
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.optim import Optimizer

from mien.benchmark.report import TrainTime
from mien.contracts.face import RgbImage
from mien.contracts.model import Batch, Model
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.errors import MienError
from mien.media.images import write_image
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
_SECONDS = 2.0
"""So long each of the two is measured, and a few steps at least."""
_FEWEST, _MOST, _WARM_UP = 3, 40, 2
_NEVER = 10**9


def measured_trainings(
    frames: Sequence[RgbImage], registry: Registry, progress: Progress, left_out: dict[str, str]
) -> Iterator[TrainTime]:
    """Train each installed model that is trained by steps on the faces of some frames, at its last stage.

    left_out: is told what cannot be measured, and why. A model with a preset for small machines is made by it.
    """
    names = [
        name
        for name in registry.names("model")
        if cast(type[Model], registry.load("model", name)).stages is not Model.stages
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            people = _people(Path(folder), frames, registry)
        except MienError as error:
            left_out["train"] = error.message
            return
        peaks: dict[str, float] = {}
        progress.start("training", len(names))
        for name in names:
            try:
                yield _measured(name, people, Path(folder) / "run", registry, peaks)
            except MienError as error:
                left_out[f"train {name}"] = error.message
            progress.advance(1)


def _people(folder: Path, frames: Sequence[RgbImage], registry: Registry) -> list[Path]:
    """Two datasets of the frames' faces, with what models ask for."""
    for number, frame in enumerate(frames):
        write_image(_made(folder / "frames") / f"{number:04d}.png", frame, synthetic=None)
    features = [part for part in _FEATURES.split("+") if part.partition(":")[0] in registry.names("feature")]
    with suppress(MienError):  # if nothing installed tells people apart, a model that needs it says so itself
        features.append(Recognizer(registry).record.choice)
    options = PreprocessOptions(features="+".join(features), copies=False, images=False)
    preprocess(folder / "first", [folder / "frames"], options=options, registry=registry)
    shutil.copytree(folder / "first", folder / "second")
    return [folder / "first", folder / "second"]


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _measured(name: str, people: list[Path], folder: Path, registry: Registry, peaks: dict[str, float]) -> TrainTime:
    loaded = cast(type[Model], registry.load("model", name))
    choice = f"{name}:preset=small" if "small" in loaded.Config.presets else name
    features = _FEATURES if loaded.needs_features else ""
    with global_state_restored():
        begun = begin(choice, people[: loaded.people[0]], folder, features, None, _options(_MOST), registry)
        begun.fit(Silent())
        number = len(begun.model.stages()) - 1
        stage = begun.model.stages()[number]
        bare = _Bare(copy.deepcopy(begun.model), begun, number)
        steps = min(_MOST, max(_FEWEST, round(_SECONDS / bare.seconds(1)[0])))
        alone = bare.seconds(steps // 2)
        ticks = _Ticks()
        loop = Loop(begun.accelerator, begun.model, name, begun.data, _options(steps + _WARM_UP), folder, ticks, None)
        loop.start_at(number)
        memory = _peak_memory_mb(lambda: loop.run(StopRequest(None)), begun.accelerator.device)
        alone += bare.seconds(steps - steps // 2)
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
        bare_milliseconds=1000 * statistics.median(alone),
        loop_milliseconds=1000 * statistics.median(ticks.seconds[_WARM_UP - 1 :]),
        gflop=gflop,
        peak_gflops=peaks[precision],
        peak_memory_mb=memory,
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

    def seconds(self, steps: int) -> list[float]:
        """How long each of some steps takes, the first of all that are asked for left out."""
        self.model.train()
        taken = []
        for _ in range(steps + 1):
            began = time.perf_counter()
            for phase, optimizer, parameters in self._phases:
                with only_training(self.model, parameters):
                    optimizer.zero_grad(set_to_none=True)
                    with self._autocast():
                        loss = self.model(self.batch, phase)["loss"]
                    loss.float().backward()
                    optimizer.step()
                    self.model.after_step(phase)
            float(loss.detach())  # waits for a card
            taken.append(time.perf_counter() - began)
        return taken[1:]


class _Ticks(Silent):
    """Notes when each step is done."""

    def __init__(self) -> None:
        self._at: list[float] = []

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        """A step is done."""
        self._at.append(time.perf_counter())

    @property
    def seconds(self) -> list[float]:
        """From the end of each step to that of the next."""
        return [later - before for before, later in pairwise(self._at)]


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
