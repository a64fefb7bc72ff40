import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien import MienError
from mien.dataset import Dataset
from mien.dataset.scenes import crops_of
from mien.geometry.alignment import AlignmentConfig, cut, inverse, transform_points, with_hull
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien.plugins.feature_set import FeatureSet


def source_of(dataset: Path, row: dict[str, Any]) -> Any:
    path = dataset / "raw" / row["source"]
    if row["frame"] is None:
        return read_image(path)
    return next(iter(VideoSource(path).frames(row["frame"], row["frame"] + 1))).image


def test_every_array_s_row_is_the_face_that_the_index_says(finished: Path, third_party: Any) -> None:
    dataset = Dataset.open(finished)
    index = dataset.index().to_pylist()
    assert len(index) == len(dataset) == 9
    features = FeatureSet("tint", third_party.registry)
    for number, row in enumerate(index):
        scene = source_of(finished, row)
        to_crop = np.array(row["to_crop"]).reshape(2, 3)
        landmarks = transform_points(inverse(to_crop), dataset.landmarks()[number])
        crop = with_hull(cut(scene, landmarks, to_crop, AlignmentConfig()))
        np.testing.assert_array_equal(dataset.crops()[number], crop.image)
        np.testing.assert_array_equal(dataset.masks()[number], np.rint(crop.mask * 255))
        np.testing.assert_array_equal(dataset.images(128)[number], crop.masked_image)
        np.testing.assert_array_equal(dataset.feature("tint")[number], features.compute([crop])["tint"][0])
        found = third_party.registry.create("extractor", "template").extract(scene)[row["face"]]
        np.testing.assert_allclose(landmarks, found.landmarks, atol=1e-3)
        box = found.box
        assert row["box"] == [box.left, box.top, box.right, box.bottom]
        assert row["score"] == found.score


def test_images_of_every_size_show_the_rows_of_the_arrays(finished: Path) -> None:
    dataset = Dataset.open(finished)
    assert dataset.info.sizes == (2, 4, 8, 16, 32, 64, 128)
    for size in dataset.info.sizes:
        folder = finished / "faces" / "images" / str(size)
        assert sorted(path.name for path in folder.iterdir()) == [f"{row:06d}.png" for row in range(len(dataset))]
        for row in range(len(dataset)):
            np.testing.assert_array_equal(read_image(folder / f"{row:06d}.png"), dataset.images(size)[row])


def test_each_copy_is_averaged_of_the_whole_masked_crop_and_rounded_once(finished: Path) -> None:
    dataset = Dataset.open(finished)
    masked = dataset.crops() * (dataset.masks()[..., None] / 255)
    for size in dataset.info.sizes:
        block = 128 // size
        means = np.rint(masked).reshape(len(dataset), size, block, size, block, 3).mean((2, 4))
        assert np.abs(dataset.images(size) - means).max() <= 0.5


def test_arrays_are_mapped_and_have_the_shapes_and_types_that_are_promised(finished: Path) -> None:
    dataset = Dataset.open(finished)
    arrays = (dataset.images(64), dataset.crops(), dataset.masks(), dataset.landmarks(), dataset.feature("tint"))
    assert all(isinstance(array, np.memmap) for array in arrays)
    assert [(array.shape, array.dtype.name) for array in arrays] == [
        ((9, 64, 64, 3), "uint8"),
        ((9, 128, 128, 3), "uint8"),
        ((9, 128, 128), "uint8"),
        ((9, 68, 2), "float32"),
        ((9, 3), "float32"),
    ]


def test_crops_are_whole_their_copies_black_where_the_mask_is_0_and_the_mask_is_255_inside_of_the_face(
    finished: Path,
) -> None:
    dataset = Dataset.open(finished)
    outside = dataset.masks() == 0
    assert outside.any()
    assert (dataset.crops()[outside].max(-1) > 0).mean() > 0.9
    assert not dataset.images(128)[outside].any()
    nose = dataset.landmarks()[0, 30].astype(int)
    assert dataset.masks()[0, nose[1], nose[0]] == 255


