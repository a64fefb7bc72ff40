"""Who is kept: surely that person, or not at all. With encodings that are made up: 1 apart is another person."""

import numpy as np
import pytest

from mien.anonymization.analysis import VideoAnalysis
from mien.anonymization.people import KnownPeople, without_doubles
from mien.anonymization.treatment import DOUBT, Treatment
from mien.contracts.face import Box
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import KEPT, TrackedFace

BOX = Box(0, 0, 10, 10)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(Registry(), "encoding")  # the same person below 0.6


def at(*places: float) -> np.ndarray:
    """Encodings that differ by how far they lie on one axis."""
    encodings = np.zeros((len(places), 128), np.float32)
    encodings[:, 0] = places
    return encodings


def face(track: int) -> TrackedFace:
    return TrackedFace(track, BOX, BOX, None, None, 1.0)


def seen(*frames: dict[int, float], shots: list[int] | None = None) -> VideoAnalysis:
    """A video of so many frames: who is seen, and where their encoding lies."""
    return VideoAnalysis(
        seconds=[index / 25 for index in range(len(frames))],
        shots=shots or [0] * len(frames),
        faces=[[face(track) for track in frame] for frame in frames],
        people=len({track for frame in frames for track in frame}),
        encodings={
            index: {track: at(place)[0] for track, place in frame.items() if np.isfinite(place)}
            for index, frame in enumerate(frames)
        },
        partial=[],
    )


def methods(analysis: VideoAnalysis) -> list[list[int]]:
    return [[one.method for one in faces] for faces in analysis.faces]


@pytest.mark.parametrize(
    ("places", "who"),
    [
        ([0.2, 0.3, 0.4], 0),
        ([], "unsure"),  # no landmarks
        ([0.55], "unsure"),  # near to the threshold
        ([0.65], "unsure"),
        ([0.9, 0.9, 0.9], "nobody"),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9], "unsure"),  # two people in one track
        ([0.2] * 19 + [0.7], 0),  # one turned head of twenty
        ([2.0], 1),
        ([2.7], "unsure"),
    ],
)
def test_who_somebody_is_by_all_their_encodings(recognizer, places, who):
    known = KnownPeople([at(0.0), at(1.8, 2.1)], recognizer)
    assert known.identify(at(*places)) == who


def test_between_two_people_nobody_is_chosen(recognizer):
    known = KnownPeople([at(0.0), at(0.5)], recognizer)
    assert known.identify(at(0.25)) == "unsure"
    assert known.identify(at(-0.1)) == 0


def test_of_two_faces_in_one_image_that_would_be_one_person_neither_is_kept(recognizer):
    assert without_doubles([0, 0, 1, "nobody"]) == ["unsure", "unsure", 1, "nobody"]
    treatment = Treatment(KnownPeople([at(0.0)], recognizer), [KEPT])
    of_image = treatment.of_image([face(0), face(1)], {0: at(0.1)[0], 1: at(0.2)[0]})
    assert [one.method for one in of_image] == [DOUBT, DOUBT]


def test_a_face_without_an_encoding_is_not_kept_whatever_the_default(recognizer):
    for known, default in ((KnownPeople([at(0.0)], recognizer), DOUBT), (KnownPeople([at(0.0)], recognizer), KEPT)):
        treatment = Treatment(known, [KEPT], default)
        assert [one.method for one in treatment.of_image([face(0)], {})] == [DOUBT]


def test_in_a_video_a_person_is_decided_by_all_frames(recognizer):
    nan = float("nan")
    analysis = seen({0: 0.1, 1: 3.0}, {0: nan, 1: nan}, {0: 0.2, 1: 3.0}, {0: 0.55, 1: nan})
    treated = Treatment(KnownPeople([at(0.0)], recognizer), [KEPT]).of_video(analysis)
    assert methods(treated) == [[KEPT, DOUBT]] * 4


def test_where_an_encoding_contradicts_nobody_is_kept_around_it(recognizer):
    nan = float("nan")
    frames = [{0: 0.1 if index % 2 == 0 else nan} for index in range(30)]
    frames[16] = {0: 2.0}
    treated = Treatment(KnownPeople([at(0.0)], recognizer), [KEPT]).of_video(seen(*frames))
    assert [index for index, (method,) in enumerate(methods(treated)) if method == DOUBT] == [15, 16, 17]


def test_with_only_one_to_hide_who_may_be_that_one_is_hidden(recognizer):
    treatment = Treatment(KnownPeople([at(0.0)], recognizer), [DOUBT], default=KEPT)
    analysis = seen({0: 0.3, 1: 0.64, 2: 1.5}, {0: 0.3, 1: 0.64, 2: 1.5})
    assert methods(treatment.of_video(analysis)) == [[DOUBT, DOUBT, KEPT]] * 2


def test_after_a_cut_without_an_encoding_nobody_is_kept(recognizer):
    analysis = seen({0: 0.1}, {0: 0.1}, {0: float("nan")}, shots=[0, 0, 1])
    treated = Treatment(KnownPeople([at(0.0)], recognizer), [KEPT]).of_video(analysis)
    assert methods(treated) == [[KEPT], [KEPT], [DOUBT]]
