"""What methods of anonymizing make of clips: expression, pose, identity, steadiness, speed, and a strip of pictures.

    python docs/bench/anonymize.py CLIP… --with morph --with blocks --out FOLDER
    python docs/bench/anonymize.py CLIP --with morph --frames 1340 --step 10 --seed 3

CLIP: its largest face is looked at; of a folder of images, the largest of each. --with: a model that needs no run, or a
run, as `mien anonymize --run` takes it. The faces are found by one extractor (--extractor) and judged by another one
(--judge), which did not drive them.

    mouth, width, eyes   Pearson's r of mouth opening, mouth width and eye opening, drawn against filmed
    jaw, smile, brows    the same of what blendshapes say, where a feature that measures them is installed
    lids                 how far the lids close where the filmed ones do, of how far these do; likewise
    pose                 median angle between the drawn head and the filmed one, in degrees
    turns                the same, less the constant by which one face's features look turned beside another's
    same                 share of drawn faces nearer to the filmed person than the limit, for each recognizer
    distance             median of these distances, of the first recognizer
    median, p95, within  distances of the row's faces to their mean, likewise: median, 95th percentile, largest
    shake                acceleration of the judge's landmarks on the stiller half of the frames, drawn over filmed
    change               mean change of the pixels of the face from frame to frame, drawn over filmed
    found                share of the drawn faces that the judge finds
    ms                   for a face to be drawn, without detection and blending

An extractor errs by another amount in every frame, also where nothing moves: dlib's width of a mouth on a small face,
measured again with the frame moved by three pixels, agrees with itself by r .83. So the judge looks --looks times at
each frame, moved and scaled a little, and its landmarks are the mean.

Of each clip the first row, "judged twice", is what the judge makes of the filmed face in frames that are moved, against
those that are not: what it errs by itself. The second, "filmed", is what the two extractors make of the filmed face: r
between them, and the angle between their poses. Nobody can follow the one and be judged better by the other. Its
median, p95 and within are those of the filmed faces, by the judge and the recognizer that see the drawn ones.

With --step above 1 nothing is said of shake and change; of images neither of how far faces vary, and each is compared
with the filmed face of its own image. Writes FOLDER/anonymize.json, and a strip for each clip.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import ExtractorSet, Registry, Session, SessionOptions
from mien.contracts.face import Face, Landmarks, RgbImage
from mien.evaluation.expression_judge import ExpressionJudge, default_expression_judge
from mien.evaluation.formulas import median_of_finite
from mien.evaluation.metrics import motion_metrics
from mien.evaluation.observation import FaceLocator, Observations, gathered
from mien.evaluation.observer import around
from mien.geometry.expression import correlations, expression
from mien.geometry.pose import head_pose, pose_error_degrees, turn_error_degrees
from mien.inference.scene import Scene
from mien.inference.target import SyntheticPerson, synthetic_id
from mien.media.discovery import find_sources
from mien.media.grid import write_grid
from mien.media.images import read_image
from mien.media.provenance import Provenance
from mien.media.video_reader import VideoSource
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace, face_size, follow, mean_distance, untracked

SHOWN = 8
LOOKS = ((1.0, 0.0, 0.0), (1.5, 0.0, 0.0), (1.0, 3.5, 2.5), (0.93, -2.5, 1.5))
"""By how much a frame is scaled, and moved to the right and down in pixels, for each look of the judge."""
SAME_PLACE = 0.15
"""Landmarks of two looks are the same face's if they are on average nearer than this share of its size."""
MOVED = 1.7, -1.3
"""By how much it is moved to be judged twice."""
SURROUNDINGS = 0.5
"""The judge's further looks are at the face with so much around it, on each side, in shares of its size."""
MOTION = ("jaw", "smile", "brows")
COLUMNS = (
    "mouth", "width", "eyes", "jaw", "smile", "brows", "lids", "pose", "turns", "same", "distance", "median", "p95",
    "within", "shake", "change", "found", "ms",
)  # fmt: skip


