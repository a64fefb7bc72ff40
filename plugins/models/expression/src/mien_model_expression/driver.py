"""What landmarks say of what a face does, in numbers that say little of whose face it is."""

import numpy as np
import torch
from torch import Tensor

from mien.geometry.pose import angles_degrees, head_pose
from mien.geometry.templates import LEFT_EYE, RIGHT_EYE

_OPENINGS: tuple[tuple[tuple[int, int], ...], ...] = (
    *(((37, 41), (38, 40)), ((43, 47), (44, 46))),  # each eye
    ((61, 67), (62, 66), (63, 65)),  # between the lips
    *(((48, 54),), ((51, 57),)),  # width and height of the mouth
    *(((19, 37),), ((24, 44),)),  # brows above the eyes
)
MEASURES = 2 + len(_OPENINGS)
"""How many numbers `measured` gives."""


@torch.no_grad()
def measured(landmarks: Tensor) -> Tensor:
    """Yaw and pitch, and openings: float32 (N, MEASURES); NaN for a face whose landmarks are.

    landmarks: float (N, 68, 2), iBUG-68, any pixels. Angles in radians. Openings of the eyes and of the mouth, its
    width and height, and how high the brows are, as shares of the distance between the eyes' centers.
    """
    points = landmarks.float()
    angles = angles_degrees(head_pose(points.cpu().numpy()))
    turned = torch.from_numpy(np.radians(np.stack([angles.yaw, angles.pitch], 1)).astype(np.float32))
    between_eyes = (points[:, LEFT_EYE].mean(1) - points[:, RIGHT_EYE].mean(1)).norm(dim=1).clamp_min(1e-6)
    openings = []
    for pairs in _OPENINGS:
        first, second = zip(*pairs, strict=True)
        openings.append((points[:, list(first)] - points[:, list(second)]).norm(dim=2).mean(1) / between_eyes)
    return torch.cat([turned.to(points.device), torch.stack(openings, 1)], 1)
