import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.dataset import Dataset
from mien.geometry.pose import angles_degrees, head_pose, mean_shape, pose_error_degrees, turn_error_degrees

JAW_BROWS_NOSE = (*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1))
EYES = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
MOUTH = (*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65)
MIRRORED = np.array(JAW_BROWS_NOSE + EYES + MOUTH)
angles = st.floats(-40, 40)


def turn(axis: int, degrees: float) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    one, other = [(1, 2), (2, 0), (0, 1)][axis]
    matrix[[one, other], [one, other]] = cosine
    matrix[one, other], matrix[other, one] = -sine, sine
    return matrix


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    return turn(2, roll) @ turn(1, -yaw) @ turn(0, -pitch)


def imaged(rotations: np.ndarray, scale: float = 50, shift: tuple[float, float] = (200, 150)) -> np.ndarray:
    return (scale * (mean_shape() @ np.swapaxes(rotations, -1, -2))[..., :2] + shift).astype(np.float32)


@given(angles, angles, angles, st.floats(5, 500), st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)))
def test_a_turn_of_the_mean_face_is_found_wherever_and_however_large_it_is_seen(yaw, pitch, roll, scale, shift):
    expected = rotation(yaw, pitch, roll)[None]
    found = head_pose(imaged(expected, scale, shift))
    assert pose_error_degrees(found, expected)[0] < 0.5
    np.testing.assert_allclose(found @ np.swapaxes(found, 1, 2), np.eye(3)[None], atol=1e-9)
    assert np.linalg.det(found[0]) == pytest.approx(1)


@given(angles, angles, angles)
def test_the_angles_are_those_that_the_rotation_was_made_of(yaw, pitch, roll):
    np.testing.assert_allclose(
        np.ravel(angles_degrees(rotation(yaw, pitch, roll)[None])), (yaw, pitch, roll), atol=1e-6
    )


@pytest.mark.parametrize(
    ("turned", "moved"),
    [((20, 0, 0), (1, 0)), ((-20, 0, 0), (-1, 0)), ((0, 20, 0), (0, -1)), ((0, -20, 0), (0, 1))],
    ids=["right", "left", "up", "down"],
)
def test_the_nose_points_where_the_angles_say(turned, moved):
    (landmarks,) = imaged(rotation(*turned)[None], shift=(0, 0))
    straight = imaged(np.eye(3)[None], shift=(0, 0))[0]
    assert np.sign(np.round(landmarks[30] - straight[30])).tolist() == list(moved)


def test_turned_clockwise_a_head_rolls():
    landmarks = imaged(rotation(0, 0, 15)[None])[0]
    right_eye, left_eye = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    assert left_eye[1] > right_eye[1], "in an image turned clockwise the right side is lower"


def test_mirrored_real_faces_look_to_the_other_side(people):
    landmarks = Dataset.open(people[0]).landmarks()
    mirrored = (landmarks * np.float32([-1, 1]))[:, MIRRORED]
    here, there = angles_degrees(head_pose(landmarks)), angles_degrees(head_pose(mirrored))
    assert np.abs(here.yaw).max() > 5, "faces that look straight would show nothing"
    np.testing.assert_allclose(there.yaw, -here.yaw, atol=0.01)
    np.testing.assert_allclose(there.pitch, here.pitch, atol=0.01)
    np.testing.assert_allclose(there.roll, -here.roll, atol=0.01)


def test_a_real_face_looks_where_its_nose_points(people):
    landmarks = Dataset.open(people[0]).landmarks()
    between_eyes = (landmarks[:, 36:42].mean(1) + landmarks[:, 42:48].mean(1)) / 2
    assert np.corrcoef(angles_degrees(head_pose(landmarks)).yaw, (landmarks[:, 30] - between_eyes)[:, 0])[0, 1] > 0.9


@given(angles, angles, angles, st.floats(0.001, 179))
def test_the_error_is_the_angle_between_two_poses_and_0_to_itself(yaw, pitch, roll, apart):
    one = rotation(yaw, pitch, roll)[None]
    assert pose_error_degrees(one, one) == [0]
    other = one @ turn(1, apart)
    assert pose_error_degrees(one, other)[0] == pytest.approx(apart, rel=1e-4)
    assert pose_error_degrees(other, one)[0] == pytest.approx(apart, rel=1e-4)


def test_a_face_that_was_not_found_has_no_pose_and_spoils_no_other():
    landmarks = imaged(np.stack([rotation(10, 5, 0)] * 3))
    landmarks[1] = np.nan
    found = head_pose(landmarks)
    assert np.isnan(found[1]).all() and np.isfinite(found[[0, 2]]).all()
    assert np.isnan([part[1] for part in angles_degrees(found)]).all()
    assert np.isnan(pose_error_degrees(found, found)).tolist() == [False, True, False]
    assert head_pose(landmarks[:0]).shape == (0, 3, 3)


def test_landmarks_all_in_one_place_have_no_pose():
    assert np.isnan(head_pose(np.full((1, 68, 2), 7, np.float32))).all()


def test_the_mean_face_is_symmetric_and_its_eyes_are_at_a_distance_of_1():
    shape = mean_shape()
    np.testing.assert_allclose((shape * [-1, 1, 1])[MIRRORED], shape, atol=2e-4)
    right_eye, left_eye = shape[36:42].mean(0), shape[42:48].mean(0)
    np.testing.assert_allclose(left_eye - right_eye, [1, 0, 0], atol=2e-4)
    assert shape[:, 2].argmin() == 30, "nothing is nearer to the camera than the tip of the nose"
    assert shape[8, 1] == shape[:, 1].max()


@given(st.lists(st.tuples(angles, angles, angles), min_size=2, max_size=8), st.tuples(angles, angles, angles))
def test_a_face_that_always_looks_turned_by_as_much_turns_alike(poses, offset):
    first = np.stack([rotation(*pose) for pose in poses])
    np.testing.assert_allclose(turn_error_degrees(first, first @ rotation(*offset)), 0, atol=1e-4)


def test_of_a_constant_and_a_nod_the_nod_is_left_and_faces_not_found_count_nothing():
    nods = np.stack([rotation(0, pitch, 0) for pitch in (-4, 4, 0)])
    still = np.repeat(np.eye(3)[None], 3, axis=0)
    still[2] = np.nan
    error = turn_error_degrees(still, nods @ rotation(0, 10, 0))
    np.testing.assert_allclose(error, [4, 4, np.nan], atol=1e-6)
    assert np.isnan(turn_error_degrees(still[2:], nods[2:])).all()
