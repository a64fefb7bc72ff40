"""How well the masker `occlusion` sees what is drawn before faces that it has not learnt from.

    python plugins/maskers/occlusion/bench/overlap.py tests/data/images/stills tests/data/clips/target_J_2s_audio.mp4

Things are drawn in front of each face (`occluders.py`), and, as nothing like it was ever learnt from, a piece of a
photograph of a cup of coffee is laid over it. For each kind: intersection over union of what is seen and what was
drawn, within the face up to above the brows, over all pictures together; and which share of what is not hidden is taken
for it. Clean faces: which share of the face is taken, the mean and the worst.
"""

import argparse
import zlib
from collections.abc import Iterator
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
from mien.testing import no_face
from mien_masker_occlusion.occluders import KINDS, Occluded, occlude
from mien_masker_occlusion.occlusion import face_area

_CROP = AlignmentConfig(size=192, margin=0.25, shift_y=0.12)


def main() -> None:
    """Measure, and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--masker", metavar="SPEC", default="occlusion")
    parser.add_argument("--each", type=int, default=4, help="pictures of each kind for each face")
    parser.add_argument("--every", type=int, default=12, help="of a clip, each frame of so many")
    options = parser.parse_args()
    registry = Registry()
    masker = cast(Masker, registry.create("masker", options.masker))
    extractor = cast(Extractor, registry.create("extractor", "blazeface"))
    crops = [crop for source in options.sources for crop in found(extractor, source, options.every)]
    clean = [share(masker.mask([crop])[0], crop) for crop in crops]
    print(f"clean faces: {len(clean)}, taken {np.mean(clean):.2%}, worst {max(clean):.2%}")
    for kind in (*KINDS, "photograph"):
        both = either = wrong = free = 0.0
        for number, crop in enumerate(crops):
            random = np.random.default_rng([number, zlib.crc32(kind.encode())])
            for _ in range(options.each):
                laid = photograph(crop, random) if kind == "photograph" else drawn(crop, random, kind)
                area = face_area(crop)
                seen = masker.mask([FaceCrop(laid.image, crop.mask, crop.landmarks, crop.to_crop)])[0] > 127
                hidden = laid.alpha > 0.5
                both += (seen & hidden & area).sum()
                either += ((seen | hidden) & area).sum()
                wrong += (seen & ~hidden & area).sum()
                free += (~hidden & area).sum()
        print(f"{kind}: IoU {both / max(either, 1):.2f}, wrongly {wrong / max(free, 1):.2%}", flush=True)


def found(extractor: Extractor, source: Path, every: int) -> Iterator[FaceCrop]:
    """The largest face of each picture of a folder, or of some frames of a clip."""
    for image in images(source, every):
        faces = [face for face in extractor.extract(image) if face.landmarks is not None]
        if faces:
            yield align(image, max(faces, key=lambda face: face.box.area), _CROP)


def images(source: Path, every: int) -> Iterator[RgbImage]:
    """uint8 (H, W, 3)."""
    if source.is_dir():
        yield from (read_image(path) for path in sorted(source.iterdir()) if path.suffix in {".png", ".jpg"})
    elif source.suffix in {".png", ".jpg"}:
        yield read_image(source)
    else:
        with VideoSource(source) as video:
            yield from (frame.image for frame in video.frames() if frame.index % every == 0)


def drawn(crop: FaceCrop, random: np.random.Generator, kind: str) -> Occluded:
    """Something of that kind before the face."""
    return occlude(crop.image, cast("NDArray[np.float32]", crop.landmarks), random, kind)


def photograph(crop: FaceCrop, random: np.random.Generator) -> Occluded:
    """A round piece of another photograph."""
    cup = no_face()
    landmarks = cast("NDArray[np.float32]", crop.landmarks)
    x, y = landmarks[random.integers(68)]
    radius = crop.size * random.uniform(0.1, 0.22)
    form = np.zeros((crop.size * 4,) * 2, np.uint8)
    axes = (round(radius * 4), round(radius * random.uniform(0.6, 1.0) * 4))
    cv2.ellipse(form, (round(float(x) * 4), round(float(y) * 4)), axes, random.uniform(0, 180), 0, 360, 255, -1)
    alpha = cv2.resize(form, (crop.size,) * 2, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    left, top = (int(random.integers(side - crop.size)) for side in (cup.shape[1], cup.shape[0]))
    over = cup[top : top + crop.size, left : left + crop.size]
    mixed = crop.image + (over.astype(np.float32) - crop.image) * alpha[..., None]
    return Occluded(np.rint(mixed).astype(np.uint8), alpha)


def share(mask: NDArray[np.uint8], crop: FaceCrop) -> float:
    """Which share of the face a mask takes."""
    area = face_area(crop)
    return float((mask[area] > 127).mean())


if __name__ == "__main__":
    main()
