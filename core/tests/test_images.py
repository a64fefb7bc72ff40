"""Images as people have them: every mode and every way of being broken."""

import io
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from mien.errors import MienError
from mien.media.image_formats import _formats
from mien.media.images import (
    LABELLED_SUFFIXES,
    TRANSPARENT_SUFFIXES,
    WRITABLE_SUFFIXES,
    load_file,
    lost_in,
    read_image,
    write_image,
)
from mien.media.provenance import DIGITAL_SOURCE_TYPE, Provenance, read_provenance

FORMATS = Path(__file__).resolve().parents[2] / "tests" / "data" / "images" / "formats"
BROKEN = {
    "bitflips.jpg": "broken data stream",
    "empty.jpg": "it is empty",
    "header_only.jpg": "Truncated",
    "text_named.jpg": "not an image",
    "truncated.jpg": "truncated",
    "truncated.png": "truncated",
}
SMALL = {"one_pixel.png": (1, 1), "tiny_face_40x40.png": (40, 40), "half_face_at_border.jpg": (340, 170)}
SMALL |= {"rotated30_no_exif.png": (466, 466), "upscaled_1360x1360.jpg": (1360, 1360)}
TOLERANCE = {"bilevel.png": 15, "palette.png": 7}
MADE = Provenance("0.1.0", 'faces drawn as "E" & <J>', "3fa2")


def gradient(height: int = 24, width: int = 32) -> np.ndarray:
    """A smooth image whose sides and corners all differ."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)


@pytest.mark.parametrize("path", sorted(FORMATS.iterdir()), ids=lambda path: path.name)
def test_an_image_is_read_or_refused_with_its_name_and_the_reason(path: Path) -> None:
    if reason := BROKEN.get(path.name):
        with pytest.raises(MienError, match=reason) as error:
            read_image(path)
        assert str(path) in error.value.message and error.value.fix
    else:
        image = read_image(path)
        assert image.shape == (*SMALL.get(path.name, (340, 340)), 3)
        assert image.dtype == np.uint8 and image.flags.writeable and image.flags.c_contiguous


@pytest.mark.parametrize(
    "name",
    ["bilevel.png", "cmyk.jpg", "gray.jpg", "gray.png", "gray16.png", "gray_alpha.png", "palette.gif", "palette.png"]
    + [f"exif_orientation_{orientation}.jpg" for orientation in (2, 3, 6, 8)]
    + ["png_named.jpg", "progressive.jpg", "rgb.bmp", "rgb.tiff", "rgb.webp", "rgb16.png", "rgb_q90.jpg"],
)
def test_every_mode_and_orientation_shows_the_same_scene(name: str) -> None:
    image = read_image(FORMATS / name).astype(float)
    reference = read_image(FORMATS / "rgb.png").astype(float)
    if name.startswith(("gray", "bilevel")):
        assert (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all()
        reference = np.repeat((reference @ [0.299, 0.587, 0.114])[..., None], 3, 2)
    coarse = [values.reshape(10, 34, 10, 34, 3).mean((1, 3)) for values in (image, reference)]  # dither averages out
    assert np.abs(coarse[0] - coarse[1]).max() < TOLERANCE.get(name, 4)


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    assert (read_image(tmp_path / "ramp.png")[..., 0].ravel() == np.arange(256)).all()


def test_transparent_pixels_are_shown_on_white(tmp_path: Path) -> None:
    rgba = np.dstack([gradient(), np.zeros((24, 32), np.uint8)])
    rgba[:, 16:, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "half.png")
    image = read_image(tmp_path / "half.png")
    assert (image[:, :16] == 255).all() and (image[:, 16:] == gradient()[:, 16:]).all()


def test_an_embedded_color_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    gray = Image.fromarray(np.full((8, 8, 3), 128, np.uint8))
    lab = ImageCms.createProfile("LAB")
    for name, profile in (("srgb", ImageCms.createProfile("sRGB")), ("other mode", lab)):
        gray.save(tmp_path / "p.png", icc_profile=ImageCms.ImageCmsProfile(profile).tobytes())
        assert (read_image(tmp_path / "p.png") == 128).all(), name
    swapped = _profile_with_red_and_green_exchanged()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "swapped.png", icc_profile=swapped)
    assert (read_image(tmp_path / "swapped.png")[0, 0].astype(int) - (0, 255, 0)).max() < 6


def _profile_with_red_and_green_exchanged() -> bytes:
    """sRGB's own profile, with the tags of its red and green primaries renamed to each other."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for tag in (b"XYZ", b"TRC"):
        data = data.replace(b"r" + tag, b"?" + tag).replace(b"g" + tag, b"r" + tag).replace(b"?" + tag, b"g" + tag)
    return data.replace("sRGB built-in".encode("utf-16-be"), "some display!".encode("utf-16-be"))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["rgb_q90.jpg", "progressive.jpg", "rgb.png", "rgb.webp", "rgb.tiff", "rgb.bmp"]),
    st.floats(0, 0.98),
)
def test_an_image_that_is_cut_off_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, share: float
) -> None:
    data = (FORMATS / name).read_bytes()
    path = tmp_path_factory.mktemp("cut") / name
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MienError, match="cannot be read"):
        read_image(path)


