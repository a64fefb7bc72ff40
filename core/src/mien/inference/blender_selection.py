"""Which of the installed blenders suits a job: each is tried on some of its faces, and the best is taken."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

from mien.contracts.blender import Blender
from mien.contracts.face import FaceCrop, RgbImage
from mien.errors import MienError
from mien.geometry.affine import warp
from mien.imaging.seam import SeamScore, score_seam
from mien.inference.jobs import Job
from mien.inference.report import BlenderComparison, BlenderScore
from mien.inference.samples import sample_faces
from mien.inference.scene import GeneratedFace
from mien.inference.session import Session
from mien.media.grid import write_grid
from mien.plugins.guard import guarded_blend
from mien.plugins.registry import Registry, known_distributions

AUTO = "auto"
"""What to give for a blender's name if it is to be chosen."""
FACES_TRIED = 8
"""Blenders are tried on so many faces at most."""
LEAST_SHOWN = 0.5
"""A blender that lets less than this share of the drawn face's detail be seen may not be chosen: nothing sits as well
in a scene as what was there."""
_CELL_PX = 192
_SHOWN_AROUND = 0.3
"""What the sheet shows on each side of a crop, as a share of the crop's side."""


@dataclass(frozen=True, slots=True)
class BlenderCandidates:
    """The installed blenders with their default settings."""

    made: Mapping[str, Blender]
    """By name; at least one."""
    broken: Sequence[BlenderScore]
    """Those that cannot be made, with the reason."""
    default: str
    """What to choose if nothing tells which is best."""
    sheet: Path
    """Where the faces are to be shown as each sets them in."""


def candidates_for(
    jobs: Sequence[Job], source: Path, output: Path, *, overwrite: bool, registry: Registry
) -> BlenderCandidates:
    """Make all blenders that can be made, and see where the sheet goes, before any work is done.

    Raises MienError if no blender can be made, or the sheet would take the place of a file.
    """
    sheet = _sheet_path(jobs, source, output, overwrite)
    made: dict[str, Blender] = {}
    broken = [
        BlenderScore(plugin.entry_point, left_out=f"{plugin.distribution} does not load: {plugin.reason}")
        for plugin in registry.broken
        if plugin.distribution in known_distributions()["blender"].values() or "blender" in plugin.distribution
    ]
    for name in registry.names("blender"):
        try:
            made[name] = cast(Blender, registry.create("blender", name))
        except MienError as error:
            broken.append(BlenderScore(name, left_out=error.message))
    if not made:
        registry.default("blender")  # says what to install, if none is
        raise MienError(f"No blender can be used. {broken[0].blender}: {broken[0].left_out}", "mien plugins")
    named = known_distributions()["blender"]
    return BlenderCandidates(made, broken, next((name for name in named if name in made), next(iter(made))), sheet)


def _sheet_path(jobs: Sequence[Job], source: Path, output: Path, overwrite: bool) -> Path:
    """Beside the output, or in it if it is a folder."""
    name = f"{output.name if source.is_dir() else output.stem}.blenders.png"
    path = output / name if source.is_dir() else output.with_name(name)
    if any(job.output == path for job in jobs):
        raise MienError(f"An image of the input would become {path}, as would the comparison.", "Rename the image.")
    if os.path.lexists(path) and not overwrite:
        raise MienError(f"{path} would be overwritten.", "Add --overwrite, or write to another path.")
    return path


def choose_blender(jobs: Sequence[Job], session: Session, candidates: BlenderCandidates) -> BlenderComparison:
    """Try the blenders on some faces of the jobs, write the sheet, and choose the one with the lowest score.

    Raises MienError if the model or a feature fails, or the sheet cannot be written.
    """
    trial = _Trial(candidates.made)
    scenes = sample_faces(jobs, session, FACES_TRIED)
    session.progress.start("blenders", len(scenes))
    for generated_scene in session.generator.generate(scenes):
        with session.clock.running("choose"):
            trial.try_on(generated_scene.scene.image, generated_scene.faces[0], generated_scene.scene.context)
        session.progress.advance(1)
    scores = [*trial.scores(), *candidates.broken]
    chosen, why = _best(scores, len(scenes), candidates.default)
    if not scenes:
        return BlenderComparison(chosen, why, tuple(scores), 0, None)
    trial.write(candidates.sheet, chosen, session)
    session.progress.say(f"Faces are set in by {chosen}; {candidates.sheet} shows why.")
    return BlenderComparison(chosen, why, tuple(scores), len(scenes), candidates.sheet)


