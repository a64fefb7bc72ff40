"""How the weights of this plugin follow those of MediaPipe's own Face Landmarker. Needs the package `mediapipe`.

    python plugins/features/blendshapes/bench/mediapipe_tasks.py face_landmarker.task CLIP… --every 4

Both see the same frames; MediaPipe finds the face by its own detector, mien by an extractor, and each cuts it its own
way. Of each weight the correlation over the frames is printed, and the mean absolute difference.
"""

import argparse
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from mien import Registry
from mien.geometry.alignment import align
from mien.media.video_reader import VideoSource
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien_feature_blendshapes.names import NAMES

SHOWN = (
    "jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "browDownLeft", "browOuterUpLeft", "eyeBlinkLeft",
    "eyeBlinkRight", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeLookDownLeft",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", type=Path)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--extractor", default="blazeface")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    options = parser.parse_args()
    registry = Registry()
    extractors, features = ExtractorSet(options.extractor, registry), FeatureSet("blendshapes", registry)
    base = BaseOptions(model_asset_path=str(options.task))
    with vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(base_options=base, output_face_blendshapes=True)
    ) as landmarker:
        for path in options.clips:
            theirs, crops = [], []
            with VideoSource(path) as video:
                for frame in video.frames():
                    if frame.index % options.every:
                        continue
                    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame.image)
                    found, faces = landmarker.detect(image).face_blendshapes, extractors.extract(frame.image)
                    if found and faces:
                        theirs.append([weight.score for weight in found[0]])
                        crops.append(align(frame.image, faces[0]))
            (ours,) = features.compute(crops).values()
            expected = np.array(theirs)
            print(f"{path}: {len(crops)} frames, mean difference {np.abs(ours - expected).mean():.3f}")
            for name in SHOWN:
                at = NAMES.index(name)
                r = np.corrcoef(ours[:, at], expected[:, at])[0, 1]
                print(f"  {name:18} r {r:.2f}, up to {expected[:, at].max():.2f} and {ours[:, at].max():.2f}")


if __name__ == "__main__":
    main()
