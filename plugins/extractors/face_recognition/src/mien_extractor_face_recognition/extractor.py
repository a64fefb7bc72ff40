"""Faces and landmarks by dlib, as the face_recognition package brings it."""

import math
from collections.abc import Sequence
from copy import copy
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, Landmarks, RgbImage
from mien.contracts.plugin import PluginConfig
from mien.errors import MienError
from mien.geometry.closeup import measured_in_closeup

SMALLEST_FACE_PX = 80
"""Side of the smallest face that dlib's detector knows, at the scale it looks at."""
QUICK_SIDE_PX = 480
"""Side of the image that a quick search begins with: there a face of a sixth of the side is found."""
SCORE_SLOPE = 4.0
"""dlib's scores have no unit. With this slope ½ is dlib's own threshold, and a score is about the share of detections
with it that are faces: over 344 detections in 277 images, `core/bench/scores.py` fits 0.93 times the log odds of the
score, plus 0.59, with faces where centerface finds them."""
DOUBTFUL = -0.5
"""dlib's score that is enough where another extractor has found a face."""

_DETECTOR_FILE = "frontal_face_detector.svm"
_PREDICTOR_FILE = "shape_predictor_68_face_landmarks.dat"


class FaceRecognitionConfig(PluginConfig):
    """How thoroughly dlib's frontal face detector searches. The landmarks always come from the whole image."""

    presets = {"check": {"search": "full"}}

    upsample: int = Field(default=1, ge=0, le=3)
    """How often the image is doubled before faces are searched: faces from 80/2**upsample pixels on are found."""
    search: Literal["quick", "full"] = "quick"
    """quick: look for large faces first (a sixth of the image's longer side), and for smaller ones only if there are
    none. It is four times as fast, but small faces beside a large one are missed, and in a video a second face near
    that size may come and go. full: look for all sizes at once; for images of several people."""
    max_side_px: int = Field(default=1920, ge=SMALLEST_FACE_PX)
    """Faces are searched on an image with a longer side of at most so many pixels, doubled or not. Larger images are
    shrunk for that, which loses faces smaller than 80/max_side_px of the longer side (by default a 24th)."""
    min_score: float = Field(default=0.5, gt=0.0, lt=1.0)
    """Detections with a lower score are dropped; 0.5 is dlib's own threshold. More finds fewer false faces, less finds
    doubtful ones."""


class FaceRecognition(Extractor):
    """dlib's detector of frontal faces (HOG) and its 68 landmarks (Kazemi and Sullivan, CVPR 2014).

    Instances run in threads side by side: each has its own detector, and dlib does not hold Python's lock while it
    detects. A score s is 1 / (1 + exp(−4·d)) of dlib's d: see `SCORE_SLOPE`.
    """

    Config = FaceRecognitionConfig
    config: FaceRecognitionConfig

    def __init__(self, config: FaceRecognitionConfig | None = None) -> None:
        super().__init__(config)
        dlib, self._predictor_path = _load_dlib()
        self._rectangle = dlib.rectangle
        # pybind11 makes an iterator's class at its first use; two threads that do so at once make two, and fail
        # (pybind11 issue 5970). The first extractor is made before any thread.
        for sequence in (dlib.rectangles(), dlib.points()):
            iter(sequence)
        self._detector = copy(_detector())

    def extract(self, image: RgbImage) -> list[Face]:
        """Find all faces, surest first. See `Extractor.extract`."""
        return self.extract_all([image])[0]

    def extract_all(self, images: Sequence[RgbImage]) -> list[list[Face]]:
        """Find all faces of several images. See `Extractor.extract_all`.

        All are searched before any face is measured: the predictor of landmarks reads megabytes of its 75, which are
        in the processor's cache from one face to the next, but not after a search.
        """
        # Of a view with padded rows, as PyAV gives them, dlib reads freed memory.
        images = [np.ascontiguousarray(image) for image in images]
        return [
            sorted((self._describe(image, *found) for found in searched), key=lambda face: -face.score)
            for image, searched in zip(images, [self._search(image) for image in images], strict=True)
        ]

    def locate(self, image: RgbImage) -> list[Face]:
        """Find all faces without measuring them: the predictor of landmarks is not loaded. See `Extractor.locate`."""
        found = self._search(np.ascontiguousarray(image))
        return sorted((_face(rectangle, score, None) for rectangle, score in found), key=lambda face: -face.score)

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """Find each face again from close by, if only just, and measure it. See `Extractor.measure`."""
        return [measured_in_closeup(image, face, self._doubtful) for face in faces]

    def _doubtful(self, image: RgbImage) -> list[Face]:
        return [self._describe(image, rectangle, score) for rectangle, score in self._detect(image, 1.0, DOUBTFUL)]

    def _search(self, image: RgbImage) -> list[tuple[Any, float]]:
        """Rectangles in image pixels, and dlib's scores, at the coarsest scale that shows any."""
        threshold = math.log(self.config.min_score / (1 - self.config.min_score)) / SCORE_SLOPE
        for scale in _scales(self.config, max(image.shape[:2])):
            if found := self._detect(image, scale, threshold):
                return found
        return []

    def _detect(self, image: RgbImage, scale: float, threshold: float) -> list[tuple[Any, float]]:
        """Rectangles in image pixels, and dlib's scores."""
        if scale >= 1 and math.log2(scale).is_integer():  # dlib's own way, bit for bit
            rectangles, scores, _ = self._detector.run(image, int(math.log2(scale)), threshold)
            return list(zip(rectangles, scores, strict=True))
        height, width = image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        rectangles, scores, _ = self._detector.run(resized, 0, threshold)
        return [
            (self._scaled(rectangle, 1 / scale), score) for rectangle, score in zip(rectangles, scores, strict=True)
        ]

    def _scaled(self, rectangle: Any, factor: float) -> Any:
        edges = (rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1)
        left, top, right, bottom = (round(edge * factor) for edge in edges)
        return self._rectangle(left, top, right - 1, bottom - 1)

    def _describe(self, image: RgbImage, rectangle: Any, score: float) -> Face:
        points = _predictor(self._predictor_path)(image, rectangle).parts()
        return _face(rectangle, score, np.array([(point.x, point.y) for point in points], np.float32))


