"""Whether an extractor's scores mean what they say: a logistic function fitted to what is a face and what is none.

    python scores.py EXTRACTOR REFERENCE PATH…      clips, images, or folders of them; of a clip, two frames a second

EXTRACTOR: best with a low threshold, as face_recognition:min_score=0.05. A detection counts as a face where REFERENCE
finds one, as centerface. Scores s are calibrated if P(face) = 1 / (1 + exp(−(a·x + b))), with x = log(s / (1 − s)), has
a = 1 and b = 0 (J. Platt, "Probabilistic outputs for support vector machines", 1999, with his targets for few
detections). For scores that are not in [0, 1] yet, a plugin's author fits the same with x = s.
"""

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien import ExtractorSet, MienError, Registry
from mien.contracts.face import RgbImage
from mien.geometry.boxes import is_same_face
from mien.media.discovery import find_sources
from mien.media.images import read_image
from mien.media.video_reader import VideoSource

FRAMES_PER_SECOND = 2
EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


def images(paths: list[Path]) -> Iterator[RgbImage]:
    """Every image, and some frames of every clip."""
    for source in find_sources(paths):
        try:
            if source.kind == "image":
                yield read_image(source.path)
            elif source.kind == "video":
                last = -np.inf
                with VideoSource(source.path) as video:
                    for frame in video.frames():
                        if (seconds := float(frame.pts * video.time_base)) >= last + 1 / FRAMES_PER_SECOND:
                            last = seconds
                            yield frame.image
        except MienError as error:
            print(f"skipped {source.path}: {error.message}", file=sys.stderr)


def fitted(x: NDArray[np.float64], is_face: NDArray[np.bool_]) -> tuple[float, float]:
    """The logistic function's slope and offset, by Newton's method."""
    faces = int(is_face.sum())
    wanted = np.where(is_face, (faces + 1) / (faces + 2), 1 / (len(x) - faces + 2))
    columns, weights = np.column_stack([x, np.ones_like(x)]), np.zeros(2)
    for _ in range(100):
        likely = 1 / (1 + np.exp(-columns @ weights))
        curvature = (columns.T * (likely * (1 - likely))) @ columns + 1e-9 * np.eye(2)
        weights -= np.linalg.solve(curvature, columns.T @ (likely - wanted))
    return float(weights[0]), float(weights[1])


def main() -> None:
    """Print how many detections of each score are faces, and the function."""
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    extractor, reference = (ExtractorSet(choice, Registry()) for choice in sys.argv[1:3])
    scores: list[float] = []
    is_face: list[bool] = []
    count = 0
    for image in images([Path(argument) for argument in sys.argv[3:]]):
        count += 1
        known = reference.extract(image)
        for face in extractor.extract(image):
            scores.append(face.score)
            is_face.append(any(is_same_face(face.box, other.box) for other in known))
    values, truth = np.array(scores), np.array(is_face)
    print(f"{len(values)} detections in {count} images\n\n| score | faces | others |\n|---|---|---|")
    for low, high in pairwise(EDGES):
        here = truth[(values >= low) & (values < high if high < 1 else values <= 1)]
        print(f"| {low:g} to {high:g} | {here.sum()} | {(~here).sum()} |")
    near = np.clip(values, 1e-6, 1 - 1e-6)
    print("\na = {:.2f}, b = {:.2f}".format(*fitted(np.log(near / (1 - near)), truth)))


if __name__ == "__main__":
    main()
