"""Compute the mean face in three dimensions that head pose is measured against, from the face mesh on clips.

    python plugins/extractors/blazeface/tools/mean_shape.py cli/src/mien_cli/demo/data/E

Takes the faces that look into the camera, lays them over each other (generalized Procrustes analysis: J. C. Gower,
Psychometrika 40, 1975), sets their mean upright, makes it symmetric, and writes core/src/mien/data/mean_shape_68.json.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.media.files import whole_file
from mien.media.video_reader import VideoSource
from mien_extractor_blazeface.blazeface import BlazeFace
from mien_extractor_blazeface.ibug import on_mesh

SHAPE = Path(__file__).resolve().parents[4] / "core" / "src" / "mien" / "data" / "mean_shape_68.json"
JAW_BROWS_NOSE = (*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1))
EYES = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
MOUTH = (*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65)
MIRROR = np.array(JAW_BROWS_NOSE + EYES + MOUTH)
"""The landmark that each becomes when the face is mirrored."""
RIGHT_CORNER, LEFT_CORNER, FOREHEAD, CHIN = 33, 263, 10, 152
"""Points of the mesh: the outer corners of the eyes, and the ends of the line down the middle."""
STRAIGHT_DEGREES = 6
"""Faces that are turned to a side by more than that, by the depth of their eyes, are left out."""
ROUNDS = 5


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="clips of one face each, or folders of them")
    parser.add_argument("--every", type=int, default=3, help="take every so manieth frame")
    given = parser.parse_args()
    files = [file for path in given.clips for file in (sorted(path.glob("*.mp4")) if path.is_dir() else [path])]
    meshes = np.concatenate([straight_meshes(file, given.every) for file in files])
    shape = symmetric(on_mesh(upright(mean_shape(meshes))))
    text = {
        "source": f"mean of the face mesh (MediaPipe, Apache-2.0) on {len(meshes)} frames of "
        f"{', '.join(file.name for file in files)}, by plugins/extractors/blazeface/tools/mean_shape.py",
        "unit": "distance between the centres of the eyes, whose middle is the origin",
        "axes": "x to the right in the image, y down, z away from the camera",
        "points": [[round(float(value), 4) + 0.0 for value in point] for point in shape],
    }
    SHAPE.parent.mkdir(exist_ok=True)
    with whole_file(SHAPE) as partial:
        partial.write_text(json.dumps(text) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(meshes)} faces; wrote {SHAPE}\n")


def straight_meshes(clip: Path, every: int) -> NDArray[np.float64]:
    """The meshes (N, 468, 3) of the faces that look into the camera."""
    extractor = BlazeFace()
    straight = []
    with VideoSource(clip) as video:
        for frame in video.frames():
            if frame.index % every == 0:
                for points, _ in extractor.meshes(frame.image):
                    x, _, z = points[LEFT_CORNER] - points[RIGHT_CORNER]
                    if np.degrees(abs(np.arctan2(z, x))) < STRAIGHT_DEGREES:
                        straight.append(points)
    return np.array(straight).reshape(-1, 468, 3)


def mean_shape(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of shapes (N, P, 3) that are moved, turned and scaled onto it."""
    centered = shapes - shapes.mean(1, keepdims=True)
    mean: NDArray[np.float64] = centered[0] / np.linalg.norm(centered[0])
    for _ in range(ROUNDS):
        mean = np.mean([onto(mean, shape) for shape in centered], axis=0)
        mean /= np.linalg.norm(mean)
    return mean


def onto(target: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """A centred shape, turned and scaled so that it lies nearest to the target (P. Schönemann, Psychometrika 31)."""
    left, strengths, right = np.linalg.svd(shape.T @ target)
    handed = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    turned: NDArray[np.float64] = shape @ (left * handed) @ right * ((strengths * handed).sum() / (shape**2).sum())
    return turned


def upright(mesh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turned so that the corners of the eyes are level, and forehead and chin are equally far away."""
    x = mesh[LEFT_CORNER] - mesh[RIGHT_CORNER]
    x /= np.linalg.norm(x)
    y = mesh[CHIN] - mesh[FOREHEAD]
    y -= x * (x @ y)
    y /= np.linalg.norm(y)
    turned: NDArray[np.float64] = mesh @ np.stack([x, y, np.cross(x, y)]).T
    return turned


def symmetric(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of landmarks (68, 3) and of what a mirror shows, with the eyes' centres at a distance of 1."""
    right, left = shape[36:42].mean(0), shape[42:48].mean(0)
    scaled = (shape - (right + left) / 2) / np.linalg.norm(left - right)
    mean: NDArray[np.float64] = (scaled + (scaled * [-1, 1, 1])[MIRROR]) / 2
    return mean


if __name__ == "__main__":
    main()
