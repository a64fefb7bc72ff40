"""Extractors that see a part of what dlib sees."""

from dataclasses import replace

from mirror.extractor import Sighted

from mien import Face
from mien.contracts.face import RgbImage


class Half(Sighted):
    """The faces in the left half of an image."""

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        return [face for face in self.eyes.extract(image) if face.box.left + face.box.right < image.shape[1]]


class HalfBoxes(Sighted):
    """Landmarks in the left half of an image, boxes alone in the right one."""

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        middle = image.shape[1] / 2
        return [face if face.box.left < middle else replace(face, landmarks=None) for face in self.eyes.extract(image)]


class Boxes(Sighted):
    """Boxes without landmarks."""

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        return [replace(face, landmarks=None) for face in self.eyes.extract(image)]
