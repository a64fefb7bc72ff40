"""Errors that count inside the face alone."""

from torch import Tensor


def masked_l1(generated: Tensor, wanted: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute error inside the masks. drawn, wanted: (N, C, S, S). masks: (N, 1, S, S) in [0, 1]."""
    difference = (generated.float() - wanted.float()).abs() * masks
    return difference.sum() / (masks.sum() * generated.shape[1]).clamp_min(1.0)


def masked_edge_l1(generated: Tensor, wanted: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighbouring pixels, inside the masks; shapes as `masked_l1`.

    It asks for the edges that a mean absolute error alone smooths away (gradient difference loss with exponent 1 on
    signed differences; Mathieu, Couprie, LeCun 2016, arXiv:1511.05440).
    """
    error = generated.float() - wanted.float()
    across = (error[..., :, 1:] - error[..., :, :-1]).abs() * masks[..., :, 1:] * masks[..., :, :-1]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * masks[..., 1:, :] * masks[..., :-1, :]
    return (across.sum() + down.sum()) / (2 * masks.sum() * generated.shape[1]).clamp_min(1.0)
