"""Features as the condition of a network: drawn from the dataset's distribution, and standardized."""

import numpy as np
import torch
from torch import Tensor, nn

from mien.contracts.model import ModelInputs

_NEGLIGIBLE = 1e-4
"""Principal components with less than this share of the largest one's variance carry noise, not the face. Lids are
small: with ten times that share, of landmarks 98 % of the mouth's variance stays, and 40 % of the eyes'."""
_LIMIT = 4.0
"""Standardized values are cut off there: an unusual face would otherwise drive the network far beyond its training."""


class FeatureDistribution(nn.Module):
    """The normal distribution of the training faces' features, by their mean and covariance.

    The covariance may be singular, as it is with fewer faces than features. Rounding
    then makes some of its eigenvalues negative; they count as 0, and what is drawn lies in the span of the faces.
    """

    mean: Tensor
    root: Tensor

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__()
        variances, directions = np.linalg.eigh(inputs.feature_covariance.astype(np.float64))
        root = directions * np.sqrt(np.clip(variances, 0, None))
        self.register_buffer("mean", torch.from_numpy(inputs.feature_mean.astype(np.float32)), persistent=False)
        self.register_buffer("root", torch.from_numpy(root.astype(np.float32)), persistent=False)

    def draw(self, count: int) -> Tensor:
        """Draw the features of `count` faces: float32 (count, F), from torch's global generator."""
        noise = torch.randn(count, len(self.mean), device=self.mean.device)
        with torch.autocast(self.mean.device.type, enabled=False):  # 8 bit of precision are less than some vary by
            return torch.addmm(self.mean, noise, self.root.T)


class StandardizedFeatures(nn.Module):
    """Features, (N, F), as principal components of variance 1: (N, length). PCA whitening.

    Values that hang together, such as 72 landmarks, become a few that do not, and none drowns the others by its scale.
    Components of negligible variance are left out.
    """

    mean: Tensor
    projection: Tensor

    def __init__(self, inputs: ModelInputs, most: int) -> None:
        """most: how many components are kept at most, those of the largest variance."""
        super().__init__()
        variances, directions = np.linalg.eigh(inputs.feature_covariance.astype(np.float64))
        variances, directions = variances[::-1], directions[:, ::-1]
        kept = max(1, min(most, int((variances > _NEGLIGIBLE * variances[0]).sum())))
        projection = directions[:, :kept] / np.sqrt(np.clip(variances[:kept], 1e-12, None))
        # An eigenvector's sign is chance: the largest entry decides, so that every machine means the same by it.
        projection *= np.sign(projection[np.abs(projection).argmax(0), range(kept)])
        self.length = kept
        """Components kept."""
        self.register_buffer("mean", torch.from_numpy(inputs.feature_mean.astype(np.float32)), persistent=False)
        self.register_buffer("projection", torch.from_numpy(projection.astype(np.float32)), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Standardize."""
        with torch.autocast(self.mean.device.type, enabled=False):
            return ((features - self.mean) @ self.projection).clamp(-_LIMIT, _LIMIT)
