"""The contract tests pass for a plugin that keeps its contract, and fail for one that breaks it."""

import subprocess
import sys
from textwrap import dedent

import pytest

from mien.testing import BlenderContract, ExtractorContract, FeatureContract, ModelContract

REGISTERS = """
    from mien.contracts.hooks import PluginSpec, hookimpl
    {more}

    @hookimpl
    def register_{kind}s():
        return [PluginSpec("stranger", "strange_class:Stranger", "a stranger's", "CC0")]
"""
FEATURE = '''
    import numpy as np
    from mien import Feature, PluginConfig

    class Config(PluginConfig):
        rows: int = 4
        """How often the mean is told."""

    class Stranger(Feature):
        Config = Config
        shape = property(lambda self: (self.config.rows, 3))
        bounds = property(lambda self: (0.0, 1.0))

        def compute(self, crops):
            values = np.zeros((len(crops), *self.shape), np.float32)
            for value, crop in zip(values, crops):
                value[:] = crop.image.mean((0, 1)) / 255
            return values
'''
NETWORK = """
        def network(self):
            return Mean(self.config.rows)

    import torch
    from torch import nn

    class Mean(nn.Module):
        def __init__(self, rows):
            super().__init__()
            self.rows = rows

        def forward(self, images):
            means = (images.mean((2, 3)) + 1) / 2
            return means[:, None].expand(-1, self.rows, 3)
"""
BLENDER = """
    from mien import Blender
    from mien.geometry.alignment import composite

    class Stranger(Blender):
        def blend(self, scene, face, mask, to_crop):
            share = mask
            result = composite(scene, face, share, to_crop)
            return result
"""
MODEL = """
    import random
    import torch
    from mien import Model, Stage
    from mien.layers import masked_l1
    from torch import nn

    class Stranger(Model):

        def __init__(self, config, inputs):
            super().__init__(config, inputs)
            self.layer = nn.Conv2d(3, 3, 3, padding=1)
            self.register_buffer("steps", torch.zeros(()))

        def stages(self):
            return [Stage(16, 4)]

        def optimizer(self, phase):
            return torch.optim.Adam(self.parameters(), lr=1e-2)

        def forward(self, batch, phase):
            return {"loss": masked_l1(self._drawn(batch), batch.images, batch.masks) * (1 + self.steps / 9)}

        def after_step(self, phase):
            self.steps += 1

        def generate(self, batch, target):
            return self._drawn(batch).float()

        def _drawn(self, batch):
            return torch.tanh(self.layer(batch.images))
"""
# It knows the portraits of the contract tests by heart, even if they are gray.
EXTRACTOR = """
    import numpy as np
    from mien import Box, Extractor, Face
    from mien.testing import portraits

    class Stranger(Extractor):
        def extract(self, image):
            faces, left = [], 0
            for portrait in portraits():
                height, width = portrait.image.shape[:2]
                part = image[:height, left : left + width].mean(2)
                if part.shape == (height, width) and np.abs(part - portrait.image.mean(2)).mean() < 2:
                    landmarks = portrait.landmarks + np.array([left, 0], np.float32)
                    box = Box(*landmarks.min(0).tolist(), *landmarks.max(0).tolist())
                    faces.append(Face(box, landmarks, 1.0 - len(faces)))
                    left += width
            return faces
"""


@pytest.fixture
def install(environment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(environment.folder))  # other processes have to find it as well

    def install(kind, source, line="", by="", more=""):
        assert line in source
        modules = {
            "strange": REGISTERS.format(kind=kind, more=more),
            "strange_class": dedent(source).replace(line, by) if line else source,
        }
        environment.install(f"mien-{kind}-stranger", modules)

    return install


class TestAnExtractor(ExtractorContract):
    name = "stranger"

    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install("extractor", EXTRACTOR)


class TestAFeature(FeatureContract):
    name = "stranger"

    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install("feature", FEATURE)


