"""How well the masker `glasses` sees glasses, and how seldom it sees some where there are none.

    python plugins/maskers/glasses/bench/glasses.py FOLDER CLIP… --with-glasses LIST

FOLDER: pictures with one face each, as `tools/train.py` learns from; of them only those whose people it has not learnt
from (`held_out.py`). CLIP: a clip of people without glasses, of which each frame of so many is looked at. LIST: names
of pictures whose faces wear glasses, or may, as `tools/with_glasses.txt` has them; they are looked at last, and counted
alone, since nobody knows which of their pixels are glasses.

Bare faces: in how many anything is taken, and which share of those crops. Drawn glasses, of each kind: intersection
over union of what is seen and what was drawn, in how many faces nothing is seen, and which share of what is bare is
taken all the same. Then the time for one face.
"""

import argparse
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import Extractor, FaceCrop, Masker, Registry
from mien.contracts.face import RgbImage
from mien.geometry.alignment import AlignmentConfig, align
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien_masker_glasses.held_out import is_held_out
from mien_masker_glasses.spectacles import KINDS, wear

_CROP = AlignmentConfig(size=256, margin=0.2, shift_y=0.1)
_SEEN = 127


def main() -> None:
    """Measure, and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--with-glasses", type=Path, required=True)
    parser.add_argument("--masker", metavar="SPEC", default="glasses")
    parser.add_argument("--every", type=int, default=5, help="of a clip, each frame of so many")
    options = parser.parse_args()
    registry = Registry()
    masker = cast(Masker, registry.create("masker", options.masker))
    extractor = cast(Extractor, registry.create("extractor", "blazeface"))
    wearing = set(options.with_glasses.read_text(encoding="utf-8").split())
    bare, worn, of_clips = list[FaceCrop](), list[FaceCrop](), list[FaceCrop]()
    for source in options.sources:
        if source.is_dir():
            for path in sorted(source.rglob("*.jpg")):
                if path.name in wearing or is_held_out(path):
                    (worn if path.name in wearing else bare).extend(found(extractor, with_border(read_image(path))))
        else:
            with VideoSource(source) as video:
                for frame in video.frames():
                    if frame.index % options.every == 0:
                        of_clips.extend(found(extractor, frame.image))
    for what, crops in (("bare faces of pictures", bare), ("bare faces of clips", of_clips)):
        shares = np.array([(masker.mask([crop])[0] > 0).mean() for crop in crops])
        taken = shares[shares > 0]
        print(
            f"{what}: {len(shares)}, anything taken in {len(taken)}, of these {taken.mean() if len(taken) else 0:.2%}"
        )
    for kind in KINDS:
        print(f"drawn, {kind}: {overlap(masker, bare, kind)}", flush=True)
    seen = [bool(masker.mask([crop]).any()) for crop in worn]
    print(f"faces that wear glasses, or may: {len(seen)}, seen in {sum(seen)}")
    start = time.perf_counter()
    for crop in worn:
        masker.mask([crop])
    print(f"{(time.perf_counter() - start) / max(len(worn), 1) * 1000:.2f} ms a face with glasses")


def overlap(masker: Masker, crops: list[FaceCrop], kind: str) -> str:
    """What of drawn glasses is seen."""
    both = either = wrong = free = 0.0
    missed = 0
    for number, crop in enumerate(crops):
        random = np.random.default_rng([number, zlib.crc32(kind.encode())])
        worn = wear(crop.image, cast("NDArray[np.float32]", crop.landmarks), random, kind)
        mask = masker.mask([replace(crop, image=worn.image)])[0]
        seen, there = mask > _SEEN, worn.alpha > 0.5
        missed += not seen.any()
        both += (seen & there).sum()
        either += (seen | there).sum()
        wrong += (seen & ~there).sum()
        free += (~there).sum()
    return f"IoU {both / max(either, 1):.2f}, nothing in {missed} of {len(crops)}, wrongly {wrong / max(free, 1):.2%}"


def with_border(image: RgbImage) -> RgbImage:
    """The image with its edges repeated: a face may fill it."""
    edge = max(image.shape[:2]) // 4
    return np.asarray(cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8)


def found(extractor: Extractor, image: RgbImage) -> Iterator[FaceCrop]:
    """The largest face of an image."""
    faces = [face for face in extractor.extract(image) if face.landmarks is not None]
    if faces:
        yield align(image, max(faces, key=lambda face: face.box.area), _CROP)


if __name__ == "__main__":
    main()