class SteadyJudge(ExtractorSet):
    """Extractors whose landmarks are the mean over several looks at an image."""

    def __init__(self, text: str, registry: Registry, looks: int) -> None:
        super().__init__(text, registry)
        self.looks = LOOKS[:looks]

    def extract(self, image: RgbImage) -> list[Face]:
        """The faces of the first look; landmarks that no other look finds there are as that one has them."""
        steadied = []
        for face in super().extract(image):
            if face.landmarks is not None:
                looks = [face.landmarks, *(self._again(image, face.landmarks, *look) for look in self.looks[1:])]
                steadied.append(replace(face, landmarks=np.nanmean(looks, axis=0).astype(np.float32)))
        return steadied

    def _again(self, image: RgbImage, place: Landmarks, scale: float, right: float, down: float) -> Landmarks:
        """The landmarks there in a view of their surroundings, in the image's pixels; NaN if they are not found."""
        low, high = place.min(0), place.max(0)
        start = np.floor(low - SURROUNDINGS * (high - low))
        size = np.ceil((high - low) * (1 + 2 * SURROUNDINGS) * scale).astype(int)
        shift = scale * (0.5 - start) - 0.5 + (right, down)
        matrix = np.column_stack([np.eye(2) * scale, shift])
        view = cv2.warpAffine(image, matrix, size.tolist(), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        found = [face.landmarks for face in super().extract(np.asarray(view, np.uint8)) if face.landmarks is not None]
        in_image = [((landmarks - shift) / scale).astype(np.float32) for landmarks in found]
        there = [landmarks for landmarks in in_image if mean_distance(landmarks, place) < SAME_PLACE * face_size(place)]
        return there[0] if there else np.full_like(place, np.nan)


def moved(image: RgbImage, right: float, down: float) -> RgbImage:
    """The image moved by so many pixels."""
    matrix, size = np.array([[1, 0, right], [0, 1, down]]), image.shape[1::-1]
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


class Clip:
    """Frames of a clip with the face that is followed in most of them, or images with the largest face of each."""

    def __init__(self, path: Path, extractor: ExtractorSet, start: int, frames: int, step: int) -> None:
        self.name = f"{path.parent.name}/{path.stem}"
        self.images: list[RgbImage] = []
        self.faces: list[TrackedFace] = []
        self.is_one_person = not path.is_dir()
        self.is_consecutive = step == 1 and self.is_one_person
        if self.is_one_person:
            self._read_video(path, extractor, range(start, start + frames, step))
        else:
            self._read_images(path, extractor)
        if not self.faces:
            raise SystemExit(f"{path}: no face")

    def _read_images(self, folder: Path, extractor: ExtractorSet) -> None:
        for source in find_sources([folder]):
            image = read_image(source.path)
            faces = [face for face in untracked(extractor.extract(image)) if face.landmarks is not None]
            if faces:
                self.images.append(image)
                self.faces.append(max(faces, key=lambda face: face.box.area))

    def _read_video(self, path: Path, extractor: ExtractorSet, indices: range) -> None:
        with VideoSource(path) as video:
            chosen = [frame for frame in video.frames(indices.start, indices.stop) if frame.index in indices]
        followed = list(follow((frame, extractor.extract(frame.image)) for frame in chosen))
        sizes: dict[int, float] = {}
        for _, faces in followed:
            for face in faces:
                if face.landmarks is not None:
                    sizes[face.track] = sizes.get(face.track, 0.0) + face_size(face.landmarks)
        largest = max(sizes, key=lambda track: sizes[track], default=None)
        for frame, faces in followed:
            for face in faces:
                if face.track == largest and face.landmarks is not None:
                    self.images.append(frame.image)
                    self.faces.append(face)

    def drawn_by(self, method: str, number: int, how: SessionOptions) -> tuple[list[RgbImage], float]:
        """The frames with the face as a synthetic person, and milliseconds for a face."""
        session = Session.open(method, options=how)
        target = [SyntheticPerson(number)]
        scenes = [
            Scene(image, [face], None, target, number if self.is_consecutive else None)
            for number, (image, face) in enumerate(zip(self.images, self.faces, strict=True))
        ]
        with session.redrawn(scenes[:1], 1) as first:  # what is loaded once is no part of the time
            list(first)
        before = session.clock.seconds.get("generate", 0.0)
        generated = list(session.generator.generate(scenes))
        ms = (session.clock.seconds["generate"] - before) / len(scenes) * 1000
        return [session.generator.blend(scene)[1] for scene in generated], ms

    def seen(self, images: Sequence[RgbImage], locator: FaceLocator) -> Observations:
        """What the judge sees at the face's place."""
        return gathered([locator.look(i, f.landmarks) for i, f in zip(images, self.faces, strict=True)])

    def driving(self) -> NDArray[np.float32]:
        """The landmarks that drive, float32 (N, 68, 2)."""
        return np.stack([face.landmarks for face in self.faces])

    def changes(self, images: Sequence[RgbImage]) -> float:
        """Mean change of the gray values in the face's hull from one frame to the next."""
        gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in images]
        means = []
        for number in range(1, len(gray)):
            hull = np.zeros(gray[0].shape, np.uint8)
            points = self.faces[number].landmarks
            cv2.fillConvexPoly(hull, cv2.convexHull(np.round(points).astype(np.int32)), 1)
            means.append(float(np.abs(gray[number] - gray[number - 1])[hull > 0].mean()))
        return float(np.mean(means))

    def strip(self, images: Sequence[RgbImage]) -> list[NDArray[np.uint8]]:
        """Some frames, cut to the face's surroundings."""
        return [around(images[n], self.faces[n].landmarks) for n in spread_indices(len(images), SHOWN)]


