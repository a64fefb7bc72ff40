"""How alike synthetic people of `morph` are: to the people of the bank, to each other, and to whom they are drawn over.

    python plugins/models/morph/bench/likeness.py --people 100 --with morph:exaggeration=1.5

Each is drawn over the two portraits that the contract tests come with. Distances are a recognizer's; below its limit it
takes two faces for the same person. Each recognizer that is named has its own table.

--trained-on: faces of people whom nobody may be drawn as, as those that a run was trained on; the distance of a face
to the nearest of many is small by chance, so the same is said of the portraits themselves.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien import Registry, Session
from mien.contracts.face import Landmarks, RgbImage
from mien.dataset import Dataset
from mien.geometry.alignment import align
from mien.inference.scene import Scene
from mien.inference.target import SyntheticPerson
from mien.testing.images import portraits
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace, untracked
from mien_model_morph import openpeople


def bank(recognizer: Recognizer) -> list[NDArray[np.float32]]:
    """The encodings of each person of the bank, of all of their pictures that may be drawn."""
    measured = openpeople.measured()
    encodings = []
    for person in np.unique(measured.people):
        sheet = openpeople.sheet_of(int(person))
        rows = np.flatnonzero((measured.people == person) & measured.usable[:, 0])
        encodings.append(recognizer.encode([align(sheet, measured.landmarks[row]) for row in rows]))
    return encodings


def drawn(session: Session, image: RgbImage, face: TrackedFace, people: int) -> list[RgbImage]:
    """The image with so many people in turn."""
    scenes = [Scene(image, [face], None, [SyntheticPerson(number)]) for number in range(people)]
    with session.redrawn(scenes, 1) as results:
        return [result for _, result in results]


def row(name: str, distances: NDArray[np.float64], limit: float) -> str:
    """A line of the table."""
    share = float((distances < limit).mean())
    return f"{name:44}{np.median(distances):8.2f}{distances.min():8.2f}{share:8.0%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--with", dest="method", default="morph")
    parser.add_argument("--extractor", default="blazeface")
    parser.add_argument("--recognizer", action="append", help="several may be named; the default one if none is")
    parser.add_argument("--trained-on", type=Path)
    options = parser.parse_args()
    registry = Registry()
    session = Session.open(options.method, registry=registry)
    extractor = registry.create("extractor", options.extractor)
    shown = []
    for portrait in portraits():
        (face,) = untracked(extractor.extract(portrait.image)[:1])
        shown.append((portrait.image, face.landmarks, drawn(session, portrait.image, face, options.people)))
    known = Dataset.open(options.trained_on) if options.trained_on else None
    for choice in options.recognizer or [None]:
        print_table(Recognizer(registry, choice), shown, known)


def faces_of(dataset: Dataset, recognizer: Recognizer) -> NDArray[np.float32]:
    """The encodings of all faces of a dataset whose landmarks are known."""
    pairs = zip(dataset.crops(), dataset.landmarks(), strict=True)
    encodings = [recognizer.encode([align(image, at)]) for image, at in pairs if np.isfinite(at).all()]
    return np.concatenate(encodings)


def apart(these: NDArray[np.float32], those: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distances of all pairs: (N, M)."""
    a, b = these.astype(np.float64), those.astype(np.float64)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def print_table(
    recognizer: Recognizer, shown: Sequence[tuple[RgbImage, Landmarks, list[RgbImage]]], known: Dataset | None
) -> None:
    """What a recognizer says. shown: portraits, their landmarks, and what was drawn over each."""
    limit = recognizer.same_person_below
    people, of_known = bank(recognizer), None if known is None else faces_of(known, recognizer)
    of_bank = np.stack([recognizer.mean(pictures) for pictures in people])
    to_mean = np.concatenate([recognizer.distances(*pair) for pair in zip(people, of_bank, strict=True)])
    print(f"{f'distance by {recognizer.record.choice}':44}{'median':>8}{'least':>8}{f'< {limit:g}':>8}{'largest':>9}")
    print(row("pictures of one of the bank, to their mean", to_mean, limit) + f"{to_mean.max():9.2f}")
    print(row("between people of the bank", apart(of_bank, of_bank)[np.triu_indices(len(of_bank), 1)], limit))
    drawn_over = []
    for number, (portrait, place, images) in enumerate(shown, start=1):
        filmed = recognizer.encode([align(portrait, place)])
        encodings = np.concatenate([recognizer.encode([align(image, place)]) for image in images])
        drawn_over.append(encodings)
        between = apart(encodings, encodings)[np.triu_indices(len(images), 1)]
        print(row(f"portrait {number}: to the portrait", recognizer.distances(encodings, filmed[0]), limit))
        print(row(f"portrait {number}: to the nearest of the bank", apart(encodings, of_bank).min(1), limit))
        if of_known is not None:
            print(row(f"portrait {number}: to the nearest of the dataset", apart(encodings, of_known).min(1), limit))
            print(row(f"portrait {number} itself to that", apart(filmed, of_known).min(1), limit))
        print(row(f"portrait {number}: between two drawn", between, limit))
    same = np.linalg.norm(drawn_over[0].astype(np.float64) - drawn_over[1], axis=1)
    print(row("one person, over both portraits", same, limit))


if __name__ == "__main__":
    main()
