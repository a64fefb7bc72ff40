"""How many faces `mien anonymize` leaves as they were, also if detections are knocked out.

    python missed.py [--with METHOD] [--knocked-out SHARE …] [--every N] [--save FOLDER] PATH…

PATH: clips, images, or folders of them. Of each image, and of every N-th frame, the reference is what the search of an
image finds there, frame for frame, with all extractors and from all sides, and that is surely a face (`SURELY_A_FACE`).
Such a face is left as it was if what its box shows differs from the original by less than 4 of 255 on the mean: that
is more than encoding changes, and less than blocks do. Detections are knocked out after the search, so that
nothing but hiding can make up for them: each by itself with that share, or in runs of half a second in which nobody is
found. `--save` writes a picture of each face that is left, with its box drawn around it.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest.mock import patch

import cv2
import numpy as np

from mien import AnonymizeOptions, ExtractorSet, MienError, Registry, SessionOptions, anonymize
from mien.anonymization.linking import LinkedFrames, SearchedFrame
from mien.anonymization.search import FaceSearch, default_extractors, search_image
from mien.contracts.face import SURELY_A_FACE, Box, Face, RgbImage
from mien.media.discovery import find_sources
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource

UNCHANGED = 4.0
RUN_SECONDS = 0.5
BOX_COLOR = (255, 0, 0)
BOX_THICKNESS = 2
"""OpenCV's: the line is three pixels wide."""
BOX_DISTANCE_PX = 2
"""From what the box shows to the middle of its line: nothing of it is covered."""
KINDS = ("each", "runs")


@dataclass(frozen=True)
class Loss:
    """Which detections are knocked out: the same ones each time."""

    kind: str
    share: float

    def left(self, frame: int, rate: float, faces: Sequence[Face]) -> list[Face]:
        """The faces of a frame that are not knocked out."""
        if self.kind == "runs":
            run = int(frame / (rate * RUN_SECONDS))
            return [] if np.random.default_rng([1, run]).random() < self.share else list(faces)
        kept = np.random.default_rng([2, frame]).random(len(faces)) >= self.share
        return [face for face, keep in zip(faces, kept, strict=True) if keep]


@contextmanager
def knocked_out(loss: Loss) -> Iterator[None]:
    """Videos are searched as ever, and then detections are lost."""
    search = FaceSearch.video

    @contextmanager
    def lossy(
        self: FaceSearch, video: VideoSource, linked: LinkedFrames | None = None
    ) -> Iterator[Iterator[tuple[SearchedFrame, list[Face]]]]:
        with search(self, video, linked) as frames:
            yield ((seen, loss.left(seen.frame.index, float(video.rate), faces)) for seen, faces in frames)

    with patch.object(FaceSearch, "video", lossy):
        yield


def frames_of(path: Path, kind: str, every: int) -> Iterator[tuple[int, RgbImage]]:
    """An image, or every N-th frame."""
    if kind == "image":
        yield 0, read_image(path)
        return
    with closing(VideoSource(path).frames()) as frames:  # type: ignore[type-var]
        yield from ((frame.index, frame.image) for frame in frames if frame.index % every == 0)


def region_of(box: Box) -> tuple[slice, slice]:
    """The rows and columns that the box shows; they may reach over the right and lower border of the image."""
    rows = slice(max(int(box.top), 0), max(int(np.ceil(box.bottom)), 0))
    columns = slice(max(int(box.left), 0), max(int(np.ceil(box.right)), 0))
    return rows, columns


def is_left(before: RgbImage, after: RgbImage, box: Box) -> bool:
    """Whether what the box shows is as it was."""
    region = region_of(box)
    change = cv2.absdiff(before[region], after[region])
    return bool(change.size) and float(change.mean()) < UNCHANGED


def with_box(image: RgbImage, box: Box) -> RgbImage:
    """A copy of the image, uint8 (H, W, 3), with a red line around what the box shows.

    The line runs just outside of it; where that is no longer in the image, along the image's border.
    """
    rows, columns = region_of(box)
    height, width = image.shape[:2]
    first = (max(columns.start - BOX_DISTANCE_PX, 0), max(rows.start - BOX_DISTANCE_PX, 0))
    last = (min(columns.stop - 1 + BOX_DISTANCE_PX, width - 1), min(rows.stop - 1 + BOX_DISTANCE_PX, height - 1))
    return cast(RgbImage, cv2.rectangle(image.copy(), first, last, BOX_COLOR, BOX_THICKNESS))


def main() -> None:
    """Print a line for each file, and one for each loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--with", dest="method", default="blocks")
    parser.add_argument("--knocked-out", nargs="*", type=float, default=[])
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--no-check", action="store_true")
    parser.add_argument("--save", type=Path, help="a folder for pictures of the faces that are left, each in its box")
    options = parser.parse_args()
    registry = Registry()
    extractors = ExtractorSet(default_extractors(registry), registry)
    losses = [Loss("each", 0.0), *(Loss(kind, share) for kind in KINDS for share in options.knocked_out)]
    left = dict.fromkeys(losses, 0)
    hidden = dict.fromkeys(losses, 0)
    faces = frames = 0
    print("| file | faces | " + " | ".join(f"{loss.kind} {loss.share:.0%}" for loss in losses) + " |")
    print("|" + "---|" * (len(losses) + 2))
    for source in find_sources(options.paths):
        if source.kind not in ("image", "video"):
            continue
        try:
            known = {
                index: (image, [face.box for face in search_image(image, extractors) if face.score >= SURELY_A_FACE])
                for index, image in frames_of(source.path, source.kind, options.every)
            }
        except MienError as error:
            print(f"skipped {source.path}: {error.message}", file=sys.stderr)
            continue
        cells: list[str] = []
        for loss in losses if source.kind == "video" else losses[:1]:
            with tempfile.TemporaryDirectory() as folder, knocked_out(loss):
                output = Path(folder) / f"out{'.png' if source.kind == 'image' else '.mp4'}"
                report = anonymize(
                    source.path,
                    output,
                    method=options.method,
                    options=AnonymizeOptions(check=not options.no_check, max_verified=1.0, sound=False),
                    session=SessionOptions(overwrite=True),
                )
                here = 0
                for index, image in frames_of(output, source.kind, options.every):
                    before, boxes = known[index]
                    for number, box in enumerate(boxes):
                        if is_left(before, image, box):
                            here += 1
                            if options.save:
                                options.save.mkdir(parents=True, exist_ok=True)
                                name = f"{source.path.stem}-{loss.kind}-{loss.share:.2f}-{index}-{number}.png"
                                marked = with_box(image, box)
                                write_image(options.save / name, marked, synthetic=read_provenance(output))
            left[loss] += here
            hidden[loss] += report.frames_hidden
            frames += report.frames if loss is losses[0] else 0
            cells.append(f"{here} ({report.frames_hidden} of {report.frames} frames hidden)")
        count = sum(len(boxes) for _, boxes in known.values())
        faces += count
        print(f"| {source.path.name} | {count} | " + " | ".join(cells) + " |", flush=True)
    total = " | ".join(f"**{left[loss]}** ({hidden[loss]} hidden)" for loss in losses)
    print(f"| all, {frames} frames | {faces} | {total} |")


if __name__ == "__main__":
    main()
