"""Where the square about a face lies: its place, turn and size by each of the alignments of the field."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Landmarks, Points

Template: TypeAlias = Literal["landmarks", "arcface", "ffhq", "dlib", "box"]

LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
NOSE_TIP = 30
MOUTH_CORNERS = [48, 54]

ARCFACE_PX = 112
ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where eyes, tip of the nose and corners of the mouth come to lie in a crop of 112×112 px: float64 (5, 2). Deng et al.
2019, "ArcFace: Additive angular margin loss for deep face recognition", after Liu et al. 2017, "SphereFace", whose
points for 96×112 px are 8 px further to the left."""

DLIB_NUMBERS = np.array([*range(27, 55), *range(60, 65)])
"""The landmarks that dlib places its chips by: neither brows nor chin nor lower lip, which move too much."""
DLIB_POINTS = np.array(
    [
        [0.490127, 0.203352], [0.490127, 0.307009], [0.490127, 0.409805], [0.490127, 0.515625], [0.36688, 0.587326],
        [0.426036, 0.609345], [0.490127, 0.628106], [0.554217, 0.609345], [0.613373, 0.587326], [0.121737, 0.216423],
        [0.187122, 0.178758], [0.265825, 0.179852], [0.334606, 0.231733], [0.260918, 0.245099], [0.182743, 0.244077],
        [0.645647, 0.231733], [0.714428, 0.179852], [0.793132, 0.178758], [0.858516, 0.216423], [0.79751, 0.244077],
        [0.719335, 0.245099], [0.254149, 0.780233], [0.340985, 0.745405], [0.428858, 0.727388], [0.490127, 0.742578],
        [0.551395, 0.727388], [0.639268, 0.745405], [0.726104, 0.780233], [0.290379, 0.784792], [0.428096, 0.778746],
        [0.490127, 0.785343], [0.552157, 0.778746], [0.689874, 0.784792],
    ]
)  # fmt: skip
"""Where they come to lie in a square of side 1: float64 (33, 2). Mean face of dlib's get_face_chip_details
(dlib/image_transforms/interpolation.h); its chips have a margin of 0.25 around that square."""


class UnknownPointsError(ValueError):
    """A face lacks the points that a template needs. The text says which."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A square about a face, in image pixels."""

    center: NDArray[np.float64]
    """float64 (2,)."""
    right: NDArray[np.float64]
    """float64 (2,), of length 1: the direction that points to the right in the crop."""
    side: float
    """Length of the square's sides; more than 0."""


def place(template: Template, landmarks: Landmarks | None, points: Points) -> Placement:
    """The square of a template, without margin.

    landmarks, points: as a Face has them, and "box", the corners of its box. A template of five points takes them from
    the landmarks, if there are any, so that a stored face is cut as a fresh one.
    Raises UnknownPointsError if the template needs what is not there.
    """
    return _PLACE[template](landmarks, points)


def five_points(landmarks: Landmarks | None, points: Points) -> NDArray[np.float64]:
    """Eyes, tip of the nose, corners of the mouth: float64 (5, 2), of iBUG's landmarks or the points "five".

    Raises UnknownPointsError if neither is there.
    """
    if landmarks is not None:
        points_68 = landmarks.astype(np.float64)
        return np.stack(
            [points_68[LEFT_EYE].mean(0), points_68[RIGHT_EYE].mean(0), points_68[NOSE_TIP], *points_68[MOUTH_CORNERS]]
        )
    if "five" not in points:
        raise UnknownPointsError("neither landmarks nor the five points of eyes, nose and mouth")
    return points["five"].astype(np.float64)


def _by_landmarks(landmarks: Landmarks | None, points: Points) -> Placement:
    """Level eyes; the landmarks' bounding box, squared (FaceExtractor of the original study)."""
    if landmarks is None:
        raise UnknownPointsError("no landmarks")
    points_68 = landmarks.astype(np.float64)
    right = _direction(points_68[RIGHT_EYE].mean(0) - points_68[LEFT_EYE].mean(0))
    level = _turn_to_level(right)
    leveled = points_68 @ level.T
    low, high = leveled.min(0), leveled.max(0)
    return Placement(level.T @ ((low + high) / 2), right, max(float((high - low).max()), 1.0))


