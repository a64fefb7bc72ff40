from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.model import Batch, ModelInputs, to_uint8_images
from mien.contracts.target import Known, Synthetic
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.geometry.expression import expression
from mien.plugins.enhancer_set import EnhancerSet
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.model import ModelContract
from mien.tracking.recognizer import Recognizer
from mien.training.batch import CropArrays, make_batch
from mien.training.run import make_model, untrained
from mien_model_morph import openpeople
from mien_model_morph.appearance import appearance
from mien_model_morph.fitted import FittedPerson
from mien_model_morph.hair import without_hair
from mien_model_morph.model import Morph
from mien_model_morph.person import LARGEST_SHARE, mixture
from mien_model_morph.warp import into_frame

UPPER_LIDS, LOWER_LIDS = [37, 38, 43, 44], [41, 40, 47, 46]
LOWER_LIP = [55, 56, 57, 58, 59, 65, 66, 67]


class TestMorph(ModelContract):
    name = "morph"
    small = {"size": 64, "restore": "none"}


@pytest.fixture(scope="module")
def model() -> Morph:
    """As it comes, with the bank of openpeople."""
    made = untrained("morph").model
    assert isinstance(made, Morph)
    return made


@pytest.fixture(scope="module")
def crop(model: Morph) -> FaceCrop:
    """A portrait, as the model wants it cut."""
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks, model.alignment)


def batch_of(crop: FaceCrop, landmarks: NDArray[np.float32] | None = None) -> Batch:
    nobody = np.array([-1])
    return make_batch(
        CropArrays(
            images=crop.image[None],
            masks=np.full((1, crop.size, crop.size), 255, np.uint8),
            landmarks=(crop.landmarks if landmarks is None else landmarks)[None],
            features=np.zeros((1, 0), np.float32),
            people=nobody,
            tracks=nobody,
        ),
        resolution=None,
        masked=False,
    )


def drawn(model: Morph, batch: Batch, number: int = 1) -> NDArray[np.uint8]:
    return to_uint8_images(model.generate(batch, Synthetic(torch.tensor([number]))).images)[0]


def closed(crop: FaceCrop) -> NDArray[np.float32]:
    landmarks = crop.landmarks.copy()
    landmarks[UPPER_LIDS] = landmarks[LOWER_LIDS]
    return landmarks


def test_of_whom_somebody_is_mixed_is_fixed_and_nobody_has_too_large_a_share() -> None:
    for number in [*range(200), 2**63 - 1]:
        shares = mixture(number, 8, 4)
        assert shares == mixture(number, 8, 4)
        assert len(shares) == 4 and set(shares) <= set(range(8))
        assert sum(shares.values()) == pytest.approx(1) and max(shares.values()) <= LARGEST_SHARE + 1e-9
        assert min(shares.values()) > 0


def test_different_numbers_are_different_mixtures() -> None:
    assert len({tuple(sorted(mixture(number, 8, 4).items())) for number in range(200)}) == 200


def test_the_same_number_is_the_same_person_in_every_model(model: Morph, crop: FaceCrop) -> None:
    other = untrained("morph").model
    assert np.array_equal(drawn(model, batch_of(crop)), drawn(other, batch_of(crop)))
    assert np.abs(drawn(model, batch_of(crop), 1) - drawn(model, batch_of(crop), 2).astype(float)).mean() > 1


def test_synthetic_people_do_not_look_like_siblings(model: Morph, crop: FaceCrop) -> None:
    """Mixtures of a few people do: to a recognizer they are one person."""
    recognizer = Recognizer(Registry(), "encoding")

    def nearest(of: Morph) -> float:
        crops = [align(drawn(of, batch_of(crop), number), crop.landmarks) for number in range(6)]
        encodings = recognizer.encode(crops)
        distances = np.linalg.norm(encodings[:, None] - encodings, axis=-1)
        return float(distances[np.triu_indices(len(crops), 1)].min())

    mixed = untrained("morph:looks=0").model
    assert isinstance(mixed, Morph)
    assert nearest(model) > 0.3 > nearest(mixed)


