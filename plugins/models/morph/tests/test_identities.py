from pathlib import Path

import numpy as np
import pytest
import torch

from mien import TrainedRun, anonymize, preprocess, train
from mien.contracts.model import Batch, Generated, ModelInputs
from mien.contracts.target import Synthetic
from mien.dataset.options import PreprocessOptions
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, align
from mien.media.images import write_image
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.model import ModelContract
from mien.tracking.recognizer import Recognizer
from mien.training.batch import CropArrays, make_batch
from mien.training.options import TrainOptions
from mien.training.recognition import recognize_by
from mien.training.run import make_model, untrained
from mien_model_morph.frame import frame_points
from mien_model_morph.learned.identities import Identities
from mien_model_morph.learned.looks import Maps

SMALL = {"size": 64, "batch_size": 4, "width": 8, "lightness_side": 16}


class TestIdentities(ModelContract):
    name = "identities"
    small = {**SMALL, "learning_rate": 1e-4}


def heads(model: Identities, count: int) -> Batch:
    """The portraits of the contract tests, one after the other, and again."""
    crops = [align(portrait.image, portrait.landmarks, model.alignment) for portrait in portraits()]
    crops = [crops[number % len(crops)] for number in range(count)]
    nobody = np.full(count, -1)
    return make_batch(
        CropArrays(
            images=np.stack([crop.image for crop in crops]),
            masks=np.full((count, 256, 256), 255, np.uint8),
            landmarks=np.stack([crop.landmarks for crop in crops]),
            features=np.zeros((count, 0), np.float32),
            people=nobody,
            tracks=nobody,
        ),
        resolution=None,
        masked=False,
    )


def made(recognizer: str | None, **settings: object) -> Identities:
    registry = Registry()
    recognize = recognize_by(Recognizer(registry, recognizer).feature) if recognizer else None
    nothing = np.zeros(0, np.float32)
    inputs = ModelInputs(("0",), 0, 9, nothing, np.zeros((0, 0), np.float32), recognize=recognize)
    model = make_model(registry, "identities", settings, inputs)
    assert isinstance(model, Identities)
    return model


def drawn(model: torch.nn.Module, batch: Batch, numbers: list[int]) -> Generated:
    with torch.inference_mode():
        result = model.generate(batch, Synthetic(torch.tensor(numbers)))  # type: ignore[operator]
    assert isinstance(result, Generated)
    return result


def test_before_anything_is_learned_it_draws_what_morph_draws() -> None:
    model, morph = made(None), untrained("morph:looks_lightness=0.5").model
    batch = heads(model, 2)
    mine, theirs = drawn(model.eval(), batch, [7, 8]), drawn(morph, batch, [7, 8])
    assert torch.equal(mine.images, theirs.images) and torch.equal(mine.masks, theirs.masks)


def test_a_recognizer_without_a_network_is_refused() -> None:
    with pytest.raises(MienError, match="a recognizer that is a network") as refused:
        made(None).train()(heads(made(None), 2), "main")
    assert "--recognizer sface" in str(refused.value.fix)


def test_who_has_learned_by_a_recognizer_is_not_judged_by_it(tmp_path: Path) -> None:
    pictures, how = tmp_path / "pictures", AlignmentConfig(size=128, margin=0.3, shift_y=0.1)
    pictures.mkdir()
    for number, portrait in enumerate(portraits()):
        write_image(pictures / f"{number}.png", portrait.image, synthetic=None)
    options = PreprocessOptions(extractor="blazeface", copies=False, images=False, alignment=how)
    preprocess(tmp_path / "bank", sources=[pictures], options=options)
    settings = ",".join(f"{name}={value}" for name, value in SMALL.items())
    run = tmp_path / "run"
    train(f"identities:{settings}", [tmp_path / "bank"], run, options=TrainOptions(steps=2, held_out=0.0))
    trained = TrainedRun.open(run, Registry())
    assert (trained.recognizer, trained.tells_apart) == ("sface", None)
    report = anonymize(pictures / "0.png", tmp_path / "out.png", method=run)
    assert report.recognizer is not None and report.recognizer.choice == "encoding"


@pytest.mark.long
def test_a_number_becomes_one_person_and_two_numbers_become_two() -> None:
    """Thirty steps; judged by numbers that no step has seen."""
    torch.manual_seed(0)
    model = made("sface", batch_size=8)
    batch, optimizer = heads(model, 8), model.optimizer("main")

    def apart() -> float:
        with torch.no_grad():
            return float(model.eval()(batch, "main")["apart"])

    before = apart()
    for _ in range(30):
        optimizer.zero_grad()
        model.train()(batch, "main")["loss"].backward()
        optimizer.step()
        model.after_step("main")
    assert apart() < 0.9 * before


def test_nothing_dark_is_learned_between_brows() -> None:
    """Brows that meet, or pieces of them above the nose."""
    learned = Maps(64).lightness(10 * torch.randn(4, 64, 32, generator=torch.Generator().manual_seed(0)))
    left, right = frame_points()[[21, 22]].astype(int)
    between = learned[:, 0, left[1] - 8 : left[1] + 2, left[0] + 10 : right[0] - 10]
    assert between.numel() > 400 and float(between.min()) > -1 and float(learned.min()) < -10
