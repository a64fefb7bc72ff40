"""Runs the contract tests of an installed plugin, without a test file of its own."""

import inspect
import os
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from mien.contracts.plugin import PluginConfig
from mien.errors import MienError
from mien.plugins.choice import PluginChoice, parse_choice
from mien.plugins.kinds import KINDS
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent

Outcome = Literal["passed", "failed", "skipped"]
SMALL = "small"
"""The preset that a model is tested with if it has one of that name and nothing else was chosen."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one test of the contract."""

    name: str
    """What is tested, as words: "finds the face of a portrait"."""
    outcome: Outcome
    reason: str = ""
    """Why it failed, and what to do, or why it was skipped."""


def check_plugin(
    kind: str, choice: str | PluginChoice, progress: Progress | None = None, registry: Registry | None = None
) -> list[Check]:
    """Run the contract tests of a kind on an installed plugin, one after the other, in this process.

    choice: `name:key=value,…`; without settings a model is tested with its preset `small`, if there is one.
    Raises MienError if there is no such plugin, a setting is wrong, or pytest is not installed.
    """
    if find_spec("pytest") is None:
        raise MienError("The contract tests need pytest, which is not installed.", "pip install 'mien-core[testing]'")
    import pytest

    choice = parse_choice(choice) if isinstance(choice, str) else choice
    loaded, _ = (registry or Registry()).configure(kind, choice)
    results = _Results(progress or Silent())
    with tempfile.TemporaryDirectory() as folder:
        # An empty configuration of its own: neither this folder's nor other plugins of pytest have a say.
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        module = f"test_{Path(folder).name}"  # a name of its own: pytest would take a module of that name that is there
        (Path(folder) / f"{module}.py").write_text(_test_file(kind, choice, loaded.Config), encoding="utf-8")
        options = ["-c", f"{folder}/pytest.ini", "--rootdir", folder, "-p", "no:terminal", "-p", "no:cacheprovider"]
        with patch.dict(os.environ, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}):
            pytest.main([*options, "--import-mode=importlib", folder], plugins=[results])
        sys.modules.pop(module, None)
    if results.uncollected:
        raise MienError(f"The contract tests of the {kind} {choice.name} do not begin: {results.uncollected}")
    return results.checks


class _Results:
    """A plugin of pytest's that takes down what comes of each test."""

    def __init__(self, progress: Progress) -> None:
        self.checks: list[Check] = []
        self.uncollected = ""
        self._progress = progress

    def pytest_collection_finish(self, session: Any) -> None:
        self._progress.start("checks", len(session.items))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.uncollected = _reason(report)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.checks.append(Check(_in_words(report.nodeid), report.outcome, _reason(report)))
        if report.when == "teardown":
            self._progress.advance(failed=sum(check.outcome == "failed" for check in self.checks))


def _test_file(kind: str, choice: PluginChoice, config: type[PluginConfig]) -> str:
    settings: dict[str, Any] = dict(choice.settings)
    module, _, contract = KINDS[kind].tests.partition(":")
    given = "settings"
    if not KINDS[kind].made_alone:  # its own settings may make it too large to be tested in seconds
        given, settings = "small", settings or ({"preset": SMALL} if SMALL in config.presets else {})
    return inspect.cleandoc(
        f"""
        from {module} import {contract}

        class TestPlugin({contract}):
            name = {choice.name!r}
            {given} = {settings!r}
        """
    )


def _in_words(node: str) -> str:
    test, _, parameters = node.rpartition("::")[2].partition("[")
    words = test.removeprefix("test_").replace("_", " ")
    return f"{words} ({parameters.rstrip(']')})" if parameters else words


def _reason(report: Any) -> str:
    """What the contract says; of anything else that was raised, its last line."""
    if report.outcome == "skipped":
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        return reason.removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return str(report.longrepr).strip().splitlines()[-1] if report.longrepr else ""
    # pytest adds to an assertion's message what was compared; the message says what to do.
    return str(crash.message).removeprefix("AssertionError: ").partition("\nassert ")[0].strip()