def agreement(landmarks: NDArray[np.float32], original: Observations) -> dict[str, object]:
    """What the judge makes of the filmed face, against other landmarks of it."""
    r = correlations(expression(landmarks), expression(original.landmarks))
    poses = head_pose(landmarks), head_pose(original.landmarks)
    return {
        **dict.fromkeys(COLUMNS, float("nan")),
        "mouth": r["mouth_opening"],
        "width": r["mouth_width"],
        "eyes": r["eye_opening"],
        "pose": median_of_finite(pose_error_degrees(*poses)),
        "turns": median_of_finite(turn_error_degrees(*poses)),
        "found": float(original.found.mean()),
    }


def compare(
    clip: Clip,
    original: Observations,
    drawn: Observations,
    recognizers: Sequence[Recognizer],
    expressions: ExpressionJudge | None,
) -> dict[str, object]:
    """What the judge says of drawn faces."""
    motion = motion_metrics(expressions, original.weights, drawn.weights) if expressions else None
    r = correlations(expression(original.landmarks), expression(drawn.landmarks))
    poses = head_pose(original.landmarks), head_pose(drawn.landmarks)
    both = original.found & drawn.found
    same, distances = {}, []
    encodings = zip([original.encodings, *original.by_judges], [drawn.encodings, *drawn.by_judges], strict=True)
    for recognizer, (filmed, new) in zip(recognizers, encodings, strict=True):
        reference = recognizer.mean(filmed[original.found]) if clip.is_one_person else filmed[drawn.found]
        distance = recognizer.distances(new[drawn.found], reference)
        same[recognizer.features.text] = float((distance < recognizer.same_person_below).sum() / len(drawn.found))
        distances.append(distance)
    return {
        "mouth": r["mouth_opening"],
        "width": r["mouth_width"],
        "eyes": r["eye_opening"],
        **{name: motion.follows.get(name, float("nan")) if motion else float("nan") for name in MOTION},
        "lids": float("nan") if motion is None or motion.lid_closure is None else motion.lid_closure,
        "pose": median_of_finite(pose_error_degrees(*poses)[both]),
        "turns": median_of_finite(turn_error_degrees(*poses)[both]),
        "same": same,
        "distance": median_of_finite(distances[0]),
        **variation(clip, drawn, recognizers[0]),
        "shake": shake(original, drawn) if clip.is_consecutive and both.sum() > 2 else float("nan"),
        "found": float(drawn.found.mean()),
    }


def variation(clip: Clip, seen: Observations, recognizer: Recognizer) -> dict[str, float]:
    """How far the encodings of a clip's faces lie from their mean."""
    if not clip.is_one_person or not seen.found.any():
        return dict.fromkeys(("median", "p95", "within"), float("nan"))
    own = seen.encodings[seen.found]
    distances = recognizer.distances(own, recognizer.mean(own))
    return {
        "median": float(np.median(distances)),
        "p95": float(np.percentile(distances, 95)),
        "within": float(distances.max()),
    }


def shake(original: Observations, drawn: Observations) -> float:
    """Acceleration of the landmarks, drawn over filmed, in the stiller half of the filmed frames."""
    still = speed(original.landmarks)
    chosen = still <= np.nanmedian(still)
    return float(
        np.nanmean(acceleration(drawn.landmarks)[chosen]) / np.nanmean(acceleration(original.landmarks)[chosen])
    )