def test_a_jpeg_that_ends_too_early_does_not_pass_as_half_gray(tmp_path: Path) -> None:
    data = (FORMATS / "rgb_q90.jpg").read_bytes()
    (tmp_path / "closed.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")  # Pillow reads it without a word
    with pytest.raises(MienError, match="end before the image"):
        read_image(tmp_path / "closed.jpg")
    Image.new("RGB", (40, 40), (128, 128, 128)).save(tmp_path / "gray.jpg")
    assert (read_image(tmp_path / "gray.jpg") == 128).all()


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    with pytest.raises(MienError, match="million pixels"):
        read_image(tmp_path / "bomb.png")


def test_the_user_says_how_large_an_image_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setenv("MIEN_MAX_MEGAPIXELS", "0.004")
    with pytest.raises(MienError, match=r"more than 0\.004") as error:
        read_image(tmp_path / "a.png")
    assert error.value.fix.startswith("If it is what it should be: MIEN_MAX_MEGAPIXELS=")
    monkeypatch.setenv("MIEN_MAX_MEGAPIXELS", "0.005")
    assert read_image(tmp_path / "a.png").shape == (64, 64, 3)
    monkeypatch.setenv("MIEN_MAX_MEGAPIXELS", "many")
    with pytest.raises(MienError, match="no number"):
        read_image(tmp_path / "a.png")


def test_a_missing_image_and_32_bit_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="There is no image"):
        read_image(tmp_path / "none.png")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(MienError, match="32-bit numbers"):
        read_image(tmp_path / "float.tiff")


@pytest.mark.parametrize("suffix", [*WRITABLE_SUFFIXES, ".JPG"])
def test_what_is_written_is_read_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "made" / f"p{suffix}"
    write_image(path, gradient(), synthetic=None)
    tolerance = 12 if suffix.lower() in (".jpg", ".jpeg", ".webp") else 0
    assert np.abs(read_image(path).astype(int) - gradient()).max() <= tolerance
    assert read_provenance(path) is None
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", LABELLED_SUFFIXES)
def test_a_synthetic_image_says_so_to_programs_and_to_people(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"p{suffix}"
    write_image(path, gradient(), synthetic=MADE)
    assert read_provenance(path) == MADE
    assert DIGITAL_SOURCE_TYPE.encode() in path.read_bytes()
    with Image.open(path) as image:
        said = str(image.info) + str(dict(getattr(image, "tag_v2", {})))
    assert suffix == ".webp" or MADE.note() in said or MADE.note().encode() in path.read_bytes()


def test_a_bitmap_cannot_say_that_it_is_synthetic(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="no place to say"):
        write_image(tmp_path / "p.bmp", gradient(), synthetic=MADE)


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"\.xyz") as error:
        write_image(tmp_path / "p.xyz", gradient(), synthetic=None)
    assert ".webp" in error.value.fix


