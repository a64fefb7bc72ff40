"""The pictures that are taken of somebody for a bank, and what is done to them before."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.model import Batch, Generated, to_uint8_images
from mien.plugins.enhancer_set import EnhancerSet
from mien_model_morph.bank import BankPerson, detail_of
from mien_model_morph.expression import measures_of
from mien_model_morph.fine_detail import FineDetail
from mien_model_morph.frame import FRAME_PX, pose_of
from mien_model_morph.hair import without_hair
from mien_model_morph.turned import with_mirrored_half
from mien_model_morph.warp import into_frame

_SPREAD = np.array([0.6, 0.15, 0.08, 0.12, 0.06, 0.06, 8.0, 8.0])
"""By how much two pictures of a person have to differ to be of use beside each other: in each of `measures_of`, and in
yaw and pitch, degrees."""
_OCTAVE_PX, _OUTSIDE_PX = (1.5, 3.0), 16
_CUT_PX, _ROOM = 288, 0.22
"""A face is cut out to this side, and reaches over the box of its landmarks by this share of the box's larger side."""
_SOFT, _NO_DETAIL = 0.7, 0.62
"""Of `_fineness`: below the first, pictures are restored, and from the second on downwards they show no fine detail. Of
E in the demo it is .57, of J .83, of sharp pictures .82."""
_MEASURES = 6
"""Of `measures_of`."""


class FittedPerson:
    """Pictures of a person for a bank, as they come: those whose expressions and poses differ most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pictures: list[tuple[NDArray[np.float32], NDArray[np.uint8]]] = []
        self._details: list[float] = []
        self._measures = np.zeros((0, _SPREAD.size))

    def add(self, image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
        """Take another picture, uint8 (S, S, 3), with its landmarks, (68, 2). If it is one too many, one goes."""
        pose = pose_of(landmarks.astype(np.float64))
        measures = measures_of(pose.frontal(landmarks.astype(np.float64))[None])[0]
        self._pictures.append((landmarks.astype(np.float32), image))
        self._details.append(detail_of(image))
        self._measures = np.concatenate([self._measures, [np.concatenate([measures, pose.angles()]) / _SPREAD]])
        if len(self._pictures) > self._most:
            distance = np.linalg.norm(self._measures[:, None] - self._measures[None], axis=-1)
            np.fill_diagonal(distance, np.inf)
            # Of the two that are most alike the less sharp one.
            first, second = (int(n) for n in np.unravel_index(distance.argmin(), distance.shape))
            if len(self._pictures) == 2:
                first, second = 0, 1
            crowded = first if self._details[first] < self._details[second] else second
            del self._pictures[crowded], self._details[crowded]
            self._measures = np.delete(self._measures, crowded, axis=0)

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """float32 (N, 68, 2)."""
        return np.stack([landmarks for landmarks, _ in self._pictures])

    @property
    def softness(self) -> float:
        """How far most of the pictures show no detail, as where the face was small or out of focus: in [0, 1]."""
        fineness = float(np.median([_fineness(image, at) for at, image in self._pictures]))
        return float(np.clip((_SOFT - fineness) / (_SOFT - _NO_DETAIL), 0, 1))

    def textures(
        self,
        enhancers: EnhancerSet,
        others: Sequence[BankPerson] = (),
        done: Callable[[], object] = lambda: None,
    ) -> NDArray[np.uint8]:
        """uint8 (N, 256, 256, 3), RGB, in the common frame, without hair on forehead and temples. Of a
        turned head both sides are the one that is seen.

        enhancers: what is done to the pictures before if they are soft. others: people one of whom such pictures get
        the finest detail of eyes and skin from; none: they get none. done: called after each. Raises MienError if
        enhancers fail.
        """
        faces = [(image, at.astype(np.float64)) for at, image in self._pictures]
        softness = self.softness
        textures = []
        for image, at in faces:
            restored = _enhanced(image, at, enhancers) if softness and len(enhancers) else (image, at)
            textures.append(without_hair(_framed(*restored)))
            done()
        if softness and others:
            measures = self._measures[:, :_MEASURES] * _SPREAD[:_MEASURES]
            detail = FineDetail([_framed(image, at) for image, at in faces], measures, others)
            textures = [detail.added(number, texture, softness) for number, texture in enumerate(textures)]
        return np.stack(textures)


def _framed(image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A face in the common frame, whole: uint8 (256, 256, 3)."""
    return with_mirrored_half(into_frame(image, landmarks), landmarks)


def _enhanced(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64], enhancers: EnhancerSet
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A face cut out of its crop and enhanced, square, and its landmarks there."""
    low, high = landmarks.min(0), landmarks.max(0)
    side = (1 + 2 * _ROOM) * float((high - low).max())
    start, scale = (low + high) / 2 - side / 2, _CUT_PX / side
    cut = np.array([[scale, 0, -scale * start[0]], [0, scale, -scale * start[1]]])
    face = cv2.warpAffine(image, cut, (_CUT_PX, _CUT_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    at = landmarks * scale + cut[:, 2]
    images = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
    batch = Batch(
        images,
        torch.ones_like(images[:, :1]),
        torch.zeros(1, 0),
        torch.tensor([-1]),
        landmarks=torch.from_numpy(at)[None].float(),
    )
    (enhanced,) = to_uint8_images(enhancers.enhance(Generated(images, batch.masks), batch).images)
    return enhanced, (at + 0.5) * (enhanced.shape[0] / _CUT_PX) - 0.5


def _fineness(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """How much finest detail there is, of the next coarser: about 0.8 in a sharp face, 0.6 in one that is 90 px wide.

    image: uint8 (S, S, 3). landmarks: (68, 2) in its pixels.
    """
    low = landmarks.min(0)
    scale = FRAME_PX / max(float((landmarks.max(0) - low).max()), 1.0)
    to_face = np.array([[scale, 0, -scale * low[0]], [0, scale, -scale * low[1]]])
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    face = cv2.warpAffine(gray, to_face, (FRAME_PX, FRAME_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    blurred, more = (cv2.GaussianBlur(face, (0, 0), sigma_px) for sigma_px in _OCTAVE_PX)
    inside = slice(_OUTSIDE_PX, -_OUTSIDE_PX)
    fine, coarser = (float((a - b)[inside, inside].std()) for a, b in ((face, blurred), (blurred, more)))
    return fine / max(coarser, 1e-3)
