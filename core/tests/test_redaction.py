"""What is hidden shows nobody; where a video is cut; and which tracklets are the same person."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.anonymization.analysis import VideoAnalysis
from mien.anonymization.redaction import hidden, hide_undrawable, plan_redaction, redact_regions
from mien.anonymization.region import FACE_REACH, Region, merged
from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, RgbImage
from mien.geometry.alignment import align
from mien.geometry.boxes import shared_area
from mien.media.video_reader import VideoSource
from mien.plugins.registry import Registry
from mien.testing import portraits
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import joined_by_encodings, joined_by_place
from mien.tracking.shots import frame_signature, shots_of
from mien.tracking.tracker import untracked

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"
MOST_THOROUGH = "face_recognition:search=full,upsample=1"


def images_of_people() -> dict[str, RgbImage]:
    """Faces as large as a fifth of the frame, and as the frame itself."""
    frame = next(VideoSource(CLIPS / "target_E_4s_silent.mp4").frames()).image
    first, second = (portrait.image for portrait in portraits())
    large = cv2.resize(frame, (1280, 720), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return {
        "400×300": frame,
        "1280×720": large,
        "filling the frame": np.ascontiguousarray(frame[100:260, 130:290]),
        "portrait": first,
        "another portrait": second,
    }


@pytest.mark.parametrize("name", images_of_people())
def test_in_a_hidden_image_no_face_is_found_and_nobody_is_known(name: str) -> None:
    registry, image = Registry(), images_of_people()[name]
    extractor = cast(Extractor, registry.create("extractor", MOST_THOROUGH))
    face, *_ = extractor.extract(image)
    recognizer = Recognizer(registry)
    before, after = (recognizer.encode([align(shown, face.landmarks)]) for shown in (image, hidden(image)))
    assert extractor.extract(hidden(image)) == []
    assert recognizer.distances(after, before[0])[0] > recognizer.same_person_below

    in_part = redact_regions(image, [Region.around(face.box, FACE_REACH)])
    assert extractor.extract(in_part) == []
    within = recognizer.encode([align(in_part, face.landmarks)])
    assert recognizer.distances(within, before[0])[0] > recognizer.same_person_below


@given(
    image=arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    x=st.floats(-50, 90),
    y=st.floats(-50, 90),
    width=st.floats(1, 200),
    height=st.floats(1, 200),
)
def test_hiding_a_part_leaves_the_rest_and_the_image_itself(
    image: RgbImage, x: float, y: float, width: float, height: float
) -> None:
    before = image.copy()
    result = redact_regions(image, [Region(x, y, x + width, y + height)])
    assert (image == before).all() and result.shape == image.shape and hidden(image).shape == image.shape
    rows, columns = np.indices(image.shape[:2])
    outside = (rows < y - 1) | (rows > y + height + 1) | (columns < x - 1) | (columns > x + width + 1)
    assert (result[outside] == image[outside]).all()


@pytest.mark.parametrize("size_px", [(700, 2), (1, 500), (6, 6), (11, 900)])
def test_what_is_too_thin_for_blocks_becomes_one_color(size_px: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*size_px, 3)).astype(np.uint8)
    height, width = size_px
    scene = np.pad(image, ((20, 20), (20, 20), (0, 0)))
    in_part = redact_regions(scene, [Region(20, 20, 20 + width, 20 + height)])
    for shown in (hidden(image), in_part[20:-20, 20:-20]):
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 1
        assert np.abs(shown[0, 0] - image.reshape(-1, 3).mean(0)).max() < 1


BOXES = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height),
    st.floats(-50, 400),
    st.floats(-50, 400),
    st.floats(1, 200),
    st.floats(1, 200),
)


@given(lost=BOXES, reach=st.floats(0, 3), others=st.lists(BOXES, max_size=6))
def test_a_region_hides_a_face_whole_or_not_at_all(lost: Box, reach: float, others: list[Box]) -> None:
    region = Region.around(lost, reach)
    grown = region.grown_over(others).box
    assert (
        shared_area(grown, region.box) == pytest.approx(region.box.area, rel=1e-4)
        and shared_area(grown, lost) >= lost.area * 0.999
    )
    for box in others:
        assert shared_area(grown, box) in (0.0, pytest.approx(box.area, rel=1e-4))  # corners are float32
    if not any(shared_area(region.box, box) for box in others):
        assert grown == region.box


def _shared_sides(one: Box, other: Box) -> tuple[float, float]:
    """Width and height of what two boxes share, each for itself."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(width, 0.0), max(height, 0.0)


