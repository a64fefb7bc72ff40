"""Networks that lie in a plugin's package: read whole, or an error that says what to do; each thread has its own."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.errors import MienError
from mien.networks.onnx import OnnxNetwork
from mien.networks.packaged import packaged_network
from mien.networks.tflite import TfliteNetwork, image_input

BLAZEFACE, CENTERFACE = "mien_extractor_blazeface", "mien_extractor_centerface"
MESH, MESH_OUTPUTS = "face_landmark.tflite", ("conv2d_20", "conv2d_30")
CELLS = ("537", "538")


def content(package: str, file: str) -> bytes:
    return (resources.files(package) / "networks" / file).read_bytes()


@pytest.fixture
def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (192, 192, 3), np.uint8)


def mesh() -> TfliteNetwork:
    return TfliteNetwork(content(BLAZEFACE, MESH), MESH_OUTPUTS)


def cells() -> OnnxNetwork:
    return OnnxNetwork(content(CENTERFACE, "centerface.onnx"), CELLS)


def test_outputs_come_in_the_order_that_was_asked_for(noise: NDArray[np.uint8]) -> None:
    points, presence = mesh()(image_input(noise))
    presence_first, _ = TfliteNetwork(content(BLAZEFACE, MESH), MESH_OUTPUTS[::-1])(image_input(noise))
    assert points.size == 3 * 468 and presence.size == 1 and np.array_equal(presence, presence_first)
    planes = noise.transpose(2, 0, 1)[None].astype(np.float32)
    scores, sizes = cells()(planes)
    assert scores.shape == (1, 1, 48, 48) and sizes.shape == (1, 2, 48, 48)
    assert np.array_equal(OnnxNetwork(content(CENTERFACE, "centerface.onnx"), CELLS[1:])(planes)[0], sizes)


def test_what_was_given_out_stays_when_the_network_is_used_again(noise: NDArray[np.uint8]) -> None:
    network = mesh()
    first, _ = network(image_input(noise))
    kept = first.copy()
    network(image_input(255 - noise))
    assert np.array_equal(first, kept)


def test_networks_in_threads_side_by_side_say_what_each_says_alone(noise: NDArray[np.uint8]) -> None:
    images = [np.roll(noise, 7 * shift, axis=1) for shift in range(8)]
    alone = [mesh()(image_input(image))[0] for image in images]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda image: mesh()(image_input(image))[0], images))
    assert all(np.array_equal(one, other) for one, other in zip(alone, beside, strict=True))


def test_an_image_becomes_numbers_from_black_to_white(noise: NDArray[np.uint8]) -> None:
    noise[0, 0], noise[0, 1] = 0, 255
    values = image_input(noise, -1, 1)
    assert values.shape == (1, 192, 192, 3) and values.dtype == np.float32 and values.flags.c_contiguous
    assert np.allclose(values[0, 0, :2], [[-1] * 3, [1] * 3], atol=1e-6)


@pytest.mark.parametrize(
    ("read", "package", "file"),
    [
        (lambda network: TfliteNetwork(network, MESH_OUTPUTS), BLAZEFACE, MESH),
        (lambda network: OnnxNetwork(network, CELLS), CENTERFACE, "centerface.onnx"),
    ],
    ids=["tflite", "onnx"],
)
@pytest.mark.parametrize("damage", ["cut", "not one", "empty"])
def test_a_damaged_network_is_an_error_with_what_to_do(
    read: object, package: str, file: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = content(package, file)
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / file).write_bytes(
        {"cut": whole[: len(whole) // 2], "not one": b"<html>" * 100, "empty": b""}[damage]
    )
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    with (
        pytest.raises(MienError, match=f"The extractor blazeface cannot read its network {file}: ") as error,
        packaged_network(package, file, "extractor blazeface") as network,
    ):
        read(network)  # type: ignore[operator]
    assert error.value.fix == "pip install --force-reinstall mien-extractor-blazeface"


def test_a_network_without_such_an_output_says_which_it_has() -> None:
    with pytest.raises(ValueError, match="no output lips, but conv2d_20"):
        TfliteNetwork(content(BLAZEFACE, MESH), ("lips",))
    with pytest.raises(ValueError, match="no output lips, but 5"):
        OnnxNetwork(content(CENTERFACE, "centerface.onnx"), ("lips",))


def test_nothing_is_said_about_kernels_and_errors_are_still_heard() -> None:
    program = (
        "import sys\nfrom mien_extractor_blazeface.blazeface import BlazeFace\n"
        "from mien_extractor_centerface.centerface import CenterFace\n"
        "BlazeFace()\nCenterFace()\nprint('heard', file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "heard\n")
