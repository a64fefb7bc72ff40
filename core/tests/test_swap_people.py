"""Who is drawn as whom, where several people are in an image or video."""

import shutil
from pathlib import Path

import pytest

from mien import swap
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.media.images import write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource
from mien.tracking.recognizer import Recognizer
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training.run import RunRecord

from .sources import DATA, NO_FACE, STILL, J, blinded, cut
from .swapping import Mirror, greenness


def test_only_the_person_asked_for_is_drawn(mirror: Mirror, tmp_path: Path) -> None:
    person = tmp_path / "J.png"
    write_image(person, next(VideoSource(J).frames(40)).image, synthetic=None)
    clip = cut(DATA / "clips" / "two_people_2s_audio.mp4", tmp_path / "two.mp4", slice(0, 9), blinded([4]))
    report = mirror.swap(clip, tmp_path / "out.mp4", person=person)
    assert report.faces == 9 and report.interpolated == 1
    recognizer = Recognizer(mirror.registry)
    assert report.recognizer == recognizer.record
    extractor = mirror.registry.create("extractor", "blinkered")
    reference = recognizer.reference(person, extractor)
    for before, after in zip(VideoSource(clip).frames(), VideoSource(tmp_path / "out.mp4").frames(), strict=True):
        green = greenness(after.image)
        for face in extractor.extract(before.image):
            encoding = recognizer.encode([align(before.image, face.landmarks)])
            is_person = recognizer.distances(encoding, reference)[0] < recognizer.same_person_below
            x, y = face.landmarks[30].round().astype(int)
            assert green[y, x] == is_person
    still = tmp_path / "still.png"
    write_image(still, next(VideoSource(clip).frames()).image, synthetic=None)
    assert mirror.swap(still, tmp_path / "still out.png", person=person).faces == 1


@pytest.fixture
def faces_of_two(tmp_path: Path) -> list[Path]:
    """Images of the two people of the clip that shows both: of the left one, and of the right one."""
    clips = [DATA / "clips" / "target_E_4s_silent.mp4", J]
    for name, clip in zip("EJ", clips, strict=True):
        write_image(tmp_path / f"{name}.png", next(VideoSource(clip).frames(40)).image, synthetic=None)
    return [tmp_path / "E.png", tmp_path / "J.png"]


@pytest.mark.parametrize("turned", [False, True])
def test_several_people_become_several_others_in_one_pass(
    mirror: Mirror, tmp_path: Path, faces_of_two: list[Path], turned: bool
) -> None:
    clip = cut(DATA / "clips" / "two_people_2s_audio.mp4", tmp_path / "two.mp4", slice(0, 9), blinded([4]))
    people = faces_of_two[::-1] if turned else faces_of_two
    report = mirror.swap(clip, tmp_path / "out.mp4", ["green", "seen"], person=people)
    assert (report.faces, report.files[0].notes) == (18, ())
    recognizer, extractor = Recognizer(mirror.registry), mirror.registry.create("extractor", "blinkered")
    becomes_green = recognizer.reference(people[0], extractor)
    for before, after in zip(VideoSource(clip).frames(), VideoSource(tmp_path / "out.mp4").frames(), strict=True):
        for face in extractor.extract(before.image):
            encoding = recognizer.encode([align(before.image, face.landmarks)])
            is_first = recognizer.distances(encoding, becomes_green)[0] < recognizer.same_person_below
            x, y = face.landmarks[30].round().astype(int)
            assert greenness(after.image)[y, x] == is_first
    made = read_provenance(tmp_path / "out.mp4")
    assert made is not None
    assert made.action == "faces drawn as green and seen, as far as those whom they replace are seen"


def test_of_several_people_whoever_is_not_there_is_named(
    mirror: Mirror, tmp_path: Path, faces_of_two: list[Path]
) -> None:
    report = mirror.swap(faces_of_two[1], tmp_path / "out.png", ["seen", "green"], person=faces_of_two)
    assert report.files[0].notes == (f"whom {faces_of_two[0]} shows was not found in it",)
    made = read_provenance(tmp_path / "out.png")
    assert made is not None and made.action == "faces drawn as green"
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 3))
    report = mirror.swap(clip, tmp_path / "out.mp4", ["seen", "green"], person=faces_of_two)
    assert report.files[0].notes == (f"whom {faces_of_two[0]} shows was not found in it",)
    assert all(greenness(frame.image).mean() > 0.03 for frame in VideoSource(tmp_path / "out.mp4").frames())


def test_each_person_needs_somebody_to_be_drawn_as(mirror: Mirror, tmp_path: Path, faces_of_two: list[Path]) -> None:
    for people, to in ((faces_of_two, "green"), (faces_of_two[:1], ["green", "seen"]), ([], ["green", "seen"])):
        with pytest.raises(MienError, match=rf"^{len(people)} of --person, but \d of --to") as error:
            mirror.swap(STILL, tmp_path / "out.png", to, person=people)
        assert error.value.fix == "--to NAME --person IMAGE, once for each person"
    with pytest.raises(MienError, match="show the same person"):
        mirror.swap(STILL, tmp_path / "out.png", ["green", "seen"], person=[faces_of_two[0], faces_of_two[0]])
    assert not (tmp_path / "out.png").exists()


def test_nobody_of_that_kind_in_an_image_is_told_and_nothing_is_written(mirror: Mirror, tmp_path: Path) -> None:
    person = tmp_path / "J.png"
    write_image(person, next(VideoSource(J).frames()).image, synthetic=None)
    with pytest.raises(MienError, match="not found"):
        mirror.swap(STILL, tmp_path / "out.png", person=person)
    with pytest.raises(MienError, match="No face was found"):
        mirror.swap(NO_FACE, tmp_path / "out.png")
    with pytest.raises(MienError, match="No face was found"):
        mirror.swap(STILL, tmp_path / "out.png", person=NO_FACE)


def test_the_run_says_who_tells_people_apart_unless_another_is_named(mirror: Mirror, tmp_path: Path) -> None:
    person = DATA / "images" / "formats" / "rgb.png"
    assert mirror.swap(person, tmp_path / "every.png").recognizer is None, "every face is drawn: nobody is told apart"
    run = Path(shutil.copytree(mirror.run, tmp_path / "run"))
    record = RunRecord.read(run)
    record.recognizer = RecognizerRecord(choice="vanished", distribution="mien-feature-vanished", version="1.0")
    record.write(run)
    with pytest.raises(MienError, match="No feature named 'vanished'"):
        mirror.swap(person, tmp_path / "run's.png", run=run, person=person)
    named = mirror.swap(person, tmp_path / "named.png", run=run, person=person, recognizer="encoding")
    assert named.recognizer == Recognizer(mirror.registry, "encoding").record
    with pytest.raises(MienError, match="No person was named") as caught:
        mirror.swap(person, tmp_path / "vain.png", recognizer="encoding")
    assert "--person IMAGE --recognizer encoding" in caught.value.fix
    assert {path.name for path in tmp_path.iterdir()} == {"every.png", "named.png", "run"}


def test_a_model_that_knows_nobody_yet_says_how_to_use_it(tmp_path: Path) -> None:
    for to in (None, "J"):
        with pytest.raises(MienError, match="nobody by name") as refused:
            swap("morph", STILL, tmp_path / "out.png", to)
        assert refused.value.fix == "mien swap morph INPUT OUTPUT --reference IMAGE"
    with pytest.raises(MienError, match="hides heads, and draws nobody") as refused:
        swap("blocks", STILL, tmp_path / "out.png", reference=[STILL])
    assert refused.value.fix == "mien anonymize INPUT OUTPUT --with blocks"
