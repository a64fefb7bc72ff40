"""How far pictures of one person lie apart, and of two people, by recognizers; and which limit that gives.

    python plugins/features/sface/bench/people.py PATH… --recognizer sface --recognizer encoding

PATH: a clip of one person, who is called as the folder that it lies in, or a folder of pictures with an index.csv
whose columns `file` and `person` say who is on each; a picture without a name shows somebody of whom there is no other.
Of each picture the surest face is taken; of a clip, every N-th frame.

The limit is the distance below which one pair of two people in a thousand lies (false match rate 0.1 %). Pairs of two
people are of different paths, or of one folder.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien import Registry
from mien.contracts.face import Face, FaceCrop, RgbImage
from mien.geometry.alignment import align
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien.plugins.extractor_set import ExtractorSet
from mien.tracking.recognizer import Recognizer

FALSE_MATCH_RATE = 1e-3
ROWS = 256
"""So many encodings are compared with all others at a time."""


def pictures(path: Path, every: int) -> Iterator[tuple[str, RgbImage]]:
    """Who is on it, and a picture."""
    if not path.is_dir():
        with VideoSource(path) as video:
            for frame in video.frames():
                if frame.index % every == 0:
                    yield path.parent.name, frame.image
        return
    with (path / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield f"{path.name}/{row['person'] or row['file']}", read_image(path / row["file"])


def faces(path: Path, every: int, extractors: ExtractorSet) -> Iterator[tuple[str, FaceCrop]]:
    """Who it is, and their face, if one is found."""
    for person, image in pictures(path, every):
        found: list[Face] = [face for face in extractors.extract(image) if face.landmarks is not None]
        if found:
            yield person, align(image, found[0])


def pairs(encodings: NDArray[np.float32], people: NDArray[np.str_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances of all pairs of one person, and of all of two."""
    within: list[NDArray[np.float32]] = []
    between: list[NDArray[np.float32]] = []
    for start in range(0, len(encodings), ROWS):
        rows = slice(start, start + ROWS)
        squares = np.clip(
            (encodings[rows] ** 2).sum(1)[:, None] + (encodings**2).sum(1) - 2 * encodings[rows] @ encodings.T, 0, None
        )
        after = np.arange(len(encodings)) > np.arange(start, start + len(squares))[:, None]
        alike = people[rows][:, None] == people
        distances = np.sqrt(squares)
        within.append(distances[after & alike])
        between.append(distances[after & ~alike])
    return np.concatenate(within), np.concatenate(between)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--recognizer", dest="recognizers", action="append", required=True)
    parser.add_argument("--extractor", default="blazeface")
    parser.add_argument("--every", type=int, default=25, metavar="N")
    options = parser.parse_args()
    registry = Registry()
    extractors = ExtractorSet(options.extractor, registry)
    found = [face for path in options.paths for face in faces(path, options.every, extractors)]
    people = np.array([person for person, _ in found])
    print(f"{len(found)} faces of {len(set(people))} people")
    columns = ("limit", "within", "largest", "between", "least", "at FMR 0.1 %", "below it", "below the limit", "two")
    print(f"{'':10}" + "".join(f"{column:>17}" for column in columns))
    for choice in options.recognizers:
        recognizer = Recognizer(registry, choice)
        encodings = np.concatenate([recognizer.encode([crop]) for _, crop in found])
        within, between = pairs(encodings, people)
        limit = float(np.quantile(between, FALSE_MATCH_RATE))
        own = recognizer.same_person_below
        values = (
            f"{own:.2f}", f"{np.median(within):.2f}", f"{within.max():.2f}", f"{np.median(between):.2f}",
            f"{between.min():.2f}", f"{limit:.3f}", f"{(within < limit).mean():.1%}",
            f"{(within < own).mean():.1%}", f"{(between < own).mean():.3%}",
        )  # fmt: skip
        print(f"{choice:10}" + "".join(f"{value:>17}" for value in values))
        for person in dict.fromkeys(people):
            mine = people == person
            if mine.sum() > 1:
                own_pairs, _ = pairs(encodings[mine], people[mine])
                print(f"  {person}: {mine.sum()} faces, {np.median(own_pairs):.2f}, largest {own_pairs.max():.2f}")


if __name__ == "__main__":
    main()
