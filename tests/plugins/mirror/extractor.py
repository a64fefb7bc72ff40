"""An extractor that can be blinded."""

from typing import cast

from mien import Extractor, Face, PluginConfig, Registry
from mien.contracts.face import RgbImage


class Blinkered(Extractor):
    """Sees what dlib sees, and nothing while the image's corner is magenta."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.eyes = cast(Extractor, Registry().create("extractor", "face_recognition:search=full,upsample=0"))

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        red, green, blue = image[:16, :16].reshape(-1, 3).mean(0)
        return [] if min(red, blue) > 200 and green < 60 else self.eyes.extract(image)
