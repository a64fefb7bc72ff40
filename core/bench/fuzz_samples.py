"""Small whole pictures and clips of every format that mien reads, as `fuzz.py` damages them."""

import io
import shutil
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
PICTURE, CLIP = DATA / "images" / "formats" / "rgb.png", DATA / "clips" / "target_J_2s_audio.mp4"
PICTURE_PX, CLIP_SIZE, CLIP_FRAMES = 128, (192, 144), 15
SOUND_BITS_PER_SECOND = 64_000
DV_SIZE = (720, 576)
LARGEST_BYTES = 100_000

_CONTAINERS: dict[str, tuple[str, str, str, str | None]] = {
    "h264_aac.mp4": ("mp4", "libx264", "yuv420p", "aac"),
    "fragmented.mp4": ("mp4", "libx264", "yuv420p", "aac"),
    "index_first.mp4": ("mp4", "libx264", "yuv420p", "aac"),
    "av1.mp4": ("mp4", "libsvtav1", "yuv420p", None),
    "hevc.m4v": ("mp4", "libx265", "yuv420p10le", None),
    "prores.mov": ("mov", "prores_ks", "yuva444p10le", "pcm_s16le"),
    "animation.mov": ("mov", "qtrle", "rgb24", None),
    "h264.mkv": ("matroska", "libx264", "yuv420p", "flac"),
    "ffv1.mkv": ("matroska", "ffv1", "yuv420p10le", "libopus"),
    "vp9.webm": ("webm", "libvpx-vp9", "yuv420p", "libopus"),
    "vp8.webm": ("webm", "libvpx", "yuv420p", "libopus"),
    "mjpeg.avi": ("avi", "mjpeg", "yuvj420p", "libmp3lame"),
    "msmpeg4.avi": ("avi", "msmpeg4", "yuv420p", "pcm_s16le"),
    "cinepak.avi": ("avi", "cinepak", "rgb24", None),
    "mpeg2.ts": ("mpegts", "mpeg2video", "yuv420p", "mp2"),
    "h264.mts": ("mpegts", "libx264", "yuv420p", "aac"),
    "mpeg1.mpg": ("mpeg", "mpeg1video", "yuv420p", "mp2"),
    "dvd.vob": ("vob", "mpeg2video", "yuv420p", "mp2"),
    "flash.flv": ("flv", "flv", "yuv420p", "libmp3lame"),
    "wmv2.wmv": ("asf", "wmv2", "yuv420p", "wmav2"),
    "mpeg4.3gp": ("3gp", "mpeg4", "yuv420p", "aac"),
    "vp8.ogv": ("ogg", "libvpx", "yuv420p", "libopus"),
    "mpeg2.mxf": ("mxf", "mpeg2video", "yuv422p", "pcm_s16le"),
    "ffv1.nut": ("nut", "ffv1", "yuv420p", "pcm_s16le"),
    "raw.y4m": ("yuv4mpegpipe", "wrapped_avframe", "yuv420p", None),
    "stream.h264": ("h264", "libx264", "yuv420p", None),
    "stream.hevc": ("hevc", "libx265", "yuv420p", None),
    "stream.m2v": ("mpeg2video", "mpeg2video", "yuv420p", None),
    "stream.ivf": ("ivf", "libvpx", "yuv420p", None),
    "stream.mjpeg": ("mjpeg", "mjpeg", "yuvj420p", None),
    "tape.dv": ("dv", "dvvideo", "yuv420p", None),
    "real.rm": ("rm", "rv10", "yuv420p", None),
}
"""Name → container, codec, pixels and sound."""
_MUXER = {
    "fragmented.mp4": {"movflags": "frag_keyframe+empty_moov"},
    "index_first.mp4": {"movflags": "faststart"},
}

