"""What encodes the images of a video: by which codec, in which colors and how well."""

import os
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.geometry.pixel_shape import in_square_pixels, size_in_square_pixels
from mien.media.deep_images import merged
from mien.media.encoders import cannot_open, check_fits, family_of, is_deep
from mien.media.video_reader import CONVERSION, Frame, VideoSource

_MP4_FORMATS = ("mp4", "mov", "ipod")
WORST_QUALITY = 51
_WORST_VP9_QUALITY = 63
_ENCODER_THREADS = 4  # fixed, since x264's output depends on it
# Macroblock-tree rate control is off since, in the build that PyAV brings, it decides differently from run to run.
_X264_OPTIONS = {"preset": "superfast", "mbtree": "0"}
_H264, _HEVC, _VP9, _AV1 = "libx264", "libx265", "libvpx-vp9", "libsvtav1"
_AV1_OPTIONS = {"preset": "9", "svtav1-params": "lp=1"}
_AV1_ERRORS_ALONE = ("SVT_LOG", "1")
"""It prints twenty lines on its settings otherwise, and listens to its environment alone."""
_X265_OPTIONS = {"preset": "superfast", "x265-params": "log-level=none"}
_VP9_OPTIONS = {"deadline": "good", "cpu-used": "5", "row-mt": "1", "tile-columns": "1", "b": "0"}


class ImageEncoder:
    """How images that come from a video are encoded for a file of some format, as `VideoSink` says.

    like: the video. suffix: of the file. quality: on x264's scale. encoder: one of `encoders_to_ask_for`; None: the
    usual one. Raises MienError if that one does not go with the file or the size of the images.
    """

    def __init__(self, like: VideoSource, suffix: str, quality: int, encoder: str | None = None) -> None:
        self._like, self._quality, self._asked = like, quality, encoder
        self._in_webm = suffix.lower() == ".webm"
        # FFmpeg writes the shape of pixels into a .webm only if it is told otherwise than PyAV can.
        self._is_stretched = self._in_webm and like.pixel_shape != 1
        shape = float(like.pixel_shape) if self._is_stretched else 1.0
        self._width, self._height = size_in_square_pixels(like.width, like.height, shape)
        # The VP9 that PyAV brings has 8 bits, and its AV1 even sides.
        self._is_deep = like.bits > 8 and not (self._in_webm and (self._width % 2 or self._height % 2))
        if encoder is not None:
            check_fits(encoder, self._width, self._height, in_webm=self._in_webm)
            self._is_deep = like.bits > 8 and is_deep(encoder)
        self._family = family_of(encoder) if encoder else None

    def add_to(self, output: OutputContainer) -> VideoStream:
        """Give a file that is not yet begun the stream of the images.

        Raises MienError if an encoder that was asked for cannot be used here.
        """
        like = self._like
        encoder, quality, options = self._encoder()
        if encoder == _AV1:
            os.environ.setdefault(*_AV1_ERRORS_ALONE)
        scales = self._family.quality_options if self._family else ("crf",)
        options = {**options, **dict.fromkeys(scales, str(quality))}
        stream = cast(VideoStream, output.add_stream(encoder, rate=like.rate, options=options))
        context = stream.codec_context
        context.width, context.height = self._width, self._height
        context.pix_fmt = "yuv420p" if encoder == _AV1 else _pixel_format(like, any_size=self._in_webm)
        if self._family:
            context.pix_fmt = "p010le" if self._is_deep else self._family.pixel_format
        elif self._is_deep:
            context.pix_fmt += "10le"
        if encoder.startswith(("hevc_", _HEVC)) and output.format.name in _MP4_FORMATS:
            context.codec_tag = "hvc1"  # by which Apple's players know it
        context.sample_aspect_ratio = Fraction(1) if self._is_stretched else like.pixel_shape
        context.time_base = stream.time_base = like.time_base
        context.thread_count, context.thread_type = _ENCODER_THREADS, "FRAME"
        context.flags |= Flags.frame_duration
        context.color_range, context.colorspace = like.color.range, like.color.stored_space
        context.color_primaries, context.color_trc = like.color.primaries, like.color.transfer
        if self._asked is not None:
            try:
                context.open()
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise cannot_open(encoder, error) from error
        return stream

    def frame(self, stream: VideoStream, image: RgbImage, before: Frame | None) -> VideoFrame:
        """An image as the stream takes it, without a time. image: uint8 of the source's size. before: the source's
        frame; if it is deep, pixels that did not change keep all their bits."""
        like, context = self._like, stream.codec_context
        if image.shape != (like.height, like.width, 3):
            raise ValueError(f"a frame of shape {image.shape} in a video of {like.width}×{like.height}")
        if self._is_deep:
            in_16_bits = (
                image.astype(np.uint16) * 257
                if before is None or before.deep is None
                else (merged(image, before.image, before.deep))
            )
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(self._sized(in_16_bits)), format="rgb48le")
        else:
            frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(self._sized(image)), format="rgb24")
        return frame.reformat(
            format=context.pix_fmt,
            dst_colorspace=like.color.matrix(like.height),
            dst_color_range=like.color.range or ColorRange.MPEG,
            interpolation=CONVERSION,
            threads=1,
        )

    def lost_color(self) -> list[str]:
        """What the images lose by it, as sentences without an end."""
        lost = []
        if self._is_stretched:
            lost.append(f"its pixels are made square: {self._width}×{self._height} px")
        bits = 10 if self._is_deep else 8
        if self._like.bits > bits:
            lost.append(f"{self._like.bits} bits a channel became {bits}")
        if self._family and _pixel_format(self._like, any_size=False) != "yuv420p":
            lost.append("its colors are stored at half of their resolution (4:2:0)")
        if self._like.hdr.x265_params() and (not self._is_deep or self._in_webm or self._family):
            lost.append("what the source says of its display and brightness (HDR metadata) is left out")
        return lost

    def _sized(self, image: NDArray[Any]) -> NDArray[Any]:
        return in_square_pixels(image, float(self._like.pixel_shape)) if self._is_stretched else image

    def _encoder(self) -> tuple[str, int, dict[str, str]]:
        """What encodes the images, the quality on its own scale, and its options."""
        if self._asked is not None and self._family:
            return self._asked, self._quality, self._family.options
        of_webm = round(self._quality * _WORST_VP9_QUALITY / WORST_QUALITY)
        if self._in_webm:
            return (_AV1, max(1, of_webm), _AV1_OPTIONS) if self._is_deep else (_VP9, of_webm, _VP9_OPTIONS)
        if self._is_deep or self._asked == _HEVC:
            params = _X265_OPTIONS["x265-params"] + self._like.hdr.x265_params()
            return _HEVC, self._quality, {**_X265_OPTIONS, "x265-params": params}
        return _H264, self._quality, _X264_OPTIONS


def _pixel_format(like: VideoSource, *, any_size: bool) -> str:
    """The 8-bit format that keeps as much of the colors' resolution as the source has."""
    if like.pixel_format.startswith(("yuv444", "yuvj444", "yuva444", "gbr", "rgb", "bgr", "p410", "p416")):
        return "yuv444p"
    half_height = not like.pixel_format.startswith(
        ("yuv422", "yuvj422", "yuva422", "nv16", "nv20", "p210", "p216", "v210", "y210")
    )
    if not any_size and (like.width % 2 or (half_height and like.height % 2)):
        return "yuv444p"
    return "yuv420p" if half_height else "yuv422p"