def _face(rectangle: Any, score: float, landmarks: Landmarks | None) -> Face:
    """What dlib found there, with dlib's score."""
    box = Box(rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1)
    return Face(box, landmarks, 1 / (1 + math.exp(-SCORE_SLOPE * score)))


def _load_dlib() -> tuple[Any, str]:
    """The module dlib, and where the predictor of landmarks lies. They load when an extractor is made."""
    try:
        import dlib

        # Importing face_recognition_models takes a sixth of a second, for pkg_resources, and does nothing else.
        models = find_spec("face_recognition_models")
        if models is None or models.origin is None:
            raise ImportError("face_recognition_models is not installed")
    except ImportError as error:
        raise MienError(
            f"The extractor face_recognition cannot load dlib and its models: {error}.",
            "pip install mien-extractor-face-recognition",
        ) from error
    path = Path(models.origin).parent / "models" / _PREDICTOR_FILE
    if not path.is_file():
        raise MienError(
            f"The extractor face_recognition finds no {path}.",
            "pip install --force-reinstall face_recognition_models",
        )
    return dlib, str(path)


@cache
def _detector() -> Any:
    """A detector to copy. The file is what dlib's own detector saves: dlib unpacks its own for a third of a second,
    and reads this one in two milliseconds."""
    import dlib

    with resources.as_file(resources.files(__package__) / "networks" / _DETECTOR_FILE) as path:
        return dlib.fhog_object_detector(str(path))


_loading = Lock()


def _predictor(weights: str) -> Any:
    """The predictor of landmarks; it only reads, so that all instances share its 75 MB.

    It loads with the first face, which takes most of a second: of a search that finds none nobody waits for it.
    """
    with _loading:
        return _loaded_predictor(weights)


@cache
def _loaded_predictor(weights: str) -> Any:
    # The module face_recognition would load its other nets as well, which no extractor needs: half a second a process.
    import dlib

    return dlib.shape_predictor(weights)


@cache
def _scales(config: FaceRecognitionConfig, side: int) -> tuple[float, ...]:
    """What to shrink or enlarge an image by, one after the other until a face is found. side: its longer one."""
    finest = min(2.0**config.upsample, config.max_side_px / side)
    coarsest = min(1.0, QUICK_SIDE_PX / side, finest) if config.search == "quick" else finest
    doublings = math.ceil(math.log2(finest / coarsest) - 1e-9)
    return tuple(float(scale) for scale in np.geomspace(finest, coarsest, doublings + 1)[::-1])
