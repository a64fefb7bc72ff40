"""What models make of swaps: expression, blinks, identity, detail, pose and steadiness, by judges that took no part.

    python docs/bench/swaps.py --model morph
    python docs/bench/swaps.py --model morph --model expression:preset=small --minutes 10 --out FOLDER

Each model is trained on E and J, the two people of the demo's clips, whose last fifth it never sees, for --minutes
(one that is only fitted takes what it takes); with --people all also on the ten people of openpeople, of whom there are
sixteen pictures each. Then E's last fifth is swapped to everybody else, and J's clip likewise, and each result is
judged against what was filmed by `mien evaluate --video` (docs/judging.md): faces by dlib, expressions by blendshapes,
identity by `encoding` and `sface` against pictures of the target.

    jaw, smile, brows    Pearson's r of what blendshapes say, drawn against filmed
    eyes                 the same of the opening of the eyes, by landmarks
    lids                 how far the lids close where the filmed ones do, of how far these do
    target, sface        median distance to the target's pictures by each recognizer; in brackets, who was filmed.
                         Rows "as filmed": how far the filmed are from their own pictures
    pose                 mean angle between the drawn head and the filmed one, in degrees
    turns                the same, less the constant by which one face's features look turned beside another's
    detail               variance of the Laplacian inside of the face, of the original's
    flicker              change from frame to frame along the landmarks' flow, of the original's

A figure is left out where nothing moves. Writes FOLDER/swaps.json and a strip of pictures for each model.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path

import av
import numpy as np
from rich.console import Console

from mien import Registry, SessionOptions, TrainOptions, preprocess, swap, train
from mien.dataset.options import PreprocessOptions
from mien.evaluation.formulas import median_of_finite
from mien.evaluation.video_report import FaceMetrics
from mien.evaluation.videos import VideoOptions, evaluate_video
from mien.geometry.alignment import AlignmentConfig
from mien.media.grid import write_grid
from mien.media.images import write_image
from mien.media.part import Part
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource
from mien.progress import Progress
from mien.spread import spread_indices
from mien_cli.demo.contact_sheet import spread_frames
from mien_cli.progress import shown_on

REPOSITORY = Path(__file__).resolve().parents[2]
CLIPS = REPOSITORY / "cli/src/mien_cli/demo/data"
HELD_OUT = 0.2
FILMED = ("E", "J")
COLUMNS = ("jaw", "smile", "brows", "eyes", "lids", "target", "sface", "pose", "turns", "detail", "flicker", "found")
SHOWN = 6
REFERENCES = 4


@dataclass(frozen=True, slots=True)
class Driver:
    """A clip whose face is swapped."""

    person: str
    clip: Path
    part: Part
    every: int
    """Every so many frames are judged."""


def main() -> None:
    """Train, swap, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, help="a plugin choice; may be repeated")
    parser.add_argument(
        "--features", default="landmarks:points=68+blendshapes", help="for a model that draws from them"
    )
    parser.add_argument("--people", choices=("filmed", "all"), default="filmed")
    parser.add_argument("--minutes", type=float, default=10.0, help="training of each model that is trained by steps")
    parser.add_argument(
        "--photographs",
        type=int,
        default=0,
        choices=range(REFERENCES),
        metavar="N",
        help="draw by so many of the target's pictures, without a run; others judge (of openpeople: the same one)",
    )
    parser.add_argument("--extractor", default="blazeface", help="what finds the faces to be drawn")
    parser.add_argument("--enhance", default="", help="what is done to drawn faces, as `mien swap --enhance`")
    parser.add_argument("--out", type=Path, default=Path("swaps-out"))
    given = parser.parse_args()
    registry, table = Registry(), {}
    with shown_on(Console(stderr=True)) as progress:
        people = list(datasets(given.out, given.people == "all", given.extractor, given.features, progress, registry))
        drivers = list(clips(given.out))
        for model in given.model:
            run: Path | str = model
            if not given.photographs:
                run = trained(model, people, given.out, given.features, given.minutes, progress, registry)
            options = SessionOptions(extractor=given.extractor, enhancers=given.enhance, overwrite=True)
            table[model] = judged(
                run, people, drivers, given.out, options, progress, registry, photographs=given.photographs
            )
            (given.out / "swaps.json").write_text(json.dumps(table, indent=1))
    for model, rows in table.items():
        print(f"\n{model}\n| swap | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}")
        for name, row in [
            *rows.items(),
            ("median", median_row([row for name, row in rows.items() if " as filmed" not in name])),
        ]:
            print(f"| {name} | " + " | ".join(row_text(row, column) for column in COLUMNS) + " |")