class _Trial:
    """Blenders tried on one face after the other."""

    def __init__(self, blenders: Mapping[str, Blender]) -> None:
        self._blenders = dict(blenders)
        self._failed: dict[str, str] = {}
        self._fits: defaultdict[str, list[SeamScore]] = defaultdict(list)
        self._cells: defaultdict[str, list[RgbImage]] = defaultdict(list)
        self._originals: list[RgbImage] = []
        self._labels: list[str] = []

    def try_on(self, scene: RgbImage, face: GeneratedFace, label: str) -> None:
        """Set a face in by each blender; one that fails is not tried again."""
        self._labels.append(label)
        self._originals.append(_shown(scene, face.crop))
        for name in [name for name in self._blenders if name not in self._failed]:
            try:
                image = guarded_blend(self._blenders[name], name, scene, face.image, face.mask, face.to_crop)
            except MienError as error:
                self._failed[name] = error.message
                continue
            self._fits[name].append(score_seam(scene, image, face.image, face.mask, face.to_crop))
            self._cells[name].append(_shown(image, face.crop))

    def scores(self) -> list[BlenderScore]:
        """The best first, those that may not be chosen last."""
        scores = [self._score(name) for name in self._blenders]
        return sorted(
            scores, key=lambda score: (bool(score.left_out), score.seam.score if score.seam else 0, score.blender)
        )

    def write(self, path: Path, chosen: str, session: Session) -> None:
        """The sheet: a row for each face, a column for each blender that did not fail."""
        columns, titles = [self._originals], ["as it was"]
        for score in self.scores():
            if score.seam:
                columns.append(self._cells[score.blender])
                titles.append(f"{score.blender} {score.seam.score:.2f}{_marked(score, chosen)}")
        write_grid(path, columns, titles, self._labels, synthetic=session.provenance, cell_px=_CELL_PX)

    def _score(self, name: str) -> BlenderScore:
        if name in self._failed:
            return BlenderScore(name, left_out=self._failed[name])
        fits = self._fits[name]
        if not fits:
            return BlenderScore(name)
        mean = SeamScore(*(fmean(getattr(fit, part) for fit in fits) for part in ("seam", "color", "shown")))
        hidden = f"it shows {max(mean.shown, 0):.0%} of the drawn face's detail" if mean.shown < LEAST_SHOWN else ""
        return BlenderScore(name, mean, hidden)


def _marked(score: BlenderScore, chosen: str) -> str:
    if score.blender == chosen:
        return ", chosen"
    return ", left out" if score.left_out else ""


def _best(scores: Sequence[BlenderScore], faces: int, default: str) -> tuple[str, str]:
    """The blender to take, and why."""
    if not faces:
        return default, f"No face to try blenders on was found; {default} is the default."
    allowed = [(score.blender, score.seam) for score in scores if score.seam and not score.left_out]
    if not allowed:
        return default, f"All blenders were left out; {default} is the default."
    best, seam = allowed[0]
    figures = f"{seam.score:.2f} (seam {seam.seam:.2f}, color {seam.color:.2f})"
    if len(allowed) == 1:
        return best, f"{best} is the only one that may be chosen: {figures}."
    second, next_fit = allowed[1]
    return best, f"{best} has the lowest score: {figures}; next is {second} with {next_fit.score:.2f}."


def _shown(image: RgbImage, crop: FaceCrop) -> RgbImage:
    """What the sheet shows of a scene: the crop with its surroundings, uint8 (192, 192, 3)."""
    scale = _CELL_PX / (crop.size * (1 + 2 * _SHOWN_AROUND))
    view = crop.to_crop * scale
    # Pixel centres are integers; the crop's middle becomes the cell's.
    view[:, 2] += (_CELL_PX - 1) / 2 - scale * (crop.size - 1) / 2
    return warp(image, view, (_CELL_PX, _CELL_PX))