@given(find=BOXES, drawn=st.lists(BOXES, max_size=6))
def test_around_a_find_nothing_reaches_into_faces_that_are_drawn_beside_it(find: Box, drawn: list[Box]) -> None:
    around, beside = Region.around_find(find), Region.around_find(find).beside(drawn)
    assert shared_area(beside.box, find) == pytest.approx(find.area, rel=1e-4)
    assert shared_area(beside.box, around.box) == pytest.approx(beside.box.area, rel=1e-4)
    for box in drawn:
        # Either way no more than what the find hides of its rows or columns; corners are float32.
        widths, heights = _shared_sides(find, box), _shared_sides(around.box, box)
        most = max(widths[0] * heights[1], heights[0] * widths[1])
        assert shared_area(beside.box, box) <= most + 1e-2 * box.area
    somewhere = Region.around(find, 0.25)
    assert somewhere.beside(drawn) == somewhere


def test_hands_below_a_face_do_not_hide_it() -> None:
    """A search from all sides finds now and then a face in the hands of whoever speaks by signs."""
    face = Face(Box(258, 92, 327, 157), np.tile(np.float32([[290, 120]]), (68, 1)), 0.9)
    hands, chin = Face(Box(240, 165, 380, 338), None, 0.6), Face(Box(258, 130, 327, 230), None, 0.6)

    def hidden_of_face(doubtful: Face) -> list[float]:
        frames = [untracked([face, doubtful]), untracked([face]), untracked([face])]
        frames[0][1] = replace(frames[0][1], sure=False)
        analysis = VideoAnalysis([0.0, 0.04, 0.08], [0, 0, 0], frames, 2, {}, [])
        redaction = plan_redaction(analysis, 1.0, lambda one: one.landmarks is not None)
        for index in range(3):
            assert any(shared_area(region.box, doubtful.box) == doubtful.box.area for region in redaction.parts[index])
        return [sum(shared_area(region.box, face.box) for region in redaction.parts[index]) for index in range(3)]

    assert hidden_of_face(hands) == [0, 0, 0]
    hair = Face(Box(244, 80, 264, 130), None, 0.4)  # it reaches 6 px into the face's box, which is 65 px high
    assert all(0 < area <= 6 * 65 for area in hidden_of_face(hair))
    assert all(area >= face.box.area for area in hidden_of_face(chin))


@pytest.mark.parametrize(("right", "share"), [(40.0, 0.0), (60.0, 0.2), (90.0, 1.0)])
def test_a_face_beside_one_that_was_lost_is_hidden_whole_or_hardly(right: float, share: float) -> None:
    """The region around the lost one reaches to x = 180, 200 and 230."""
    lost, beside = Box(right - 60, 100, right, 160), Box(190, 110, 240, 160)
    there, gone = (Face(box, np.full((68, 2), (box.left, 120), np.float32), 0.9) for box in (beside, lost))
    frames = [untracked([there, gone]), untracked([there])]
    analysis = VideoAnalysis([0.0, 0.0], [0, 0], frames, 2, {}, [])
    (region,) = plan_redaction(analysis, 1.0, lambda face: face.landmarks is not None).parts[1]
    assert shared_area(region.box, beside) == pytest.approx((right + 60 > 190) * share * beside.area, abs=1)


def test_no_frame_of_a_video_shows_half_a_bystander() -> None:
    """One who is lost stands beside another, of whom the square around the first would cover the half."""
    lost, beside, far = Box(100, 100, 160, 160), Box(180, 90, 260, 170), Box(500, 100, 560, 160)
    undrawable = Face(Box(400, 100, 460, 160), None, 0.9)
    there = [Face(box, np.zeros((68, 2), np.float32) + box.left, 0.9) for box in (beside, far)]
    frames = [untracked([*there, undrawable, *gone]) for gone in ([Face(lost, there[0].landmarks, 0.9)], [], [])]
    analysis = VideoAnalysis([0.0, 0.04, 0.08], [0, 0, 0], frames, 4, {}, [])
    redaction = plan_redaction(analysis, 1.0, lambda face: face.landmarks is not None)
    assert redaction.whole == frozenset() and list(redaction.parts) == [0, 1, 2]
    assert [len(redaction.parts[index]) for index in range(3)] == [1, 2, 2]
    for index in (1, 2):
        around_lost, around_undrawable = (region.box for region in redaction.parts[index])
        assert shared_area(around_lost, beside) == beside.area and shared_area(around_lost, far) == 0
        assert shared_area(around_undrawable, undrawable.box) == undrawable.box.area
    kept = hide_undrawable(analysis, lambda face: face.landmarks is not None)
    assert [len(kept.parts[index]) for index in range(3)] == [1, 1, 1]