def datasets(
    out: Path, everybody: bool, extractor: str, features: str, progress: Progress, registry: Registry
) -> Iterator[str]:
    """A dataset of each person; their names."""
    options = PreprocessOptions(
        extractor=extractor,
        masker="brows",
        features=features,
        images=False,
        copies=False,
        alignment=AlignmentConfig(size=256, margin=0.3, shift_y=0.1),
    )
    for person in FILMED:
        sources = sorted((CLIPS / person).glob("*.mp4"))
        preprocess(out / person, sources=sources, options=options, progress=progress, registry=registry)
        yield person
    if not everybody:
        return
    with resources.as_file(resources.files("openpeople") / "data" / "curated") as folder:
        for name in sorted(path.name for path in folder.iterdir() if path.is_dir()):
            sheet = folder / name / "assets" / "emotions_sheet.jpg"
            preprocess(out / name, sources=[sheet], options=options, progress=progress, registry=registry)
            yield name


def clips(out: Path) -> Iterator[Driver]:
    """What is swapped: the last fifth of E's second clip, and J's clip."""
    clip = sorted((CLIPS / "E").glob("*.mp4"))[-1]
    with VideoSource(clip) as video:
        times = video.frame_times()
    start = Fraction(times[int(len(times) * (1 - HELD_OUT))]).limit_denominator(1000)
    yield Driver("E", clip, Part(start=start), 3)
    yield Driver("J", sorted((CLIPS / "J").glob("*.mp4"))[0], Part(), 2)


def trained(
    model: str, people: list[str], out: Path, features: str, minutes: float, progress: Progress, registry: Registry
) -> Path:
    """The model's run, made once."""
    run = out / "runs" / plain(model)
    loaded = registry.load("model", model.split(":")[0])
    if not (run / "model.safetensors").exists():
        options = TrainOptions(minutes=minutes, held_out=HELD_OUT, repeat_rare=8, steps_per_validation=200)
        train(
            model,
            [out / person for person in people],
            run,
            features=features if getattr(loaded, "needs_features", False) else "",
            options=options,
            progress=progress,
            registry=registry,
        )
    return run


def plain(model: str) -> str:
    """A plugin choice as the name of a file."""
    return model.replace(":", "-").replace(",", "-").replace("=", "-")


