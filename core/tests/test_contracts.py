"""The contract tests pass for a plugin that keeps its contract, and fail for one that breaks it."""

import subprocess
import sys

import pytest

from mien.testing import (
    BlenderContract,
    EnhancerContract,
    ExtractorContract,
    FeatureContract,
    MaskerContract,
    ModelContract,
)


@pytest.fixture
def install(environment, monkeypatch):
    """Install a package of tests/plugins, with a line of one of its modules replaced."""
    monkeypatch.setenv("PYTHONPATH", str(environment.folder))  # other processes have to find it as well

    def install(line="", by="", package="well_behaved"):
        environment.install_package(package, replaced={line: by} if line else {})

    return install


class WellBehaved:
    name = "well_behaved"

    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install()


class TestAnExtractor(WellBehaved, ExtractorContract): ...


class TestAFeature(WellBehaved, FeatureContract): ...


class TestAFeatureWithANetwork(WellBehaved, FeatureContract):
    name = "networked"


class TestAModel(WellBehaved, ModelContract): ...


class TestAMasker(WellBehaved, MaskerContract): ...


class TestAnEnhancer(WellBehaved, EnhancerContract): ...


class TestABlender(WellBehaved, BlenderContract): ...


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ("[left, 0], np.float32", "[left, 0], float", "test_finds_the_face_of_a_portrait", "float32"),
        ("landmarks, 0.9", "landmarks[:, ::-1], 1.0", "test_landmarks_are_in_ibug_order", "x before y"),
        ("landmarks, 0.9", "landmarks[::-1], 1.0", "test_landmarks_are_in_ibug_order", "iBUG-68"),
        ("landmarks, 0.9", "landmarks * np.nan, 1.0", "test_finds_the_face_of_a_portrait", "finite"),
        (
            "0.9 - 0.1 * len(faces)",
            "0.9 - 0.1 * len(faces), {'five': landmarks[[36, 45, 30, 54, 48]]}",
            "test_five_points_lie_on_eyes_nose_and_mouth",
            "left of the image first",
        ),
        (
            "0.9 - 0.1 * len(faces)",
            "0.9 - 0.1 * len(faces), {'five': landmarks[:4]}",
            "test_finds_both_faces_surest_first",
            "five points",
        ),
        ("Box(*", "Box(1e4 + left, 0, 2e4 + left, 9) or (", "test_finds_the_face_of_a_portrait", "outside"),
        ("return faces", "return faces[:1]", "test_finds_both_faces_surest_first", "1 face in an image of two"),
        ("return faces", "return faces[::-1]", "test_finds_both_faces_surest_first", "surest face first"),
        ("return faces", "return faces or None", "test_finds_nothing_where_there_is_no_face", "return \\[\\]"),
        ("left = 0", "left = 0; image[:] = 0", "test_leaves_the_image_as_it_was", "changed"),
        (
            "0.9 - 0.1",
            "np.random.default_rng().random() - 0.1",
            "test_the_same_image_gives_the_same_faces",
            "second",
        ),
        (
            "def extract(",
            "def extract_all(self, images): return [self.extract(images[0])] * len(images)\n\n    def extract(",
            "test_several_images_at_once_show_the_same_faces",
            "when extract_all\\(\\) looks at several",
        ),
        (
            "def extract(",
            "def locate(self, image): return []\n\n    def extract(",
            "test_locates_the_faces_that_it_extracts",
            "locate\\(\\) gives the boxes",
        ),
    ],
)
def test_an_extractor_that_breaks_it_is_told(install, line, by, check, says):
    install(line, by)
    with pytest.raises(AssertionError, match=says):
        getattr(TestAnExtractor(), check)()


@pytest.mark.parametrize(
    ("by", "check", "reason"),
    [
        ("None, 0.9", "test_landmarks_are_in_ibug_order", "no landmarks"),
        ("landmarks, 0.8", "test_five_points_lie_on_eyes_nose_and_mouth", "no points"),
    ],
)
def test_what_an_extractor_does_not_know_is_skipped_and_the_rest_still_checked(install, by, check, reason):
    install("landmarks, 0.9", by)
    with pytest.raises(pytest.skip.Exception, match=reason):
        getattr(TestAnExtractor(), check)()
    TestAnExtractor().test_finds_both_faces_surest_first()
    TestAnExtractor().test_gives_the_same_faces_in_another_process()


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ("*self.shape), np.float32)", "*self.shape), np.float64)", "test_measures_no_faces", "make it float32"),
        ("return values", "return np.zeros((1, *self.shape), np.float32)", "test_measures_no_faces", "instead of"),
        ("return (0.0, 1.0)", "return (1.0, 0.0)", "test_says_its_shape_and_bounds", "low < high"),
        ("/ 255", "", "test_values_are_finite_and_within_bounds", "outside of the bounds"),
        ("/ 255", "* np.nan", "test_values_are_finite_and_within_bounds", "not finite"),
        ("crop.image", "crops[0].image", "test_different_faces_measure_differently", "same values"),
        ("return values", "return values * len(crops)", "test_a_batch_gives_what_face_by_face_does", "than in a batch"),
        ("return values", "crops[0].image[:] = 0; return values", "test_leaves_the_crops_as_they_were", "crop.image"),
        (
            "Config = Mean",
            "needs_scene = True; Config = Mean",
            "test_says_whether_it_needs_the_scene",
            None,
        ),
        (
            "Config = Mean",
            "same_person_below = 9.0; Config = Mean",
            "test_tells_people_apart_if_it_says_so",
            "Two people",
        ),
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
    install(line, by)
    arguments = (3,) if check == "test_values_are_finite_and_within_bounds" else ()
    with pytest.raises((AssertionError, pytest.fail.Exception), match=says):
        getattr(TestAFeature(), check)(*arguments)