def acceleration(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean length of the landmarks' second difference in time, in pixels: float64 (N − 2,)."""
    second = landmarks[2:] - 2.0 * landmarks[1:-1] + landmarks[:-2]
    return np.linalg.norm(second, axis=-1).mean(-1)


def speed(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean way of the landmarks from the frame before to the one after: float64 (N − 2,)."""
    return np.linalg.norm(landmarks[2:].astype(np.float64) - landmarks[:-2], axis=-1).mean(-1)


def line(name: str, values: dict[str, object]) -> str:
    """A row of the table."""
    cells = []
    for column in COLUMNS:
        value = values[column]
        if isinstance(value, dict):
            cells.append(" ".join(f"{share:.0%}" for share in value.values()))
        else:
            cells.append(f"{value:.0f}" if column == "ms" else f"{value:.2f}")
    return f"{name:34}" + "".join(f"{cell:>10}" for cell in cells)


def main() -> None:
    """Print the table, and write it and the strips."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--with", dest="methods", action="append", required=True, metavar="METHOD")
    parser.add_argument("--extractor", default="blazeface")
    parser.add_argument("--judge", default="face_recognition")
    parser.add_argument("--looks", type=int, choices=range(1, len(LOOKS) + 1), default=len(LOOKS))
    parser.add_argument("--recognizer", action="append", help="several may be named; the default one if none is")
    parser.add_argument("--blender")
    parser.add_argument("--masker", default="", help="what stands in front of the face stays")
    parser.add_argument("--enhance", default="")
    parser.add_argument("--people", type=int, default=2, help="each method draws so many synthetic people")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("anonymize"))
    options = parser.parse_args()
    registry = Registry()
    how = SessionOptions(
        extractor=options.extractor,
        blender=options.blender,
        enhancers=options.enhance,
        masker=options.masker or None,
        threads=1,
        device="cpu",
    )
    extractor = ExtractorSet(options.extractor, registry)
    judge = SteadyJudge(options.judge, registry, options.looks)
    recognizers = [Recognizer(registry, choice) for choice in options.recognizer or [None]]
    by_expression = default_expression_judge(registry)
    expressions = ExpressionJudge(registry, by_expression) if by_expression else None
    locator = FaceLocator(judge, recognizers[0], recognizers[1:], expressions)
    options.out.mkdir(parents=True, exist_ok=True)
    table: dict[str, dict[str, dict[str, object]]] = {}
    print(" " * 34 + "".join(f"{column:>10}" for column in COLUMNS))
    for path in options.clips:
        clip = Clip(path, extractor, options.start, options.frames, options.step)
        original = clip.seen(clip.images, locator)
        change = clip.changes(clip.images) if clip.is_consecutive else float("nan")
        rows, labels = [clip.strip(clip.images)], ["as it was"]
        again = clip.seen([moved(image, *MOVED) for image in clip.images], locator).landmarks - np.array(
            MOVED, np.float32
        )
        rows_of_clip = {"judged twice": agreement(again, original), "filmed": agreement(clip.driving(), original)}
        rows_of_clip["filmed"] |= variation(clip, original, recognizers[0])
        table[clip.name] = rows_of_clip
        for name, values in rows_of_clip.items():
            print(line(f"{clip.name} {name}", values), flush=True)
        for method in options.methods:
            for person in range(options.people):
                number = synthetic_id(options.seed, "", person)
                images, ms = clip.drawn_by(method, number, how)
                values = compare(clip, original, clip.seen(images, locator), recognizers, expressions)
                values["change"] = clip.changes(images) / change if clip.is_consecutive else float("nan")
                values["ms"] = ms
                label = f"{method} {person + 1}"
                rows_of_clip[label] = values
                rows.append(clip.strip(images))
                labels.append(label)
                print(line(f"{clip.name} {label}", values), flush=True)
        columns = [list(column) for column in zip(*rows, strict=True)]
        strip = options.out / f"{clip.name.replace('/', '_')}.png"
        made = Provenance(version("mien-core"), "faces drawn to compare methods", "several")
        write_grid(strip, columns, [""] * len(columns), labels, synthetic=made, cell_px=128)
    (options.out / "anonymize.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