def judged(
    run: Path | str,
    people: list[str],
    drivers: list[Driver],
    out: Path,
    options: SessionOptions,
    progress: Progress,
    registry: Registry,
    *,
    photographs: int,
) -> dict[str, dict[str, float | None]]:
    """Swap → its figures. Writes the strip of each driver."""
    figures: dict[str, dict[str, float | None]] = {}
    name = f"{plain(run)}-{photographs}" if isinstance(run, str) else run.name
    for driver in drivers:
        original = out / "clips" / f"{driver.person}.mp4"
        if not original.exists():
            cut(driver, original)
        columns, titles, made = [spread_frames(original, SHOWN)], ["filmed"], None
        themselves = VideoOptions(references=references(driver.person, out), every=driver.every)
        face = evaluate_video(original, original, options=themselves, progress=progress, registry=registry).faces[0]
        figures[f"{driver.person} as filmed"] = row_of(face)
        for person in people:
            if person == driver.person:
                continue
            result = out / "clips" / f"{name}-{driver.person}-{person}.mp4"
            shown = references(person, out)
            by, judging = shown[:photographs], shown[photographs:] or shown
            whom = None if by else person
            swap(run, original, result, whom, reference=by, options=options, progress=progress, registry=registry)
            how = VideoOptions(references=judging, every=driver.every)
            face = evaluate_video(original, result, options=how, progress=progress, registry=registry).faces[0]
            figures[f"{driver.person} as {person}"] = row_of(face)
            columns.append(spread_frames(result, SHOWN))
            made = read_provenance(result)
            titles.append(person)
        frames = [f"frame {number}" for number in spread_indices(frame_count(original), SHOWN)]
        write_grid(out / f"{name}-{driver.person}.png", columns, titles, frames, synthetic=made, cell_px=320)
    return figures


def cut(driver: Driver, path: Path) -> None:
    """Write the driver's part of its clip, nearly without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoSource(driver.clip) as video:
        times = video.frame_times()
        first = next(number for number, time in enumerate(times) if time >= float(driver.part.start or 0))
        rate = Fraction(len(times) - 1) / Fraction(times[-1] - times[0]).limit_denominator(10**6)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=rate.limit_denominator(1000), options={"crf": "10"})
            stream.pix_fmt = "yuv420p"
            for number, frame in enumerate(video.frames(first, len(times))):
                if number == 0:
                    stream.height, stream.width = frame.image.shape[:2]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
            container.mux(stream.encode())


def references(person: str, out: Path) -> tuple[Path, ...]:
    """Pictures of a person: frames of their first clip, or their portrait."""
    if person not in FILMED:
        with resources.as_file(resources.files("openpeople") / "data" / "curated" / person / "assets") as assets:
            return (assets / "studio_portrait.jpg",)
    paths = tuple(out / "references" / f"{person}{number}.png" for number in range(REFERENCES))
    if not all(path.exists() for path in paths):
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        frames = spread_frames(sorted((CLIPS / person).glob("*.mp4"))[0], REFERENCES + 2)[1:-1]
        for path, image in zip(paths, frames, strict=True):
            write_image(path, image, synthetic=None)
    return paths


def frame_count(clip: Path) -> int:
    """How many frames a clip has."""
    with VideoSource(clip) as video:
        return len(video.frame_times())


def row_of(face: FaceMetrics) -> dict[str, float | None]:
    """The figures of a swap by column; further ones are not shown."""
    row: dict[str, float | None] = {
        name: face.motion.follows.get(name) if face.motion else None for name in COLUMNS[:3]
    }
    row["eyes"] = face.follows.get("eye_opening")
    row["lids"] = face.motion.lid_closure if face.motion else None
    for column, recognizer in (("target", "encoding"), ("sface", "sface")):
        of = face.identity.get(recognizer)
        row[column] = of.to_reference if of else None
        row[f"{column} of filmed"] = of.to_original if of else None
    row |= {"pose": face.pose_degrees, "turns": face.turn_degrees}
    row |= {"detail": face.detail, "flicker": face.flicker, "found": face.found}
    return row


def median_row(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
    """The median of each figure, where there are any."""
    result: dict[str, float | None] = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        result[name] = median_of_finite(np.array(values)) if values else None
    return result


def row_text(row: dict[str, float | None], column: str) -> str:
    """A figure as the table shows it."""
    value = row[column]
    if value is None:
        return "–"
    if column in ("lids", "detail", "found"):
        return f"{value:.0%}"
    if column in ("target", "sface"):
        filmed = row[f"{column} of filmed"]
        return f"{value:.2f} ({filmed:.2f})" if filmed is not None else f"{value:.2f}"
    return f"{value:.1f}" if column in ("pose", "turns") else f"{value:.2f}"


if __name__ == "__main__":
    main()
