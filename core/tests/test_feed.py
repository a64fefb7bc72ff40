"""Batches made ahead are those that would be made in line."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import psutil
import pytest
import torch

from mien.contracts.model import Batch, Model, ModelInputs, Stage
from mien.contracts.target import Target
from mien.dataset import Dataset
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.training import TrainOptions
from mien.training.data import BatchCrops, BatchRows, TrainingData
from mien.training.device_data import DeviceData, belongs_on_device
from mien.training.feed import ActiveStage, BatchFeed
from mien.training.kept_faces import KeptFaces, fit_in_memory

CPU = torch.device("cpu")


class Watching(Model):
    """Looks at the frames before and after, too."""

    window = (1, 1)
    masked = True

    def __init__(self, stages: list[Stage]) -> None:
        super().__init__(None, ModelInputs(("E", "J"), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32)))
        self.planned = stages

    def stages(self) -> list[Stage]:
        return self.planned

    def generate(self, batch: Batch, target: Target) -> torch.Tensor:
        return batch.images


@pytest.fixture(scope="module")
def data(people: list[Path]) -> TrainingData:
    datasets = [Dataset.open(path) for path in people]
    return TrainingData(datasets, FeatureSet("landmarks:points=5", Registry()), TrainOptions())


def active(data: TrainingData, model: Model, number: int = 0) -> ActiveStage:
    stage = model.stages()[number]
    return ActiveStage(number, stage, data.sampler(model, stage, 0, number, 0))


def assert_same(first: Batch, second: Batch) -> None:
    for name in ("images", "masks", "features", "people", "landmarks", "tracks"):
        mine, theirs = getattr(first, name), getattr(second, name)
        assert torch.equal(mine.nan_to_num(), theirs.nan_to_num()), name
    assert (first.stage, first.progress) == (second.stage, second.progress)
    assert (first.around is None) == (second.around is None)
    if first.around is not None and second.around is not None:
        assert_same(first.around, second.around)


@pytest.mark.parametrize("data_on", ["host", "device"])
def test_what_is_fed_is_what_its_rows_give(data: TrainingData, data_on: Literal["host", "device"]) -> None:
    """To the bit, and in the same order in memory, by which convolutions are chosen."""
    model = Watching([Stage(24, 4, 6), Stage(64, 2)])
    options = TrainOptions(data_on=data_on, accumulate=2)
    with BatchFeed(data, model, options, CPU, process=1, processes=2) as feed:
        for number, steps in ((0, range(6)), (1, range(3))):
            stage, again = active(data, model, number), active(data, model, number)
            for step in steps:
                fed = feed.take(stage, step)
                assert len(fed.batches) == 2
                for part, (rows, batch) in enumerate(zip(fed.rows, fed.batches, strict=True)):
                    assert rows.rows.tolist() == again.sampler.rows((2 * step + part) * 2 + 1).tolist()
                    progress = step / 6 if number == 0 else 1.0
                    expected = data.batch(rows, model, stage.of_model.resolution, progress, number)
                    assert_same(batch, expected)
                    assert batch.images.stride() == expected.images.stride()
                    assert batch.masks.stride() == expected.masks.stride()
            assert feed.data_on_device == (data_on == "device")


def test_a_track_has_its_number_whichever_datasets_were_read_with_it(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, of_first = Watching([Stage(24, 4)]), len(data.datasets[0])
    rows = BatchRows(np.array([of_first, 0, of_first + 1, 1]))
    tracks = data.batch(rows, model, 24).tracks
    assert len(set(tracks.tolist())) == 2  # one person, and another

    alone = data.batch(BatchRows(rows.rows[::2]), model, 24).tracks
    assert torch.equal(alone, tracks[::2])

    kept = KeptFaces(data, model, 24)
    for some in (rows.rows[1::2], rows.rows[::2]):
        kept.keep(*_with_crops(kept, BatchRows(some)))
    assert_same(kept.batch(rows, 1.0, -1), data.batch(rows, model, 24))

    monkeypatch.setattr("mien.training.device_data._ROWS_PER_CHUNK", of_first)
    assert torch.equal(torch.as_tensor(DeviceData(data, model, CPU).crops_for(rows, model).faces.tracks), tracks)


def _with_crops(kept: KeptFaces, rows: BatchRows) -> tuple[BatchRows, BatchCrops]:
    new, crops = kept.missing(rows)
    assert crops is not None
    return new, crops


def test_a_face_that_has_come_is_not_read_again(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    crops_of = TrainingData.crops_of

    def noted(self: TrainingData, rows: BatchRows, model: Model) -> object:
        read.extend(rows.rows.tolist())
        return crops_of(self, rows, model)

    monkeypatch.setattr(TrainingData, "crops_of", noted)
    model = Watching([Stage(16, 32)])
    with BatchFeed(data, model, TrainOptions(), CPU, 0, 1) as feed:
        stage = active(data, model)
        for step in range(0, 40, 2):  # nothing is made ahead of a step that is left out
            feed.take(stage, step)
    assert set(read) >= set(data.training_rows.tolist())
    assert len(read) < 3 * len(set(read)), "but for those that were asked for again before they were there"


def test_whatever_was_made_ahead_the_step_that_is_asked_for_comes(data: TrainingData) -> None:
    model = Watching([Stage(16, 4)])
    with BatchFeed(data, model, TrainOptions(), CPU, 0, 1) as feed:
        first = active(data, model)
        assert feed.take(first, 0).rows[0].rows.tolist() == first.sampler.rows(0).tolist()
        assert feed.take(first, 7).rows[0].rows.tolist() == first.sampler.rows(7).tolist()
        # After a rollback the next step has the number that was made ahead, and other faces.
        other = ActiveStage(0, model.stages()[0], data.sampler(model, model.stages()[0], 0, 0, 1))
        assert feed.take(other, 8).rows[0].rows.tolist() == other.sampler.rows(8).tolist()


def test_one_iteration_is_made_ahead_and_no_thread_is_left(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[BatchRows] = []
    finished = threading.Event()
    crops_for = TrainingData.crops_for

    def noted(self: TrainingData, rows: BatchRows, model: Model) -> object:
        made.append(rows)
        result = crops_for(self, rows, model)
        if len(made) == 2:
            finished.set()
        return result

    monkeypatch.setattr(TrainingData, "crops_for", noted)
    model = Watching([Stage(16, 4)])
    before = threading.active_count()
    with BatchFeed(data, model, TrainOptions(data_on="host"), CPU, 0, 1) as feed:
        feed.take(active(data, model), 0)
        assert finished.wait(10), "the next one is made without being asked for"
    assert len(made) == 2 and threading.active_count() == before


def test_what_fails_ahead_is_raised_where_it_is_wanted(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Watching([Stage(16, 4)])
    with BatchFeed(data, model, TrainOptions(), CPU, 0, 1) as feed:
        stage = active(data, model)

        def gone(*_: object) -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr(TrainingData, "crops_of", gone)
        with pytest.raises(OSError, match="the disk is gone"):
            feed.take(stage, 0)


def test_faces_are_kept_if_there_is_room_for_them(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 2 * data.faces * 64**2 * 4 * 4
    for free, fits in ((5 * taken, True), (5 * taken - 1, False)):
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: SimpleNamespace(available=free))
        assert fit_in_memory("auto", data, 64, 2) == fits
        assert fit_in_memory("device", data, 64, 2)
        assert not fit_in_memory("host", data, 64, 2)


def test_faces_go_to_a_card_that_has_room_for_them(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    model, card = Watching([Stage(16, 4)]), torch.device("cuda", 0)
    side = data.datasets[0].info.size
    taken = data.faces * (4 * side**2 + 68 * 2 * 4 + 10 * 4 + 8 + 8)
    for free, fits in ((5 * taken, True), (5 * taken - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 2 * free))
        assert belongs_on_device("auto", data, model, card) == fits