def test_an_image_too_large_for_its_format_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="17000×1"):
        write_image(tmp_path / "p.webp", np.zeros((1, 17000, 3), np.uint8), synthetic=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.xpm", "a.ico", "a.png"])
def test_a_damaged_image_is_told_whoever_reads_it(name: str, tmp_path: Path) -> None:
    """Pillow's decoders raise SyntaxError, ValueError, struct.error and more."""
    heads = {
        ".xpm": b'/* XPM */\n"4 4 1 1",\n"a x nothing",\n',
        ".ico": b"\0\0\1\0\7\0\0",
        ".png": b"\x89PNG\r\n\x1a\n\0\0\0\0abc",
    }
    (tmp_path / name).write_bytes(heads[Path(name).suffix])
    with pytest.raises(MienError, match=name):
        read_image(tmp_path / name)
    with suppress(MienError):  # FFmpeg may take it for an image that says nothing
        assert read_provenance(tmp_path / name) is None


def test_what_pillow_warns_of_is_not_shown_without_a_name(tmp_path: Path) -> None:
    image = Image.fromarray(gradient())
    image.save(tmp_path / "a.tif", tiffinfo={315: "Somebody with a name"})
    data, artist = (tmp_path / "a.tif").read_bytes(), struct.pack("<HHI", 315, 2, 21)
    assert data.count(artist) == 1
    (tmp_path / "a.tif").write_bytes(data.replace(artist, struct.pack("<HHI", 315, 2, 2**31 - 1)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _formats.cache_clear()
        read_image(tmp_path / "a.tif")
    assert not told


def test_provenance_is_not_read_out_of_another_program_s_packet(tmp_path: Path) -> None:
    other = MADE.to_xmp().replace("mien:", "else:").encode()
    data = io.BytesIO()
    Image.fromarray(gradient()).save(data, "JPEG", xmp=other)
    (tmp_path / "p.jpg").write_bytes(data.getvalue())
    assert read_provenance(tmp_path / "p.jpg") is None
    with pytest.raises(MienError, match="neither an image nor a video"):
        read_provenance(FORMATS / "text_named.jpg")


def with_exif(path: Path) -> Path:
    """An image that says when, with what and where it was taken, and holds notes of the camera's maker."""
    exif = Image.Exif()
    exif[271], exif[306], exif[0x0112] = "Camera & Sons", "2024:05:06 07:08:09", 6
    exif.get_ifd(0x8769).update({0x829A: 0.02, 0x9003: "2024:05:06 07:08:09", 0x927C: b"a small copy"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 0.0)})
    Image.fromarray(gradient()).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_what_the_camera_said_is_kept_but_not_where_it_was(suffix: str, tmp_path: Path) -> None:
    file = load_file(with_exif(tmp_path / "a.jpg"))
    write_image(tmp_path / f"b{suffix}", file.image, synthetic=MADE, exif=file.exif)
    with Image.open(tmp_path / f"b{suffix}") as image:
        exif = image.getexif()
        assert (exif[271], exif[306]) == ("Camera & Sons", "2024:05:06 07:08:09")
        assert exif.get(0x0112, 1) == 1 and not exif.get_ifd(0x8825)
        of_camera = exif.get_ifd(0x8769)
        if suffix != ".tiff":
            assert of_camera[0x9003] == "2024:05:06 07:08:09" and float(of_camera[0x829A]) == 0.02
        assert 0x927C not in of_camera
    assert read_provenance(tmp_path / f"b{suffix}") == MADE
    assert b"a small copy" not in (tmp_path / f"b{suffix}").read_bytes()
    write_image(tmp_path / f"c{suffix}", file.image, synthetic=MADE)
    assert b"Camera & Sons" not in (tmp_path / f"c{suffix}").read_bytes()


def test_what_is_not_read_of_a_file_is_named(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    Image.new("RGBA", (8, 8), (1, 2, 3, 40)).save(tmp_path / "alpha.png")
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    read = [load_file(tmp_path / name, deep=True) for name in ("pages.tif", "alpha.png", "deep.png", "plain.png")]
    assert [lost_in(file, Path("a.jpg")) for file in read] == [
        ("2 further pages are left out: the first alone is read",),
        ("transparency is left out: transparent pixels are white",),
        ("16 bits a channel became 8",),
        (),
    ]
    assert [lost_in(file, Path("a.png")) for file in read[1:]] == [(), (), ()]
    assert [lost_in(file, Path("a.TIF")) for file in read[1:]] == [(), (), ()]
    assert [lost_in(file, Path("a.webp")) for file in read[1:]] == [(), ("16 bits a channel became 8",), ()]


def transparent(mode: str) -> Image.Image:
    """A gradient of colors under a gradient of transparency."""
    across, down = np.meshgrid(np.linspace(0, 255, 48), np.linspace(0, 255, 32))
    colors = np.stack([across, down, 255 - across, down], axis=2).round().astype(np.uint8)
    image = Image.fromarray(colors)
    return image.convert("LA") if mode == "LA" else image


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("suffix", TRANSPARENT_SUFFIXES)
def test_transparency_is_kept_where_nothing_was_drawn(suffix: str, mode: str, tmp_path: Path) -> None:
    transparent(mode).save(tmp_path / "in.png")
    file = load_file(tmp_path / "in.png")
    assert file.alpha is not None
    drawn = file.image.copy()
    drawn[16:, 8:40] = (200, 150, 120)
    write_image(tmp_path / f"out{suffix}", drawn, synthetic=MADE, like=file)
    again = load_file(tmp_path / f"out{suffix}")
    outside = np.ones(drawn.shape[:2], bool)
    outside[16:, 8:40] = False
    assert (
        again.alpha is not None and (again.alpha == file.alpha)[outside].all() and (again.alpha[~outside] == 255).all()
    )
    near = np.abs(again.image.astype(int) - drawn)
    inside = near[~outside]
    if suffix == ".webp":  # which loses a little, as of images without transparency
        assert near[outside].mean() < 3 and inside.mean() < 3
    else:
        assert near[outside].max() <= 1 and inside.max() <= 1
    assert read_provenance(tmp_path / f"out{suffix}") == MADE


def test_colors_under_transparent_pixels_are_not_kept(tmp_path: Path) -> None:
    hidden = np.zeros((8, 8, 4), np.uint8)
    hidden[..., 0] = 90  # a dark red that nobody sees
    Image.fromarray(hidden).save(tmp_path / "in.png")
    file = load_file(tmp_path / "in.png")
    write_image(tmp_path / "out.png", file.image, synthetic=None, like=file)
    with Image.open(tmp_path / "out.png") as image:
        assert (np.asarray(image) == (255, 255, 255, 0)).all()


def test_an_image_that_is_opaque_all_over_has_no_transparency(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (10, 20, 30, 255)).save(tmp_path / "in.png")
    assert load_file(tmp_path / "in.png").alpha is None


def deep_image(channels: int) -> np.ndarray:
    across, down = np.meshgrid(np.linspace(0, 65535, 48), np.linspace(65535, 300, 32))
    opacity = np.full_like(across, 65535)
    opacity[:, :4] = 0
    return np.stack([across, down, 65535 - across, opacity][:channels], axis=2).round().astype(np.uint16)


@pytest.mark.parametrize("target", ["out.png", "out.tif"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_stay_16_bits_where_nothing_was_drawn(
    channels: int, orientation: int, suffix: str, target: str, tmp_path: Path
) -> None:
    stored = deep_image(channels)
    source = tmp_path / f"in{suffix}"
    in_order = stored[..., [2, 1, 0, 3][:channels]] if channels > 1 else stored
    source.write_bytes(cv2.imencode(suffix, in_order)[1].tobytes())
    if orientation > 1 and suffix == ".png":
        exif = Image.Exif()
        exif[0x0112] = orientation
        data, chunk = source.read_bytes(), b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        source.write_bytes(data[:33] + framed + data[33:])
    file = load_file(source, deep=True)
    assert file.deep is not None and file.deep.shape == file.image.shape
    assert np.abs((file.deep // 257).astype(int) - file.image).max() <= 1
    drawn = file.image.copy()
    drawn[10:20, 10:20] = (1, 2, 3)
    write_image(tmp_path / target, drawn, synthetic=MADE, exif=file.exif, like=file)
    again = load_file(tmp_path / target, deep=True)
    assert again.deep is not None and lost_in(again, Path("a.png")) == ()
    assert (again.deep[10:20, 10:20] == np.array([1, 2, 3]) * 257).all()
    again.deep[10:20, 10:20] = file.deep[10:20, 10:20]
    assert (again.deep == file.deep).all()
    assert len(np.unique(again.deep[..., 0])) > (25 if channels == 1 else 40)
    assert (again.alpha is None) == (file.alpha is None) == (channels < 4)
    assert read_provenance(tmp_path / target) == MADE


@pytest.mark.parametrize("channels", [3, 4])
def test_a_tiff_of_16_bits_and_many_strips_is_read_by_others(channels: int, tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (700, 401, channels)).astype(np.uint16)
    stored[..., 3:] = 65535
    stored[:5, :, 3:] = 0
    (tmp_path / "in.png").write_bytes(cv2.imencode(".png", stored[..., [2, 1, 0, 3][:channels]])[1].tobytes())
    file = load_file(tmp_path / "in.png", deep=True)
    exif = Image.Exif()
    exif.update({271: "Camera & Sons", 282: 300.0})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 10:00:00", 0x829A: 0.01})
    write_image(tmp_path / "out.tif", file.image, synthetic=MADE, exif=exif, like=file)
    again = cv2.imread(str(tmp_path / "out.tif"), cv2.IMREAD_UNCHANGED)
    assert again is not None and again.dtype == np.uint16
    assert (again[5:, :, :3][..., ::-1] == stored[5:, :, :3]).all()
    with Image.open(tmp_path / "out.tif") as image:
        assert image.getexif()[271] == "Camera & Sons" and image.getexif()[282] == 300
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2024:05:01 10:00:00"
        assert (np.asarray(image.convert("RGB"))[5:] == stored[5:, :, :3] >> 8).all()
    assert read_provenance(tmp_path / "out.tif") == MADE
