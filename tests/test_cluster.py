"""Work on a Ray cluster of two nodes, one of which may be lost."""

import operator
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mien import (
    EvaluateOptions,
    Evaluation,
    PreprocessOptions,
    SessionOptions,
    anonymize,
    evaluate,
    preprocess,
    swap,
    train,
)
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.progress import Silent
from mien.workers.cluster import RayExecutor, executor_on

CLIPS = Path(__file__).parent / "data" / "clips"
PORTRAIT = Path(__file__).parent / "data" / "images" / "stills" / "grace_hopper.jpg"
OPTIONS = PreprocessOptions(
    extractor="blazeface", features="landmarks", images=False, alignment=AlignmentConfig(size=128, margin=0.4)
)


def test_a_name_that_is_none_is_refused_and_none_is_none() -> None:
    with executor_on(None) as executor:
        assert executor is None
    with pytest.raises(MienError, match="'dask' is nothing"), executor_on("dask"):
        pass


def test_a_cluster_that_does_not_answer_is_said_at_once() -> None:
    began = time.monotonic()
    for where in ("ray:127.0.0.1:1", "ray://127.0.0.1:1", "ray:127.0.0.1:port"):
        with pytest.raises(MienError, match=r"No Ray cluster answers at .*127\.0\.0\.1"), executor_on(where):
            pass
    assert time.monotonic() - began < 30


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes with a processor each, on this machine."""
    utils = pytest.importorskip("ray.cluster_utils")
    nodes = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def contents(dataset: Path) -> dict[str, bytes]:
    """The files of a dataset's faces; what says when it was made is left out."""
    return {name: data for name, data in files_of(dataset / "faces").items() if name != "dataset.json"}


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What was measured; how fast the model draws is another figure each time."""
    return evaluation.model_dump(exclude={"faces_per_second"})


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_nodes_give_the_same_and_a_lost_one_costs_its_part_alone(cluster: Any, tmp_path: Path) -> None:
    sources = [CLIPS / "target_J_2s_audio.mp4", CLIPS / "target_E_4s_silent.mp4"]
    preprocess(tmp_path / "here", sources=sources, options=OPTIONS)
    with RayExecutor(cluster.address) as executor:
        assert executor.submit(operator.add, 1, 2).result() == 3
        with pytest.raises(ZeroDivisionError):
            executor.submit(operator.truediv, 1, 0).result()
        preprocess(tmp_path / "there", sources=sources, options=OPTIONS, executor=executor)
        assert contents(tmp_path / "there") == contents(tmp_path / "here")

        class LosingANode(Silent):
            """Kills a node when the first faces have come, or the first segment is drawn."""

            lost = False

            def advance(self, done: int = 1, **counts: int) -> None:
                if not self.lost:
                    self.lost = True
                    threading.Thread(
                        target=lambda: cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
                    ).start()

        folder = tmp_path / "folder"
        (folder / "more").mkdir(parents=True)
        shutil.copy(CLIPS / "target_J_2s_audio.mp4", folder / "more" / "clip.mp4")
        shutil.copy(PORTRAIT, folder / PORTRAIT.name)
        (folder / "broken.jpg").write_bytes(b"no image")
        train("morph", [tmp_path / "here"], tmp_path / "run")
        options = SessionOptions(extractor="blazeface", credentials=False)
        here = swap(tmp_path / "run", folder, tmp_path / "swapped", options=options)
        there = swap(tmp_path / "run", folder, tmp_path / "swapped_there", options=options, executor=executor)
        assert [file.source for file in there.files] == [file.source for file in here.files]
        assert [file.failure for file in there.files] == [file.failure for file in here.files]
        assert files_of(tmp_path / "swapped_there") == files_of(tmp_path / "swapped")

        judged = EvaluateOptions(faces=6)
        by_one = evaluate(tmp_path / "run", tmp_path / "here", options=judged, out=tmp_path / "judged")
        by_two = evaluate(
            tmp_path / "run", tmp_path / "here", options=judged, out=tmp_path / "judged_there", executor=executor
        )
        assert repr(figures(by_two)) == repr(figures(by_one))  # some are not a number

        hidden = SessionOptions(extractor="blazeface", credentials=False)
        anonymize(folder, tmp_path / "hidden", method="blocks", session=hidden)
        anonymize(folder, tmp_path / "hidden_there", method="blocks", session=hidden, executor=executor)
        assert len(files_of(tmp_path / "hidden")) == 2
        assert files_of(tmp_path / "hidden_there") == files_of(tmp_path / "hidden")
        with pytest.raises(MienError, match="by one process"):
            anonymize(folder, tmp_path / "drawn", method="morph", session=hidden, executor=executor)

        long = replace(options, segment_seconds=0.6)
        swap(tmp_path / "run", sources[0], tmp_path / "long.mp4", options=long)
        there = swap(tmp_path / "run", sources[0], tmp_path / "long_there.mp4", options=long, executor=executor)
        assert there.frames == 72
        assert (tmp_path / "long_there.mp4").read_bytes() == (tmp_path / "long.mp4").read_bytes()
        progress = LosingANode()
        swap(tmp_path / "run", sources[0], tmp_path / "lost.mp4", options=long, executor=executor, progress=progress)
        assert progress.lost
        assert (tmp_path / "lost.mp4").read_bytes() == (tmp_path / "long.mp4").read_bytes()
        cluster.add_node(num_cpus=1)

        progress = LosingANode()
        preprocess(tmp_path / "lost", sources=sources, options=OPTIONS, executor=executor, progress=progress)
        assert progress.lost
        assert contents(tmp_path / "lost") == contents(tmp_path / "here")
