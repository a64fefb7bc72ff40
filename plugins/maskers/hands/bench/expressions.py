"""Whether the masker `hands` sees hands on the pictures of OpenPeople: ten people, sixteen expressions each.

    pip install openpeople
    python plugins/maskers/hands/bench/expressions.py

In twelve of them hands touch the face: nine of ten are thoughtful so, one yawns, two are shocked. It prints in how many
of these something of the face is taken, and in how many of the others, with the share of the face that is taken.
"""

from collections.abc import Iterator
from importlib import resources
from typing import cast

import cv2
import numpy as np

from mien import Extractor, Masker, Registry
from mien.contracts.face import RgbImage
from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.masks import hull_mask

_HANDS = {(person, 10) for person in range(1, 11) if person != 7} | {(2, 12), (3, 13), (10, 13)}
"""Person and number of the expression."""
_CROP = AlignmentConfig(margin=0.3)


def main() -> None:
    """Measure, and print two lines."""
    registry = Registry()
    extractor = cast(Extractor, registry.create("extractor", "blazeface"))
    masker = cast(Masker, registry.create("masker", "hands"))
    taken: dict[bool, list[float]] = {True: [], False: []}
    for person in range(1, 11):
        for number, image in enumerate(expressions(person)):
            faces = [face for face in extractor.extract(image) if face.landmarks is not None]
            if faces:
                crop = align(image, faces[0], _CROP)
                face = hull_mask(cast("np.ndarray", crop.landmarks), crop.size, 0.0) > 0.5
                has_hand = (person, number) in _HANDS
                taken[has_hand].append(float((masker.mask([crop])[0][face] > 127).mean()))
    for has_hand, shares in taken.items():
        what = "with a hand" if has_hand else "without"
        some = [share for share in shares if share > 0]
        print(f"{what}: {len(some)} of {len(shares)}, mean share {np.mean(shares):.2%}, most {max(shares):.2%}")


def expressions(person: int) -> Iterator[RgbImage]:
    """The sixteen pictures on a person's sheet."""
    path = resources.files("openpeople") / "data" / "curated" / f"P{person:03d}" / "assets" / "emotions_sheet.jpg"
    sheet = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    height, width = (side // 4 for side in sheet.shape[:2])
    for row in range(4):
        for column in range(4):
            yield np.ascontiguousarray(
                sheet[row * height : (row + 1) * height, column * width : (column + 1) * width], np.uint8
            )


if __name__ == "__main__":
    main()
