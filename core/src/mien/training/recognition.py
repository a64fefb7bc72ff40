"""The run's recognizer as a network: encodings of what a model draws, for a loss."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, interpolate

from mien.contracts.feature import Feature
from mien.geometry.alignment import AlignmentConfig, similarity_to_crop


def recognize_by(feature: Feature) -> Callable[[Tensor, Tensor], Tensor] | None:
    """What `ModelInputs.recognize` is for a recognizer's feature; None if it has no network.

    Images, (N, 3, S, S) in [-1, 1], are cut as the feature needs them by the landmarks, (N, 68, 2) in their pixels; a
    face without landmarks is taken as it is. Gradients flow through the images, not through the landmarks.
    """
    network = feature.network()
    if network is None:
        return None
    moved = _OnDevice(network)
    alignment = feature.network_alignment or feature.alignment

    def recognize(images: Tensor, landmarks: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):  # in full precision, as encodings are computed
            images = images.float()
            cut = images if alignment is None else aligned(images, landmarks, alignment)
            encodings: Tensor = moved.at(images.device)(cut)
            return encodings.reshape(len(images), -1)

    return recognize


def aligned(images: Tensor, landmarks: Tensor, config: AlignmentConfig) -> Tensor:
    """Images (N, 3, S, S), cut anew by an alignment: (N, 3, s, s), differentiable; black where they end."""
    size, side = images.shape[-1], config.size
    transforms = []
    for points in landmarks.detach().cpu().numpy():
        if not np.isfinite(points).all():
            transforms.append(np.array([[side / size, 0, 0], [0, side / size, 0]]))
            continue
        transforms.append(similarity_to_crop(points.astype(np.float32), config))
    # grid_sample goes from the cut to the image, in shares of half a side about the middle.
    matrices = np.stack([_as_shares(transform, size, side) for transform in transforms])
    theta = torch.from_numpy(matrices.astype(np.float32)).to(images.device)
    if size > 2 * side:  # what is shrunk by more than that would alias
        images = interpolate(images, size=(2 * side, 2 * side), mode="bilinear", antialias=True)
    grid = affine_grid(theta, [len(images), images.shape[1], side, side], align_corners=False)
    return grid_sample(images + 1, grid.to(images.dtype), mode="bilinear", align_corners=False) - 1


def _as_shares(to_cut: np.ndarray, size: int, side: int) -> np.ndarray:
    """The inverse of a transform in pixels as `affine_grid` takes it: float64 (2, 3).

    With pixel centers at integers, a share u of half a side s is the pixel (u + 1)·s/2 − ½.
    """
    whole = np.vstack([to_cut, [0, 0, 1]])
    pixel_of_share = np.array([[side / 2, 0, side / 2 - 0.5], [0, side / 2, side / 2 - 0.5], [0, 0, 1]])
    share_of_pixel = np.array([[2 / size, 0, 1 / size - 1], [0, 2 / size, 1 / size - 1], [0, 0, 1]])
    matrix: np.ndarray = (share_of_pixel @ np.linalg.inv(whole) @ pixel_of_share)[:2]
    return matrix


class _OnDevice:
    """A network that goes where it is asked for; it is no part of the model, so that no run keeps it."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval().requires_grad_(False)
        self._device: torch.device | None = None

    def at(self, device: torch.device) -> nn.Module:
        if device != self._device:
            self._network, self._device = self._network.to(device), device
        return self._network
