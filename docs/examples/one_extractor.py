"""Use extractors alone: the faces of some images, cut out upright.

    python one_extractor.py photo.jpg group.png --extractor blazeface:search=full --out faces

Prints a line for each face, and writes faces/photo-1.png, faces/group-2.png and so on.
"""

import argparse
import sys
from itertools import count
from pathlib import Path

from mien import ExtractorSet, MienError, Registry, align
from mien.media.images import read_image, write_image


def main() -> bool:
    """Look at each image; returns whether one could not be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument(
        "--extractor", default="face_recognition", help="any that are installed: name:key=value,…+name:…"
    )
    parser.add_argument("--out", type=Path, default=Path("faces"))
    given = parser.parse_args()
    extractors = ExtractorSet(given.extractor, Registry())
    numbers, unreadable = count(1), False  # counted over all images: two of them may have one name
    for path in given.images:
        try:
            image = read_image(path)
        except MienError as error:  # one that cannot be read does not end the others
            print(error.message, file=sys.stderr)
            unreadable = True
            continue
        faces = [(face, face.landmarks) for face in extractors.extract(image) if face.landmarks is not None]
        print(f"{path}: faces found: {len(faces)}")
        for (face, landmarks), number in zip(faces, numbers, strict=False):
            crop = align(image, landmarks)
            written = given.out / f"{path.stem}-{number}.png"
            write_image(written, crop.image, synthetic=None)  # a photograph, if a part of one
            box = ", ".join(f"{side:.0f}" for side in (face.box.left, face.box.top, face.box.right, face.box.bottom))
            print(f"  {written}: box {box}, score {face.score:.2f}")
    return unreadable


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MienError as error:  # what was wrong, and what to do about it
        sys.exit(str(error))
