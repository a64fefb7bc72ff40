"""An extractor that knows one person's clips by heart, and misbehaves when it is told to."""

import os
import signal
from pathlib import Path

import numpy as np

from mien import Box, Extractor, Face, PluginConfig
from mien.contracts.face import RgbImage

# The 68 landmarks of person E in the middle of his clips' frames, as shares of width and height.
LANDMARKS = np.array([
    .388, .555, .391, .600, .396, .643, .403, .685, .414, .723, .433, .756, .458, .779, .488, .795, .523, .801,
    .557, .795, .584, .777, .607, .753, .622, .721, .631, .683, .636, .643, .639, .602, .642, .561, .415, .483,
    .431, .458, .456, .449, .482, .452, .506, .463, .547, .461, .569, .449, .594, .447, .616, .458, .628, .486,
    .525, .495, .525, .518, .525, .542, .525, .567, .498, .607, .511, .609, .524, .611, .537, .610, .549, .608,
    .442, .517, .456, .504, .473, .502, .489, .514, .473, .521, .457, .522, .560, .515, .577, .505, .593, .507,
    .605, .521, .592, .527, .576, .523, .477, .685, .495, .662, .512, .650, .524, .656, .536, .651, .552, .664,
    .568, .686, .552, .696, .536, .701, .524, .701, .511, .700, .494, .695, .485, .682, .512, .671, .524, .673,
    .536, .672, .560, .683, .536, .674, .524, .675, .512, .673,
]).reshape(68, 2)  # fmt: skip
CELL = np.array([400, 300])  # size of a frame of E; a wider image shows several side by side


class TemplateConfig(PluginConfig):
    """How the template finds faces."""

    grow: float = 1.0
    """How much larger than the template the faces are."""
    fuse: str = ""
    """A file: if it is there when an image with a green corner comes, it is removed, and preprocessing is killed."""


class Template(Extractor):
    """E's face in every cell of an image that is not black. A red corner makes it fail."""

    Config = TemplateConfig
    config: TemplateConfig

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        corner = tuple(int(value) for value in image[0, 0])
        if corner == (255, 0, 0):
            raise ArithmeticError("this image has a red corner")
        if corner == (0, 255, 0) and self.config.fuse and Path(self.config.fuse).exists():
            Path(self.config.fuse).unlink()
            print("a word before dying", flush=True)
            os.kill(os.getppid() if "parent" in self.config.fuse else os.getpid(), signal.SIGKILL)
        faces: list[Face] = []
        for cell in range(max(1, image.shape[1] // CELL[0])):
            shown = image[:, cell * CELL[0] : (cell + 1) * CELL[0]]
            if shown.size and shown.mean() > 8:
                scale = 0.9 if image.shape[1] >= 2 * CELL[0] and cell == 0 else self.config.grow
                middle = LANDMARKS.mean(0)
                points = ((LANDMARKS - middle) * scale + middle) * CELL + (cell * CELL[0], 0)
                (left, top), (right, bottom) = points.min(0), points.max(0)
                faces.append(Face(Box(left, top, right, bottom), points.astype(np.float32), 0.9**cell))
        return faces


class Boxes(Template):
    """The same faces without landmarks."""

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        return [Face(face.box, None, face.score) for face in super().extract(image)]
