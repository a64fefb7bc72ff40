"""Who stays, who is hidden and who becomes whom, on real faces of two people."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien import (
    AnonymizeOptions,
    AnonymizeReport,
    MienError,
    MienWarning,
    PeoplePolicy,
    Session,
    SessionOptions,
    anonymize,
    verify,
)
from mien.anonymization.pseudonyms import create_key
from mien.contracts.face import RgbImage
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIPS = DATA / "clips"
E, J, TWO = CLIPS / "target_E_4s_silent.mp4", CLIPS / "target_J_2s_audio.mp4", CLIPS / "two_people_2s_audio.mp4"
SEARCH = SessionOptions(extractor="face_recognition:search=full,upsample=0")


def frame(clip: Path, index: int) -> RgbImage:
    with VideoSource(clip) as video:
        return next(video.frames(index, index + 1)).image


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """E.png and J.png, each with one face; two.png and again.png with both, E to the left; two.mp4, 12 frames."""
    folder = tmp_path_factory.mktemp("faces")
    for name, clip, index in (("E", E, 5), ("J", J, 5), ("two", TWO, 30), ("again", TWO, 60)):
        write_image(folder / f"{name}.png", frame(clip, index), synthetic=None)
    video = VideoSource(TWO)
    with VideoSink(folder / "two.mp4", video, synthetic=None, quality=5, sound=False) as sink:
        for one in video.frames(0, 12):
            sink.write(one.image, one.pts, one.duration)
    return folder


Run = Callable[..., tuple[AnonymizeReport, Path]]


@pytest.fixture
def run(faces: Path, tmp_path: Path) -> Run:
    def run(source: str = "two.png", method: str = "solid", seed: int | None = None, **options: object):
        output = tmp_path / f"{len(list(tmp_path.iterdir()))}_{source}"
        chosen = AnonymizeOptions(**{"check": False, **options})
        report = anonymize(faces / source, output, method=method, seed=seed, options=chosen, session=SEARCH)
        return report, output

    return run


def halves(before: Path, after: Path, index: int = 0) -> tuple[float, float]:
    """How much the left half and the right half differ, in gray levels."""
    one, two = (
        (read_image(path) if path.suffix == ".png" else frame(path, index)).astype(float) for path in (before, after)
    )
    difference, middle = np.abs(one - two), one.shape[1] // 2
    return float(difference[:, :middle].mean()), float(difference[:, middle:].mean())


def test_who_is_to_be_kept_stays_and_the_other_is_hidden(faces, run):
    report, output = run(keep=[faces / "E.png"])
    assert (report.kept, report.faces, report.people) == (1, 1, 1)
    left, right = halves(faces / "two.png", output)
    assert left == 0 and right > 10
    action = read_provenance(output).action
    assert action == "faces hidden by solid; some people left as they are, as was asked"


def test_only_one_is_hidden(faces, run):
    report, output = run(only=[faces / "E.png"])
    assert (report.kept, report.faces) == (1, 1)
    left, right = halves(faces / "two.png", output)
    assert left > 5 and right == 0


def test_somebody_who_is_not_in_the_image_keeps_nobody_and_is_named(faces, run, tmp_path):
    hopper = DATA / "images" / "stills" / "grace_hopper.jpg"
    report, _ = run(keep=[hopper, faces / "E.png"])
    assert (report.kept, report.faces, report.not_found) == (1, 1, (hopper,))
    report, _ = run("two.mp4", keep=[hopper, faces / "E.png"])
    assert report.not_found == (hopper,)


@pytest.mark.parametrize("source", ["E.png", "two.mp4"])
def test_a_file_in_which_nothing_was_changed_claims_nothing(faces, run, source):
    report, output = run(source, method="morph", keep=[faces / "E.png", faces / "J.png"])
    assert report.kept > 0 and report.faces == 0
    assert verify(output).state == "none" and read_provenance(output) is None


@pytest.mark.parametrize("source", ["J.png", "two.mp4"])
def test_a_file_says_what_was_done_in_it_alone(faces, run, source):
    """Of a policy that says more, with the settings of what did it."""
    people = PeoplePolicy.model_validate(
        {
            "default": {"with": "blocks:count=5,shape=rectangle"},
            "people": [
                {"images": [faces / "E.png"], "action": "keep"},
                {"images": [DATA / "images" / "stills" / "grace_hopper.jpg"], "action": "anonymize", "with": "morph"},
            ],
        }
    )
    report, output = run(source, method="blocks:count=5,shape=rectangle", people=people)
    found = verify(output)
    kept = "; some people left as they are, as was asked" if report.kept else ""
    assert (found.state, found.actions[1]) == ("valid", f"c2pa.edited: faces hidden by blocks{kept}")
    (model,) = [use for use in found.plugins if use.kind == "model"]
    assert model.choice == "blocks:shape=rectangle,margin=0.45,shift_y=0.15,count=5"
    assert [uri.rpartition("/")[2] for uri in found.digital_source_types] == ["algorithmicallyEnhanced"]


def test_what_is_hidden_since_it_cannot_be_drawn_is_not_said_to_be_drawn(faces, tmp_path):
    out, boxes = tmp_path / "out.png", SessionOptions(extractor="centerface")
    anonymize(faces / "J.png", out, method="morph", options=AnonymizeOptions(check=False), session=boxes)
    found = verify(out)
    assert found.actions[1] == "c2pa.edited: places hidden where a face is or may be"
    assert (found.run, [use for use in found.plugins if use.kind == "model"]) == ("", [])
    assert [uri.rpartition("/")[2] for uri in found.digital_source_types] == ["algorithmicallyEnhanced"]


def test_a_masker_that_changes_nothing_of_what_is_hidden_is_noted(faces, tmp_path):
    with pytest.warns(MienWarning, match="--masker hull changes nothing: solid says itself"):
        Session.open("solid", options=SessionOptions(masker="hull"))


def test_a_seed_and_a_key_are_not_both_taken_and_no_seed_is_told_that_says_nothing(faces, run, tmp_path):
    create_key(tmp_path / "my.key")
    with pytest.raises(MienError, match="--seed and a key both say"):
        run(seed=0, key=tmp_path / "my.key")
    assert run(seed=3)[0].seed is None, "nobody is drawn"
    assert run("J.png", method="morph", seed=3)[0].seed == 3


@pytest.mark.parametrize("named", ["keep", "only", "policy", "in the policy", "key", "certificate"])
def test_what_is_read_is_not_written_over(faces, tmp_path, named):
    output = tmp_path / "K.png"
    output.write_bytes((faces / "J.png").read_bytes())
    session, options = replace(SEARCH, overwrite=True), AnonymizeOptions(check=False)
    rule = {"images": [output], "action": "keep"}
    options = {
        "keep": AnonymizeOptions(keep=[output]),
        "only": AnonymizeOptions(only=[tmp_path / "link.png"]),
        "policy": AnonymizeOptions(people=output),
        "in the policy": AnonymizeOptions(people=PeoplePolicy.model_validate({"people": [rule]})),
        "key": AnonymizeOptions(key=output),
    }.get(named, options)
    (tmp_path / "link.png").hardlink_to(output)
    if named == "certificate":
        session = replace(session, certificate=output, private_key=output)
    if named == "policy":
        output.write_text("", encoding="utf-8")
    before = output.read_bytes()
    with pytest.raises(MienError, match=r"K\.png would take the place of .* is read, too"):
        anonymize(faces / "J.png", output, method="blocks", options=options, session=session)
    assert output.read_bytes() == before


def test_a_folder_s_outputs_do_not_replace_what_is_read(faces, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for folder in ("in", "out"):
        (tmp_path / folder / "J.png").write_bytes((faces / "J.png").read_bytes())
    options = AnonymizeOptions(keep=[tmp_path / "out" / "J.png"], check=False)
    with pytest.raises(MienError, match="would take the place of"):
        anonymize(tmp_path / "in", tmp_path / "out", method="blocks", options=options,
                  session=replace(SEARCH, overwrite=True))  # fmt: skip


def test_a_link_that_leads_nowhere_is_not_written_over(faces, tmp_path):
    (tmp_path / "out.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(MienError, match=r"out\.png would be overwritten"):
        anonymize(faces / "J.png", tmp_path / "out.png", method="blocks", session=SEARCH)
    (tmp_path / "folder").symlink_to(tmp_path / "nowhere")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "J.png").write_bytes((faces / "J.png").read_bytes())
    with pytest.raises(MienError, match="folder is a file"):
        anonymize(tmp_path / "in", tmp_path / "folder", method="blocks", session=SEARCH)
    assert (tmp_path / "out.png").is_symlink() and (tmp_path / "folder").is_symlink()


def test_in_a_video_one_is_kept_in_all_frames(faces, run):
    report, output = run("two.mp4", keep=[faces / "E.png"], check=True)
    assert (report.kept, report.faces, report.people, report.frames_hidden) == (12, 12, 1, 0)
    # Of the other, in 10 of the 12 frames: hidden faces are compared in no more.
    assert report.check.faces == 10 and report.check.verified == 0, "who is kept is not compared"
    for index in (0, 6, 11):
        left, right = halves(faces / "two.mp4", output, index)
        assert left < 2 < 10 < right


def test_each_person_by_a_method_of_their_own(faces, run, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f"""
[[people]]
images = ["{(faces / "E.png").as_posix()}"]
action = "anonymize"
with = "solid:color=#00ff00"
""",
        encoding="utf-8",
    )
    report, output = run(method="solid:color=#ff0000", people=policy)
    assert report.faces == 2
    image = read_image(output)
    middle = image.shape[1] // 2
    of_halves = [(half.reshape(-1, 3) == color).all(1).sum() for half, color in
                 ((image[:, :middle], (0, 255, 0)), (image[:, middle:], (255, 0, 0)))]  # fmt: skip
    assert min(of_halves) > 3000
    assert not (image[:, middle:].reshape(-1, 3) == (0, 255, 0)).all(1).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep": [Path("nobody.png")]}, "nobody.png"),
        ({"keep": [DATA / "images" / "noface" / "rocket.jpg"]}, "No face was found in"),
        ({"keep": [TWO]}, "is a video; who somebody is, is told here by an image"),
        ({"only": ["two.png"]}, "shows 2 faces"),
        ({"people": Path("nowhere.toml")}, "nowhere.toml"),
        ({"key": Path("nowhere.key")}, "There is no key nowhere.key"),
    ],
)
def test_what_cannot_be_followed_is_said_before_any_work(faces, run, tmp_path, options, said):
    options = {name: [faces / one if one == "two.png" else one for one in value] if isinstance(value, list) else value
               for name, value in options.items()}  # fmt: skip
    with pytest.raises(MienError, match=said):
        run(**options)
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_somebody_is_the_same_new_person_in_all_files_and_with_a_key_in_all_calls(faces, run, tmp_path):
    """With `morph`, which draws people: their encodings tell whether two of them are one."""
    from mien.anonymization.pseudonyms import KeyedPeople, read_key
    from mien.plugins.registry import Registry
    from mien.tracking.recognizer import Recognizer

    album, key = tmp_path / "album", tmp_path / "project.key"
    album.mkdir()
    for name in ("two", "again"):
        (album / f"{name}.png").write_bytes((faces / f"{name}.png").read_bytes())
    create_key(key)

    def people() -> int:
        with KeyedPeople(key, read_key(key), Recognizer(Registry(), "encoding")).opened() as known:
            return len(known.known)

    for name in ("one", "other"):
        report = anonymize(
            album,
            tmp_path / name,
            method="morph",
            options=AnonymizeOptions(key=key, check=False),
            session=SEARCH,
        )
        assert report.faces == 4 and not report.failures
        assert people() == 2
    for image in ("two.png", "again.png"):
        assert np.array_equal(read_image(tmp_path / "one" / image), read_image(tmp_path / "other" / image))
