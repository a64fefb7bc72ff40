"""How sharp a face is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage


def sharpness(image: RgbImage, mask: NDArray[np.uint8]) -> float:
    """How sharp a crop is: variance of the Laplacian of its gray levels (0 to 255), well inside of the mask.

    image: uint8 (S, S, 3), RGB. mask: uint8 (S, S). Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy"; the mask's own edge is left out, since there the image ends, however blurred it is.
    """
    inside = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) == 255
    if not inside.any():
        return 0.0
    laplacian = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return float(laplacian[inside].var())
