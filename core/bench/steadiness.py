"""How still the landmarks of a resting face are held, and what that costs its expression.

    python core/bench/steadiness.py tests/data/clips/target_J_2s_audio.mp4 tests/data/clips/target_E_4s_silent.mp4

For each extractor, the landmarks of the longest track as they are found, beside those that the tracker steadies: part
by part, as models get them, and as a whole, by which faces are aligned. Acceleration is the length of their second
difference over frames, in thousandths of the distance between the eyes: its mean over the points and the frames in
which the face rests, and over all frames. A frame is one of rest if the head's place has moved by less than 1 % of that
distance over two frames before and after. Opening of mouth and eyes: correlation of the steadied with the found, and
how much of the amplitude is left (the slope).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien import Extractor, Face, Registry
from mien.contracts.face import Box, Landmarks
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.tracker import TrackedFace, follow

_REST = 0.01
_RIGID = [*range(27, 36), 36, 39, 42, 45]
"""Nose and corners of the eyes: what speech does not move."""


def main() -> None:
    """Measure, and print a line for each clip and extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--extractors", nargs="+", metavar="SPEC", default=["blazeface", "face_recognition"])
    parser.add_argument("--frames", type=int, default=100, help="frames of each clip, at most")
    options = parser.parse_args()
    registry = Registry()
    print("clip extractor frames rest | rest: found parts whole | all: found parts whole | mouth r slope eyes r slope")
    for choice in options.extractors:
        extractor = cast(Extractor, registry.create("extractor", choice))
        for clip in options.clips:
            found, faces = tracked(extractor, clip, options.frames)
            parts, whole = (np.stack([getattr(face, name) for face in faces]) for name in ("landmarks", "steady"))
            rest = resting(found)
            cells = [clip.stem, choice, str(len(faces)), str(int(rest.sum()))]
            for frames in (rest, np.ones_like(rest)):
                cells += [f"{acceleration(of, frames):.2f}" for of in (found, parts, whole)]
            for opening in (mouth_opening, eye_opening):
                one, other = opening(found), opening(parts)
                cells += [f"{np.corrcoef(one, other)[0, 1]:.3f}", f"{np.polyfit(one, other, 1)[0]:.2f}"]
            print(*cells, flush=True)


def tracked(extractor: Extractor, clip: Path, frames: int) -> tuple[NDArray[np.float32], list[TrackedFace]]:
    """The longest track in the clip: its landmarks as they were found, float32 (T, 68, 2), and as the tracker gives
    them."""
    found: dict[tuple[int, Box], Landmarks] = {}

    def extracted() -> Iterator[tuple[Frame, list[Face]]]:
        with VideoSource(clip) as video:
            for frame in video.frames(0, frames):
                faces = extractor.extract(frame.image)
                found.update({(frame.index, face.box): face.landmarks for face in faces if face.landmarks is not None})
                yield frame, faces

    faces = [(frame.index, face) for frame, of_frame in follow(extracted()) for face in of_frame]
    faces = [(index, face) for index, face in faces if (index, face.box) in found]
    tracks = [face.track for _, face in faces]
    longest = max(set(tracks), key=tracks.count)
    kept = [(index, face) for index, face in faces if face.track == longest]
    return np.stack([found[index, face.box] for index, face in kept]), [face for _, face in kept]


def eye_distance(landmarks: NDArray[np.float32]) -> float:
    """Median over the frames, in pixels."""
    apart = landmarks[:, 42:48].mean(1) - landmarks[:, 36:42].mean(1)
    return float(np.median(np.linalg.norm(apart, axis=1)))


def resting(landmarks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the frames but the first and the last shows a resting head: bool (T - 2,)."""
    place = landmarks[:, _RIGID].mean(1)
    smooth = np.stack([np.convolve(place[:, axis], np.ones(3) / 3, "same") for axis in (0, 1)], 1)
    reach = [np.ptp(smooth[max(at - 2, 1) : at + 3], axis=0).max() for at in range(1, len(place) - 1)]
    return np.array(reach) < _REST * eye_distance(landmarks)


def acceleration(landmarks: NDArray[np.float32], frames: NDArray[np.bool_]) -> float:
    """Mean second difference, in thousandths of the distance between the eyes."""
    if not frames.any():
        return float("nan")
    second = np.linalg.norm(landmarks[2:] - 2 * landmarks[1:-1] + landmarks[:-2], axis=2)
    return float(second[frames].mean()) / eye_distance(landmarks) * 1000


def mouth_opening(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Height between the lips by the distance of the eyes: float64 (T,)."""
    return np.asarray(np.linalg.norm(landmarks[:, 62] - landmarks[:, 66], axis=1) / eye_distance(landmarks))


def eye_opening(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean height of both eyes by their width: float64 (T,)."""
    heights = sum(
        np.linalg.norm(landmarks[:, upper] - landmarks[:, lower], axis=1)
        for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46))
    )
    widths = sum(np.linalg.norm(landmarks[:, one] - landmarks[:, other], axis=1) for one, other in ((36, 39), (42, 45)))
    return np.asarray(heights / 2 / widths)


if __name__ == "__main__":
    main()
