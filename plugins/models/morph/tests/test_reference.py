"""Somebody whom a photograph shows is drawn at once, without a run."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien import AnonymizeOptions, Session, SessionOptions, anonymize, swap
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.media.images import read_image
from mien.media.provenance import read_provenance
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.tracking.recognizer import Recognizer
from mien_model_morph.frame import FRAME_PX, frame_points
from mien_model_morph.hair import without_hair

STRANGER, SHOWN = portraits()[1].image, portraits()[0].image


@pytest.fixture(scope="module")
def session() -> Session:
    return Session.open("morph:restore=none")


def encoded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    (face,) = ExtractorSet("blazeface", Registry()).extract(image)
    return Recognizer(Registry(), "sface").encode([align(image, face)])[0]


def test_a_photograph_is_enough(tmp_path: Path) -> None:
    for name, image in (("shown.png", SHOWN), ("stranger.png", STRANGER)):
        cv2.imwrite(str(tmp_path / name), image[..., ::-1])
    output = tmp_path / "swapped.png"
    report = swap("morph:restore=none", tmp_path / "stranger.png", output, reference=[tmp_path / "shown.png"])
    assert report.faces == 1
    drawn, shown, before = encoded(read_image(output)), encoded(SHOWN), encoded(STRANGER)
    assert np.linalg.norm(drawn - shown) < np.linalg.norm(before - shown) - 0.1
    assert np.linalg.norm(drawn - before) > 0.5


def test_whoever_drives_is_found_by_what_follows_lids(session: Session) -> None:
    assert session.detector.choice == "blazeface"


def test_a_reference_without_landmarks_is_refused() -> None:
    boxes_alone = Session.open("morph", options=SessionOptions(extractor="centerface"))
    with pytest.raises(MienError, match="landmarks"):
        boxes_alone.swap(STRANGER, reference=[SHOWN])


@pytest.mark.parametrize("change", ["gray", "alpha", "sixteen bits", "small"])
def test_a_reference_may_be_any_image(tmp_path: Path, change: str) -> None:
    bgr = np.ascontiguousarray(SHOWN[..., ::-1])
    image: NDArray[np.uint8 | np.uint16] = {
        "gray": cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY),
        "alpha": cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA),
        "sixteen bits": bgr.astype(np.uint16) * 257,
        "small": cv2.resize(bgr, (90, 90)),
    }[change]
    cv2.imwrite(str(tmp_path / "reference.png"), image)
    cv2.imwrite(str(tmp_path / "stranger.png"), STRANGER[..., ::-1])
    report = swap(
        "morph:restore=none", tmp_path / "stranger.png", tmp_path / "out.png", reference=[tmp_path / "reference.png"]
    )
    assert report.faces == 1
    assert np.linalg.norm(encoded(read_image(tmp_path / "out.png")) - encoded(STRANGER)) > 0.4


def test_a_name_and_an_image_at_once_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), STRANGER[..., ::-1])
    with pytest.raises(MienError, match="Both --to and --reference"):
        swap("morph", tmp_path / "a.png", tmp_path / "b.png", "anna", reference=[tmp_path / "a.png"])


def test_the_images_say_who_it_is_and_in_which_order_they_come_does_not_matter(session: Session) -> None:
    flipped = np.ascontiguousarray(SHOWN[:, ::-1])
    one = session.swap(STRANGER, reference=[SHOWN])
    again = session.swap(STRANGER, reference=[SHOWN])
    two = session.swap(STRANGER, reference=[SHOWN, flipped])
    other_way = session.swap(STRANGER, reference=[flipped, SHOWN])
    assert np.array_equal(one, again)
    assert not np.array_equal(one, two)
    assert np.abs(two.astype(int) - other_way).mean() < 0.5


def test_without_a_run_nobody_is_known_by_name(session: Session) -> None:
    with pytest.raises(MienError, match="Whom is") as error:
        session.swap(STRANGER)
    assert "--reference" in str(error.value)


def test_hair_on_the_forehead_is_not_taken_along_and_skin_stays() -> None:
    """A band of dark hair over a plain face; brows and all below stay, and so does a spot that shines."""
    skin, hair = np.uint8([200, 150, 130]), np.uint8([60, 40, 30])
    plain = np.full((FRAME_PX, FRAME_PX, 3), skin, np.uint8)
    shaded = np.clip(plain * np.linspace(1.15, 0.8, FRAME_PX)[None, :, None], 0, 255).astype(np.uint8)
    assert np.abs(without_hair(shaded).astype(int) - shaded).max() < 8
    shiny = shaded.copy()
    brows = int(frame_points()[17:27, 1].min())
    cv2.circle(shiny, (128, brows - 22), 8, (250, 230, 220), -1)
    assert np.abs(without_hair(shiny).astype(int) - shiny).max() < 8
    fringe = shaded.copy()
    fringe[: brows - 18] = hair
    bare = without_hair(fringe)
    assert np.abs(bare[: brows - 22, 60:196].astype(int) - shaded[: brows - 22, 60:196]).max() < 25
    assert np.abs(bare[brows + 40 :, 100:156].astype(int) - fringe[brows + 40 :, 100:156]).max() <= 2


def test_one_of_two_is_drawn_as_whom_a_photograph_shows(tmp_path: Path) -> None:
    """By a policy, with the consent in the label."""
    both = np.zeros((len(STRANGER), 2 * SHOWN.shape[1], 3), np.uint8)
    both[: len(SHOWN), : SHOWN.shape[1]], both[:, SHOWN.shape[1] :] = SHOWN, STRANGER
    for name, image in (("two.png", both), ("stranger.png", STRANGER), ("shown.png", SHOWN)):
        cv2.imwrite(str(tmp_path / name), image[..., ::-1])
    (tmp_path / "policy.toml").write_text("""
[default]
action = "keep"

[[people]]
images = ["stranger.png"]
action = "swap"
run = "morph:restore=none"
reference = ["shown.png"]
consent = "both, on paper"
""")
    options = AnonymizeOptions(people=tmp_path / "policy.toml")
    report = anonymize(tmp_path / "two.png", tmp_path / "out.png", method="morph", options=options)
    assert not report.failures
    made = read_provenance(tmp_path / "out.png")
    assert made is not None and "a reference image shows (consent: both, on paper)" in made.action
    drawn = np.ascontiguousarray(read_image(tmp_path / "out.png")[:, SHOWN.shape[1] :])
    shown, before = encoded(SHOWN), encoded(STRANGER)
    assert np.linalg.norm(encoded(drawn) - shown) < np.linalg.norm(before - shown) - 0.1