class TestAFeatureWithANetwork(FeatureContract):
    name = "stranger"

    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install("feature", FEATURE + NETWORK)


class TestAModel(ModelContract):
    name = "stranger"

    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install("model", MODEL)


class TestABlender(BlenderContract):
    name = "stranger"

    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install("blender", BLENDER)


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ("[left, 0], np.float32", "[left, 0], float", "test_finds_the_face_of_a_portrait", "float32"),
        ("landmarks, 1.0", "landmarks[:, ::-1], 1.0", "test_finds_the_face_of_a_portrait", "x before y"),
        ("landmarks, 1.0", "landmarks[::-1], 1.0", "test_finds_the_face_of_a_portrait", "iBUG-68"),
        ("landmarks, 1.0", "landmarks * np.nan, 1.0", "test_finds_the_face_of_a_portrait", "finite"),
        ("Box(*", "Box(1e4 + left, 0, 2e4 + left, 9) or (", "test_finds_the_face_of_a_portrait", "outside"),
        ("return faces", "return faces[:1]", "test_finds_both_faces_surest_first", "1 faces in an image of two"),
        ("return faces", "return faces[::-1]", "test_finds_both_faces_surest_first", "surest face first"),
        ("return faces", "return faces or None", "test_finds_nothing_where_there_is_no_face", "return \\[\\]"),
        ("faces, left = [], 0", "faces, left = [], 0; image[:] = 0", "test_leaves_the_image_as_it_was", "changed"),
        (
            "1.0 - len",
            "np.random.default_rng().random() - len",
            "test_the_same_image_gives_the_same_faces",
            "second",
        ),
    ],
)
def test_an_extractor_that_breaks_it_is_told(install, line, by, check, says):
    install("extractor", EXTRACTOR, line, by)
    with pytest.raises(AssertionError, match=says):
        getattr(TestAnExtractor(), check)()


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ("np.float32)", "np.float64)", "test_measures_no_faces", "make it float32"),
        ("(len(crops), *self.shape)", "(1, *self.shape)", "test_measures_no_faces", "instead of"),
        ("(0.0, 1.0)", "(1.0, 0.0)", "test_says_its_shape_and_bounds", "low < high"),
        ("/ 255", "", "test_values_are_finite_and_within_bounds", "outside of the bounds"),
        ("/ 255", "* np.nan", "test_values_are_finite_and_within_bounds", "not finite"),
        ("crop.image", "crops[0].image", "test_different_faces_measure_differently", "same values"),
        ("return values", "return values * len(crops)", "test_a_batch_gives_what_face_by_face_does", "than in a batch"),
        ("return values", "crops[0].image[:] = 0; return values", "test_leaves_the_crops_as_they_were", "crop.image"),
        ("bounds =", "needs_scene = True; bounds =", "test_says_whether_it_needs_the_scene", None),
        ("bounds =", "same_person_below = 9.0; bounds =", "test_tells_people_apart_if_it_says_so", "Two people"),
        (
            "value[:] =",
            "value[:] = np.random.default_rng().random() *",
            "test_the_same_faces_give_the_same_values",
            "second",
        ),
        ('"""How often the mean is told."""', "", "test_every_setting_is_documented", "rows"),
    ],
)
def test_a_feature_that_breaks_it_is_told(install, line, by, check, says):
    install("feature", FEATURE, line, by)
    arguments = (3,) if check == "test_values_are_finite_and_within_bounds" else ()
    with pytest.raises((AssertionError, pytest.fail.Exception), match=says):
        getattr(TestAFeature(), check)(*arguments)


