"""How well somebody can be found again by protected faces: the figures that papers report.

All of an attacker's tries go by encodings of one recognizer. A chance floor is measured: how often guesses that are
made as often as these would hit if they had nothing to do with who it was. It is far above one in N if one person is
seen most of the time.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import binary_sensitivity_at_specificity

from mien.auditing.report import Guesses, VerificationRates
from mien.tracking.recognizer import mean_encoding

Encodings = NDArray[np.float32]
"""float32 (N, D)."""
People = NDArray[np.int64]
"""int64 (N,)."""
FALSE_ACCEPTS = 0.001
LEAST_IMPOSTOR_PAIRS = 1000
"""Of fewer, one in a thousand cannot be told."""
_FOLDS = 5
_LEAST_FACES = 2 * _FOLDS
"""Of a person, to train on some and to test on others, that are apart in time."""
_SHRINKAGE = 0.1


def identified(original: Encodings, protected: Encodings, people: People) -> Guesses | None:
    """Who it is, guessed by the original's people: the one whose original faces, on the mean, lie nearest.

    original, protected: (N, D), row by row the same face before and after. people: of each. None if there is just one.
    """
    return _guesses(protected, people, _means(original, people), people) if _several(people) else None


def enrolled(protected: Encodings, people: People) -> Guesses | None:
    """The same by an attacker who knows who the protected faces of the first half of the time are.

    Rows are in the order of time. None if fewer than two people have two faces.
    """
    chosen = _with_faces(people, 2)
    first = np.zeros(len(people), bool)
    for person in np.unique(people[chosen]):
        rows = np.flatnonzero(people == person)
        first[rows[: len(rows) // 2]] = True
    gallery, probes = chosen & first, chosen & ~first
    if not _several(people[gallery]):
        return None
    return _guesses(protected[probes], people[probes], _means(protected[gallery], people[gallery]), people[gallery])


def trained(protected: Encodings, people: People) -> Guesses | None:
    """The same by a linear classifier that is trained on protected faces: Fisher's discriminant, with a shrunk
    covariance, in five folds, each a stretch of time of its own.

    None if fewer than two people have ten faces.
    """
    chosen = np.flatnonzero(_with_faces(people, _LEAST_FACES))
    if not _several(people[chosen]):
        return None
    faces, who = protected[chosen], people[chosen]
    fold = np.empty(len(who), np.int64)
    for person in np.unique(who):
        rows = np.flatnonzero(who == person)
        fold[rows] = np.arange(len(rows)) * _FOLDS // len(rows)
    guessed = np.empty_like(who)
    for number in range(_FOLDS):
        test = fold == number
        guessed[test] = _discriminant(faces[~test], who[~test])(faces[test])
    return _counted(guessed, who)


def accepted(original: Encodings, protected: Encodings, people: People) -> VerificationRates | None:
    """How often a protected face passes as its person, at the threshold at which one in a thousand others would.

    A person is the mean of the original faces. The threshold is that of the original's people: each of their faces
    beside the mean of each other person. None if there is just one person.
    """
    if not _several(people):
        return None
    names = np.unique(people)
    means = _means(original, people)
    before, after = (_distances(faces, means) for faces in (original, protected))
    own = people[:, None] == names
    impostors = before[~own]
    if len(impostors) < LEAST_IMPOSTOR_PAIRS:
        return VerificationRates(impostor_pairs=len(impostors), people=len(names), true_accepts=None, below=None)
    # Similarities in (0, 1], as torchmetrics takes them; it finds the threshold with the most true accepts.
    similarities = torch.from_numpy(np.exp(-np.concatenate([after[own], impostors])))
    target = torch.cat([torch.ones(int(own.sum())), torch.zeros(len(impostors))]).long()
    rate, threshold = binary_sensitivity_at_specificity(similarities, target, min_specificity=1 - FALSE_ACCEPTS)
    return VerificationRates(
        impostor_pairs=len(impostors),
        people=len(names),
        true_accepts=float(rate),
        below=float(-np.log(float(threshold))),
    )


def _several(people: People) -> bool:
    return len(np.unique(people)) > 1


def _with_faces(people: People, least: int) -> NDArray[np.bool_]:
    """Which rows are of a person who has so many."""
    names, counts = np.unique(people, return_counts=True)
    return np.isin(people, names[counts >= least])


def _means(faces: Encodings, people: People) -> Encodings:
    """The mean encoding of each person, in the order of their numbers: (P, D)."""
    return np.stack([mean_encoding(faces[people == person]) for person in np.unique(people)])


def _distances(faces: Encodings, means: Encodings) -> NDArray[np.float64]:
    """float64 (N, P)."""
    one, other = (torch.from_numpy(encodings.astype(np.float64)) for encodings in (faces, means))
    distances: NDArray[np.float64] = torch.cdist(one, other).numpy()
    return distances


def _guesses(probes: Encodings, people: People, means: Encodings, enrolled_people: People) -> Guesses:
    return _counted(np.unique(enrolled_people)[_distances(probes, means).argmin(1)], people)


def _counted(guessed: People, people: People) -> Guesses:
    names = np.unique(np.concatenate([guessed, people]))
    guessed_share, share = ((one[:, None] == names).mean(0) for one in (guessed, people))
    return Guesses(
        faces=len(people),
        people=len(np.unique(people)),
        right=float((guessed == people).mean()),
        by_chance=float(guessed_share @ share),
    )


def _discriminant(faces: Encodings, people: People) -> Callable[[Encodings], People]:
    """Guesses by Fisher's linear discriminant, all people taken for equally likely."""
    names = np.unique(people)
    means = np.stack([faces[people == person].mean(0, dtype=np.float64) for person in names])
    within = faces - means[np.searchsorted(names, people)]
    covariance = within.T @ within / len(faces)
    size = covariance.shape[0]
    spherical = np.eye(size) * max(float(np.trace(covariance)) / size, 1e-12)
    weights = np.linalg.solve((1 - _SHRINKAGE) * covariance + _SHRINKAGE * spherical, means.T)
    offsets = -0.5 * np.einsum("pd,dp->p", means, weights)

    def guess(probes: Encodings) -> People:
        chosen: People = names[(probes @ weights + offsets).argmax(1)]
        return chosen

    return guess
