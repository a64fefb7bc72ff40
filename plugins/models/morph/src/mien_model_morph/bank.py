"""The pictures that people who do not exist are mixed of."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.imaging.color import to_lab
from mien_model_morph import openpeople
from mien_model_morph.expression import BROWS, LEFT_EYE, MOUTH, RIGHT_EYE, SKIN, from_closed, measures_of
from mien_model_morph.frame import pose_of
from mien_model_morph.tongue import is_tongue_out
from mien_model_morph.warp import into_frame


class Picture(NamedTuple):
    """A picture of a person of the bank."""

    landmarks: NDArray[np.float64]
    """float64 (68, 2), in any pixels."""
    usable: tuple[bool, bool, bool]
    """Whether its skin, its eyes and its mouth may be drawn."""
    texture: Callable[[], NDArray[np.uint8]]
    """Gives it in the common frame: uint8 (256, 256, 3), RGB."""
    detail: float = 1.0
    """How much fine detail it shows; of use beside that of the same person's other pictures alone."""


class BankPerson:
    """One person of the bank, by the pictures of theirs that may be drawn; at least one."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures = pictures
        frontal = np.stack([pose_of(picture.landmarks).frontal(picture.landmarks) for picture in pictures])
        self.frontal = frontal
        """float64 (M, 68, 2): the landmarks as if seen from the front, in distances between the eyes."""
        self.angles = np.stack([pose_of(picture.landmarks).angles() for picture in pictures])
        """float64 (M, 2): yaw and pitch of the head, degrees."""
        self.measures, self.rest_opening = from_closed(measures_of(frontal))
        """float64 (M, 6), by `measures_of`; a mouth is as far open as it is more than when it is closed. How far its
        landmarks are apart then, in distances between the eyes."""
        self.shape: NDArray[np.float64] = np.median(frontal, axis=0)
        """float64 (68, 2): what the face looks like from the front, in distances between the eyes."""
        usable = np.array([picture.usable for picture in pictures])[:, [0, 1, 1, 2, 0]]
        usable[:, ~usable.any(0)] = True
        self.choices = {part: np.flatnonzero(usable[:, part]) for part in (SKIN, LEFT_EYE, RIGHT_EYE, MOUTH, BROWS)}
        """Of each part the numbers of the pictures that it may come from."""
        at_rest = np.abs(self.measures - np.median(self.measures, axis=0))[self.choices[SKIN]].sum(1)
        self.rest = int(self.choices[SKIN][at_rest.argmin()])
        """The picture that shows the face at rest: it does what most of them do."""
        detail = np.array([picture.detail for picture in pictures])
        self.quality: NDArray[np.float64] = np.clip(detail / max(float(np.median(detail)), 1e-6), 0, 1) ** 2
        """float64 (M,), in [0, 1]: how far down a picture is marked for being less sharp than most of them."""
        self._textures: dict[int, NDArray[np.float32]] = {}

    def texture(self, number: int) -> NDArray[np.float32]:
        """A picture in the common frame: float32 (256, 256, 3), CIELab. It is kept."""
        if number not in self._textures:
            self._textures[number] = to_lab(self._pictures[number].texture())
        return self._textures[number]


def openpeople_bank() -> list[BankPerson]:
    """The ten people of openpeople. A sheet is read when one of its pictures is first drawn."""
    measured = openpeople.measured()
    return [_of_openpeople(person, np.flatnonzero(measured.people == person)) for person in np.unique(measured.people)]


@cache
def usual_at_rest() -> NDArray[np.float64]:
    """What most people's faces measure at rest: the mean over openpeople's, float64 (6,), by `measures_of`."""
    measures = np.mean([np.median(person.measures, axis=0) for person in openpeople_bank()], axis=0)
    return np.asarray(measures)


def _of_openpeople(person: int, rows: NDArray[np.int64]) -> BankPerson:
    landmarks = openpeople.measured().landmarks.astype(np.float64)
    usable = openpeople.measured().usable
    kept: dict[int, tuple[NDArray[np.uint8], NDArray[np.float64]]] = {}

    def texture(row: int) -> NDArray[np.uint8]:
        if not kept:  # the faces of the sheet are cut out, all at once: the sheet itself is large
            sheet = openpeople.sheet_of(person)
            kept.update({each: _surroundings(sheet, landmarks[each]) for each in rows.tolist()})
        return into_frame(*kept[row])

    return BankPerson(
        [
            Picture(
                landmarks[row],
                (bool(usable[row, 0]), bool(usable[row, 1]), bool(usable[row, 2])),
                partial(texture, int(row)),
            )
            for row in rows
            if usable[row].any()
        ]
    )


def _surroundings(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A face with half of its size around it, cut out of an image, and its landmarks there."""
    low, high = landmarks.min(0), landmarks.max(0)
    room = (high - low).max() / 2
    left, top = np.maximum(low - room, 0).astype(int)
    right, bottom = (high + room).astype(int)
    return image[top:bottom, left:right].copy(), landmarks - (left, top)


def fitted_bank(
    people: NDArray[np.int64], landmarks: NDArray[np.float32], textures: NDArray[np.uint8]
) -> list[BankPerson]:
    """A bank of N pictures in the common frame.

    people: int64 (N,), whose they are. landmarks: float32 (N, 68, 2). textures: uint8 (N, 256, 256, 3), RGB. Mouth and
    skin are not drawn from a picture on which the tongue is put out, if there is another one.
    """

    def picture(row: int) -> Picture:
        at = landmarks[row].astype(np.float64)
        tongue = is_tongue_out(textures[row], pose_of(at).frontal(at))
        texture = partial(textures.__getitem__, row)
        return Picture(at, (not tongue, True, not tongue), texture, detail_of(textures[row]))

    return [
        BankPerson([picture(row) for row in np.flatnonzero(people == person).tolist()]) for person in np.unique(people)
    ]


def detail_of(image: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of the middle of an image, uint8 (S, S, 3), seen at 128 px: fine detail, not noise."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (128, 128), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small[32:112, 32:96].astype(np.float32), cv2.CV_32F).var())