def test_statistics_are_numpy_s(finished: Path) -> None:
    dataset = Dataset.open(finished)
    mean, covariance = dataset.statistics("tint")
    values = np.array(dataset.feature("tint"), np.float64)
    np.testing.assert_allclose(mean, values.mean(0))
    np.testing.assert_allclose(covariance, np.cov(values, rowvar=False))


def test_vectors_are_the_stored_features_joined(finished: Path, third_party: Any) -> None:
    dataset = Dataset.open(finished)
    features = FeatureSet("tint", third_party.registry)
    rows = np.array([4, 1])
    np.testing.assert_array_equal(
        dataset.vectors(features, rows), features.join({"tint": np.array(dataset.feature("tint")[rows])})
    )
    assert dataset.vectors(FeatureSet("", third_party.registry)).shape == (9, 0)


def test_a_feature_is_named_by_its_key_or_as_on_the_command_line(people: list[Path]) -> None:
    dataset = Dataset.open(people[0])
    values = dataset.feature("landmarks-points=5")
    np.testing.assert_array_equal(dataset.feature("landmarks:points=5"), values)
    np.testing.assert_array_equal(*(dataset.statistics(f"landmarks{mark}points=5")[0] for mark in ":-"))
    with pytest.raises(MienError, match=r"The feature landmarks:points=17 was not computed") as missing:
        dataset.feature("landmarks:points=17")
    assert "+landmarks:points=17" in missing.value.fix


def test_what_is_not_among_the_faces_is_told_with_its_reason(finished: Path) -> None:
    dropped = Dataset.open(finished).dropped().to_pylist()
    assert [(row["source"], row["frame"], row["face"], row["dropped"]) for row in dropped] == [
        ("black.png", None, None, "no face")
    ]


def test_the_index_says_where_a_face_comes_from(finished: Path) -> None:
    index = Dataset.open(finished).index(["source", "frame", "pts", "source_size", "sharpness"]).to_pylist()
    assert [row["source"] for row in index] == [*(f"images/{number}.png" for number in range(8)), "z.mp4"]
    assert [row["frame"] for row in index] == [None] * 8 + [0]
    assert index[-1]["pts"] == 0
    assert all((finished / "raw" / row["source"]).stat().st_size == row["source_size"] for row in index)


