"""Whether somebody who resembles the person who was filmed is not the one that they are drawn as."""

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien import Box, Session, anonymize
from mien.anonymization.analysis import VideoAnalysis, encode
from mien.anonymization.casting import (
    CANDIDATES,
    ENOUGH,
    FACES_TRIED,
    STILL_ENOUGH,
    SUITED,
    Casting,
    Seen,
    candidates,
)
from mien.anonymization.filmed_faces import FilmedFaces
from mien.anonymization.methods import Method, Methods
from mien.anonymization.suitability import misfits
from mien.media.images import write_image
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips" / "target_E_4s_silent.mp4"


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer(Registry(), "encoding")


@pytest.fixture(scope="module")
def seen():
    extractor = Registry().create("extractor", "blazeface")
    with VideoSource(CLIP) as video:
        images = [frame.image for frame in video.frames(0, 60) if frame.index in (10, 50)]
    return [Seen(image, tracked(extractor.extract(image)[0])) for image in images]


def tracked(face):
    return TrackedFace(0, face.box, face.box, face.landmarks, face.landmarks, face.score)


@pytest.fixture(scope="module")
def casting(recognizer):
    return Casting(Methods([Method(Session.open("morph"))]), recognizer)


def nearest(casting, number, seen):
    found = []
    for one, (image, face) in zip(seen, casting._drawn(number, seen), strict=True):
        new, old = (recognized(casting, where, face) for where in (image, one.image))
        found.append(float(casting.recognizer.distances(new, old[0])[0]))
    return min(found)


def ill_suited(casting, number, seen):
    drawn = zip(seen, casting._drawn(number, seen), strict=True)
    return np.mean([misfits(one.image, [image], face.landmarks)[0] for one, (image, face) in drawn])


def first_of(distances, *limits):
    """The first that is farther than the first limit that any is, or the farthest."""
    for limit in limits:
        for number, distance in enumerate(distances):
            if distance >= limit:
                return number
    return int(np.argmax(distances))


def recognized(casting, image, face):
    return encode(casting.recognizer, image, [face])


@pytest.mark.long
def test_who_is_chosen_is_far_enough_and_suits_best_of_those_who_are(casting, seen):
    enough = ENOUGH * casting.recognizer.same_person_below
    for number in range(2):
        chosen = casting.choose(number, seen)
        order = sorted(list(candidates(number))[:SUITED], key=lambda other: ill_suited(casting, other, seen))
        order += list(candidates(number))[SUITED:]
        distances = [nearest(casting, other, seen) for other in order]
        assert chosen == order[first_of(distances, enough, STILL_ENOUGH / ENOUGH * enough)]


def test_of_people_who_are_hardly_far_enough_the_one_who_suits_is_drawn(casting, seen):
    """A limit that nobody reaches by 1.2 times, and a third of them by 1.1 times."""
    order = casting._by_suitability(3, seen)
    distances = [nearest(casting, number, seen) for number in order]
    limit = max(np.percentile(distances, 67) / STILL_ENOUGH, max(distances) / ENOUGH + 1e-3)
    strict = replace(casting, recognizer=Limited(casting.recognizer, limit))
    wanted = first_of(distances, STILL_ENOUGH * limit)
    assert max(distances) < ENOUGH * limit and distances[wanted] >= STILL_ENOUGH * limit
    assert strict.choose(3, seen) == order[wanted]


@pytest.mark.parametrize("name", ["in.png", pytest.param("in.mp4", marks=pytest.mark.long)])
def test_anonymizing_draws_people_who_are_far_enough(tmp_path, seen, name):
    source, output = tmp_path / name, tmp_path / f"out{Path(name).suffix}"
    if name == "in.png":
        write_image(source, seen[0].image, synthetic=None)
    else:
        video = VideoSource(CLIP)
        with VideoSink(source, video, synthetic=None, quality=5) as sink:
            for frame in video.frames(0, 10):
                sink.write(frame.image, frame.pts, frame.duration)
    for seed in range(2):
        (file,) = anonymize(source, output.with_stem(f"out{seed}"), seed=seed).files
        assert file.check.smallest_distance > 1.05 * file.check.same_person_below


def test_a_person_of_other_files_is_kept_unless_they_are_too_near_here(casting, seen):
    order = list(candidates(0))
    distances = {number: nearest(casting, number, seen) for number in order[:6]}
    limit = casting.recognizer.same_person_below
    near, far = (pick(distances, key=distances.get) for pick in (min, max))
    assert distances[near] < ENOUGH * limit, "otherwise nothing is tried here"
    strict = replace(casting, recognizer=Limited(casting.recognizer, distances[near] / STILL_ENOUGH + 0.01))
    assert strict.choose(near, seen, is_used=True) != near
    loose = replace(casting, recognizer=Limited(casting.recognizer, distances[far] / STILL_ENOUGH - 0.01))
    assert distances[far] < ENOUGH * loose.recognizer.same_person_below
    assert loose.choose(far, seen, is_used=True) == far


class Limited:
    """A recognizer with another limit."""

    def __init__(self, recognizer, same_person_below):
        self._recognizer, self.same_person_below = recognizer, same_person_below

    def __getattr__(self, name):
        return getattr(self._recognizer, name)


def test_the_same_faces_get_the_same_person(casting, seen):
    assert casting.choose(7, seen) == casting.choose(7, seen)


def test_nobody_is_tried_where_that_cannot_be(casting, seen, recognizer):
    assert Casting(casting.methods, None).choose(5, seen) == 5
    assert casting.choose(5, []) == 5
    bare = TrackedFace(0, Box(0, 0, 9, 9), Box(0, 0, 9, 9), None, None, 0.5)
    assert casting.choose(5, [Seen(seen[0].image, bare)]) == 5
    hiding = Casting(Methods([Method(Session.open("blocks"))]), recognizer)
    assert hiding.choose(5, seen) == 5


def test_candidates_follow_from_a_number():
    for number in (0, 1, 2**63 - 1):
        some = list(candidates(number))
        assert some[0] == number
        assert len(set(some)) == CANDIDATES
        assert all(0 <= other < 2**63 for other in some)
        assert some == list(candidates(number))


@pytest.mark.parametrize("each", [25, 4])
def test_no_more_frames_are_held_at_once_however_many_people_a_video_shows(monkeypatch, casting, seen, each):
    """People who come one after the other, each for so many frames."""
    video, most = VideoSource(CLIP), 12
    images = [frame.image for frame in video.frames()]
    monkeypatch.setattr("mien.anonymization.filmed_faces.HELD_BYTES", most * video.frame_bytes)
    faces = [[replace(seen[0].face, track=index // each)] for index in range(len(images))]
    people = len(images) // each
    analysis = VideoAnalysis([0.0] * len(images), [0] * len(images), faces, people, {}, [])
    filmed, held = FilmedFaces(video, casting.methods, analysis, range(people)), []
    for person in filmed:
        of_person = images[each * person : each * (person + 1)]
        for image in [one.image for one in filmed[person]]:
            assert sum(np.array_equal(image, other) for other in of_person) == 1
            held.append(weakref.ref(image))
        del image
        assert sum(image() is not None for image in held) <= most
    assert len(held) == people * min(FACES_TRIED, each)
