"""A reference may be a folder of images, or a clip; what shows nobody, or somebody else, is left out, and said."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien import Session, SessionOptions, swap
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.inference.reference_images import FRAMES, reference_images
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.progress import Silent
from mien.testing.images import portraits
from mien.tracking.recognizer import Recognizer

DATA = Path(__file__).resolve().parents[4] / "tests" / "data"
CLIP, TWO_PEOPLE = (DATA / "clips" / name for name in ("target_J_2s_audio.mp4", "two_people_2s_audio.mp4"))
STRANGER, SHOWN = portraits()[1].image, portraits()[0].image
MODEL = "morph:restore=none"


class Heard(Silent):
    """What was said, and how far each stretch of work went."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps: dict[str, int] = {}

    def start(self, what: str, total: int | None) -> None:
        self.steps[what] = 0

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        self.steps[list(self.steps)[-1]] += steps

    def say(self, message: str) -> None:
        self.said.append(message)


def encoded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    (face,) = ExtractorSet("blazeface", Registry()).extract(image)
    return Recognizer(Registry(), "sface").encode([align(image, face)])[0]


def written(path: Path, image: NDArray[np.uint8]) -> Path:
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def test_of_a_folder_those_images_are_taken_that_show_the_person_alone(tmp_path: Path) -> None:
    folder = tmp_path / "anna"
    folder.mkdir()
    images = [SHOWN, np.ascontiguousarray(SHOWN[:, ::-1]), np.ascontiguousarray(SHOWN // 2 + 40)]
    named = [written(folder / f"{number}.png", image) for number, image in enumerate(images)]
    written(folder / "stranger.png", STRANGER)
    written(folder / "two.png", np.hstack([SHOWN, SHOWN]))
    written(folder / "wall.png", np.full((80, 80, 3), 128, np.uint8))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "notes.txt").write_text("of the shoot")
    heard = Heard()
    session = Session.open(MODEL, progress=heard)
    given = session.reference([folder]).given
    assert heard.said == [
        "Of 7 pictures of the reference 3 are taken: 2 show nobody or several people, 1 somebody else, "
        "1 cannot be read."
    ]
    assert heard.steps["looking at the reference"] == 7 and heard.steps["preparing the reference"] == 3
    assert np.array_equal(given.faces.images, session.reference(named).given.faces.images)


def test_an_image_that_was_named_says_whom_of_a_folder_is_meant(tmp_path: Path) -> None:
    folder = tmp_path / "shoot"
    folder.mkdir()
    for number in range(3):
        written(folder / f"{number}.png", np.ascontiguousarray(STRANGER // 2 + 10 * number))
    written(folder / "them.png", np.ascontiguousarray(SHOWN[:, ::-1]))
    named = written(tmp_path / "named.png", SHOWN)
    heard = Heard()
    given = Session.open(MODEL, progress=heard).reference([folder, named]).given
    assert len(given.faces) == 2 and "3 somebody else" in heard.said[0]


def test_a_broken_clip_of_a_folder_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "anna"
    folder.mkdir()
    written(folder / "anna.png", SHOWN)
    (folder / "broken.mp4").write_bytes((DATA / "clips" / "truncated_no_moov.mp4").read_bytes())
    heard = Heard()
    given = Session.open(MODEL, progress=heard).reference([folder]).given
    assert len(given.faces) == 1 and "1 cannot be read" in heard.said[0]
    with pytest.raises(MienError, match=r"broken.mp4"):
        Session.open(MODEL).reference([folder / "broken.mp4"])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ".tif"])
def test_an_animated_image_is_a_clip_and_what_is_transparent_is_white(suffix: str, tmp_path: Path) -> None:
    height, width = SHOWN.shape[:2]
    path, around = tmp_path / f"animated{suffix}", 20
    frames = []
    for step in range(3):
        frame = Image.new("RGBA", (width + 2 * around, height + 2 * around), (0, 0, 0, 0))
        frame.paste(Image.fromarray(SHOWN), (around + step, around))
        frames.append(frame)
    lossless = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, disposal=2, **lossless)
    found = list(reference_images([path]))
    assert [one.name for one in found] == [f"{path}, frame {number}" for number in range(3)]
    for one in found:
        assert one.image is not None and (one.image[0, 0] == 255).all() and one.image.shape[1] == width + 2 * around
    assert len(Session.open(MODEL).reference([path]).given.faces) == 3


def test_a_clip_of_pixels_that_are_not_square_is_seen_as_it_is_shown(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = SHOWN.shape[0] // 2 * 2, SHOWN.shape[1] // 2 * 2
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        image = np.ascontiguousarray(SHOWN[: stream.height, : stream.width])
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    wide = next(reference_images([tmp_path / "wide.mp4"])).image
    assert wide is not None and wide.shape[:2] == (image.shape[0], 1.5 * image.shape[1])


def test_a_clip_shows_them_in_motion(tmp_path: Path) -> None:
    stranger, output = written(tmp_path / "stranger.png", STRANGER), tmp_path / "swapped.png"
    assert swap(MODEL, stranger, output, reference=[CLIP], options=SessionOptions()).faces == 1
    with VideoSource(CLIP) as video:
        filmed = encoded(next(video.frames(0, 1)).image)
    drawn, before = encoded(read_image(output)), encoded(STRANGER)
    assert np.linalg.norm(drawn - filmed) < np.linalg.norm(before - filmed) - 0.1


def test_frames_are_spread_over_a_clip() -> None:
    images = list(reference_images([CLIP]))
    with VideoSource(CLIP) as video:
        assert len(images) == min(len(video.frame_times()), FRAMES)
        last = next(video.frames(len(video.frame_times()) - 1)).image
    assert images[-1].image is not None and np.array_equal(images[-1].image, last)
    assert images[-1].name.endswith(f"frame {len(images) - 1}")


@pytest.mark.parametrize("source", [DATA / "images" / "noface", TWO_PEOPLE])
def test_a_folder_and_a_clip_that_show_nobody_alone_are_refused(source: Path) -> None:
    with pytest.raises(MienError, match=f"None of the pictures of .*{source.name} shows one face alone"):
        Session.open(MODEL).reference([source])


def test_a_face_without_the_landmarks_it_is_drawn_by_is_told_with_its_file(tmp_path: Path) -> None:
    face, session = written(tmp_path / "face.png", SHOWN), Session.open(MODEL, options=SessionOptions("centerface"))
    for source in (face, tmp_path):
        with pytest.raises(
            MienError, match=r"centerface finds the face in .*face\.png, but not the landmarks"
        ) as error:
            session.reference([source])
        assert error.value.fix.startswith("--extractor centerface+")


def test_an_image_that_was_named_has_to_show_them(tmp_path: Path) -> None:
    wall = written(tmp_path / "wall.png", np.full((80, 80, 3), 128, np.uint8))
    with pytest.raises(MienError, match=r"wall.png shows no face"):
        Session.open(MODEL).reference([wall])
    with pytest.raises(MienError, match="nowhere"):
        Session.open(MODEL).reference([tmp_path / "nowhere.png"])
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    with pytest.raises(MienError, match="broken"):
        Session.open(MODEL).reference([tmp_path / "broken.jpg"])
