"""An extractor that can be blinded."""

import threading
from collections.abc import Sequence
from typing import cast

from mien import Extractor, Face, PluginConfig, Registry
from mien.contracts.face import RgbImage


class Sighted(Extractor):
    """Has dlib's eyes; what it sees is for those that are made of it."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.eyes = cast(Extractor, Registry().create("extractor", "face_recognition:search=full,upsample=0"))


class Blinkered(Sighted):
    """Sees what dlib sees, and nothing while the image's corner is magenta; nor in a close-up of such an image.

    A close-up is square and does not show the corner: it counts as cut from what the thread was shown whole before.
    """

    _shown = threading.local()

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        return [] if self._is_blinded(image) else self.eyes.extract(image)

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """See `mien.Extractor.measure`."""
        return [None] * len(faces) if self._is_blinded(image) else super().measure(image, faces)

    def _is_blinded(self, image: RgbImage) -> bool:
        height, width = image.shape[:2]
        if height != width:
            red, green, blue = image[:16, :16].reshape(-1, 3).mean(0)
            self._shown.blinded = min(red, blue) > 200 and green < 60
        return getattr(self._shown, "blinded", False)
