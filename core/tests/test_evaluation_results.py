"""What is seen of drawn faces: set in, found again, by one onlooker or several; and which rows may be judged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien import Dataset, MienError, Registry, TrainedRun, TrainOptions, train
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.dataset.scenes import crops_in_scenes
from mien.evaluation.formulas import expression_error
from mien.evaluation.observation import Observation, gathered
from mien.evaluation.observer import FaceObserver, ObservationTask, Plugins, around
from mien.evaluation.observer_pool import looking_with
from mien.evaluation.row_selection import choose_rows
from mien.evaluation.synthetic_people import SyntheticPeople
from mien.geometry.alignment import align
from mien.testing import portraits

CLIPS = Path(__file__).resolve().parents[2] / "tests/data/clips"
PLUGINS = Plugins("feather", "face_recognition", finds_originals=False)


def sittings() -> list[ObservationTask]:
    """Two people, each drawn as they are, and as a gray surface."""
    crops = [align(portrait.image, portrait.landmarks) for portrait in portraits()]
    return [
        ObservationTask(number, crop, [crop.image, np.full_like(crop.image, 90)], [None, None])
        for number, crop in enumerate(crops)
    ]


def test_a_face_set_in_as_it_was_is_found_and_known_and_a_grey_surface_is_not() -> None:
    onlooker = FaceObserver(Registry(), PLUGINS)
    for sitting in sittings():
        seen = onlooker.look(sitting)
        same, gray = (gathered([look]) for look in seen.drawn)
        originals = gathered([seen.original])
        assert same.found.all() and not gray.found.any()
        assert same.distances_to(originals.encodings)[0] < 0.3
        assert expression_error(originals.landmarks, same.landmarks).all[0] < 0.04
        assert np.isnan(gray.distances_to(originals.encodings)).all()


def test_with_another_extractor_the_originals_are_found_by_it_too() -> None:
    (sitting, _) = sittings()
    crop = sitting.crop
    assert crop.scene is not None
    nudged = align(crop.scene, portraits()[0].landmarks + np.array([6, 4], np.float32))
    seen = FaceObserver(Registry(), Plugins("feather", "face_recognition", finds_originals=True)).look(
        ObservationTask(0, nudged, [], [])
    )
    assert np.abs(seen.original[0] - portraits()[0].landmarks).mean() < 1  # and not where the crop says


@pytest.mark.long
def test_several_processes_see_what_one_onlooker_sees_in_the_same_order() -> None:
    here = FaceObserver(Registry(), PLUGINS)
    looking = looking_with(Registry(), PLUGINS, observations=0, processes=2)
    with looking(sittings()) as found:
        pairs = list(found)
    assert [sitting.number for sitting, _ in pairs] == [0, 1]
    for sitting, seen in pairs:
        alone = here.look(sitting)
        np.testing.assert_array_equal(seen.original[1], alone.original[1])
        for one, other in zip(seen.drawn, alone.drawn, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(seen.views, alone.views)


def test_what_is_wrong_in_a_process_is_told_as_it_would_be_here() -> None:
    broken = [ObservationTask(0, sittings()[0].crop, [np.zeros((128, 128, 2), np.uint8)], [None])]
    with (
        pytest.raises(MienError, match="feather"),
        looking_with(Registry(), PLUGINS, observations=0, processes=2)(broken) as found,
    ):
        list(found)


def test_around_a_face_at_the_border_there_is_grey() -> None:
    portrait = portraits()[0]
    view = around(portrait.image, portrait.landmarks - portrait.landmarks.min(0))
    assert view.shape == (128, 128, 3) and (view[:20, :20] == 90).all() and view.std() > 10


def test_synthetic_people_are_compared_with_each_other_and_with_themselves() -> None:
    landmarks = np.zeros((68, 2), np.float32)
    people = SyntheticPeople({0: np.zeros((2, 4, 4, 3), np.uint8), 5: np.zeros((2, 4, 4, 3), np.uint8)})
    at = {0: [[0, 0], [3, 4]], 5: [[1, 0], [4, 4]]}  # two synthetic people, 5 apart; each moves by 1 from face to face
    for number, encodings in at.items():
        people.observations[number] = [Observation(landmarks, np.array(one, np.float32)) for one in encodings]
    assert people.diversity() == pytest.approx(5) and people.constancy() == pytest.approx(1)
    assert np.isnan(SyntheticPeople.none().diversity())


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Preprocess some clips, copied, as a person called "somebody"."""
    folder = tmp_path_factory.mktemp("made")

    def made(*clips: str) -> Path:
        for clip in clips:
            shutil.copy(CLIPS / clip, folder)
        sources = [folder / clip for clip in clips]
        asked = PreprocessOptions(extractor="face_recognition", features="landmarks:points=5", images=False)
        preprocess(folder / "somebody", sources, options=asked)
        return folder / "somebody"

    return made


@pytest.mark.long
def test_a_dataset_that_has_changed_since_training_is_not_taken_for_an_unknown_one(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    person = make("vfr.mp4")
    options = TrainOptions(steps=1, held_out=0.25)
    train("latent:preset=small,width=8", [person], tmp_path / "run", features="landmarks:points=5", options=options)
    run = TrainedRun.open(tmp_path / "run")
    before = choose_rows(run, Dataset.open(person), 1000)
    make("vfr.mp4", "single_frame.mp4")
    with pytest.raises(MienError, match="has changed") as told:
        choose_rows(run, Dataset.open(person), 1000)
    assert "--last 0.25" in told.value.fix
    assert choose_rows(run, Dataset.open(person), 1000, last=0.25).candidates == before.candidates
    with pytest.raises(MienError, match="Training saw"):
        choose_rows(run, Dataset.open(person), 1000, last=0.5)


def test_a_video_that_has_become_shorter_is_told(make: Callable[..., Path]) -> None:
    person = make("vfr.mp4")
    shutil.copy(CLIPS / "single_frame.mp4", person.parent / "vfr.mp4")
    with pytest.raises(MienError, match="has no frame"):
        list(crops_in_scenes(Dataset.open(person), [0, len(Dataset.open(person)) - 1]))
