"""Heads of other people, over which somebody is drawn while their looks are learned: those of openpeople."""

from functools import cache

import cv2
import numpy as np

from mien.geometry.alignment import AlignmentConfig, similarity_to_crop
from mien_model_morph.learned.drawing import Head
from mien_model_morph.openpeople import measured, sheet_of


@cache
def strangers(cut: AlignmentConfig) -> tuple[Head, ...]:
    """All faces of openpeople whose skin is of use, cut like that.

    Raises MienError if openpeople's pictures are not there.
    """
    found, size = measured(), (cut.size, cut.size)
    heads = []
    for person in np.unique(found.people).tolist():
        rows = np.flatnonzero((found.people == person) & found.usable[:, 0])
        if not len(rows):
            continue
        sheet = sheet_of(person)
        for landmarks in found.landmarks[rows]:
            to_crop = similarity_to_crop(landmarks, cut)
            image = cv2.warpAffine(sheet, to_crop, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
            at = landmarks @ to_crop[:, :2].T + to_crop[:, 2]
            heads.append(Head(np.asarray(image, np.uint8), at.astype(np.float32)))
    return tuple(heads)
