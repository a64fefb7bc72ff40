"""Whether a blender makes a face flicker that does not change.

    python core/bench/flicker.py tests/data/clips/target_J_2s_audio.mp4

One drawn face, always the same, is set into each frame of a clip where its face is found and held steady. Within the
mask, in crop space, the lightness of the result is compared from frame to frame: its mean (brightness) and its spread
(contrast), by the mean of the second difference over frames, which light that really changes hardly has. Beside it
stands the same of the clip as it was filmed. In levels of 255, and in % of the spread. The last column is that of
`mien evaluate --video`: the change from frame to frame along the flow of the landmarks, as a multiple of the filmed.

    python core/bench/flicker.py CLIP --run RUN --to PERSON

sets in what a run draws of each frame instead.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import Blender, Extractor, FaceCrop, Registry
from mien.contracts.face import Landmarks, RgbImage
from mien.evaluation.flicker import changes_along_flow
from mien.geometry.alignment import (
    AlignmentConfig,
    align,
    cut,
    inverse,
    similarity_to_crop,
    transform_points,
    warp,
    with_hull,
)
from mien.inference.scene import GeneratedFace, Scene, generated_face
from mien.inference.session import Session, SessionOptions
from mien.media.video_reader import VideoSource
from mien.testing import portraits
from mien.tracking.tracker import follow


def main() -> None:
    """Measure, and print a line for each blender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--blenders", nargs="+", metavar="SPEC", default=None, help="all that are installed by default")
    parser.add_argument("--extractor", metavar="SPEC", default="blazeface")
    parser.add_argument("--frames", type=int, default=72, help="frames of the clip, at most")
    parser.add_argument(
        "--run", type=Path, default=None, help="what draws the faces; without one, it is always one face"
    )
    parser.add_argument("--to", metavar="PERSON", default=None, help="whom the run draws")
    options = parser.parse_args()
    registry = Registry()
    if options.run is None:
        crops = list(steady_crops(cast(Extractor, registry.create("extractor", options.extractor)), options))
        drawn = align(portraits()[0].image, portraits()[0].landmarks).image
        faces = [generated_face(crop, drawn, crop.mask) for crop in crops]
    else:
        faces = list(drawn_by(options, registry))
    scenes = [cast(RgbImage, face.crop.scene) for face in faces]
    print("blender brightness contrast% flow")
    print("filmed", *flicker([inside(face.crop.image, face.crop) for face in faces]), "1.00")
    for choice in options.blenders or registry.names("blender"):
        blender = cast(Blender, registry.create("blender", choice))
        results = [
            blender.blend(scene, face.image, face.mask, face.to_crop) for scene, face in zip(scenes, faces, strict=True)
        ]
        values = [
            inside(warp(result, face.crop.to_crop, (face.crop.size,) * 2), face.crop)
            for result, face in zip(results, faces, strict=True)
        ]
        print(choice, *flicker(values), f"{along_flow(scenes, results, faces):.2f}", flush=True)


def drawn_by(options: argparse.Namespace, registry: Registry) -> Iterator[GeneratedFace]:
    """The face of the first track, as the run draws it for `mien swap`."""
    opened = Session.open(options.run, options=SessionOptions(extractor=options.extractor), registry=registry)
    session = opened.drawing(opened.target_of(options.to))
    with VideoSource(options.clip) as video:
        found = ((frame, session.detector.find(frame.image)) for frame in video.frames(0, options.frames))
        scenes = (
            Scene(frame.image, [face for face in session.generator.drawable(faces) if face.track == 0], None)
            for frame, faces in follow(found)
        )
        for scene in session.generator.generate(scenes):
            yield from scene.faces


def along_flow(scenes: list[RgbImage], results: list[RgbImage], faces: list[GeneratedFace]) -> float:
    """Mean change of the results, as a multiple of that of the scenes."""
    places = [transform_points(inverse(face.crop.to_crop), cast(Landmarks, face.crop.landmarks)) for face in faces]
    films = list(zip(scenes, results, strict=True))
    changes = [
        changes_along_flow(films[now - 1], films[now], places[now - 1], places[now]) for now in range(1, len(films))
    ]
    filmed, drawn = np.array(changes).mean(0)
    return float(drawn / filmed)


def steady_crops(extractor: Extractor, options: argparse.Namespace) -> Iterator[FaceCrop]:
    """The face of the first track, as `mien swap` cuts it out."""
    config = AlignmentConfig()
    with VideoSource(options.clip) as video:
        found = ((frame, extractor.extract(frame.image)) for frame in video.frames(0, options.frames))
        for frame, faces in follow(found):
            for face in faces:
                if face.track == 0 and face.steady is not None:
                    to_crop = similarity_to_crop(face.steady, config)
                    yield with_hull(cut(frame.image, face.landmarks, to_crop, config))


def inside(image: RgbImage, crop: FaceCrop) -> NDArray[np.float64]:
    """Mean and spread of the lightness deep inside of the mask, in levels."""
    depth = cv2.erode((crop.mask > 0.5).astype(np.uint8), np.ones((crop.size // 8,) * 2, np.uint8))
    values = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[depth > 0].astype(np.float64)
    return np.array([values.mean(), values.std()])


def flicker(values: list[NDArray[np.float64]]) -> list[str]:
    """Mean second difference over frames, of the mean in levels, and of the spread in % of it."""
    second = np.abs(np.diff(np.array(values), n=2, axis=0)).mean(0)
    return [f"{second[0]:.2f}", f"{second[1] / np.array(values)[:, 1].mean() * 100:.2f}"]


if __name__ == "__main__":
    main()
