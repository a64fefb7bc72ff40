"""Third parties' plugins work in an environment that knows nothing of this checkout, from template to swapped clip."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mien.media.provenance import read_provenance
from mien.plugins.kinds import KINDS

REPOSITORY = Path(__file__).resolve().parents[1]
CLIPS = REPOSITORY / "tests" / "data" / "clips"
BUILT = sorted(path.parent for path in REPOSITORY.rglob("pyproject.toml") if ".venv" not in path.parts)
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


class Elsewhere:
    """A virtual environment, and a folder to work in; neither is inside of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        self.python = folder / "env" / "bin" / "python"

    def run(self, *arguments: str | Path, fails: bool = False) -> str:
        """What a call of its Python prints, which has to succeed, or to fail."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        ended = subprocess.run(
            [str(self.python), *map(str, arguments)], cwd=self.folder, env=kept, capture_output=True, text=True
        )
        assert bool(ended.returncode) == fails, f"{arguments}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout + ended.stderr

    def mien(self, *arguments: str | Path, fails: bool = False) -> str:
        return self.run("-m", "mien_cli", *arguments, fails=fails)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    """With the wheels of all distributions of this checkout, and of a plugin of each kind made from the template."""
    there = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    wheels = there.folder / "wheels"
    constraints = REPOSITORY / "constraints.txt"
    there.run(*PIP, "install", "-c", constraints, "-r", REPOSITORY / "requirements-build.txt")
    there.run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, *BUILT)
    there.run(*PIP, "install", "-c", constraints, "--no-build-isolation", "pytest", *sorted(wheels.glob("*.whl")))
    for kind in KINDS:
        there.mien("plugins", "new", kind, "strange", "--folder", there.folder / kind)
        there.run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, there.folder / kind)
    there.run(*PIP, "install", *sorted(wheels.glob("*strange*.whl")))
    for name, clip in (("anna", "target_E_4s_silent.mp4"), ("ben", "target_J_2s_audio.mp4")):
        shutil.copy(CLIPS / clip, there.folder / f"{name}.mp4")
    return there


def test_nothing_of_the_checkout_is_in_use(elsewhere: Elsewhere) -> None:
    found = elsewhere.run("-c", "import mien, mien_cli; print(mien.__file__, mien_cli.__file__)").split()
    assert all(Path(file).is_relative_to(elsewhere.folder) for file in found)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_template_makes_keeps_its_contract(elsewhere: Elsewhere, kind: str) -> None:
    listed = elsewhere.mien("plugins")
    assert re.search(rf"{kind} +strange +mien-{kind}-strange", listed)
    assert "cannot be used" not in listed
    elsewhere.run("-m", "pytest", "-q", elsewhere.folder / kind / "tests")
    assert "checks passed" in elsewhere.mien("plugins", "check", f"{kind}/strange")


def test_from_clips_to_a_swapped_clip_and_what_is_said_when_one_is_gone(elsewhere: Elsewhere) -> None:
    for person in ("anna", "ben"):
        elsewhere.mien(
            "preprocess", person, "--from", f"{person}.mp4", "--extractor", "strange", "--features", "strange:bands=3"
        )
    elsewhere.mien(
        "train", "strange:size=32", "anna", "ben", "--run", "run", "--features", "strange:bands=3", "--steps", "20"
    )
    elsewhere.mien("swap", "run", "ben.mp4", "swapped.mp4", "--to", "anna", "--blender", "strange")
    made = read_provenance(elsewhere.folder / "swapped.mp4")
    assert made is not None and "anna" in made.action
    elsewhere.mien("evaluate", "run", "--on", "ben", "--faces", "10")

    elsewhere.run(*PIP, "uninstall", "--yes", "mien-feature-strange")
    told = elsewhere.mien("swap", "run", "ben.mp4", "again.mp4", "--to", "anna", "--blender", "strange", fails=True)
    assert "the feature 'strange' of mien-feature-strange 0.1.0, which is not installed" in told
    assert "pip install 'mien-feature-strange==0.1.0'" in told
    assert not (elsewhere.folder / "again.mp4").exists()
    elsewhere.run(*PIP, "uninstall", "--yes", "mien-blender-strange")
    told = elsewhere.mien("swap", "run", "ben.mp4", "again.mp4", "--to", "anna", "--blender", "strange", fails=True)
    assert "strange" in told and "Traceback" not in told
    assert "feather" in elsewhere.mien("plugins")
