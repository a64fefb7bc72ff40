"""Make `data/appearance.safetensors`: how the faces of many people who never existed differ.

    mien preprocess bank --from PICTURES --alignment size=256,margin=0.3 --masker brows --features landmarks:points=68 \
        --extractor blazeface --no-images --no-copies
    python plugins/models/morph/tools/fit_appearance.py bank

The file that comes along was fitted on pictures of SFHQ-T2I (David Beniaguev, MIT), those without a model's name left
out, and of assets-person-portrait (faker-js, CC0), one face each. Faces that are turned, lit from one side or in hard
light are left out, those with glasses or paint by the list `left_out.txt` (made by eye), and of the rest those that the
components draw worst: hats, hair over the face, what is no face.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mien import Dataset
from mien.imaging.color import to_lab
from mien_model_morph.appearance import SIDE, looks_of
from mien_model_morph.bank import usual_at_rest
from mien_model_morph.expression import measures_of
from mien_model_morph.frame import pose_of, regions
from mien_model_morph.light import Light, coarse
from mien_model_morph.warp import into_frame

OUT = Path(__file__).parents[1] / "src" / "mien_model_morph" / "data" / "appearance.safetensors"
LEFT_OUT = Path(__file__).with_name("left_out.txt")
TEXTURES, SHAPES = 60, 12
TURNED_DEGREES = 14.0
ONE_SIDED, HARD = 0.8, 0.9
"""Of the faces that look ahead these shares are kept: by how different left and right are, and by how hard the light
is."""
KEPT, ROUNDS = 0.93, 3
NOT_OF = ("/openpeople/", "_unknown_")
"""Pictures with these in their path are left out: of openpeople's few people there are many, and who made the others
is not known."""


def main() -> None:
    """Fit, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset with crops of 256 px, one person in each picture")
    dataset = Dataset.open(parser.parse_args().dataset)
    sources = dataset.index(["source"]).column("source").to_pylist()
    without = set(LEFT_OUT.read_text(encoding="utf-8").split())
    rows = [
        row
        for row, source in enumerate(sources)
        if Path(source).name not in without and not any(part in source for part in NOT_OF)
    ]
    landmarks = dataset.landmarks()[rows].astype(np.float64)
    poses = [pose_of(face) for face in landmarks]
    angles = np.stack([pose.angles() for pose in poses])
    ahead = (np.abs(angles - [0, np.median(angles[:, 1])]) < TURNED_DEGREES).all(1)
    frontal = np.stack([pose.frontal(face) for pose, face in zip(poses, landmarks, strict=True)])
    labs = {n: to_lab(_texture(dataset, rows[n], landmarks[n])) for n in np.flatnonzero(ahead)}
    one_sided, hard = np.array([_light(lab) for lab in labs.values()]).T
    soft = (one_sided < np.quantile(one_sided, ONE_SIDED)) & (hard < np.quantile(hard, HARD))
    chosen = np.array(list(labs))[soft]
    looks = np.stack([looks_of(labs[n]).reshape(-1) for n in chosen])
    does = np.concatenate([measures_of(frontal[chosen]), angles[chosen]], axis=1)
    middle, width = does.mean(0), does.std(0)
    terms = np.column_stack([np.ones(len(does)), (does - middle) / width]).astype(np.float32)
    at_rest = np.concatenate([[1], (np.concatenate([usual_at_rest(), middle[6:]]) - middle) / width])
    kept = np.ones(len(looks), bool)
    for _ in range(ROUNDS):
        by_expression = np.linalg.lstsq(terms[kept], looks[kept], rcond=None)[0]
        rest = looks - terms @ by_expression
        _, values, components = np.linalg.svd(rest[kept], full_matrices=False)
        components, spread = components[:TEXTURES], values[:TEXTURES] / np.sqrt(kept.sum())
        missed = ((rest - (rest @ components.T) @ components) ** 2).mean(1)
        kept = missed < np.quantile(missed, KEPT)
    explained = float((values[:TEXTURES] ** 2).sum() / (values**2).sum())
    features = frontal[chosen][kept][:, 17:].reshape(kept.sum(), -1)
    features = features - terms[kept] @ np.linalg.lstsq(terms[kept], features, rcond=None)[0]
    _, of_shape, shapes = np.linalg.svd(features, full_matrices=False)
    half = components.reshape(-1, SIDE, SIDE, 3)[:, :, : SIDE // 2]
    scale = np.abs(half).max((1, 2, 3)) / 127
    save_file(
        {
            "components": np.round(half / scale[:, None, None, None]).astype(np.int8),
            "scale": scale.astype(np.float32),
            "spread": spread.astype(np.float32),
            "mean": (at_rest @ by_expression).reshape(SIDE, SIDE, 3)[:, : SIDE // 2].astype(np.float16),
            "shapes": shapes[:SHAPES].reshape(-1, 51, 2).astype(np.float16),
            "shape_spread": (of_shape[:SHAPES] / np.sqrt(len(features))).astype(np.float32),
        },
        OUT,
    )
    sys.stdout.write(
        f"{kept.sum()} faces of {len(sources)}; {TEXTURES} components hold {explained:.0%} of what their textures "
        f"differ by, {SHAPES} hold {(of_shape[:SHAPES] ** 2).sum() / (of_shape**2).sum():.0%} of their shapes; "
        f"{OUT.stat().st_size} bytes\n"
    )


def _texture(dataset: Dataset, row: int, landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    return into_frame(np.ascontiguousarray(dataset.crops()[row]), landmarks)


def _light(lab: NDArray[np.float32]) -> tuple[float, float]:
    """How different the light on both sides is, and how hard it is: root mean squares of lightness on the skin."""
    skin = coarse(np.ascontiguousarray(regions()[..., 0]))
    small = cv2.resize(lab, skin.shape, interpolation=cv2.INTER_AREA)
    rest = (small - Light(small, skin).field(skin.shape[0]))[..., 0]
    one_sided, hard = (float(np.sqrt((of**2 * skin).sum() / skin.sum())) for of in (rest - rest[:, ::-1], rest))
    return one_sided, hard


if __name__ == "__main__":
    main()
