"""Faces followed over the frames of a real clip, with detections taken away."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face
from mien.geometry.alignment import similarity_to_crop
from mien.geometry.boxes import longer_side, overlap
from mien.media.video_reader import Frame, VideoSource
from mien.plugins.registry import Registry
from mien.tracking.track_gaps import MEMORY_FRAMES, TrackGaps
from mien.tracking.tracker import LOOK_AHEAD_FRAMES, MAX_GAP_FRAMES, TrackedFace, follow, untracked

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"
Found = list[tuple[Frame, list[Face]]]


@pytest.fixture(scope="module")
def found() -> Found:
    """40 frames of a man who smiles, and his face in each."""
    extractor = Registry().create("extractor", "face_recognition")
    assert isinstance(extractor, Extractor)
    frames = VideoSource(CLIPS / "target_J_2s_audio.mp4").frames(0, 40)
    return [(frame, extractor.extract(frame.image)) for frame in frames]


def without(found: Found, missing: Sequence[int]) -> Found:
    return [(frame, [] if frame.index in missing else faces) for frame, faces in found]


def shifted(face: Face, right: float, down: float = 0.0) -> Face:
    """The face elsewhere, by so many pixels."""
    by, box = np.array([right, down], np.float32), face.box
    return Face(
        Box(box.left + right, box.top + down, box.right + right, box.bottom + down),
        None if face.landmarks is None else face.landmarks + by,
        face.score,
        {name: points + by for name, points in face.points.items()},
    )


def moved(found: Found, path: Callable[[int], float]) -> Found:
    """The faces moved to the right, by a share of their size."""
    size = float(np.ptp(found[0][1][0].landmarks, axis=0).max())
    return [
        (frame, [shifted(face, path(number) * size) for face in faces]) for number, (frame, faces) in enumerate(found)
    ]


def bare(found: Found, frames: Sequence[int] = range(40)) -> Found:
    """Without landmarks in some frames, as one finds them who knows boxes alone."""
    return [
        (frame, [replace(face, landmarks=None) for face in faces] if frame.index in frames else faces)
        for frame, faces in found
    ]


def distance(face: TrackedFace, truth: Face) -> float:
    """Mean distance of the landmarks, as a share of the face's size."""
    size = np.ptp(truth.landmarks, axis=0).max()
    return float(np.linalg.norm(face.landmarks - truth.landmarks, axis=1).mean() / size)


def test_a_face_whose_box_lies_on_its_side_in_some_frames_stays_one(found: Found) -> None:
    def on_its_side(face: Face) -> Face:
        box, quarter = face.box, (face.box.bottom - face.box.top - (face.box.right - face.box.left)) / 2
        lying = Box(box.left - quarter, box.top + quarter, box.right + quarter, box.bottom - quarter, -90.0)
        return replace(face, box=lying)

    turned = [
        (frame, [on_its_side(face) if frame.index % 10 > 4 else face for face in faces]) for frame, faces in found
    ]
    assert {face.track for _, faces in follow(turned) for face in faces} == {0}


def test_every_frame_comes_out_once_in_order_with_its_face(found: Found) -> None:
    tracked = list(follow(iter(found)))
    assert [frame.index for frame, _ in tracked] == list(range(40))
    assert all(len(faces) == 1 and faces[0].track == 0 and not faces[0].interpolated for _, faces in tracked)
    for (_, faces), (_, truth) in zip(tracked, found, strict=True):
        assert faces[0].box == truth[0].box
        assert distance(faces[0], truth[0]) < 0.005


def test_a_frame_waits_for_no_more_than_the_frames_it_looks_ahead_to(found: Found) -> None:
    taken: list[int] = []
    tracked = follow((frame, faces) for frame, faces in found if taken.append(frame.index) is None)
    assert next(tracked)[0].index == 0
    assert len(taken) == LOOK_AHEAD_FRAMES + 1


@pytest.mark.parametrize("gap", range(1, MAX_GAP_FRAMES + 1))
def test_a_face_that_is_missed_for_a_moment_is_interpolated(found: Found, gap: int) -> None:
    missing = range(12, 12 + gap)  # the smile begins here
    tracked = list(follow(without(found, missing)))
    assert [frame.index for frame, faces in tracked if not faces] == []
    assert [frame.index for frame, faces in tracked if faces[0].interpolated] == list(missing)
    assert {face.track for _, faces in tracked for face in faces} == {0}
    assert max(distance(tracked[number][1][0], found[number][1][0]) for number in missing) < 0.02


def test_what_is_found_only_now_and_then_is_not_interpolated(found: Found) -> None:
    seen = range(0, 40, 4)
    tracked = list(follow(without(found, [number for number in range(40) if number not in seen])))
    assert [frame.index for frame, faces in tracked if faces] == list(seen)


