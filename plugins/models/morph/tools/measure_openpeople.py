"""Make `data/openpeople.npz`: where the faces of openpeople's sheets are, and what of each may be drawn.

    python plugins/models/morph/tools/measure_openpeople.py

Needs the extractor `blazeface`. What may be drawn of a face was judged by eye; why something may not stands below.
"""

import sys
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np

from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien_model_morph.openpeople import sheet_bytes

OUT = Path(__file__).parents[1] / "src" / "mien_model_morph" / "data" / "openpeople.npz"
PEOPLE, COLUMNS, ROWS = 10, 4, 4
LEFT_OUT = (3, 5)
"""These people are in nobody's mixture. 3 resembles somebody well known, and the filmed man of tests/data was taken for
mixtures that have much of her; 5 has a full beard, a quarter of which is none."""
SKIN, EYES, MOUTH = range(3)
(NEUTRAL, HAPPY, SAD, ANGRY, SURPRISED, DISGUSTED, SCARED, CONFUSED, SMUG, FLIRTY, THOUGHTFUL, PENSIVE, EXHAUSTED,
 SHOCKED, PLAYFUL, DETERMINED) = range(16)  # fmt: skip

OF_NOBODY = {
    DISGUSTED: (SKIN, EYES, MOUTH),  # wrinkled noses, crooked mouths
    THOUGHTFUL: (SKIN, EYES, MOUTH),  # a hand at the chin, eyes that look away
    PLAYFUL: (SKIN, MOUTH),  # tongues
    CONFUSED: (SKIN, EYES, MOUTH),  # heads that lean, one brow up
    ANGRY: (SKIN,),  # a frown that the brows' landmarks alone do not ask for
    SAD: (SKIN, MOUTH),
    SCARED: (EYES,),  # eyes wider open than anybody's who is filmed: those of SURPRISED will do
    SHOCKED: (EYES,),
}
"""What may be drawn of nobody's picture of that expression."""
NOT_OF = [
    (1, EXHAUSTED, SKIN),  # leans
    (1, EXHAUSTED, MOUTH),
    (2, EXHAUSTED, SKIN),  # a hand before the mouth
    (2, EXHAUSTED, MOUTH),
    (3, SHOCKED, SKIN),  # hands at the cheeks
    (4, FLIRTY, EYES),  # looks away
    (6, SAD, MOUTH),
    (9, SCARED, SKIN),  # the picture's own faults about the mouth
    (9, SCARED, MOUTH),
    (9, SMUG, SKIN),  # turned
    (9, SMUG, EYES),
    (9, PENSIVE, EYES),  # looks away
    (10, SHOCKED, SKIN),  # hands at the cheeks
    (10, EXHAUSTED, SKIN),  # leans
    (10, FLIRTY, SKIN),  # turned
    (10, PENSIVE, SKIN),
    (2, PENSIVE, SKIN),
]
"""(person, expression, part) that may not be drawn either."""


def main() -> None:
    """Measure all sheets and write the file."""
    extractor = ExtractorSet("blazeface", Registry())
    people, landmarks, usable = [], [], []
    for person in range(PEOPLE):
        if person + 1 in LEFT_OUT:
            continue
        sheet = cv2.imdecode(np.frombuffer(sheet_bytes(person), np.uint8), cv2.IMREAD_COLOR_RGB)
        faces: dict[int, np.ndarray] = {}
        for face in extractor.extract(sheet):
            x, y = face.landmarks.mean(0) / (sheet.shape[1], sheet.shape[0])
            # The last row of cells ends a little above the sheet's lower border.
            faces[int(y / 0.965 * ROWS) * COLUMNS + int(x * COLUMNS)] = face.landmarks
        if sorted(faces) != list(range(ROWS * COLUMNS)):
            raise SystemExit(f"P{person + 1:03d}: faces in the cells {sorted(faces)}")
        for expression in range(ROWS * COLUMNS):
            out = {*OF_NOBODY.get(expression, ()), *(p for w, e, p in NOT_OF if (w, e) == (person + 1, expression))}
            people.append(person)
            landmarks.append(faces[expression])
            usable.append([part not in out for part in (SKIN, EYES, MOUTH)])
    np.savez_compressed(
        OUT,
        people=np.array(people),
        landmarks=np.array(landmarks, np.float32).round(1),
        usable=np.array(usable),
        digests=np.array([crc32(sheet_bytes(person)) for person in range(PEOPLE)], np.uint32),
    )
    sys.stdout.write(
        f"{len(people)} faces, of use for skin, eyes and mouth: {np.sum(usable, axis=0)}; {OUT.stat().st_size} bytes\n"
    )


if __name__ == "__main__":
    main()
