"""Some faces of a job, spread over all of it: what to try something on before the work begins."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.geometry.pixel_shape import in_square_pixels
from mien.inference.jobs import Job
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.media.animation import open_video
from mien.media.images import read_image
from mien.media.part import Part
from mien.tracking.tracker import untracked

PLACES_PER_FACE = 3
"""For each face that is wanted, at most this many images or frames are searched."""
_GOLDEN_SECTION = 0.6180339887498949


def sample_faces(jobs: Sequence[Job], session: Session, most: int) -> list[Scene[str]]:
    """At most that many faces that are to be drawn, a scene each, from images and frames all over the jobs.

    A scene's context says where it is from. A single image gives as many of its faces as are wanted; otherwise each
    image or frame gives one, so that all others are from elsewhere. What cannot be read is passed over. The same jobs
    give the same faces. Raises MienError if what tells people apart fails.
    """
    scenes: list[Scene[str]] = []
    is_single = len(jobs) == 1 and jobs[0].source.kind == "image"
    for name, image in _places(jobs, PLACES_PER_FACE * most, session.part):
        try:
            faces = untracked(session.detector.find(image))
        except MienError:
            continue
        if session.person_filter is not None:
            faces = session.person_filter.of_image(image, faces)
        faces = session.generator.drawable(faces)
        if faces and not is_single:
            faces = [faces[len(scenes) % len(faces)]]
        scenes += [Scene(image, [face], name) for face in faces]
        if len(scenes) >= most:
            break
    return scenes[:most]


def _places(jobs: Sequence[Job], places: int, part: Part) -> Iterator[tuple[str, RgbImage]]:
    """At most that many images and frames, with their names, each far from those before; none comes twice."""
    sources = [job.source for job in jobs if job.source.kind != "unreadable"]
    visits: Counter[Path] = Counter()
    shown: set[tuple[Path, int]] = set()
    for step in range(places if sources else 0):
        source = sources[int(_spread(step) * len(sources))]
        path, visit = source.path, visits[source.path]
        visits[path] += 1
        try:
            video = None if source.kind == "image" else open_video(path).within(part)
            frame = 0 if video is None else int(_spread(visit) * len(video.frame_times()))
            if (path, frame) in shown:
                continue
            shown.add((path, frame))
            if video is None:
                yield path.name, read_image(path)
            else:
                image = in_square_pixels(next(video.frames(frame, frame + 1)).image, float(video.pixel_shape))
                yield f"{path.name}, frame {frame}", image
        except MienError:
            continue


def _spread(number: int) -> float:
    """Numbers in [0, 1) that lie evenly however many there are, from the middle on: multiples of the golden section."""
    return (0.5 + number * _GOLDEN_SECTION) % 1
