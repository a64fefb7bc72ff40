"""How well a drawn face keeps what the original did: formulas on landmarks and distances."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE

MOUTH = slice(48, 68)
EYES = slice(LEFT_EYE.start, RIGHT_EYE.stop)
SAME_PERSON = 0.6
"""The combined score's identity distance at which two faces are as much alike as not (dlib's threshold)."""
WEIGHTS = ((1.0, 1.0), (6.0, 1.0))
"""(α, β) of the combined score, as the reference study reports it."""


class ExpressionError(NamedTuple):
    """Mean distance of landmarks after Procrustes alignment, of the original's eye distance; float64 (N,) each."""

    eyes: NDArray[np.float64]
    mouth: NDArray[np.float64]
    all: NDArray[np.float64]


def expression_error(originals: NDArray[np.float32], results: NDArray[np.float32]) -> ExpressionError:
    """How far the landmarks of N results are from those of the originals, whatever their place, size and rotation.

    originals, results: float32 (N, 68, 2), iBUG-68, any pixels; a face of NaN (not found) gives NaN. The similarity
    that lays a result's landmarks over the original's with the least squared distance is taken away first (Umeyama
    1991). What remains is the expression, and the shape of another person's face.
    """
    points, wanted = results.astype(np.float64), originals.astype(np.float64)
    eyes = np.linalg.norm(wanted[:, LEFT_EYE].mean(1) - wanted[:, RIGHT_EYE].mean(1), axis=-1)
    distances = np.linalg.norm(laid_over(points, wanted) - wanted, axis=-1) / eyes[:, None]
    return ExpressionError(distances[:, EYES].mean(1), distances[:, MOUTH].mean(1), distances.mean(1))


def laid_over(points: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """N sets of points (N, P, 2), each under the similarity without mirroring that brings it nearest to what is wanted.

    As complex numbers a similarity is w = a·z + b, and least squares give a = Σ z̄·w / Σ |z|² about the means.
    """
    z, w = (np.ascontiguousarray(p).view(np.complex128)[..., 0] for p in (points, wanted))
    z_centred, w_mean = z - z.mean(1, keepdims=True), w.mean(1, keepdims=True)
    spread = (np.abs(z_centred) ** 2).sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a face that was not found is NaN, and stays so
        factor = (z_centred.conj() * (w - w_mean)).sum(1, keepdims=True) / np.maximum(spread, 1e-12)
    moved = factor * z_centred + w_mean
    return np.stack([moved.real, moved.imag], -1)


def combined_score(
    expression: NDArray[np.float64], identity: NDArray[np.float64], alpha: float, beta: float
) -> NDArray[np.float64]:
    """The reference study's score of an anonymized face: 1 / (1 + exp(α·expression − β·(identity − 0.6))).

    expression: error as a share of the eye distance. identity: distance to the original's encoding. Larger is better:
    the face is somebody else's and does the same. A face that was not found again (NaN) has 0.
    """
    scores = 1 / (1 + np.exp(alpha * expression - beta * (identity - SAME_PERSON)))
    return np.nan_to_num(scores, nan=0.0)


def mean_pairwise_distance(encodings: NDArray[np.float32]) -> float:
    """Mean Euclidean distance between N encodings (N, D); NaN for fewer than two."""
    if len(encodings) < 2:
        return float("nan")
    values = encodings.astype(np.float64)
    # One row against those after it: all pairs at once would be N²·D numbers.
    total = sum(float(np.linalg.norm(values[row + 1 :] - values[row], axis=1).sum()) for row in range(len(values) - 1))
    return total / (len(values) * (len(values) - 1) / 2)


def frechet_distance(encodings: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Fréchet distance between the normal distributions that fit two sets of encodings, (N, D) and (M, D); squared.

    |μ₁ − μ₂|² + tr(C₁ + C₂ − 2·(C₁·C₂)^½) (Dowson and Landau 1982; in the space of an image network it is the FID of
    Heusel et al. 2017, arXiv:1706.08500). It grows when samples are few: compare values of the same N only. NaN if one
    of the sets has fewer than two.
    """
    if min(len(encodings), len(reference)) < 2:
        return float("nan")
    first, second = encodings.astype(np.float64), reference.astype(np.float64)
    covariance, root = np.cov(second, rowvar=False), _root(np.cov(first, rowvar=False))
    # The trace of (C₁·C₂)^½ is that of the symmetric (C₁^½·C₂·C₁^½)^½, whose eigenvalues are real.
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ covariance @ root), 0, None)).sum()
    trace = np.trace(root @ root) + np.trace(covariance) - 2 * shared
    return float(((first.mean(0) - second.mean(0)) ** 2).sum() + max(float(trace), 0.0))


def mean_of_finite(values: ArrayLike) -> float:
    """Mean of those that are finite; NaN if none is."""
    return _over(np.mean, values)


def median_of_finite(values: ArrayLike) -> float:
    """Median of those that are finite; NaN if none is."""
    return _over(np.median, values)


def _over(function: Callable[[NDArray[np.float64]], np.float64], values: ArrayLike) -> float:
    given = np.asarray(values, np.float64)
    finite = given[np.isfinite(given)]
    return float(function(finite)) if len(finite) else float("nan")


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