@pytest.mark.parametrize(
    ("line", "by", "says"),
    [
        ("+ 1) / 2", "+ 2) / 2", "something else than compute"),
        ("means[:, None].expand(-1, self.rows, 3)", "means", "instead of"),
        ("torch.mean(images", "torch.mean(images.detach()", "gradient"),
        ("self.rows = rows", "self.rows, self.gain = rows, nn.Parameter(torch.ones(1))", "asks for a gradient"),
    ],
)
def test_a_network_that_breaks_it_is_told(install, line, by, says):
    install(line, by)
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
    install(line, by)
    arguments = (128,) if check == "test_changes_the_face_and_nothing_else" else ()
    with pytest.raises(AssertionError, match=says):
        getattr(TestABlender(), check)(*arguments)


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        ("images * 0.5", "images * 5", "test_returns_images_in_range", "clamp them"),
        ("images * 0.5", "images.half()", "test_returns_images_in_range", "make them float32"),
        ("images * 0.5", "images", "test_changes_something", "let the default settings"),
        ("images * 0.5", "images.flip(0)", "test_keeps_faces_where_they_are", "keep the order"),
        ("images * 0.5", "images.mul_(0.5)", "test_leaves_its_arguments_as_they_were", "work on a copy"),
        ("images * 0.5", "images / (1 + len(images))", "test_a_face_does_not_depend", "batch around it"),
        ("images * 0.5", "images * __import__('random').random()", "test_the_same_faces_give", "second time"),
        ("images * 0.5", "images * batch.landmarks.abs().clamp(0, 1).mean()", "test_faces_without", "not finite"),
    ],
)
def test_an_enhancer_that_breaks_it_is_told(install, line, by, check, says):
    install(line, by)
    (name,) = (name for name in dir(TestAnEnhancer) if name.startswith(check))
    arguments = (3,) if check == "test_returns_images_in_range" else ()
    with pytest.raises(AssertionError, match=says):
        getattr(TestAnEnhancer(), name)(*arguments)


def test_a_check_that_does_not_apply_is_skipped_with_the_reason(install):
    install()
    with pytest.raises(pytest.skip.Exception, match="same_person_below"):
        TestAFeature().test_tells_people_apart_if_it_says_so()
    with pytest.raises(pytest.skip.Exception, match="no settings"):
        TestABlender().test_every_setting_is_documented()


@pytest.mark.parametrize(
    ("line", "by", "check", "says"),
    [
        (
            'self.register_buffer("steps", torch.zeros(()))',
            "self.steps = torch.zeros(())",
            "test_stopped_and_resumed",
            "buffers",
        ),
        (
            "self.layer(batch.images)",
            "self.layer(batch.images + __import__('random').random())",
            "test_stopped_and_resumed",
            "torch's",
        ),
        ("return [Stage(16, 4)]", "return [Stage(16, 4), Stage(8, 4)]", "test_stages_have", "needs a length"),
        ("self.layer = ", "self.idle = nn.Linear(1, 1); self.layer = ", "test_every_parameter_gets", "idle"),
        ("lr=1e-2", "lr=9.0", "test_a_few_steps_lower", "took the loss"),
        ("torch.tanh(self.layer", "9 * (self.layer", "test_draws_images_in_range", "lie in"),
        ("self.layer = ", "self.targets = frozenset(); self.layer = ", "test_it_says_whom_it_draws", "Name in targets"),
    ],
)
def test_a_model_that_breaks_it_is_told(install, line, by, check, says):
    install(line, by)
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
    install("from mien.contracts.hooks import", "import cv2\nfrom mien.contracts.hooks import")
    with pytest.raises(AssertionError, match="cv2"):
        TestAFeature().test_listing_it_imports_nothing_heavy()


def test_the_contracts_of_small_plugins_load_no_torch():
    code = (
        "import sys; from mien.testing import BlenderContract, ExtractorContract, FeatureContract; print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in ran.stdout.split()
