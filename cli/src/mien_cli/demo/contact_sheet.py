"""The contact sheet: for some frames the original, its crop, the generated crop, the result, and the anonymous one."""

from pathlib import Path

from mien.contracts.face import Face, RgbImage
from mien.geometry.boxes import center, longer_side
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.media.grid import write_grid
from mien.media.video_reader import VideoSource
from mien.spread import spread_indices
from mien.tracking.tracker import untracked

_CELL_PX = 160


def write_sheet(path: Path, session: Session, original: Path, result: Path, anonymous: Path, frames: int = 6) -> None:
    """Write the sheet as PNG, of frames spread over the clip; the whole frames around the face.

    The crops are cut and drawn anew, each frame for itself, while swapping steadies them over neighbouring frames.
    """
    before, after, hidden = (spread_frames(clip, frames) for clip in (original, result, anonymous))
    with VideoSource(original) as clip:
        names = [f"frame {number}" for number in spread_indices(len(clip.frame_times()), frames)]
    faces = [session.detector.find(image)[0] for image in before]
    scenes = [Scene(image, untracked([face]), None) for image, face in zip(before, faces, strict=True)]
    drawn = list(session.generator.generate(scenes))
    columns = [
        [_around(image, face) for image, face in zip(before, faces, strict=True)],
        [scene.faces[0].crop.image for scene in drawn],
        [scene.faces[0].image for scene in drawn],
        [_around(image, face) for image, face in zip(after, faces, strict=True)],
        [_around(image, face) for image, face in zip(hidden, faces, strict=True)],
    ]
    titles = ["original", "crop", "generated crop", "swapped", "anonymized"]
    write_grid(path, columns, titles, names, synthetic=session.provenance, cell_px=_CELL_PX)


def spread_frames(clip: Path, count: int) -> list[RgbImage]:
    """Frames spread evenly over a clip: uint8 (H, W, 3), RGB."""
    with VideoSource(clip) as video:
        return [next(video.frames(n, n + 1)).image for n in spread_indices(len(video.frame_times()), count)]


def _around(image: RgbImage, face: Face) -> RgbImage:
    """The square around a face, twice as large as it, as far as the image reaches."""
    x, y = center(face.box)
    half = min(longer_side(face.box), x, y, image.shape[1] - x, image.shape[0] - y)
    left, top = int(x - half), int(y - half)
    return image[top : top + int(2 * half), left : left + int(2 * half)]
