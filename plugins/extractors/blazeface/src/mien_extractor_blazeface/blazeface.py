"""Faces by BlazeFace, their landmarks by the face mesh."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, RgbImage
from mien.contracts.plugin import PluginConfig
from mien.geometry.boxes import box_of, edges, is_same_face
from mien.geometry.closeup import measured_in_closeup, turned_by
from mien_extractor_blazeface.attention import AttentionMesh
from mien_extractor_blazeface.detector import SAME_FACE, Detection, share_in_common, share_of_smaller
from mien_extractor_blazeface.ibug import on_mesh
from mien_extractor_blazeface.mesh import FaceMesh, Mesh
from mien_extractor_blazeface.search import ExtractorPool

_DOUBT, _BEYOND_DOUBT = 0.5, 0.9999
"""A detection with a score below the first counts only if the face mesh is as sure as the second: on true faces from 14
pixels on it is surer than that, even where the detector all but misses them; on clouds and letters it never was."""
_SAME_MESH = 0.5
"""A mesh of whose bounding box more than this share lies in that of a surer one, or the other way round, lies on a part
of that face."""
SCORE_SLOPE, SCORE_OFFSET = 2.0, 3.0
"""A face's score is 1 / (1 + exp(−(2·x + 3))), with x = log(d / (1 − d)) of the detector's d: of what the face mesh has
accepted, as many are faces as are none where the detector says 0.18. Fitted by Platt's method to 183 faces in 197
images, with faces where centerface finds them; `core/bench/scores.py` says how well it holds on others."""
_SUREST = 1e-12
"""Nearer to 0 or 1 than this no score lies: its log odds are finite."""
_Share = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


class BlazeFaceConfig(PluginConfig):
    """How thoroughly faces are searched, and what counts as one."""

    presets = {"thorough": {"search": "full"}, "quick": {"eyes": False}}

    search: Literal["quick", "full"] = "quick"
    """quick: look at the whole image, which finds faces from a 20th of its longer side on; a face that fills the
    image or is cut off by its border, only if it finds no other. full: find all of these, small faces by looking at
    tiles, and faces upside down; it takes twice as long at least, and the longer the larger the image."""
    smallest_face_px: int = Field(default=24, ge=12)
    """Width of the smallest face that a full search looks for. Below 12 pixels the landmarks mean little."""
    min_score: float = Field(default=0.2, gt=0.0, lt=1.0)
    """What has a lower score is not looked at closer. Faces beside larger ones, and such as lie on their side, have low
    scores; what the detector doubts, the face mesh has to be all the surer of."""
    min_presence: float = Field(default=0.95, ge=0.0, lt=1.0)
    """Where the face mesh is less sure that it lies on a face, there is none. A covered face may need less."""
    eyes: bool = True
    """Lay the mesh again, and look at eyes and lips by themselves. Without that an image takes less time, but no blink
    is followed."""


class BlazeFace(Extractor):
    """BlazeFace, the face mesh of 468 points and the attention mesh, by Google, on a processor.

    Instances run in threads side by side: each has its own networks. The scores come from the detector's: see
    `SCORE_SLOPE`.
    """

    Config = BlazeFaceConfig
    config: BlazeFaceConfig

    def __init__(self, config: BlazeFaceConfig | None = None) -> None:
        super().__init__(config)
        self._search = ExtractorPool()
        self._mesh = FaceMesh()
        self._attention = AttentionMesh() if self.config.eyes else None

    def extract(self, image: RgbImage) -> list[Face]:
        """Find all faces, surest first. See `Extractor.extract`."""
        height, width = image.shape[:2]
        faces: list[Face] = []
        for points, score in self.meshes(image):
            landmarks = on_mesh(points[:, :2]).astype(np.float32)
            (left, top), (right, bottom) = landmarks.min(0).tolist(), landmarks.max(0).tolist()
            if left < width and right > 0 and top < height and bottom > 0:
                faces.append(Face(Box(left, top, right, bottom), landmarks, _calibrated(score)))
        return sorted(faces, key=lambda face: -face.score)

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """Find each face again from close by, or lay the face mesh over its box. See `Extractor.measure`."""
        image = np.ascontiguousarray(image)
        return [measured_in_closeup(image, face, self.extract) or self._laid_over(image, face) for face in faces]

    def _laid_over(self, image: RgbImage, face: Face) -> Face | None:
        angle = turned_by(face)
        eyes = np.array([[0.0, 0.0], [np.cos(angle), np.sin(angle)]])
        mesh = self._mesh.lay(image, Detection(edges(face.box), eyes, face.score))
        if mesh.presence < _BEYOND_DOUBT or not is_same_face(box_of(mesh.points[:, :2]), face.box):
            return None
        return replace(face, landmarks=on_mesh(self._points(image, mesh)[:, :2]).astype(np.float32))

    def meshes(self, image: RgbImage) -> Iterator[tuple[NDArray[np.float64], float]]:
        """The mesh of each face and the detector's score, in no order.

        Points: float64 (468, 3), x right, y down, z away from the camera, all in pixels of the image.
        """
        image = np.ascontiguousarray(image)
        detected: list[NDArray[np.float64]] = []
        laid: list[NDArray[np.float64]] = []
        for found in self._rounds(image):
            for detection in found:
                if _any_above(SAME_FACE, share_in_common, detection.corners, detected):
                    continue
                mesh = self._mesh.lay(image, detection)
                if mesh.presence < self._least_presence(detection):
                    continue
                flat = mesh.points[:, :2]
                corners = np.stack([flat.min(0), flat.max(0)])
                if _any_above(_SAME_MESH, share_of_smaller, corners, laid):
                    continue
                detected.append(detection.corners)
                laid.append(corners)
                yield self._points(image, mesh), detection.score
            if laid and self.config.search == "quick":
                return

    def _points(self, image: RgbImage, mesh: Mesh) -> NDArray[np.float64]:
        return self._attention.refined(image, mesh.points) if self._attention else mesh.points

    def _least_presence(self, detection: Detection) -> float:
        doubtful = detection.score < _DOUBT and self.config.min_presence > 0
        return max(self.config.min_presence, _BEYOND_DOUBT) if doubtful else self.config.min_presence

    def _rounds(self, image: RgbImage) -> Iterator[list[Detection]]:
        least = _detector_score(self.config.min_score)
        if self.config.search == "quick":
            return self._search.quick(image, least)
        return self._search.full(image, least, self.config.smallest_face_px)


def _calibrated(detector_score: float) -> float:
    return _logistic(SCORE_SLOPE * _log_odds(detector_score) + SCORE_OFFSET)


def _detector_score(score: float) -> float:
    return _logistic((_log_odds(score) - SCORE_OFFSET) / SCORE_SLOPE)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _log_odds(probability: float) -> float:
    probability = min(max(probability, _SUREST), 1 - _SUREST)
    return math.log(probability / (1 - probability))


def _any_above(limit: float, share: _Share, corners: NDArray[np.float64], others: list[NDArray[np.float64]]) -> bool:
    return bool(others) and bool((share(corners, np.stack(others)) > limit).any())
