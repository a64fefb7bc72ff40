"""How many faces of known size, turn and place `mien anonymize` leaves as they were in clips.

    python recall_clips.py [--faces N] [--heights PX …] [--angles DEGREES …] [--size WxH] [--save FOLDER] PORTRAITS…

PORTRAITS: see recall.py. Their faces are shrunk, turned, and set into a clip, each at a place of its own, around which
it moves a little; with noise, and encoded. Either they are there from the first frame on, or they come in one after the
other within a second. Somebody else stays in the clip upright, since frames without anybody are hidden whole. The clip
is anonymized, and a face is left in a frame if what its box shows there differs from the original by less than 4 of
255 on the mean: so its known place says, and no extractor. `--save` writes the clips, and what was made of them.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from missed import is_left
from recall import Portrait, portraits, set_in

from mien import AnonymizeOptions, SessionOptions, anonymize
from mien.contracts.face import Box, RgbImage
from mien.media.video_reader import VideoSource

FRAMES_PER_SECOND = 30
FRAMES = {"from the start": 30, "coming in": 75}
"""How long a clip is."""
COME_IN = (15, 45)
"""Between these frames they come in,"""
FRAMES_TO_COME_IN = 5
"""each within so many."""
APART = 4.0
"""Places lie so many times a face's height apart: what hides one face does not hide another."""
UPRIGHT_PX = 60
MOTION_PX, MOTION_DEGREES, PERIOD_SECONDS = 4.0, 4.0, 2.0
NOISE = 2.0
"""Standard deviation, of 255."""
TEXTURE = 12.0
RATE_FACTOR = "23"


def places(size: tuple[int, int], step: float) -> list[tuple[float, float]]:
    """Where faces can be."""
    width, height = size
    return [
        (float(x), float(y))
        for y in np.arange(step / 2, height - step / 2 + 1, step)
        for x in np.arange(step / 2, width - step / 2 + 1, step)
    ]


def scene(size: tuple[int, int], random: np.random.Generator) -> RgbImage:
    """Something gray, neither flat nor alike anywhere: uint8 (H, W, 3)."""
    width, height = size
    coarse = random.normal(0, 1, (height // 16 + 1, width // 16 + 1, 3)).astype(np.float32)
    fine = random.normal(0, 0.5, (height // 4 + 1, width // 4 + 1, 3)).astype(np.float32)
    both = sum(cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in (coarse, fine))
    return np.clip(120 + TEXTURE * np.asarray(both), 0, 255).astype(np.uint8)


def frames(
    people: Sequence[Portrait], somebody: Portrait, height_px: float, angle: float, kind: str, size: tuple[int, int]
) -> Iterator[tuple[RgbImage, dict[int, Box]]]:
    """The frames of a clip, and in each where those faces are that are there entirely, by their numbers."""
    random = np.random.default_rng(0)
    background = scene(size, random)
    where = places(size, max(APART * height_px, 2.5 * UPRIGHT_PX))
    phases = random.uniform(0, 2 * np.pi, (len(where), 3))
    first = (
        np.linspace(*COME_IN, len(where)).round() if kind == "coming in" else np.full(len(where), -FRAMES_TO_COME_IN)
    )
    for index in range(FRAMES[kind]):
        image, boxes = background.copy(), {}
        time = 2 * np.pi * index / FRAMES_PER_SECOND / PERIOD_SECONDS
        for number, (x, y) in enumerate(where):
            sway = np.sin(time + phases[number])
            x, y, turn = x + MOTION_PX * sway[0], y + MOTION_PX * sway[1], MOTION_DEGREES * sway[2]
            if number == 0:
                set_in(image, somebody, UPRIGHT_PX, turn, x, y)
            elif number <= len(people):
                opacity = float(np.clip((index - first[number]) / FRAMES_TO_COME_IN, 0, 1))
                box = set_in(image, people[number - 1], height_px, angle + turn, x, y, opacity)
                if opacity == 1:
                    boxes[number] = box
        noisy = image + random.normal(0, NOISE, image.shape)
        yield np.clip(np.round(noisy), 0, 255).astype(np.uint8), boxes


def write_clip(path: Path, images: Sequence[RgbImage]) -> None:
    """Write images as H.264."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": RATE_FACTOR})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FRAMES_PER_SECOND)
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def decoded(path: Path) -> list[RgbImage]:
    """The frames of a clip."""
    with VideoSource(path) as video, closing(video.frames()) as read:  # type: ignore[type-var]
        return [frame.image for frame in read]


def main() -> None:
    """Print a table: a row a clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", nargs="+", type=Path)
    parser.add_argument("--faces", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--heights", nargs="*", type=float, default=[16, 24, 32, 50])
    parser.add_argument("--angles", nargs="*", type=float, default=[0, 90, 180, 270])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--kinds", nargs="*", choices=list(FRAMES), default=list(FRAMES))
    parser.add_argument("--with", dest="method", default="blocks")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = map(int, options.size.split("x"))
    somebody, *people = portraits(options.portraits, options.faces + 1, options.seed)
    print("| clip | faces | left in a frame | frames with a face left | of frames with a face | frames hidden whole |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.save or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for kind in options.kinds:
            for height_px in options.heights:
                for angle in options.angles:
                    name = f"{height_px:g} px, {angle:g}°, {kind}"
                    clip = folder / f"{name.replace(', ', '_').replace(' ', '_')}.mp4"
                    made = list(frames(people, somebody, height_px, angle, kind, (width, height)))
                    write_clip(clip, [image for image, _ in made])
                    output = clip.with_name(f"{clip.stem}_anonymous.mp4")
                    report = anonymize(
                        clip,
                        output,
                        method=options.method,
                        options=AnonymizeOptions(max_verified=1.0),
                        session=SessionOptions(overwrite=True),
                    )
                    seen = zip(decoded(clip), decoded(output), made, strict=True)
                    left = [
                        [number for number, box in boxes.items() if is_left(before, after, box)]
                        for before, after, (_, boxes) in seen
                    ]
                    known = [set(boxes) for _, boxes in made]
                    cells = [
                        len(set().union(*known)),
                        len(set().union(*map(set, left))),
                        sum(map(len, left)),
                        sum(map(len, known)),
                        f"{report.frames_hidden} of {report.frames}",
                    ]
                    print(f"| {name} | " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
    sys.exit(0)
