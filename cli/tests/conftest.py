"""The command line as a user meets it: within this process, which is quick, or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mien_cli.app import make_app


@pytest.fixture
def mien() -> Callable[..., Result]:
    """Run `mien` with arguments; variables change its environment."""

    def run(*arguments: str | Path, **variables: str) -> Result:
        cleared = dict.fromkeys(("NO_COLOR", "FORCE_COLOR", "COLUMNS"))
        return CliRunner().invoke(make_app(), list(map(str, arguments)), env={**cleared, **variables}, prog_name="mien")

    return run


@pytest.fixture
def mien_process(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run `mien` as a process; what is installed in `environment` is found."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
        path = os.pathsep.join(filter(None, [str(tmp_path / "site-packages"), kept.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "mien_cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**kept, "PYTHONPATH": path, **variables},
            timeout=120,
        )

    return run
