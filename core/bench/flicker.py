"""Whether a blender makes a face flicker that does not change.

    python core/bench/flicker.py tests/data/clips/target_J_2s_audio.mp4

One drawn face, always the same, is set into each frame of a clip where its face is found and held steady. Within the
mask, in crop space, the lightness of the result is compared from frame to frame: its mean (brightness) and its spread
(contrast), by the mean of the second difference over frames, which light that really changes hardly has. Beside it
stands the same of the clip as it was filmed. In levels of 255, and in % of the spread.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import Blender, Extractor, FaceCrop, Registry
from mien.contracts.face import RgbImage
from mien.geometry.alignment import AlignmentConfig, align, cut, similarity_to_crop, warp, with_hull
from mien.media.video_reader import VideoSource
from mien.testing import portraits
from mien.tracking.tracker import follow


def main() -> None:
    """Measure, and print a line for each blender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--blenders", nargs="+", metavar="SPEC", default=None, help="all that are installed by default")
    parser.add_argument("--extractor", metavar="SPEC", default="blazeface")
    parser.add_argument("--frames", type=int, default=72, help="frames of the clip, at most")
    options = parser.parse_args()
    registry = Registry()
    crops = list(steady_crops(cast(Extractor, registry.create("extractor", options.extractor)), options))
    drawn = align(portraits()[0].image, portraits()[0].landmarks).image
    print("blender brightness contrast%")
    print("filmed", *flicker([inside(crop.image, crop) for crop in crops]))
    for choice in options.blenders or registry.names("blender"):
        blender = cast(Blender, registry.create("blender", choice))
        values = []
        for crop in crops:
            scene = cast(RgbImage, crop.scene)
            result = blender.blend(scene, drawn, crop.mask, crop.to_crop)
            values.append(inside(warp(result, crop.to_crop, (crop.size, crop.size)), crop))
        print(choice, *flicker(values), flush=True)


def steady_crops(extractor: Extractor, options: argparse.Namespace) -> Iterator[FaceCrop]:
    """The face of the first track, as `mien swap` cuts it out."""
    config = AlignmentConfig()
    with VideoSource(options.clip) as video:
        found = ((frame, extractor.extract(frame.image)) for frame in video.frames(0, options.frames))
        for frame, faces in follow(found):
            for face in faces:
                if face.track == 0 and face.steady is not None:
                    to_crop = similarity_to_crop(face.steady, config)
                    yield with_hull(cut(frame.image, face.landmarks, to_crop, config))


def inside(image: RgbImage, crop: FaceCrop) -> NDArray[np.float64]:
    """Mean and spread of the lightness deep inside of the mask, in levels."""
    depth = cv2.erode((crop.mask > 0.5).astype(np.uint8), np.ones((crop.size // 8,) * 2, np.uint8))
    values = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[depth > 0].astype(np.float64)
    return np.array([values.mean(), values.std()])


def flicker(values: list[NDArray[np.float64]]) -> list[str]:
    """Mean second difference over frames, of the mean in levels, and of the spread in % of it."""
    second = np.abs(np.diff(np.array(values), n=2, axis=0)).mean(0)
    return [f"{second[0]:.2f}", f"{second[1] / np.array(values)[:, 1].mean() * 100:.2f}"]


if __name__ == "__main__":
    main()
