"""The networks that plugins bring are the published ones, and come along with their packages."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NETWORKS = sorted(REPOSITORY.glob("plugins/*/*/src/*/networks"))
TEXTS = re.compile(r"NOTICE\.md|LICENSE\..+")

pytestmark = pytest.mark.parametrize("networks", NETWORKS, ids=[folder.parent.name for folder in NETWORKS])


def names(networks: Path) -> set[str]:
    return {file.name for file in networks.iterdir()}


def test_each_network_is_the_one_that_the_notice_names(networks: Path) -> None:
    notice = (networks / "NOTICE.md").read_text(encoding="utf-8")
    noted = dict(re.findall(r"^\| (\S+\.\w+) \|.* ([0-9a-f]{64}) \|$", notice, re.MULTILINE))
    assert noted.keys() == {name for name in names(networks) if not TEXTS.fullmatch(name)}
    assert noted
    for name, digest in noted.items():
        assert hashlib.sha256((networks / name).read_bytes()).hexdigest() == digest


def test_the_wheel_brings_the_networks_with_notice_and_license(networks: Path, tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=networks.parents[2], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        brought = {Path(name).name for name in packed.namelist() if "/networks/" in name}
    assert brought == names(networks)
    assert len([name for name in brought if TEXTS.fullmatch(name)]) == 2