def test_a_longer_absence_is_not_interpolated(found: Found) -> None:
    missing = list(range(12, 12 + MAX_GAP_FRAMES + 1))
    tracked = list(follow(without(found, missing)))
    assert [frame.index for frame, faces in tracked if not faces] == missing
    assert tracked[-1][1][0].track == 1


def test_what_is_missing_at_the_beginning_and_the_end_stays_missing(found: Found) -> None:
    tracked = list(follow(without(found, [0, 1, 38, 39])))
    assert [frame.index for frame, faces in tracked if not faces] == [0, 1, 38, 39]


def test_no_face_is_drawn_over_a_cut_to_something_else(found: Found) -> None:
    other = [(replace(frame, image=frame.image[:, ::-1] // 4), []) if frame.index in (12, 13) else (frame, faces)
             for frame, faces in found]  # fmt: skip
    tracked = list(follow(other))
    assert [frame.index for frame, faces in tracked if not faces] == [12, 13]
    assert tracked[14][1][0].track == 0


def test_a_resting_face_is_held_steady(found: Found) -> None:
    def shaking(corners: Sequence[np.ndarray]) -> float:
        return float(np.abs(np.diff(corners, n=2, axis=0)).mean())

    rng = np.random.default_rng(1)
    size = np.ptp(found[0][1][0].landmarks, axis=0).max()
    still = found[0][1][0]
    noise = rng.normal(0, 0.004 * size, (40, 68, 2)).astype(np.float32)
    noisy = [(found[n][0], [replace(still, landmarks=still.landmarks + noise[n])]) for n in range(40)]
    for given, share in ((noisy, 0.5), (found, 0.8)):
        tracked = [faces[0] for _, faces in follow(given)]
        raw = shaking([similarity_to_crop(face.landmarks)[:, 2] for face in tracked])
        assert shaking([similarity_to_crop(face.steady)[:, 2] for face in tracked]) < share * raw


def test_a_resting_head_blinks_and_speaks_as_it_was_found(found: Found) -> None:
    """The landmarks of a video are steadier than they were found, and no lid or lip lags behind."""
    still = found[0][1][0]
    size = float(np.ptp(still.landmarks, axis=0).max())
    closed = np.zeros((40, 68, 2), np.float32)
    for start in (8, 22):  # two frames down, three up
        for frame, share in enumerate((0.5, 1.0, 1.0, 0.66, 0.33), start):
            for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
                closed[frame, upper] = share * (still.landmarks[lower] - still.landmarks[upper])
    opened = 0.05 * size * np.sin(np.arange(40) / 1.5).astype(np.float32)
    closed[:, [56, 57, 58, 65, 66, 67], 1] += np.maximum(opened, 0)[:, None]
    noise = np.random.default_rng(1).normal(0, 0.001 * size, (40, 68, 2)).astype(np.float32)
    truth = still.landmarks + closed
    given = [(found[n][0], [replace(still, landmarks=truth[n] + noise[n])]) for n in range(40)]
    tracked = np.stack([faces[0].landmarks for _, faces in follow(given)])
    nose = slice(27, 36)
    shaking = [np.abs(np.diff(points[:, nose], n=2, axis=0)).mean() for points in (truth + noise, tracked)]
    assert shaking[1] < 0.5 * shaking[0]
    for upper, lower in ((37, 41), (44, 46), (62, 66)):
        real, seen = (points[:, lower, 1] - points[:, upper, 1] for points in (truth, tracked))
        assert np.corrcoef(real, seen)[0, 1] > 0.98
        assert np.polyfit(real, seen, 1)[0] > 0.9


@pytest.mark.parametrize(
    "path",
    [lambda t: 0.1 * t, lambda t: 0.3 * (t % 20 >= 10), lambda t: 0.3 * np.sin(t)],
    ids=["fast", "jump", "shake"],
)
def test_a_fast_motion_is_not_delayed(found: Found, path: Callable[[int], float]) -> None:
    given = moved(found, path)
    size = np.ptp(found[0][1][0].landmarks, axis=0).max()
    for (_, faces), (_, truth) in zip(follow(given), given, strict=True):
        lag = (faces[0].steady - truth[0].landmarks).mean(0)
        assert np.abs(lag).max() / size < 0.005


def test_boxes_alone_are_followed_and_interpolated_as_landmarks_are(found: Found) -> None:
    missing = range(12, 12 + MAX_GAP_FRAMES)
    tracked = list(follow(without(bare(found), missing)))
    assert [frame.index for frame, faces in tracked if faces[0].interpolated] == list(missing)
    assert {(face.track, face.landmarks, face.steady) for _, faces in tracked for face in faces} == {(0, None, None)}
    for number in missing:
        assert overlap(tracked[number][1][0].box, found[number][1][0].box) > 0.8
    covered = [(replace(frame, image=frame.image[:, ::-1] // 4), []) if frame.index in (12, 13) else (frame, faces)
               for frame, faces in bare(found)]  # fmt: skip
    assert [frame.index for frame, faces in follow(covered) if not faces] == [12, 13]


def test_landmarks_that_are_missing_for_a_moment_are_interpolated(found: Found) -> None:
    missing = range(12, 12 + MAX_GAP_FRAMES)
    tracked = [faces[0] for _, faces in follow(bare(found, missing))]
    assert [number for number, face in enumerate(tracked) if face.interpolated] == list(missing)
    for number in missing:
        assert tracked[number].box == found[number][1][0].box
        assert distance(tracked[number], found[number][1][0]) < 0.02
    longer = [faces[0] for _, faces in follow(bare(found, range(12, 13 + MAX_GAP_FRAMES)))]
    assert [number for number, face in enumerate(longer) if face.landmarks is None] == list(range(12, 18))


def test_a_resting_box_and_its_points_are_held_steady(found: Found) -> None:
    def wander(values: Sequence[np.ndarray]) -> float:
        return float(np.abs(np.diff(values, n=2, axis=0)).mean())

    rng = np.random.default_rng(1)
    face, size = found[0][1][0], longer_side(found[0][1][0].box)
    five = np.array([[0, 0], [10, 0], [5, 5], [1, 9], [9, 9]], np.float32)
    by = rng.normal(0, 0.01 * size, (40, 2))
    noisy = [
        (frame, [shifted(replace(face, landmarks=None, points={"five": five}), *by[number])])
        for number, (frame, _) in enumerate(found)
    ]
    tracked = [faces[0] for _, faces in follow(noisy)]
    for steady, raw in (
        ([face.steady_box.corners for face in tracked], [face.box.corners for face in tracked]),
        ([face.steady_points["five"] for face in tracked], [face.points["five"] for face in tracked]),
    ):
        assert wander(steady) < 0.5 * wander(raw)


def test_two_faces_stay_who_they_are_whichever_is_found_first(found: Found) -> None:
    both: Found = []
    for frame, faces in found:
        right = shifted(faces[0], 200)
        both.append((frame, [faces[0], right] if frame.index % 2 else [right, faces[0]]))
    both[20] = (both[20][0], both[20][1][:1])  # and one is missed once
    places: dict[int, list[float]] = {}
    for _, faces in follow(both):
        assert len(faces) == 2
        for face in faces:
            places.setdefault(face.track, []).append(float(face.landmarks[:, 0].mean()))
    assert len(places) == 2 and all(np.ptp(place) < 60 for place in places.values())


def absent(found: Found) -> list[int]:
    gaps = TrackGaps()
    for frame, faces in follow(found):
        gaps.add(frame.index, faces)
    return gaps.frames


def beside(found: Found, missing: Sequence[int]) -> Found:
    """The face and its double, two sizes to the right, which is missing in some frames."""
    both: Found = []
    for frame, (face,) in found:
        aside = 2 * float(np.ptp(face.landmarks, axis=0).max())
        double = [] if frame.index in missing else [shifted(face, aside)]
        both.append((frame, [face, *double]))
    return both


@pytest.mark.parametrize(
    "missing",
    [range(12, 22), [*range(10, 16), *range(20, 30)], [number for number in range(1, 39) if number % 4]],
    ids=["ten frames", "twice", "found now and then"],
)
def test_a_second_face_that_is_lost_and_comes_back_is_noticed(found: Found, missing: Sequence[int]) -> None:
    missing = list(missing)
    assert absent(beside(found, missing)) == missing


def test_a_face_that_is_covered_beside_another_is_noticed(found: Found) -> None:
    covered = [(replace(frame, image=frame.image[:, ::-1] // 4), faces[1:]) if frame.index in (12, 13)
               else (frame, faces) for frame, faces in beside(found, [])]  # fmt: skip
    assert absent(covered) == [12, 13]


@pytest.mark.parametrize(
    "missing", [[], [12, 13], range(10), range(30, 40)], ids=["none", "interpolated", "start", "end"]
)
def test_no_absence_is_noticed_if_a_face_is_interpolated_or_not_there_before_and_after(
    found: Found, missing: Sequence[int]
) -> None:
    assert absent(beside(found, missing)) == []


def test_whoever_comes_elsewhere_or_much_later_is_somebody_new(found: Found) -> None:
    face = found[0][1][0]
    away = 3 * float(np.ptp(face.landmarks, axis=0).max())
    tracked = untracked([face, face, shifted(face, away, away), face])
    gaps = TrackGaps()
    for frame, one in ((0, tracked[0]), (MEMORY_FRAMES + 1, tracked[1]), (MEMORY_FRAMES + 8, tracked[2])):
        gaps.add(frame, [one])
    assert gaps.frames == []
    gaps.add(MEMORY_FRAMES + 9, [tracked[3]])
    assert gaps.frames == list(range(MEMORY_FRAMES + 2, MEMORY_FRAMES + 9))
