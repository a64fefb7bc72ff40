"""The calls that `mien` exports are typed for whoever uses them, and their docstrings say all there is to say."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mien

REPOSITORY = Path(__file__).resolve().parents[1]
CALLS = [name for name in mien.__all__ if inspect.isfunction(getattr(mien, name))]

CONSUMER = """
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from mien.dataset.preprocess import PreprocessReport
from mien.inference.report import AnonymizeReport, SwapReport
from mien.training import TrainReport


def use(folder: Path, run: Path) -> Evaluation:
    registry = Registry()
    asked = PreprocessOptions(extractor="blazeface")
    made = preprocess(folder, [folder / "clip.mp4"], options=asked, registry=registry)
    assert_type(made, PreprocessReport)
    assert_type(Dataset.open(folder).images(64), NDArray[np.uint8])
    assert_type(train("latent", [folder], run, options=TrainOptions(steps=1)), TrainReport)
    assert_type(resume(run, steps=2), TrainReport)
    assert_type(swap(run, folder, folder, "anna", options=SessionOptions(blender="feather")), SwapReport)
    assert_type(anonymize(folder, folder, method=run, options=AnonymizeOptions(check=False)), AnonymizeReport)
    assert_type(compare([run, run], folder, options=CompareOptions(faces=2)), Comparison)
    opened = TrainedRun.open(run, registry)
    assert_type(opened.model, Model)
    data = TrainingData([Dataset.open(folder)], FeatureSet("", registry), TrainOptions())
    for batch in data.batches(opened.model, 0):
        assert_type(batch, Batch)
        assert_type(opened.model(batch, "main"), object)  # type: ignore[assert-type]  # torch's own call is untyped
    swap(run, folder, folder, 7)  # type: ignore[arg-type]
    train(PluginChoice("latent", {"width": 4}), [folder], run)
    train("latent", [folder])  # type: ignore[call-arg]
    return evaluate(run, folder, options=EvaluateOptions(faces=6))


class Bright(Feature):
    shape = (1,)
    bounds = (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        return np.array([crop.image.mean() / 255 for crop in crops], np.float32)
"""


@pytest.mark.long
def test_whoever_uses_the_calls_can_check_types_strictly(tmp_path):
    """An ignored error that is none would be an error: that is how a call without types is noticed."""
    imports = f"from collections.abc import Sequence\n\nfrom mien import {', '.join(mien.__all__)}\n"
    (tmp_path / "consumer.py").write_text(f"{imports}{CONSUMER}\n__all__ = {mien.__all__}\n", encoding="utf-8")
    (tmp_path / "mypy.ini").write_text("[mypy]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "consumer.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CALLS)
def test_the_docstring_of_a_call_says_what_it_takes_gives_back_and_raises(name):
    call = getattr(mien, name)
    told = inspect.getdoc(call) or ""
    for argument in inspect.signature(call).parameters:
        assert re.search(rf"(^|[\s`]){argument}\b", told), f"mien.{name} does not say what {argument} is"
    assert "Returns" in told, f"mien.{name} does not say what it returns"
    assert "raise" in told.lower(), f"mien.{name} does not say what it raises"