@pytest.mark.parametrize(
    ("line", "by", "says"),
    [
        ("+ 1) / 2", "+ 2) / 2", "something else than compute"),
        ("means[:, None].expand(-1, self.rows, 3)", "means", "instead of"),
        ("images.mean", "images.detach().mean", "gradient"),
        ("self.rows = rows", "self.rows, self.gain = rows, nn.Parameter(torch.ones(1))", "asks for a gradient"),
    ],
)
def test_a_network_that_breaks_it_is_told(install, line, by, says):
    install("feature", FEATURE + NETWORK.replace(line, by))
    with pytest.raises(AssertionError, match=says):
        TestAFeatureWithANetwork().test_its_network_says_what_compute_does()


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ("return result", "return scene.copy()", "test_changes_the_face_and_nothing_else", "leaves the scene"),
        ("share = mask", "share = mask * 0 + 1", "test_changes_the_face_and_nothing_else", "where the mask is 0"),
        ("return result", "return result / 1", "test_changes_the_face_and_nothing_else", "make it uint8"),
        ("return result", "return result // 2", "test_a_mask_of_nothing_changes_nothing", "mask of zeros"),
        (
            "share = mask",
            "share = mask; to_crop = to_crop + [[0, 0, 1]] * 2",
            "test_a_crop_set_back_unchanged_changes_little",
            "inverse",
        ),
        ("share = mask", "share = mask; mask[:] = 0", "test_leaves_its_arguments_as_they_were", "changed mask"),
        ("scene, face, share", "scene, face[..., ::-1], share", "test_red_stays_red", "colors are RGB"),
    ],
)
def test_a_blender_that_breaks_it_is_told(install, line, by, check, says):
    install("blender", BLENDER, line, by)
    arguments = (128,) if check == "test_changes_the_face_and_nothing_else" else ()
    with pytest.raises(AssertionError, match=says):
        getattr(TestABlender(), check)(*arguments)


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ('self.register_buffer("steps", torch.zeros(()))', "self.steps = 0", "test_stopped_and_resumed", "buffers"),
        (
            "self.layer(batch.images)",
            "self.layer(batch.images + random.random())",
            "test_stopped_and_resumed",
            "torch's",
        ),
        ("return [Stage(16, 4)]", "return [Stage(16, 4), Stage(8, 4)]", "test_stages_are", "needs a length"),
        ("self.layer = ", "self.idle = nn.Linear(1, 1); self.layer = ", "test_every_parameter_gets", "idle"),
        ("lr=1e-2", "lr=9.0", "test_a_few_steps_lower", "took the loss"),
        ("torch.tanh(self.layer", "9 * (self.layer", "test_draws_images_in_range", "lie in"),
        ("self.layer = ", "self.targets = frozenset(); self.layer = ", "test_it_says_whom_it_draws", "Name in targets"),
    ],
)
def test_a_model_that_breaks_it_is_told(install, line, by, check, says):
    install("model", MODEL, line, by)
    (name,) = (name for name in dir(TestAModel) if name.startswith(check))
    arguments = (3, "known") if check == "test_draws_images_in_range" else ()
    with pytest.raises(AssertionError, match=says):
        getattr(TestAModel(), name)(*arguments)


def test_a_check_is_overridden_only_with_a_reason():
    with pytest.raises(TypeError, match="overrides test_measures_no_faces of the contract"):

        class Silent(FeatureContract):
            def test_measures_no_faces(self): ...

    with pytest.raises(TypeError, match="xfail"):

        class WithoutReason(FeatureContract):
            @pytest.mark.xfail
            def test_measures_no_faces(self): ...

    class WithReason(FeatureContract):
        @pytest.mark.xfail(reason="it needs a face")
        def test_measures_no_faces(self): ...

        def test_of_its_own(self): ...

    assert issubclass(WithReason, FeatureContract)


def test_a_plugin_that_is_slow_to_list_is_told(install):
    install("feature", FEATURE, more="import cv2")
    with pytest.raises(AssertionError, match="cv2"):
        TestAFeature().test_listing_it_imports_nothing_heavy()


def test_the_contracts_of_small_plugins_load_no_torch():
    code = (
        "import sys; from mien.testing import BlenderContract, ExtractorContract, FeatureContract; print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in ran.stdout.split()
