"""How long setting a face into a scene takes, and what it leaves of the face's detail, by every blender installed.

    python core/bench/blend.py
    python core/bench/blend.py --blenders poisson:mode=mixed feather:color=none
    python core/bench/blend.py --clip tests/data/clips/target_J_2s_audio.mp4

One person's face is set over another's, in a scene that is filled by the same portrait at each size. One thread.

With --clip, the faces of a clip are cut out at several sizes and set back unchanged, as if a model had drawn them
without a fault. What is left is told well inside of the mask, where every blender shows the face whole: the variance of
the Laplacian as a share of the original's, and the mean difference in levels of 255; medians over the frames.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from mien import Blender, Extractor, FaceCrop, Registry
from mien.contracts.face import RgbImage
from mien.dataset.worker import sharpness
from mien.geometry.alignment import AlignmentConfig, align, covered_region, into_region, scale_of
from mien.media.video_reader import VideoSource
from mien.spread import spread_indices
from mien.testing import Portrait, portraits

SCENES = ((400, 300), (1920, 1080))
SIZES_PX = (32, 64, 128, 256)
FRAMES = 6
DEEP = 0.3
"""Width of the kernel that leaves of the mask what every blender shows whole, as a share of the crop's side."""


def main() -> None:
    """Measure, and print a line for each blender and scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blenders", nargs="+", metavar="SPEC", default=None, help="all that are installed by default")
    parser.add_argument("--repeats", type=int, default=200, help="faces that are set in, for each line")
    parser.add_argument("--clip", type=Path, default=None, help="measure detail, on the surest face of its frames")
    parser.add_argument("--extractor", metavar="SPEC", default="blazeface", help="finds the clip's faces")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    registry = Registry()
    if options.clip is not None:
        print_detail(options, registry)
        return
    there, drawn = portraits()
    face = align(drawn.image, drawn.landmarks).image
    for choice in options.blenders or registry.names("blender"):
        blender = cast(Blender, registry.create("blender", choice))
        for width, height in SCENES:
            scene, crop = shown_in(there, width, height)
            spent = sorted(milliseconds(blender, scene, crop, face, options.repeats))
            print(
                f"{choice}, scene {width}×{height}, face {crop.size / scale_of(crop.to_crop):.0f} px: "
                f"{statistics.median(spent):.1f} ms (fastest {spent[0]:.1f})",
                flush=True,
            )


def print_detail(options: argparse.Namespace, registry: Registry) -> None:
    """Print a line for each blender, a column for each size of the crop."""
    extractor = cast(Extractor, registry.create("extractor", options.extractor))
    with VideoSource(options.clip) as video:
        frames = [next(video.frames(n, n + 1)).image for n in spread_indices(len(video.frame_times()), FRAMES)]
    faces = [(frame, extractor.extract(frame)[0]) for frame in frames]
    print("blender", *(f"{size} px" for size in SIZES_PX), sep="\t")
    for choice in options.blenders or registry.names("blender"):
        blender = cast(Blender, registry.create("blender", choice))
        cells = []
        for size in SIZES_PX:
            crops = [align(frame, face, AlignmentConfig(size=size)) for frame, face in faces]
            detail, apart = np.median([detail_left(blender, crop) for crop in crops], axis=0)
            cells.append(f"{detail:.0%} ({apart:.1f})")
        print(choice, *cells, sep="\t", flush=True)


def detail_left(blender: Blender, crop: FaceCrop) -> tuple[float, float]:
    """Of a crop set back into its scene: the share of its detail, and the mean difference in levels."""
    scene = cast(RgbImage, crop.scene)
    part = covered_region(crop.to_crop, crop.size, scene.shape)
    deep = cv2.erode(crop.mask, np.ones((round(DEEP * crop.size),) * 2, np.uint8))
    inside = np.where(into_region(deep, crop.to_crop, part) > 0.99, 255, 0).astype(np.uint8)
    before, after = (
        np.ascontiguousarray(image[part])
        for image in (scene, blender.blend(scene, crop.image, crop.mask, crop.to_crop))
    )
    apart = np.abs(after.astype(int) - before)[inside == 255].mean()
    return sharpness(after, inside) / sharpness(before, inside), float(apart)


def shown_in(portrait: Portrait, width: int, height: int) -> tuple[RgbImage, FaceCrop]:
    """A scene of that size, gray beside the portrait, and the portrait's face in it."""
    scale = height / portrait.image.shape[0]
    image = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[:height, :width]
    scene = np.full((height, width, 3), 128, np.uint8)
    scene[: image.shape[0], : image.shape[1]] = image
    return scene, align(scene, ((portrait.landmarks + 0.5) * scale - 0.5).astype(np.float32))


def milliseconds(blender: Blender, scene: RgbImage, crop: FaceCrop, face: RgbImage, repeats: int) -> Iterator[float]:
    """How long each of so many faces took."""
    blender.blend(scene, face, crop.mask, crop.to_crop)
    for _ in range(repeats):
        start = time.perf_counter()
        blender.blend(scene, face, crop.mask, crop.to_crop)
        yield 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
