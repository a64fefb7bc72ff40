"""Feeds the loop: while it steps on an iteration's batches, a thread makes those of the next."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mien.contracts.model import Batch, Model, Stage
from mien.errors import MienError
from mien.training.data import BatchCrops, BatchRows, TrainingData, batch_of
from mien.training.device_data import DeviceData, belongs_on_device
from mien.training.kept_faces import KeptFaces, fit_in_memory
from mien.training.options import TrainOptions
from mien.training.sampling import StepSampler


@dataclass(frozen=True, slots=True)
class ActiveStage:
    """A stage of the model, its number, and which faces come in each of its steps."""

    number: int
    of_model: Stage
    sampler: StepSampler


@dataclass(frozen=True, slots=True)
class FedBatches:
    """The batches of one iteration of one process, and the rows that each holds."""

    rows: list[BatchRows]
    batches: list[Batch]


@dataclass(frozen=True, slots=True)
class _Made:
    """What the thread has made for an iteration: all on the host, or whole batches in a stream of the card's."""

    rows: list[BatchRows]
    crops: list[BatchCrops]
    batches: list[Batch]
    ready: torch.cuda.Event | None = None
    kept: KeptFaces | None = None
    """Where faces of the stage are kept, on a processor."""
    new: list[tuple[BatchRows, BatchCrops | None]] = field(default_factory=list)
    """Of each batch, those that were not there when the thread looked."""


class BatchFeed:
    """The batches of each iteration, by its stage and step alone. One iteration is made ahead, by one thread.

    What was made ahead is thrown away if another iteration is asked for, as after a rollback.

    On a processor the thread reads those crops that have not come before, and faces are kept as the model gets them;
    once all faces of a step are there, it has nothing to do. On a CUDA card it copies crops there, in a stream of its
    own, and makes the batches. Use it as a context: at its end the thread is.
    """

    def __init__(
        self,
        data: TrainingData,
        model: Model,
        options: TrainOptions,
        device: torch.device,
        process: int,
        processes: int,
    ) -> None:
        """process: number of this process among so many. With `data_on` all faces are copied to the device here."""
        self._data, self._model, self._options, self._device = data, model, options, device
        self._process, self._processes = process, processes
        self._on_device = (
            DeviceData(data, model, device) if belongs_on_device(options.data_on, data, model, device) else None
        )
        self._kept: KeptFaces | None = None
        self._keeps: dict[int, bool] = {}
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        if self._stream is not None:  # what is on the card already has to be whole before the stream reads it
            self._stream.wait_stream(torch.cuda.current_stream(device))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mien-feed")
        self._ahead: tuple[ActiveStage, int, _Made | Future[_Made]] | None = None

    @property
    def data_on_device(self) -> bool:
        """Whether all faces lie in the device's memory, or come to lie there."""
        return self._on_device is not None or self._kept is not None

    def __enter__(self) -> "BatchFeed":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def take(self, stage: ActiveStage, step: int) -> FedBatches:
        """The batches of a step of a stage; those of the next step are begun. Raises MienError if a face cannot be
        read."""
        made = self._made(stage, step)
        following = step + 1
        if stage.of_model.steps is None or following < stage.of_model.steps:
            self._ahead = (stage, following, self._begun(stage, following))
        if made.ready is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(made.ready)
            for batch in made.batches:
                _used_in(stream, batch)
            return FedBatches(made.rows, made.batches)
        if made.kept is not None:
            for rows, crops in made.new:
                if crops is not None:
                    made.kept.keep(rows, crops)
            progress = _progress(stage, step)
            return FedBatches(made.rows, [made.kept.batch(rows, progress, stage.number) for rows in made.rows])
        return FedBatches(made.rows, made.batches or self._batches(made.crops, stage, step))

    def _made(self, stage: ActiveStage, step: int) -> _Made:
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0] is not stage or ahead[1] != step:
            # What was begun is not wanted any more, and neither is what went wrong with it.
            if ahead is not None and isinstance(ahead[2], Future) and not ahead[2].cancel():
                with suppress(MienError, OSError):
                    ahead[2].result()
            return self._thread.submit(self._make, stage, step).result()
        return ahead[2].result() if isinstance(ahead[2], Future) else ahead[2]

    def _begun(self, stage: ActiveStage, step: int) -> "_Made | Future[_Made]":
        """What is made of a step ahead: by the thread, but where there is nothing to read, and all that it did was to
        take a core from the step."""
        kept = self._kept_for(stage)
        if kept is not None:
            rows = self._step_rows(stage, step)
            if all(map(kept.holds, rows)):
                return _Made(rows, [], [], kept=kept)
        return self._thread.submit(self._make, stage, step)

    def _make(self, stage: ActiveStage, step: int) -> _Made:
        rows = self._step_rows(stage, step)
        source = self._on_device or self._data
        kept = self._kept_for(stage)
        if kept is not None:
            return _Made(rows, [], [], kept=kept, new=[kept.missing(picked) for picked in rows])
        if self._stream is None:
            return _Made(rows, [source.crops_for(picked, self._model) for picked in rows], [])
        with torch.cuda.stream(self._stream):
            batches = self._batches([source.crops_for(picked, self._model) for picked in rows], stage, step)
            return _Made(rows, [], batches, self._stream.record_event())

    def _kept_for(self, stage: ActiveStage) -> KeptFaces | None:
        """Where the faces of a stage are kept, on a processor with room for them."""
        resolution = stage.of_model.resolution
        if resolution not in self._keeps:
            self._keeps[resolution] = self._device.type == "cpu" and fit_in_memory(
                self._options.data_on, self._data, resolution, self._processes
            )
        if not self._keeps[resolution]:
            return None
        if self._kept is None or self._kept.resolution != resolution:
            self._kept = KeptFaces(self._data, self._model, resolution)
        return self._kept

    def _step_rows(self, stage: ActiveStage, step: int) -> list[BatchRows]:
        """Those of each batch of the iteration."""
        numbers = range(step * self._options.accumulate, (step + 1) * self._options.accumulate)
        return [BatchRows(stage.sampler.rows(number * self._processes + self._process)) for number in numbers]

    def _batches(self, crops: Sequence[BatchCrops], stage: ActiveStage, step: int) -> list[Batch]:
        progress, resolution = _progress(stage, step), stage.of_model.resolution
        return [batch_of(part, self._model, resolution, progress, stage.number, self._device) for part in crops]


def _progress(stage: ActiveStage, step: int) -> float:
    return step / stage.of_model.steps if stage.of_model.steps else 1.0


def _used_in(stream: torch.cuda.Stream, batch: Batch) -> None:
    """Keep the batch's memory from being given out anew before the stream is done with it."""
    for value in (getattr(batch, name) for name in batch.__dataclass_fields__):
        if isinstance(value, Tensor):
            value.record_stream(stream)
        elif isinstance(value, Batch):
            _used_in(stream, value)
