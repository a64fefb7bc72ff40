"""A run as a wheel: in an environment that has nothing but wheels, its name is enough to swap."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien import PluginChoice, Registry, TrainOptions, export_package, train
from mien.media.provenance import read_provenance

REPOSITORY = Path(__file__).resolve().parents[1]
CLIP = REPOSITORY / "tests" / "data" / "clips" / "target_J_2s_audio.mp4"
SMALL = {"size": 32, "width": 4, "bottleneck": 8, "code_channels": 8, "batch_size": 2}
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
NEEDED = (
    "core", "cli", "plugins/models/latent", "plugins/extractors/face_recognition",
    "plugins/extractors/face_recognition/dlib", "plugins/features/landmarks", "plugins/features/encoding",
    "plugins/maskers/hull", "plugins/blenders/feather",
)  # fmt: skip

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_a_wheel_of_a_run_swaps_by_name_where_nothing_else_is(people: list[Path], tmp_path: Path) -> None:
    train(PluginChoice("latent", SMALL), people[:1], tmp_path / "run", features="landmarks:points=5",
          options=TrainOptions(steps=2))  # fmt: skip
    package = export_package(tmp_path / "run", "anna", tmp_path / "package", license="CC0", registry=Registry())

    elsewhere, wheels = tmp_path / "elsewhere", tmp_path / "wheels"
    elsewhere.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"

    def run(*arguments: str | Path, fails: bool = False) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        kept["COLUMNS"] = "120"  # so that no name is folded
        ended = subprocess.run(
            [str(python), *map(str, arguments)], cwd=elsewhere, env=kept, capture_output=True, text=True
        )
        assert bool(ended.returncode) == fails, f"{arguments}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout + ended.stderr

    constraints = REPOSITORY / "constraints.txt"
    run(*PIP, "install", "-c", constraints, "-r", REPOSITORY / "requirements-build.txt")
    sources = [REPOSITORY / folder for folder in NEEDED]
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, *sources, package)
    # All of them by file, so that no index is asked for ours.
    run(*PIP, "install", "-c", constraints, "--no-build-isolation", *sorted(wheels.glob("*.whl")))
    run("-m", "pip", "check")

    listed = run("-m", "mien_cli", "runs")
    assert "mien-run-anna" in listed
    assert "CC0" in listed
    assert "cannot be used" not in listed
    run("-m", "mien_cli", "swap", "anna", CLIP, "swapped.mp4")
    made = read_provenance(elsewhere / "swapped.mp4")
    assert made is not None
    assert "faces drawn as E" in made.action

    run(*PIP, "uninstall", "--yes", "mien-model-latent")
    told = run("-m", "mien_cli", "swap", "anna", CLIP, "again.mp4", fails=True)
    assert "the model 'latent' of mien-model-latent 0.1.0, which is not installed" in told
    assert "pip install 'mien-model-latent==0.1.0'" in told
    assert not (elsewhere / "again.mp4").exists()
