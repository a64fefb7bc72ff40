"""The network is the published one, comes along with the package, and answers alike whatever it was asked before."""

import hashlib
import re
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from mien.testing import portraits
from mien_extractor_centerface.network import Network

NETWORKS = resources.files("mien_extractor_centerface") / "networks"
FOLDER = Path(__file__).resolve().parents[1]


def names():
    return {file.name for file in NETWORKS.iterdir()}


def test_the_network_is_the_one_that_the_notice_names():
    notice = (NETWORKS / "NOTICE.md").read_text(encoding="utf-8")
    noted = dict(re.findall(r"^\| (\S+\.onnx) \|.* ([0-9a-f]{64}) \|$", notice, re.MULTILINE))
    assert noted.keys() == {name for name in names() if name.endswith(".onnx")}
    for name, digest in noted.items():
        assert hashlib.sha256((NETWORKS / name).read_bytes()).hexdigest() == digest


def test_the_wheel_brings_the_network_with_notice_and_licence(tmp_path):
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=FOLDER, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        brought = {Path(name).name for name in packed.namelist() if "/networks/" in name}
    assert brought == names()
    assert {"NOTICE.md", "LICENSE.MIT"} < brought


def test_images_of_changing_sizes_get_the_answers_of_a_fresh_network():
    """OpenCV's classic engine fails this: after a change of size its scores are off by 0.9."""
    image = portraits()[0].image
    views = [image, image[:200, :150], np.tile(image, (2, 2, 1)), image]
    fresh = [[output.copy() for output in Network()(view)] for view in views]
    network = Network()
    for view, expected in zip(views, fresh, strict=True):
        for output, wanted in zip(network(view), expected, strict=True):
            assert np.array_equal(output, wanted)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 33), (360, 640), (31, 200)])
def test_there_is_an_answer_for_every_cell_of_the_picture_and_none_beyond(height, width):
    cells = (-(-height // 4), -(-width // 4))
    outputs = Network()(np.zeros((height, width, 3), np.uint8))
    assert [output.shape for output in outputs] == [(channels, *cells) for channels in (1, 2, 2, 10)]
