"""What drives the network: features of the expression, and what landmarks say of pose, lids and lips."""

import numpy as np
import torch
from torch import Tensor, nn

from mien.contracts.model import Batch, ModelInputs
from mien.geometry.pose import angles_degrees, head_pose
from mien.geometry.templates import LEFT_EYE, RIGHT_EYE

_OPENINGS: tuple[tuple[tuple[int, int], ...], ...] = (
    *(((37, 41), (38, 40)), ((43, 47), (44, 46))),  # each eye
    ((61, 67), (62, 66), (63, 65)),  # between the lips
)
_CENTERS = (0.0, 0.05, 0.11, 0.11, 0.1)
_SPREADS = (0.12, 0.08, 0.03, 0.03, 0.1)
"""Of what `measured` gives, about what they are of people who talk to a camera."""
MEASURES = len(_CENTERS)
"""How many numbers `measured` gives."""
_POSE = 2
"""So many of them are angles."""
_LEAST_SPREAD = 0.03
"""What varies by less is measured no better."""
_SEEN = (0.005, 0.995)
_POSE_SEEN = (0.05, 0.95)
"""Of a person's values, sorted, those shares lie below the lowest and the highest that they are drawn with. Of the
angles more is left out: they are measured by a mean face, and who is flatter than it seems to look up all the time."""
_BETWEEN_PEOPLE = 1.2
_MEASURED_BETWEEN_PEOPLE = (0.02, 0.2, 0.03, 0.03, 0.02)
"""Variance between people at rest, of a standardized feature, and of what `measured` gives: open eyes and closed lips
are much the same in all, and a head that looks ahead has no yaw."""
_CLOSED_COUNT = 10.0
"""A face with closed lids counts as so many: there are few."""


class Driver(nn.Module):
    """What faces do, standardized: (N, length), as the person would do it who is to.

    No two people at rest are alike, and one frame does not say what its face is at rest. So a value is taken as what
    the person did at some time, and what the driving face is at rest added to it; the best linear estimate of the
    former is what drives (Wiener 1949). What the person never does is not done: their lids go where theirs have gone.
    """

    center: Tensor
    spread: Tensor
    lowest: Tensor
    highest: Tensor
    usual: Tensor
    kept: Tensor

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__()
        variances = np.clip(np.diagonal(inputs.feature_covariance), _LEAST_SPREAD**2, None)
        center = np.concatenate([inputs.feature_mean, _CENTERS]).astype(np.float32)
        spread = np.concatenate([np.sqrt(variances), _SPREADS]).astype(np.float32)
        self.length = len(center)
        self.register_buffer("center", torch.from_numpy(center), persistent=False)
        self.register_buffer("spread", torch.from_numpy(spread), persistent=False)
        people = len(inputs.people)
        self.register_buffer("lowest", torch.full((people, self.length), -torch.inf))
        self.register_buffer("highest", torch.full((people, self.length), torch.inf))
        self.register_buffer("usual", torch.zeros(people, self.length))
        self.register_buffer("kept", torch.eye(self.length).repeat(people, 1, 1))

    def forward(self, batch: Batch, people: Tensor) -> Tensor:
        """What the faces of a batch do, done by people: numbers, int64 (N,)."""
        seen = self.standardized(batch).clamp(self.lowest[people], self.highest[people])
        with torch.autocast(seen.device.type, enabled=False):
            away = torch.bmm(self.kept[people], (seen - self.usual[people])[:, :, None])
            return self.usual[people] + away[:, :, 0]

    def standardized(self, batch: Batch) -> Tensor:
        """What the faces of a batch do, whatever it is: 0 is usual, and what is not known."""
        landmarks = batch.landmarks
        if len(landmarks) != len(batch):
            landmarks = batch.images.new_full((len(batch), 68, 2), torch.nan)
        driver = torch.cat([batch.features.float(), measured(landmarks)], 1)
        driver = torch.where(driver.isfinite(), driver, self.center)
        # A blink is some eight times as far from the mean as is usual: heard, but no louder than the network bears.
        return torch.asinh((driver - self.center) / self.spread)

    def count(self, standardized: Tensor) -> Tensor:
        """As how many faces each counts: (N,), more where lids are closed."""
        lids = standardized[:, -MEASURES + _POSE : -1].mean(1)  # asinh(−3) is a lid that is shut
        return 1 + (_CLOSED_COUNT - 1) * (lids / -1.5).clamp(0, 1).square()

    def keep(self, person: int, drivers: Tensor) -> None:
        """Note what a person was seen doing: standardized, (n, length)."""
        counts = self.count(drivers).double()[:, None]
        usual = (drivers * counts).sum(0) / counts.sum()
        covariance = ((drivers - usual) * counts).T @ (drivers - usual) / counts.sum()
        noise = torch.full((self.length,), _BETWEEN_PEOPLE, dtype=torch.float64)
        noise[-MEASURES:] = torch.tensor(_MEASURED_BETWEEN_PEOPLE, dtype=torch.float64)
        noise = noise.diag().to(drivers.device)
        self.usual[person] = usual.float()
        self.kept[person] = torch.linalg.solve(covariance + noise, covariance).T.float()
        pose = torch.zeros(self.length, dtype=torch.bool)
        pose[-MEASURES : _POSE - MEASURES] = True
        for bound, part in ((self.lowest, 0), (self.highest, 1)):
            seen, pose_seen = (torch.quantile(drivers.cpu(), shares[part], dim=0) for shares in (_SEEN, _POSE_SEEN))
            bound[person] = torch.where(pose, pose_seen, seen).float()


@torch.no_grad()
def measured(landmarks: Tensor) -> Tensor:
    """Yaw and pitch, openings of the eyes and between the lips: float32 (N, MEASURES); NaN where the landmarks are.

    landmarks: float (N, 68, 2), iBUG-68, any pixels. Angles in radians, openings in shares of the distance between the
    eyes' centers.
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
