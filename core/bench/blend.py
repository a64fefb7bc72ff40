"""How long setting a face into a scene takes, by every blender that is installed.

    python core/bench/blend.py
    python core/bench/blend.py --blenders poisson:mode=mixed feather:color=none

One person's face is set over another's, in a scene that is filled by the same portrait at each size. One thread.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np

from mien import Blender, FaceCrop, Registry
from mien.contracts.face import RgbImage
from mien.geometry.alignment import align, scale_of
from mien.testing import Portrait, portraits

SCENES = ((400, 300), (1920, 1080))


def main() -> None:
    """Measure, and print a line for each blender and scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blenders", nargs="+", metavar="SPEC", default=None, help="all that are installed by default")
    parser.add_argument("--repeats", type=int, default=200, help="faces that are set in, for each line")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    registry = Registry()
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
