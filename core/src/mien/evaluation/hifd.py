"""What was seen, in the JSON envelopes that the package `hifd` scores (schema 1.0).

HiFD: a holistic metric for face de-identification evaluation, https://github.com/infraface/hifd. mien writes the tasks
that it has estimators for, landmarks and face embeddings; age, gender, ethnicity, classes of expressions, gaze as a
direction, pulse and NIQE are up to others.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mien.evaluation.observation import Observations
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE
from mien.media.files import whole_file

SCHEMA_VERSION = "1.0"


def write_envelopes(
    folder: Path,
    extractor: str,
    recognizers: list[str],
    samples: Mapping[str, tuple[Observations, Observations]],
) -> list[Path]:
    """Write FOLDER/original/*.json and FOLDER/deid/*.json, a file for each task and estimator.

    samples: a name for each face → what was seen of it in N frames of the original and of the result. A sample,
    NAME_0000, is a face in a frame in which both show it. Raises MienError if they may not be written.
    """
    written = []
    for source, at in (("original", 0), ("deid", 1)):
        landmarks: dict[str, object] = {}
        embeddings: list[dict[str, object]] = [{} for _ in recognizers]
        for name, pair in samples.items():
            seen = pair[at]
            for number in np.flatnonzero(pair[0].found & pair[1].found):
                points = seen.landmarks[number].astype(float)
                sample = f"{name}_{number:04d}"
                landmarks[sample] = {
                    "points": points.round(2).tolist(),
                    "left_eye_center": points[LEFT_EYE].mean(0).round(2).tolist(),
                    "right_eye_center": points[RIGHT_EYE].mean(0).round(2).tolist(),
                }
                for embedding, encodings in zip(embeddings, (seen.encodings, *seen.by_judges), strict=True):
                    embedding[sample] = {"embedding": encodings[number].astype(float).round(6).tolist()}
        for task, estimator, predictions in (
            ("landmark", extractor, landmarks),
            *(("face_embedding", one, embedding) for one, embedding in zip(recognizers, embeddings, strict=True)),
        ):
            path = folder / source / f"{task}_{_safe(estimator)}.json"
            with whole_file(path) as partial:
                envelope = {"task": task, "source": source, "estimator": estimator, "schema_version": SCHEMA_VERSION}
                partial.write_text(json.dumps({**envelope, "predictions": predictions}), encoding="utf-8")
            written.append(path)
    return written


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
