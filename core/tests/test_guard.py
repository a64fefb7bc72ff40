"""Whatever is wrong with what a plugin returns is told in one way: the plugin, its distribution and the fault."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch

from mien import FaceCrop, MienError, ModelInputs, Registry, align, make_model, preprocess
from mien.contracts.model import Batch, Generated
from mien.contracts.target import Known
from mien.dataset.options import PreprocessOptions
from mien.evaluation.observation import FaceLocator
from mien.inference.detector import FaceDetector
from mien.plugins import guard
from mien.plugins.choice import parse_choice
from mien.plugins.extractor_set import ExtractorSet
from mien.testing import portraits
from mien.tracking.recognizer import Recognizer
from mien.workers.threads import Stopwatch

VERSION = "2.5"


@pytest.fixture
def registry(environment) -> Registry:
    environment.install_package("faulty", version=VERSION)
    return Registry(environment.points)


@pytest.fixture
def crops() -> list[FaceCrop]:
    return [align(portrait.image, portrait.landmarks) for portrait in portraits()]


def batch() -> Batch:
    images = torch.linspace(-1, 1, 2 * 3 * 16 * 16).reshape(2, 3, 16, 16)
    return Batch(images, torch.ones(2, 1, 16, 16), torch.zeros(2, 0), torch.zeros(2, dtype=torch.int64))


def model_of(registry: Registry, choice: str) -> Any:
    inputs = ModelInputs(("a",), 0, 10, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
    return make_model(registry, "faulty", dict(parse_choice(choice).settings), inputs)


def extract(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_extract(registry.create("extractor", choice), choice, crops[0].scene)


def extract_all(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    scenes = [crop.scene for crop in crops if crop.scene is not None]
    return guard.guarded_extract_all(registry.create("extractor", choice), choice, scenes)


def locate(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_locate(registry.create("extractor", choice), choice, crops[0].scene)


def measure(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    faces = registry.create("extractor", "faulty").extract(crops[0].scene) * 2
    return guard.guarded_measure(registry.create("extractor", choice), choice, crops[0].scene, faces)


def compute(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_compute(registry.create("feature", choice), choice, crops)


def mask(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_mask(registry.create("masker", choice), choice, crops)


def generate(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    target = Known(torch.zeros(2, dtype=torch.int64))
    return guard.guarded_generate(model_of(registry, choice), choice, batch(), target)


def losses(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_losses(model_of(registry, choice), choice, batch(), "main")


def stages(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_stages(model_of(registry, choice), "faulty")


def optimizer(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_optimizer(model_of(registry, choice), "faulty", "main")


def after_step(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_after_step(model_of(registry, choice), "faulty", "main")


def prepare(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_prepare(model_of(registry, choice), "faulty", cast(Any, None), lambda: None)


def shape(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.checked_shape(registry.create("feature", choice), choice)


def enhance(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    return guard.guarded_enhance(registry.create("enhancer", choice), choice, batch().images, batch())


def blend(registry: Registry, choice: str, crops: list[FaceCrop]) -> Any:
    crop = crops[0]
    blender = registry.create("blender", choice)
    return guard.guarded_blend(blender, choice, crop.scene, crop.image, crop.mask, crop.to_crop)


KIND_OF_CALL: dict[Callable[..., Any], str] = {
    extract: "extractor",
    extract_all: "extractor",
    locate: "extractor",
    measure: "extractor",
    compute: "feature",
    mask: "masker",
    generate: "model",
    losses: "model",
    enhance: "enhancer",
    blend: "blender",
}
EVERY_KIND = [
    *((call, "raises", "failed: ArithmeticError: one too many") for call in KIND_OF_CALL),
    *((call, "exits", "failed: SystemExit: wrong Python") for call in KIND_OF_CALL),
    *((call, "none", "returned None") for call in KIND_OF_CALL if call is not measure),
]
OF_NETWORKS = [
    (call, fault, says)
    for call in (generate, enhance)
    for fault, says in (
        ("shape", "returned float32 (2, 1, 16, 16) instead of images of float32 (2, 3, T, T)"),
        ("rows", "returned float32 (1, 3, 16, 16) instead of"),
        ("square", "returned float32 (2, 3, 16, 15) instead of"),
        ("dtype", "returned float16 (2, 3, 16, 16) instead of"),
        ("type", "returned a ndarray instead of images"),
        ("not finite", "returned images that are not finite"),
        ("range", "returned images from 0.5 to 2.5, which do not lie in [-1, 1]"),
        ("masks' shape", "returned float32 (2, 1, 16, 15) instead of masks of float32 (2, 1, 16, 16)"),
        ("masks' range", "returned masks from 255 to 255, which do not lie in [0, 1]"),
        ("masks not finite", "returned masks that are not finite"),
    )
]
OF_ONE_KIND = [
    (extract, "shape", "returned float32 (67, 2) instead of float32 (68, 2) (landmarks of face 0 of 1)"),
    (extract, "dtype", "returned float64 (68, 2) instead of float32 (68, 2) (landmarks of face 0 of 1)"),
    (extract, "not finite", "returned landmarks that are not finite (face 0 of 1)"),
    (extract, "box", "returned the box (9.0, 0.0, 8.0, 9.0), which holds nothing (face 0 of 1)"),
    (extract, "box not finite", "returned the box (0.0, 0.0, nan, 9.0), which holds nothing"),
    (extract, "score", "returned the score 1.5, which does not lie in [0, 1] (face 0 of 1)"),
    (extract, "score not finite", "returned the score nan, which does not lie in [0, 1]"),
    (extract, "type", "returned a tuple of 1 instead of a list of faces"),
    (extract, "member", "returned float32 (68, 2) instead of a Face with a Box (face 0 of 1)"),
    (extract, "writes", "writes into what it was given"),
    (extract_all, "images", "returned a list of 1 instead of a list of 2 lists of faces"),
    (extract_all, "score", "returned the score 1.5, which does not lie in [0, 1] (face 0 of 1)"),
    (extract_all, "writes", "writes into what it was given"),
    (locate, "score", "returned the score 1.5, which does not lie in [0, 1] (face 0 of 1)"),
    (measure, "shape", "returned a list of 1 instead of a list of 2 faces or None"),
    (measure, "writes", "writes into what it was given"),
    (measure, "writes into the faces", "writes into what it was given"),
    (compute, "shape", "returned float32 (2, 1) instead of float32 (2, 2)"),
    (compute, "dtype", "returned float64 (2, 2) instead of float32 (2, 2)"),
    (compute, "type", "returned a list of 2 instead of float32 (2, 2)"),
    (compute, "not finite", "returned values that are not finite (face 1 of 2)"),
    (compute, "writes", "writes into what it was given"),
    (mask, "shape", "returned uint8 (2, 127, 128) instead of uint8 (2, 128, 128)"),
    (mask, "dtype", "returned bool (2, 128, 128) instead of uint8 (2, 128, 128)"),
    (mask, "type", "returned a list of 2 instead of uint8 (2, 128, 128)"),
    (mask, "writes", "writes into what it was given"),
    (generate, "writes", "has changed batch.masks, which it was given"),
    (losses, "shape", "returned float32 (1,) as 'loss' in phase 'main' instead of a scalar tensor"),
    (losses, "type", "returned a float as 'loss' in phase 'main' instead of a scalar tensor"),
    (losses, "no loss", "returned a dict of 1 in phase 'main' instead of a dict with 'loss'"),
    (losses, "no gradient", "returned a loss in phase 'main' that depends on no parameter"),
    (losses, "writes", "has changed batch.images, which it was given"),
    (enhance, "writes", "has changed images, which it was given"),
    (blend, "shape", "instead of uint8 ("),
    (blend, "dtype", "returned float64 ("),
    (blend, "writes", "writes into what it was given"),
]
OF_TRAINING = [
    (stages, "stages raise", "failed: ArithmeticError: one too many (model.py, line "),
    (stages, "stages none", "returned None from stages() instead of a list of Stage"),
    (stages, "a stage alone", "returned a Stage from stages() instead of a list of Stage"),
    (stages, "stage of text", "returned a str in stages() instead of a Stage"),
    (stages, "stage of 1 px", "has a stage of 1 px; crops have 2 to 1024 px"),
    (stages, "stage of 2048 px", "has a stage of 2048 px"),
    (stages, "no faces", "has a stage with a batch_size of 0 faces"),
    (stages, "no steps", "has a stage with 0 steps"),
    (stages, "no end", "has stage 1 of 2 without an end"),
    (optimizer, "optimizer raises", "failed: ArithmeticError: one too many (model.py, line "),
    (optimizer, "optimizer none", "returned None from optimizer('main') instead of a torch.optim.Optimizer"),
    (after_step, "after_step raises", "failed: ArithmeticError: one too many (model.py, line "),
    (prepare, "prepare raises", "failed: ArithmeticError: one too many (model.py, line "),
    (shape, "shape of a number", "has the shape 2, which is no tuple of whole numbers from 1"),
    (shape, "shape of nothing", "has the shape (0,), which is no tuple of whole numbers from 1"),
]


@pytest.mark.parametrize("call", KIND_OF_CALL, ids=lambda call: call.__name__)
def test_what_keeps_the_contract_passes(registry: Registry, crops: list[FaceCrop], call: Callable[..., Any]) -> None:
    assert call(registry, "faulty", crops) is not None


@pytest.mark.parametrize(("call", "fault", "says"), [*EVERY_KIND, *OF_NETWORKS, *OF_ONE_KIND])
def test_a_fault_is_told_with_the_plugin_and_its_distribution(
    registry: Registry, crops: list[FaceCrop], call: Callable[..., Any], fault: str, says: str
) -> None:
    choice = f"faulty:fault={fault}"
    with pytest.raises(MienError) as caught:
        call(registry, choice, crops)
    kind = KIND_OF_CALL[call]
    assert caught.value.message.startswith(f"The {kind} {choice!r} of mien-faulty {VERSION} ")
    assert says in caught.value.message
    assert caught.value.fix == f"mien plugins check {shlex.quote(f'{kind}/{choice}')}"
    assert ("(fault.py, line " in caught.value.message) == (fault in ("raises", "exits"))


@pytest.mark.parametrize(("call", "fault", "says"), OF_TRAINING)
def test_a_fault_of_what_training_asks_for_is_told_with_the_settings_in_use(
    registry: Registry, crops: list[FaceCrop], call: Callable[..., Any], fault: str, says: str
) -> None:
    kind = "feature" if call is shape else "model"
    choice = f"faulty:fault={fault}"
    with pytest.raises(MienError) as caught:
        call(registry, choice, crops)
    assert caught.value.message.startswith(f"The {kind} {choice!r} of mien-faulty {VERSION} {says}")
    assert caught.value.fix == f"mien plugins check {shlex.quote(f'{kind}/{choice}')}"


@pytest.mark.parametrize("call", KIND_OF_CALL, ids=lambda call: call.__name__)
def test_an_error_of_the_plugin_s_own_is_passed_on(
    registry: Registry, crops: list[FaceCrop], call: Callable[..., Any]
) -> None:
    with pytest.raises(MienError) as caught:
        call(registry, "faulty:fault=tells", crops)
    assert (caught.value.message, caught.value.fix) == ("The weights are gone.", "pip install weights")


@pytest.mark.parametrize("call", [generate, enhance], ids=lambda call: call.__name__)
def test_masks_of_a_network_s_own_come_with_its_images(
    registry: Registry, crops: list[FaceCrop], call: Callable[..., Any]
) -> None:
    answer = call(registry, "faulty:fault=masks", crops)
    assert isinstance(answer, Generated) and answer.masks.shape == (2, 1, 16, 16)


def test_a_batch_that_was_made_in_inference_mode_is_watched_too(registry: Registry) -> None:
    """Such tensors do not count how often they are written into."""
    with torch.inference_mode():
        made, target = batch(), Known(torch.zeros(2, dtype=torch.int64))
    model = model_of(registry, "faulty:fault=writes")
    with pytest.raises(MienError, match=r"has changed batch\.masks"):
        guard.guarded_generate(model, "faulty:fault=writes", made, target)


def test_bounds_that_hold_nothing_are_the_plugin_s_fault(registry: Registry) -> None:
    with pytest.raises(MienError, match=r"of mien-faulty 2\.5 has the bounds \(1\.0, 1\.0\), which hold nothing"):
        guard.checked_bounds(registry.create("feature", "faulty:fault=bounds"), "faulty:fault=bounds")


def test_no_faces_are_no_fault(registry: Registry) -> None:
    assert guard.guarded_compute(registry.create("feature", "faulty"), "faulty", []).shape == (0, 2)
    assert len(guard.guarded_mask(registry.create("masker", "faulty"), "faulty", [])) == 0


def test_a_scene_that_comes_back_as_it_was_may_be_written_into(registry: Registry, crops: list[FaceCrop]) -> None:
    """The next face is drawn into what came of the first, and the first scene stays as it was."""
    before = crops[0].scene.copy()
    blended = blend(registry, "faulty:fault=the scene", crops)
    blended[:] = 0
    assert np.array_equal(crops[0].scene, before)


@pytest.mark.parametrize("fault", ["shape", "exits", "writes", "score"])
def test_one_fault_has_one_message_wherever_it_shows(registry: Registry, tmp_path: Path, fault: str) -> None:
    """In preprocessing, where faces are found to be swapped or anonymized, and where a drawn face is judged."""
    choice, image = f"faulty:fault={fault}", portraits()[0].image
    with pytest.raises(MienError) as first:
        FaceDetector.open(choice, 1, Stopwatch(), registry).find(image)
    cv2.imwrite(str(tmp_path / "face.png"), image)
    with pytest.raises(MienError) as second:
        preprocess(
            tmp_path / "faces",
            sources=[tmp_path / "face.png"],
            options=PreprocessOptions(extractor=choice, features="", workers=1),
            registry=registry,
        )
    assert first.value.message in second.value.message
    locator = FaceLocator(ExtractorSet(choice, registry), cast(Recognizer, None))
    with pytest.raises(MienError) as third:
        locator.look(image, portraits()[0].landmarks)
    assert third.value.message == first.value.message