def _by_arcface(landmarks: Landmarks | None, points: Points) -> Placement:
    """The similarity that brings five points nearest to the published ones, in the sense of least squares."""
    return _nearest_to(five_points(landmarks, points), ARCFACE_POINTS, (ARCFACE_PX - 1) / 2, ARCFACE_PX)


def _by_dlib(landmarks: Landmarks | None, points: Points) -> Placement:
    """The similarity that brings 33 landmarks nearest to dlib's mean face, in the sense of least squares."""
    if landmarks is None:
        raise UnknownPointsError("no landmarks")
    return _nearest_to(landmarks[DLIB_NUMBERS].astype(np.float64), DLIB_POINTS, 0.5, 1.0)


def _nearest_to(found: NDArray[np.float64], wanted: NDArray[np.float64], middle: float, side: float) -> Placement:
    """The square of that side about `middle` in which the points come to lie nearest to the wanted ones.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns". In the plane,
    with points as complex numbers, turn and scale are one number: Σ z̄·w / Σ |z|² of the centred points.
    """
    center, wanted_center = found.mean(0), wanted.mean(0)
    z, w = (_complex(at - at.mean(0)) for at in (found, wanted))
    spread = float((np.abs(z) ** 2).sum())
    factor = complex((z.conj() * w).sum() / spread) if spread > 0 else 0j
    if factor == 0:  # all points lie on one place
        factor = complex(side)
    right = np.array([factor.real, -factor.imag]) / abs(factor)
    to_middle = (middle - wanted_center) / abs(factor)
    return Placement(center + _turn_to_level(right).T @ to_middle, right, side / abs(factor))


def _by_ffhq(landmarks: Landmarks | None, points: Points) -> Placement:
    """The square of the FFHQ dataset, by eyes and mouth.

    Karras, Laine, Aila 2019, "A style-based generator architecture for generative adversarial networks", appendix A:
    its axis is the mean of the line between the eyes and of the normal to the line from eyes to mouth, its side four
    times the former's length or 3.6 times the latter's, its centre a tenth of the way from the eyes to the mouth.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = five_points(landmarks, points)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    across, down = right_eye - left_eye, mouth - eyes
    side = max(4 * float(np.hypot(*across)), 3.6 * float(np.hypot(*down)), 1.0)
    return Placement(eyes + 0.1 * down, _direction(across + np.array([down[1], -down[0]])), side)


def _by_box(landmarks: Landmarks | None, points: Points) -> Placement:
    """The square about the face's box, turned as the box is; without a box, about the landmarks, not turned."""
    if "box" in points:
        corners = points["box"].astype(np.float64)
        across, down = corners[1] - corners[0], corners[3] - corners[0]
        side = max(float(np.hypot(*across)), float(np.hypot(*down)), 1.0)
        return Placement(corners.mean(0), _direction(across), side)
    if landmarks is None:
        raise UnknownPointsError("neither a box nor landmarks")
    low, high = landmarks.min(0).astype(np.float64), landmarks.max(0).astype(np.float64)
    return Placement((low + high) / 2, np.array([1.0, 0.0]), max(float((high - low).max()), 1.0))


_PLACE: dict[Template, Callable[[Landmarks | None, Points], Placement]] = {
    "landmarks": _by_landmarks,
    "arcface": _by_arcface,
    "ffhq": _by_ffhq,
    "dlib": _by_dlib,
    "box": _by_box,
}


def _direction(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.hypot(*vector))
    return vector / length if length > 0 else np.array([1.0, 0.0])


def _turn_to_level(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation that lays a direction level: float64 (2, 2)."""
    cosine, sine = right
    return np.array([[cosine, sine], [-sine, cosine]])


def _complex(points: NDArray[np.float64]) -> NDArray[np.complex128]:
    return points[:, 0] + 1j * points[:, 1]