_ENCODER = {
    "libx264": {"preset": "ultrafast", "threads": "1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    "libsvtav1": {"preset": "9", "svtav1-params": "lp=1"},
}


def pictures() -> Iterator[tuple[str, bytes]]:
    """Name and content of each picture."""
    register_heif_opener()
    base = Image.open(PICTURE).convert("RGB").resize((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    faded = base.copy()
    faded.putalpha(base.convert("L"))
    turned = base.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(base)
    deep = pixels[..., ::-1].astype(np.uint16) * 257
    exif = Image.Exif()
    exif.update({271: "Camera", 274: 6, 315: "Ann"})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 10:00:00"})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    several: dict[str, Any] = {"save_all": True, "append_images": [turned, base]}
    yield "baseline.jpg", _saved(base, "JPEG", exif=exif, icc_profile=profile)
    yield "progressive.jpg", _saved(base, "JPEG", progressive=True)
    yield "cmyk.jpg", _saved(base.convert("CMYK"), "JPEG")
    yield "gray.jpg", _saved(base.convert("L"), "JPEG")
    yield "two.mpo", _saved(base, "MPO", save_all=True, append_images=[turned])
    yield "colors.png", _saved(base, "PNG", exif=exif)
    yield "alpha.png", _saved(faded, "PNG")
    yield "palette.png", _saved(base.convert("P"), "PNG", transparency=3)
    yield "deep.png", cv2.imencode(".png", deep)[1].tobytes()
    yield "animated.png", _saved(base, "PNG", duration=100, **several)
    yield "one.gif", _saved(base, "GIF")
    yield "animated.gif", _saved(base, "GIF", duration=100, **several)
    yield "lossy.webp", _saved(base, "WEBP", exif=exif)
    yield "lossless.webp", _saved(faded, "WEBP", lossless=True)
    yield "animated.webp", _saved(base, "WEBP", duration=100, **several)
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
        yield f"{compression}.tif", _saved(base, "TIFF", compression=compression)
    yield "fax.tif", _saved(base.convert("1"), "TIFF", compression="group4")
    yield "pages.tif", _saved(base, "TIFF", **several)
    yield "deep.tif", cv2.imencode(".tif", deep)[1].tobytes()
    for suffix, written_as, mode in (
        ("bmp", "BMP", "RGB"),
        ("dib", "DIB", "P"),
        ("tga", "TGA", "RGBA"),
        ("icns", "ICNS", "RGBA"),
        ("jp2", "JPEG2000", "RGB"),
        ("j2k", "JPEG2000", "RGB"),
        ("pcx", "PCX", "RGB"),
        ("sgi", "SGI", "RGB"),
        ("dds", "DDS", "RGBA"),
        ("qoi", "QOI", "RGB"),
        ("xbm", "XBM", "1"),
        ("ppm", "PPM", "RGB"),
        ("pgm", "PPM", "L"),
        ("pbm", "PPM", "1"),
        ("heic", "HEIF", "RGB"),
        ("avif", "AVIF", "RGB"),
    ):
        yield f"one.{suffix}", _saved(base.convert(mode), written_as)
    yield "animated.avif", _saved(base, "AVIF", duration=100, **several)
    icon = _saved(base, "ICO", sizes=[(64, 64)], bitmap_format="bmp")
    yield "one.ico", icon
    yield "one.cur", icon[:2] + b"\2" + icon[3:]
    yield "one.psd", _psd(pixels)
    yield "one.xpm", _xpm(pixels[::4, ::4])


def clips(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each clip. folder: what they are made in."""
    with av.open(str(CLIP)) as file:
        images = [frame.to_ndarray(format="rgb24") for frame in islice(file.decode(video=0), CLIP_FRAMES)]
    for name in _CONTAINERS:
        path = folder / name
        _write_clip(path, images)
        yield name, path.read_bytes()
    for path in sorted([*(DATA / "clips").iterdir(), *(DATA / "cases").iterdir()]):
        if 0 < path.stat().st_size <= LARGEST_BYTES:
            yield path.name, path.read_bytes()


def of_kind(kind: str, folder: Path) -> list[Path]:
    """Write the pictures or the clips into a folder; paths in order."""
    folder.mkdir(parents=True)
    made = folder / ".made"
    made.mkdir()
    makers: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {"picture": pictures, "clip": lambda: clips(made)}
    paths = []
    for name, content in makers[kind]():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    shutil.rmtree(made)
    return paths


def _saved(image: Image.Image, written_as: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    # What was told to one writer stays at the image, and would be told to the next.
    more = [other.copy() for other in options.pop("append_images", [])]
    image.copy().save(buffer, written_as, append_images=more, **options)
    return buffer.getvalue()


def _psd(pixels: np.ndarray) -> bytes:
    """An image without layers: header, three empty sections, and its channels one after the other."""
    height, width = pixels.shape[:2]
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3)
    return header + bytes(12) + struct.pack(">H", 0) + np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()


def _xpm(pixels: np.ndarray) -> bytes:
    """An image of 216 colors, two letters each."""
    numbers = (pixels // 43).astype(int) @ [36, 6, 1]
    letters = "abcdefghijklmnop"
    codes = [letters[number // 16] + letters[number % 16] for number in range(216)]
    colors = [
        f"{code} c #{43 * (number // 36):02x}{43 * (number // 6 % 6):02x}{43 * (number % 6):02x}"
        for number, code in enumerate(codes)
    ]
    rows = ["".join(codes[number] for number in row) for row in numbers]
    texts = [f"{pixels.shape[1]} {pixels.shape[0]} 216 2", *colors, *rows]
    return ("/* XPM */\nstatic char *face[] = {\n" + ",\n".join(f'"{text}"' for text in texts) + "\n};\n").encode()


def _write_clip(path: Path, images: list[np.ndarray]) -> None:
    container, codec, pixels, sound = _CONTAINERS[path.name]
    width, height = DV_SIZE if codec == "dvvideo" else CLIP_SIZE
    with av.open(str(path), "w", format=container, options=_MUXER.get(path.name, {})) as file:
        video: Any = file.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = width, height, pixels
        video.options = _ENCODER.get(codec, {})
        audio: Any = file.add_stream(sound, rate=48000, bit_rate=SOUND_BITS_PER_SECOND) if sound else None
        for number, image in enumerate(images):
            shown = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(video.encode(frame))
        file.mux(video.encode())
        if audio is not None:
            _write_sound(file, audio, len(images))


def _write_sound(file: Any, audio: Any, frames: int) -> None:
    rate = audio.rate
    tone = (8000 * np.sin(np.arange(rate * frames // 25) * 2 * np.pi * 440 / rate)).astype(np.int16)
    channels = audio.codec_context.layout.nb_channels
    resampler = av.AudioResampler(audio.codec_context.format, audio.codec_context.layout, rate)
    heard = av.AudioFrame.from_ndarray(tone[None].repeat(channels, 1) if channels > 1 else tone[None], "s16",
                                       "stereo" if channels > 1 else "mono")  # fmt: skip
    heard.rate, heard.pts, heard.time_base = rate, 0, Fraction(1, rate)
    fifo = av.AudioFifo()
    for part in resampler.resample(heard):
        fifo.write(part)
    while (part := fifo.read(audio.codec_context.frame_size or 1024, partial=True)) is not None:
        file.mux(audio.encode(part))
    file.mux(audio.encode())
