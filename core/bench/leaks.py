"""How surely an audit finds faces that were left as they were, and how often it takes a new face for one of them.

    python leaks.py [--extractor SPEC] [--frames N] [--model CHOICE …] CLIP…

First by pixels alone (`unchanged_share`), on faces of frames spread over the clips: encoded again, shrunk, brighter,
half of the face left out, blurred, or drawn by models that need no run. Then by a whole audit of the clips encoded
again, by pixels or recognizer.
"""

import argparse
import io
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from mien import AuditOptions, ExtractorSet, Registry, Session, SessionOptions, audit
from mien.auditing.unchanged import IS_UNCHANGED, unchanged_share
from mien.contracts.face import Box, RgbImage
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.spread import spread_indices


def h264(image: RgbImage, crf: int) -> RgbImage:
    """Encoded as a video of two frames; an odd side loses its last line."""
    height, width = (side // 2 * 2 for side in image.shape[:2])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = np.ascontiguousarray(image[:height, :width])
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    buffer.seek(0)
    result = image.copy()
    with av.open(buffer) as container:
        result[:height, :width] = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return result


def jpeg(image: RgbImage, quality: int) -> RgbImage:
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])


def half_size(image: RgbImage) -> RgbImage:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def within(image: RgbImage, boxes: Sequence[Box], change: Callable[[RgbImage], None]) -> RgbImage:
    result = image.copy()
    for box in boxes:
        top, bottom, left, right = (max(0, round(side)) for side in (box.top, box.bottom, box.left, box.right))
        part = result[top:bottom, left:right]
        if part.size:
            change(part)
    return result


def left_half_hidden(part: RgbImage) -> None:
    part[:, : part.shape[1] // 2] = 128


def blurred(share: float) -> Callable[[RgbImage], None]:
    def change(part: RgbImage) -> None:
        part[:] = cv2.GaussianBlur(part, (0, 0), max(0.5, part.shape[1] * share))

    return change


def changes(image: RgbImage, boxes: Sequence[Box], models: dict[str, Session]) -> Iterator[tuple[str, RgbImage]]:
    yield from ((f"H.264, CRF {crf}", h264(image, crf)) for crf in (18, 23, 28, 32, 36))
    yield from ((f"JPEG, quality {quality}", jpeg(image, quality)) for quality in (50, 20))
    yield "half the size", half_size(image)
    yield "15 % brighter", np.clip(image * 1.15 + 8, 0, 255).astype(np.uint8)
    yield "half of the face hidden", h264(within(image, boxes, left_half_hidden), 23)
    yield "blurred by 1/30 of the face", within(image, boxes, blurred(1 / 30))
    yield "blurred by 1/12 of the face", within(image, boxes, blurred(1 / 12))
    yield from ((name, session.anonymize(image)) for name, session in models.items())


def by_pixels(clips: Sequence[Path], extractor: str, frames: int, models: dict[str, Session]) -> None:
    extractors = ExtractorSet(extractor, Registry())
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for clip in clips:
        video = VideoSource(clip)
        for index in spread_indices(len(video.frame_times()), frames):
            image = next(video.frames(int(index), int(index) + 1)).image
            faces = extractors.extract(image)
            for name, changed in changes(image, [face.box for face in faces], models):
                shares[name] += [unchanged_share(image, changed, face) for face in faces]
    print(f"By pixels alone, {extractor}:")
    for name, of_faces in shares.items():
        values = np.array(of_faces)[np.isfinite(of_faces)]
        print(f"  {name:<28} {np.mean(values >= IS_UNCHANGED):6.1%} of {len(values)} faces, highest {values.max():.2f}")


def by_audit(clips: Sequence[Path], extractor: str, frames: int) -> None:
    print("By a whole audit:")
    for quality in (28, 36, 44):
        faces = leaks = unchanged = recognized = 0
        for clip in clips:
            with tempfile.TemporaryDirectory() as folder:
                again, video = Path(folder) / "again.mp4", VideoSource(clip)
                with VideoSink(again, video, synthetic=None, quality=quality, sound=False) as sink:
                    for frame in video.frames():
                        sink.write(frame.image, frame.pts, frame.duration)
                report = audit(clip, again, options=AuditOptions(most_frames=frames, extractor=extractor))
            faces, leaks = faces + report.faces, leaks + len(report.leaks)
            unchanged += sum(leak.is_unchanged for leak in report.leaks)
            recognized += sum(leak.is_recognized for leak in report.leaks)
        print(f"  H.264, CRF {quality}: {leaks} of {faces} faces (by pixels {unchanged}, recognized {recognized})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--extractor", default="blazeface")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--model", nargs="*", default=["morph", "blocks", "blur"])
    given = parser.parse_args()
    options = SessionOptions(extractor=given.extractor)
    models = {name: Session.open(name, options=options) for name in given.model}
    by_pixels(given.clips, given.extractor, given.frames, models)
    by_audit(given.clips, given.extractor, given.frames)


if __name__ == "__main__":
    main()