def test_before_a_search_from_all_sides_found_a_face_its_place_is_hidden_back_to_the_one_before() -> None:
    face = Face(Box(100, 100, 112, 112), None, 0.9)
    count, found = 60, 45
    frames = [untracked([face] if index >= found else []) for index in range(count)]
    beside = [untracked([Face(Box(300, 100, 360, 160), np.zeros((68, 2), np.float32) + 300, 0.9)])] * count
    shown = [[*other, *(replace(one, track=1) for one in own)] for own, other in zip(frames, beside, strict=True)]
    seconds = [index / 10 for index in range(count)]

    def hidden_in(wide: list[int]) -> list[int]:
        analysis = VideoAnalysis(seconds, [0] * count, shown, 2, {}, [], wide)
        redaction = plan_redaction(analysis, 1.0, lambda face: face.landmarks is not None)
        return sorted(redaction.parts)

    assert hidden_in([0, 50]) == list(range(count)), "the search at 50 may have found it first"
    assert hidden_in([0, 20]) == list(range(found - 10, count)) == hidden_in([])


def test_what_may_be_a_face_is_hidden_between_two_finds_at_its_place_in_a_shot() -> None:
    """A reflection is found now and then; beside it somebody is drawn, whom nothing of it hides."""
    beside = Face(Box(300, 100, 360, 160), np.zeros((68, 2), np.float32) + 300, 0.9)
    reflection, count = Face(Box(100, 100, 128, 140), None, 0.4), 60

    def hidden_in(finds: dict[int, Box], shots: list[int]) -> list[int]:
        frames = []
        for index in range(count):
            faces = untracked([beside, *(replace(reflection, box=finds[index]) for _ in range(index in finds))])
            frames.append([faces[0], *(replace(face, track=1 + index) for face in faces[1:])])
        analysis = VideoAnalysis([index / 10 for index in range(count)], shots, frames, count, {}, [])
        redaction = plan_redaction(analysis, 1.0, lambda face: face.landmarks is not None)
        for regions in redaction.parts.values():
            assert all(shared_area(region.box, beside.box) == 0 for region in regions)
            assert all(shared_area(region.box, reflection.box) == reflection.box.area for region in regions)
        return sorted(redaction.parts)

    there, moved = reflection.box, Box(102, 99, 130, 139)
    assert hidden_in({10: there, 40: moved}, [0] * count) == list(range(8, 43))
    assert hidden_in({10: there, 40: moved}, [0] * 25 + [1] * 35) == [8, 9, 10, 11, 12, 38, 39, 40, 41, 42]


@given(regions=st.lists(st.builds(Region.around, BOXES, st.floats(0, 1)), max_size=40), most=st.integers(4, 12))
def test_regions_at_one_place_are_joined_to_so_many_and_hide_no_less(regions: list[Region], most: int) -> None:
    joined = merged(regions, most)
    assert len(joined) <= most
    for region in regions:
        assert any(shared_area(one.box, region.box) == pytest.approx(region.box.area) for one in joined)
    if len(set(regions)) <= most:
        assert joined == list(dict.fromkeys(regions))


def test_finds_that_are_scattered_all_over_frames_are_hidden_in_few_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in grainy footage, each found once in a while; of all that each of them would hide nothing is left out."""
    random, count, size_px = np.random.default_rng(0), 40, (400, 600)
    person = Face(Box(300, 300, 400, 400), np.full((68, 2), 350, np.float32), 0.9)
    frames = []
    for index in range(count):
        corners = 30.0 * random.integers(0, (20, 10), (12, 2))
        finds = [Face(Box(x, y, x + 20, y + 20), None, 0.4) for x, y in corners.tolist()]
        doubtful = [replace(one, sure=False, track=1 + 12 * index + one.track) for one in untracked(finds)]
        frames.append([*untracked([person]), *doubtful])
    analysis = VideoAnalysis([index / 25 for index in range(count)], [0] * count, frames, 1, {}, [])

    def planned(most: int) -> list[list[Region]]:
        monkeypatch.setattr("mien.anonymization.redaction.MOST_REGIONS", most)
        plan = plan_redaction(analysis, 1.0, lambda face: face.landmarks is not None)
        return [list(plan.parts[index]) for index in range(count)]

    def covered(regions: list[Region]) -> np.ndarray:
        shown = np.zeros(size_px, bool)
        for region in regions:
            left, top, right, bottom = (max(round(side), 0) for side in region.box.corners[[0, 2]].reshape(-1).tolist())
            shown[top:bottom, left:right] = True
        return shown

    all_of_them, few = planned(10_000), planned(30)
    assert max(map(len, all_of_them)) > 100 and max(map(len, few)) <= 30 + 12  # and the finds of the frame itself
    for each, joined in zip(all_of_them, few, strict=True):
        assert not (covered(each) & ~covered(joined)).any()


def test_a_cut_begins_a_shot_and_a_flash_does_not() -> None:
    """The clip's face ends with frame 71; one frame later there is another scene."""
    seconds = [index / 25 for index in range(70)]
    signatures = [
        frame_signature(frame.image) for frame in VideoSource(CLIPS / "face_then_noface_6s.mp4").frames(40, 110)
    ]
    shots = np.array(shots_of(signatures, seconds))
    assert (shots[:31] == 0).all() and (shots[33:] == shots[33]).all() and shots[33] > 0

    still = [frame_signature(frame.image) for frame in VideoSource(CLIPS / "target_E_4s_silent.mp4").frames(0, 30)]
    flash = [*still[:12], *[np.full_like(still[0], 255)] * 3, *still[15:]]
    assert set(shots_of(flash, seconds[:30])) == {0}
    assert shots_of([], []) == []