def test_sharpness_falls_when_an_image_is_blurred(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, sigma in (("a_sharp", 0.0), ("b_soft", 1.0), ("c_blurred", 3.0)):
        image = cv2.GaussianBlur(frames[0], (0, 0), sigma) if sigma else frames[0]
        cv2.imwrite(str(raw / f"{name}.png"), image[..., ::-1])
    report = third_party.preprocess(tmp_path, features="")
    sharp, soft, blurred = report.dataset.index(["sharpness"]).column("sharpness").to_pylist()
    assert sharp > 2 * soft > 4 * blurred > 0


def test_a_dataset_is_named_like_its_folder(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Dataset.open(finished).name == "E"
    monkeypatch.chdir(finished)
    assert Dataset.open(Path(".")).name == "E"


def test_what_does_not_exist_or_is_not_finished_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="does not exist") as caught:
        Dataset.open(tmp_path / "K")
    assert caught.value.fix == f"mien preprocess {tmp_path / 'K'}"
    (tmp_path / "L" / "faces" / ".work").mkdir(parents=True)
    with pytest.raises(MienError, match="has not been finished") as caught:
        Dataset.open(tmp_path / "L")
    assert caught.value.fix == f"mien preprocess {tmp_path / 'L'}"


def test_a_dataset_of_an_earlier_mien_is_told_with_the_command_that_makes_it_anew(dataset: Path) -> None:
    file = dataset / "faces" / "dataset.json"
    was = {"format_version": 1, "extractor": "template", "sources": ["/media/a clip.mp4", "/media/b"]}
    file.write_text(json.dumps(was))
    with pytest.raises(MienError, match="format 1 instead of 2") as caught:
        Dataset.open(dataset)
    assert caught.value.fix == f"mien preprocess {dataset} --again --from '/media/a clip.mp4' --from /media/b"
    file.write_text(json.dumps({**was, "sources": None}))
    with pytest.raises(MienError) as caught:
        Dataset.open(dataset)
    assert caught.value.fix == f"mien preprocess {dataset} --again"


def test_crops_read_back_are_bit_for_bit_what_was_cut(finished: Path) -> None:
    dataset = Dataset.open(finished)
    (crop,) = crops_of(dataset, [3])
    row = dataset.index().to_pylist()[3]
    scene = source_of(finished, row)
    to_crop = np.array(row["to_crop"]).reshape(2, 3)
    cut_anew = with_hull(cut(scene, transform_points(inverse(to_crop), crop.landmarks), to_crop, AlignmentConfig()))
    np.testing.assert_array_equal(crop.image, cut_anew.image)
    np.testing.assert_array_equal(crop.mask, cut_anew.mask)
    np.testing.assert_array_equal(crop.masked_image, dataset.images(128)[3])
    corners = transform_points(inverse(to_crop), crop.points["box"])
    left, top, right, bottom = row["box"]
    np.testing.assert_allclose(corners, [[left, top], [right, top], [right, bottom], [left, bottom]], atol=1e-3)


def test_a_newer_format_is_refused(dataset: Path) -> None:
    file = dataset / "faces" / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": 99}))
    with pytest.raises(MienError, match="format version 99") as caught:
        Dataset.open(dataset)
    assert caught.value.fix == "pip install --upgrade mien"


@pytest.mark.parametrize("text", ["", "{}", '{"format_version": 2}', "[1, 2", "\x00\x00"])
def test_a_damaged_description_is_told_and_can_be_made_anew(
    dataset: Path, third_party: Any, text: str, tmp_path: Path
) -> None:
    (dataset / "faces" / "dataset.json").write_text(text)
    with pytest.raises(MienError, match=r"dataset\.json is damaged") as caught:
        Dataset.open(dataset)
    assert caught.value.fix == f"mien preprocess {dataset} --again"


def test_a_cut_off_array_is_told(dataset: Path) -> None:
    array = dataset / "faces" / "arrays" / "images64.npy"
    array.write_bytes(array.read_bytes()[:-100])
    with pytest.raises(MienError, match=r"images64\.npy cannot be read"):
        Dataset.open(dataset).images(64)


def test_an_array_of_another_length_is_told(dataset: Path) -> None:
    arrays = dataset / "faces" / "arrays"
    np.save(arrays / "masks.npy", np.zeros((3, 128, 128), np.uint8))
    with pytest.raises(MienError, match=r"masks\.npy has 3 rows, but .* has 9 faces"):
        Dataset.open(dataset).masks()


def test_a_size_that_is_not_there_is_told_with_those_that_are(finished: Path) -> None:
    with pytest.raises(MienError, match="no copies of 256 px; it holds 2, 4, 8, 16, 32, 64, 128 px"):
        Dataset.open(finished).images(256)


def test_crops_that_are_too_small_are_told_with_their_size_and_the_command_that_makes_larger_ones(
    finished: Path,
) -> None:
    dataset = Dataset.open(finished)
    dataset.require_size(128)
    with pytest.raises(MienError, match="crops of 128 px, which is less than 256 px") as caught:
        dataset.require_size(256)
    assert caught.value.fix == (
        f"mien preprocess {finished} --again --extractor {dataset.info.extractor} "
        f"--alignment size=256,template=landmarks,margin=0.1,shift_y=0.08 --masker outline --features tint"
    )


def test_a_feature_that_was_not_computed_is_told_with_the_command_that_computes_it(finished: Path) -> None:
    for ask in (Dataset.open(finished).feature, Dataset.open(finished).statistics):
        with pytest.raises(MienError, match="not computed") as caught:
            ask("landmarks-points=28")
        assert caught.value.fix.startswith(f"mien preprocess {finished} --extractor template")
        assert caught.value.fix.endswith(" --features tint+landmarks:points=28")


def test_a_swap_that_was_stopped_between_its_two_steps_is_finished_by_the_next_reader(dataset: Path) -> None:
    (dataset / "faces").rename(dataset / ".faces.old")
    assert len(Dataset.open(dataset)) == 9
    assert not (dataset / ".faces.old").exists()
