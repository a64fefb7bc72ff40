"""An extractor that looks at one half of an image."""

from mirror.extractor import Blinkered

from mien import Face
from mien.contracts.face import RgbImage


class Half(Blinkered):
    """Sees what dlib sees in the left half."""

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        middle = image.shape[1] / 2
        return [face for face in self.eyes.extract(image) if face.box.left + face.box.right < 2 * middle]