@pytest.mark.parametrize(("milliseconds", "shots"), [(40, [0, 0, 0]), (100, [0, 0, 0]), (200, [0, 1, 2])])
def test_a_picture_of_an_animation_that_comes_again_is_a_shot_of_its_own_and_a_flash_is_none(
    milliseconds: int, shots: list[int]
) -> None:
    one, other = (frame_signature(portrait.image) for portrait in portraits())
    assert shots_of([one, other, one], [index * milliseconds / 1000 for index in range(3)]) == shots


@dataclass
class Ruler:
    """Tells people apart by a number, as a Recognizer does by encodings."""

    same_person_below: float = 1.0

    def distances(self, encodings: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return np.abs(encodings - reference)[:, 0].astype(np.float64)


TRACKLETS = st.dictionaries(
    st.integers(0, 20),
    st.tuples(st.sets(st.integers(0, 30), min_size=1), st.lists(st.floats(0, 5, width=32), max_size=4)),
    max_size=8,
)


@given(TRACKLETS)
def test_whoever_is_seen_together_is_not_one_person(tracklets: dict[int, tuple[set[int], list[float]]]) -> None:
    frames = {number: seen for number, (seen, _) in tracklets.items()}
    encodings = {
        number: np.array(values, np.float32).reshape(-1, 1) for number, (_, values) in tracklets.items() if values
    }
    people = joined_by_encodings(frames, encodings, cast(Recognizer, Ruler()))
    assert people.keys() == frames.keys() and set(people.values()) == set(range(len(set(people.values()))))
    count = len(set(people.values()))
    begins = [min(min(frames[n]) for n in frames if people[n] == person) for person in range(count)]
    assert begins == sorted(begins)
    for one in frames:
        for other in frames:
            if one != other and people[one] == people[other]:
                assert frames[one].isdisjoint(frames[other])


def test_the_nearest_are_joined_first_and_those_too_far_never() -> None:
    frames = {0: {0, 1}, 1: {0, 1}, 2: {5}, 3: {5}, 4: {9}}
    encodings = {number: np.array([[value]], np.float32) for number, value in enumerate((0.0, 0.9, 0.7, 0.2, 3.0))}
    people = joined_by_encodings(frames, encodings, cast(Recognizer, Ruler()))
    assert people == {0: 0, 1: 1, 2: 1, 3: 0, 4: 2}
    assert joined_by_place(frames, {3: 0, 4: 3}) == {0: 0, 1: 1, 2: 2, 3: 0, 4: 0}


@pytest.mark.parametrize(("score", "measured", "frames", "brief"), [
    (0.85, False, 4, True),
    (0.95, False, 4, False),
    (0.85, True, 4, False),
    (0.85, False, 20, False),
])  # fmt: skip
def test_what_is_found_briefly_and_is_measured_nowhere_hides_itself_alone(
    score: float, measured: bool, frames: int, brief: bool
) -> None:
    """As a hand that moves below a face; what was surely a face may have been there before."""
    landmarks = portraits()[0].landmarks
    (drawn,) = untracked([Face(Box(100, 100, 160, 160), landmarks, 1.0)])
    (find,) = untracked([Face(Box(80, 180, 200, 300), landmarks if measured else None, score)])
    find = replace(find, track=1)
    shown = [[drawn, find] if 40 <= index < 40 + frames else [drawn] for index in range(80)]
    analysis = VideoAnalysis([index / 25 for index in range(80)], [0] * 80, shown, 2, {}, [])
    parts = plan_redaction(analysis, 1.0, lambda face: face.track == 0).parts
    assert any(shared_area(region.box, find.box) >= find.box.area for region in parts[41])
    assert all(index in parts for index in (36, 43 + frames))
    covered = [index for index in parts if any(shared_area(one.box, drawn.box) > 0 for one in parts[index])]
    assert (covered == [], 20 in parts) == (brief, not brief)
