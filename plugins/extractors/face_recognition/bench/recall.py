"""Which share of dlib's faces each way of searching finds, and how fast.

    python recall.py PATH…        clips, images, or folders of them

Reference: dlib with one upsampling (what face_recognition does). A face counts as found where the boxes overlap with an
intersection over union above 0.4. Speed is that of one core, by the time that the processor was busy.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from mien.contracts.face import Box, Face, RgbImage
from mien_extractor_face_recognition.extractor import FaceRecognition, FaceRecognitionConfig

REFERENCE = FaceRecognitionConfig(search="full", upsample=1, max_side_px=100_000)
SUFFIXES = {".mp4", ".mov", ".webm", ".jpg", ".png", ".webp"}
MODES = {
    "quick (default)": FaceRecognitionConfig(),
    "quick, upsample=0": FaceRecognitionConfig(upsample=0),
    "full": FaceRecognitionConfig(search="full"),
    "full, upsample=0": FaceRecognitionConfig(search="full", upsample=0),
}


def frames(paths: list[Path]) -> Iterator[RgbImage]:
    """Every frame of every clip and image."""
    for path in paths:
        if path.is_dir():
            yield from frames(sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES))
            continue
        try:
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        except (av.FFmpegError, IndexError) as error:
            print(f"skipped {path}: {error}", file=sys.stderr)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = Box(
        max(one.left, other.left),
        max(one.top, other.top),
        min(one.right, other.right),
        min(one.bottom, other.bottom),
    )
    area = shared.area if shared.right > shared.left and shared.bottom > shared.top else 0.0
    return area / (one.area + other.area - area)


def landmark_distance(one: Face, other: Face) -> float:
    """Mean distance of the landmarks as a share of the distance between the eyes."""
    eyes = np.linalg.norm(one.landmarks[36:42].mean(0) - one.landmarks[42:48].mean(0))
    return float(np.linalg.norm(one.landmarks - other.landmarks, axis=1).mean() / eyes)


def main() -> None:
    """Print a line per way of searching."""
    reference = FaceRecognition(REFERENCE)
    extractors = {name: FaceRecognition(config) for name, config in MODES.items()}
    images, faces = 0, 0
    seconds, hits, found = (dict.fromkeys(MODES, 0.0) for _ in range(3))
    apart: dict[str, list[float]] = {name: [] for name in MODES}
    for image in frames([Path(argument) for argument in sys.argv[1:]]):
        images += 1
        expected = reference.extract(image)
        faces += len(expected)
        for name, extractor in extractors.items():
            begin = time.process_time()
            got = extractor.extract(image)
            seconds[name] += time.process_time() - begin
            found[name] += len(got)
            for face in expected:
                best = max(got, key=lambda other: overlap(face.box, other.box), default=None)
                if best is not None and overlap(face.box, best.box) > 0.4:
                    hits[name] += 1
                    apart[name].append(landmark_distance(face, best))
    if not images:
        sys.exit(__doc__)
    print(f"{images} images, {faces} faces by dlib with one upsampling\n")
    print(f"{'search':<20}{'found of these':>15}{'all found':>11}{'images/s':>12}{'landmarks apart':>17}")
    for name in MODES:
        share, mean = hits[name] / max(faces, 1), float(np.mean(apart[name] or [0]))
        print(f"{name:<20}{share:>15.2%}{found[name]:>11.0f}{images / seconds[name]:>12.1f}{mean:>17.2%}")


if __name__ == "__main__":
    main()
