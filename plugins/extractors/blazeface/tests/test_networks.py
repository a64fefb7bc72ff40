"""The networks are the published ones, and come along with the package."""

import hashlib
import re
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import pytest

NETWORKS = resources.files("mien_extractor_blazeface") / "networks"
FOLDER = Path(__file__).resolve().parents[1]


def names():
    return {file.name for file in NETWORKS.iterdir()}


def test_each_network_is_the_one_that_the_notice_names():
    notice = (NETWORKS / "NOTICE.md").read_text(encoding="utf-8")
    noted = dict(re.findall(r"^\| (\S+\.tflite) \|.* ([0-9a-f]{64}) \|$", notice, re.MULTILINE))
    assert noted.keys() == {name for name in names() if name.endswith(".tflite")}
    for name, digest in noted.items():
        assert hashlib.sha256((NETWORKS / name).read_bytes()).hexdigest() == digest


def test_the_wheel_brings_the_networks_with_notice_and_licence(tmp_path):
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=FOLDER, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        brought = {Path(name).name for name in packed.namelist() if "/networks/" in name}
    assert brought == names()
    assert {"NOTICE.md", "LICENSE.Apache-2.0"} < brought