def test_looks_are_fixed_by_the_number_and_the_same_left_and_right() -> None:
    at_rest = np.full((256, 256, 3), (60, 12, 16), np.float32)
    texture, shape = appearance().moved(7, at_rest, 1.0)
    again, same = appearance().moved(7, at_rest, 1.0)
    assert np.array_equal(texture, again) and np.array_equal(shape, same)
    assert np.abs(texture - texture[:, ::-1]).mean() < 0.02
    other, _ = appearance().moved(8, at_rest, 1.0)
    assert np.abs(texture - other).mean() > 0.5 and np.abs(shape[:17]).max() == 0


def test_the_brows_of_whoever_is_drawn_over_do_not_stay(model: Morph, crop: FaceCrop) -> None:
    """Their tails lie at the temples, where what is darker than skin is taken for hair, and stays."""
    dark = crop.image.copy()
    tails = crop.landmarks[[17, 26]] + 0.5 * (crop.landmarks[[17, 26]] - crop.landmarks[[18, 25]])
    for x, y in tails:
        cv2.circle(dark, (round(float(x)), round(float(y))), crop.size // 50, (20, 14, 10), -1)
    generated = model.generate(batch_of(replace(crop, image=dark)), Synthetic(torch.tensor([1])))
    mask = generated.masks[0, 0].numpy()
    places = np.round((tails + 0.5) * (mask.shape[0] / crop.size) - 0.5).astype(int)
    assert min(mask[y, x] for x, y in places) > 0.8


def test_nothing_of_the_original_but_its_light_is_drawn(model: Morph, crop: FaceCrop) -> None:
    stripes = np.where(np.arange(crop.size)[None, :, None] % 8 < 4, 40, -40)
    striped = replace(crop, image=np.clip(crop.image + stripes, 0, 255).astype(np.uint8))
    middle = slice(crop.size // 3, 2 * crop.size // 3)

    def stripes_in(image: NDArray[np.uint8]) -> float:
        return float(np.abs(np.fft.rfft(image[middle, middle].mean((0, 2))))[round(crop.size / 3 / 8)])

    plain, with_stripes = drawn(model, batch_of(crop)), drawn(model, batch_of(striped))
    assert stripes_in(striped.image) > 10 * stripes_in(with_stripes)
    assert stripes_in(with_stripes) < 2 * stripes_in(plain) + 10


def test_closed_lids_close(model: Morph, crop: FaceCrop) -> None:
    extractor = ExtractorSet("blazeface", Registry())

    def eye_opening(image: NDArray[np.uint8]) -> float:
        (face,) = extractor.extract(image)
        return float(expression(face.landmarks[None]).eye_opening[0])

    assert eye_opening(drawn(model, batch_of(crop, closed(crop)))) < 0.5 * eye_opening(drawn(model, batch_of(crop)))


def test_an_open_mouth_is_dark_or_shows_teeth_and_no_lips(model: Morph, crop: FaceCrop) -> None:
    wide = crop.landmarks.copy()
    wide[LOWER_LIP, 1] += crop.size * 0.12
    wide[5:12, 1] += crop.size * 0.08
    image = drawn(model, batch_of(crop, wide))
    lip, mouth = wide[57].astype(int) - (0, 3), wide[60:68].mean(0).astype(int)

    def redness(at: NDArray[np.int64]) -> float:
        patch = image[at[1] - 2 : at[1] + 3, at[0] - 4 : at[0] + 5].astype(float)
        return float((patch[..., 0] - patch[..., 1:].mean(-1)).mean())

    assert redness(mouth) < 0.7 * redness(lip)


def test_a_gray_image_gets_a_gray_face(model: Morph, crop: FaceCrop) -> None:
    gray = replace(crop, image=np.repeat(crop.image.mean(2, keepdims=True).astype(np.uint8), 3, axis=2))
    image = drawn(model, batch_of(gray)).astype(int)
    assert (image.max(2) - image.min(2)).mean() < 3


def test_small_moves_of_the_landmarks_make_small_changes(model: Morph, crop: FaceCrop) -> None:
    """No picture of the bank takes the place of another one at once."""
    steps = [crop.landmarks + share * (closed(crop) - crop.landmarks) for share in np.linspace(0, 1, 41)]
    images = [drawn(model, batch_of(crop, landmarks.astype(np.float32))).astype(float) for landmarks in steps]
    changes = [np.abs(after - before).mean() for before, after in pairwise(images)]
    assert max(changes) < 6 * np.mean(changes)


def test_it_is_found_again_as_a_face_that_does_the_same(model: Morph, crop: FaceCrop) -> None:
    (face,) = ExtractorSet("blazeface", Registry()).extract(drawn(model, batch_of(crop)))
    off = np.linalg.norm(face.landmarks - crop.landmarks, axis=1)[27:]
    assert off.mean() < 0.04 * crop.size


@pytest.mark.parametrize(("scale", "shift"), [(0, 100), (-1, 256), (0.01, 100), (6, -600), (1, -5000)])
def test_landmarks_that_no_face_has_do_no_harm(model: Morph, crop: FaceCrop, scale: float, shift: float) -> None:
    generated = model.generate(
        batch_of(crop, (crop.landmarks * scale + shift).astype(np.float32)), Synthetic(torch.tensor([1]))
    )
    assert generated.images.isfinite().all() and generated.masks.min() >= 0 and generated.masks.max() <= 1


def test_another_bank_is_drawn_from_after_fit(model: Morph, crop: FaceCrop) -> None:
    fitted = bank_of(4, crop)
    assert len(fitted.owners) == 4 * 2 and fitted.textures.shape == (8, 256, 256, 3)
    assert not np.array_equal(drawn(fitted, batch_of(crop)), drawn(model, batch_of(crop)))


def test_of_each_person_so_many_pictures_are_kept(crop: FaceCrop) -> None:
    assert len(bank_of(4, crop, pictures=1).owners) == 4


def test_of_fewer_people_than_one_is_mixed_of_nobody_is_mixed(model: Morph, crop: FaceCrop) -> None:
    assert np.array_equal(drawn(bank_of(3, crop), batch_of(crop)), drawn(model, batch_of(crop)))


def drawn_as(model: Morph, batch: Batch, person: int) -> NDArray[np.uint8]:
    return to_uint8_images(model.generate(batch, Known(torch.tensor([person]))).images)[0]


@pytest.fixture(scope="module")
def somebody(model: Morph) -> Morph:
    """Fitted to two portraits, of person 0 and of person 1."""
    nothing = np.zeros(0, np.float32)
    inputs = ModelInputs(("anna", "ben"), 0, 2, nothing, np.zeros((0, 0), np.float32))
    made = make_model(Registry(), "morph", {}, inputs)
    assert isinstance(made, Morph)
    faces = []
    for person, portrait in enumerate(portraits()[:2]):
        cut = align(portrait.image, portrait.landmarks, made.alignment)
        faces.append(replace(batch_of(cut), people=torch.tensor([person])))
    made.fit(faces)
    return made.eval()


@pytest.fixture(scope="module")
def other(somebody: Morph) -> FaceCrop:
    """Another portrait, which somebody is drawn over."""
    portrait = portraits()[1]
    return align(portrait.image, portrait.landmarks, somebody.alignment)


def test_somebody_known_is_drawn_with_their_own_photographs(somebody: Morph, crop: FaceCrop, other: FaceCrop) -> None:
    """Over their own face almost the same comes back, over another one it is nearer to them than that one was."""
    recognizer = Recognizer(Registry(), "encoding")

    def encoded(image: NDArray[np.uint8], of: FaceCrop) -> NDArray[np.float32]:
        return recognizer.encode([align(image, of.landmarks)])[0]

    wanted, before = encoded(crop.image, crop), encoded(other.image, other)
    over_own = encoded(drawn_as(somebody, batch_of(crop), 0), crop)
    over_other = encoded(drawn_as(somebody, batch_of(other), 0), other)
    assert np.linalg.norm(over_own - wanted) < 0.5  # the hair on the forehead does not come along
    assert np.linalg.norm(over_other - wanted) < np.linalg.norm(before - wanted) - 0.1


def test_closed_lids_close_on_somebody_known(somebody: Morph, other: FaceCrop) -> None:
    extractor = ExtractorSet("blazeface", Registry())

    def eye_opening(image: NDArray[np.uint8]) -> float:
        (face,) = extractor.extract(image)
        return float(expression(face.landmarks[None]).eye_opening[0])

    shut = drawn_as(somebody, batch_of(other, closed(other)), 0)
    assert eye_opening(shut) < 0.6 * eye_opening(drawn_as(somebody, batch_of(other), 0))


def test_small_moves_make_small_changes_of_somebody_known(somebody: Morph, other: FaceCrop) -> None:
    steps = [other.landmarks + share * (closed(other) - other.landmarks) for share in np.linspace(0, 1, 41)]
    images = [drawn_as(somebody, batch_of(other, landmarks.astype(np.float32)), 0).astype(float) for landmarks in steps]
    changes = [np.abs(after - before).mean() for before, after in pairwise(images)]
    assert max(changes) < 6 * np.mean(changes)


def test_somebody_without_a_picture_is_refused(somebody: Morph, crop: FaceCrop) -> None:
    fitted = bank_of(3, crop)
    with pytest.raises(MienError, match="no picture of 3"):
        drawn_as(fitted, batch_of(crop), 3)


def test_of_two_pictures_that_are_alike_the_sharper_one_is_kept(crop: FaceCrop) -> None:
    blurred = cv2.GaussianBlur(crop.image, (0, 0), 4)
    for images in ([crop.image, blurred], [blurred, crop.image]):
        person = FittedPerson(1)
        for image in images:
            person.add(image, crop.landmarks)
        sharp = without_hair(into_frame(crop.image, crop.landmarks.astype(np.float64)))
        assert np.array_equal(person.textures(EnhancerSet("", Registry()))[0], sharp)


def test_pictures_of_somebody_who_was_small_in_them_are_made_sharp(crop: FaceCrop) -> None:
    small = cv2.resize(cv2.resize(crop.image, (96, 96), interpolation=cv2.INTER_AREA), crop.image.shape[:2])
    sharp, soft = FittedPerson(1), FittedPerson(1)
    sharp.add(crop.image, crop.landmarks)
    soft.add(small, crop.landmarks)
    assert soft.softness == 1 and sharp.softness == 0
    left, restored = (
        cv2.Laplacian(
            cv2.cvtColor(soft.textures(EnhancerSet(enhancers, Registry()))[0], cv2.COLOR_RGB2GRAY), cv2.CV_32F
        ).std()
        for enhancers in ("", "restore:seen_px=72")
    )
    assert restored > 1.5 * left


def bank_of(people: int, crop: FaceCrop, pictures: int = 24) -> Morph:
    """Fitted to two pictures of each: the portrait in other colors, once with its eyes shut."""
    nothing = np.zeros(0, np.float32)
    inputs = ModelInputs(tuple(map(str, range(4))), 0, 2 * people, nothing, np.zeros((0, 0), np.float32))
    made = make_model(Registry(), "morph", {"pictures": pictures}, inputs)
    assert isinstance(made, Morph)
    faces = []
    for person in range(people):
        tinted = replace(crop, image=np.roll(crop.image, person, axis=2) // (1 + person % 2))
        for landmarks in (crop.landmarks, closed(crop)):
            faces.append(replace(batch_of(tinted, landmarks), people=torch.tensor([person])))
    made.fit(faces)
    return made.eval()


def test_sheets_of_another_openpeople_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = openpeople.measured()
    monkeypatch.setattr(openpeople, "measured", lambda: measured._replace(digests=measured.digests + 1))
    with pytest.raises(MienError, match="is not that of"):
        openpeople.sheet_of(0)
