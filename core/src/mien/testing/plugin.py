"""What the contract tests of all kinds share: registration, settings, and the same answers in another process."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from mien.contracts.plugin import Plugin, read_config
from mien.errors import MienError
from mien.plugins.registry import Registry

HEAVY = ("torch", "cv2", "dlib", "tensorflow", "onnxruntime", "jax", "scipy")


class PluginContract:
    """Base of the contracts. A test subclasses the one of its plugin's kind."""

    kind: ClassVar[str]
    name: ClassVar[str]
    """The plugin's name."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings to test the plugin with; by default its own."""

    def __init_subclass__(cls) -> None:
        """Refuse a check that is overridden in silence.

        Raises TypeError: a plugin that cannot keep a part of the contract says so, with pytest's xfail and a reason.
        """
        super().__init_subclass__()
        if cls.__module__.startswith(__package__ or "mien.testing"):
            return
        for name in (name for name in vars(cls) if name.startswith("test_") and hasattr(super(cls, cls), name)):
            marks = getattr(vars(cls)[name], "pytestmark", [])
            if not any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks):
                raise TypeError(
                    f"{cls.__name__} overrides {name} of the contract. If the plugin cannot keep it, say why: "
                    f'@pytest.mark.xfail(reason="…") on {name}; otherwise name your test differently.'
                )

    def chosen(self) -> Mapping[str, Any]:
        """The settings to test with."""
        return self.settings

    def create(self) -> Plugin:
        """A new plugin with the settings of the test."""
        return Registry().create(self.kind, self.name, self.chosen())

    def test_is_registered_and_listed(self) -> None:
        """By one installed distribution, for this contract, with a summary and the license of its weights."""
        found = Registry().find(self.kind, self.name)  # says itself what is wrong, as another contract's number
        assert found.spec.summary.strip(), "Write a summary into the PluginSpec: one line for the table of plugins."
        assert "\n" not in found.spec.summary, "The summary in the PluginSpec has to be one line."
        assert found.spec.weights_license.strip(), "Name the license of the weights in the PluginSpec, or 'no weights'."

    def test_listing_it_imports_nothing_heavy(self) -> None:
        """`mien plugins` has to answer at once."""
        distribution = Registry().find(self.kind, self.name).distribution
        heavy = in_fresh_process(_heavy_after_listing, distribution)
        assert not heavy, (
            f"Listing {distribution} imports {heavy}: leave only the hook and its PluginSpec in __init__.py."
        )

    def test_can_be_made_without_settings(self) -> None:
        """Every setting has a default."""
        Registry().create(self.kind, self.name)

    def test_an_unknown_setting_is_refused(self) -> None:
        """With the settings that there are."""
        with pytest.raises(MienError, match="no setting"):
            Registry().configure(self.kind, self.name, {"no_such_setting": 1})

    def test_every_setting_is_documented(self) -> None:
        """A docstring under the field is what `mien plugins show` prints."""
        fields = Registry().load(self.kind, self.name).Config.model_fields
        if not fields:
            pytest.skip("It has no settings.")
        bare = [name for name, field in fields.items() if not field.description]
        assert not bare, f"Write a docstring under each of the settings {bare}."

    def test_settings_survive_being_stored_and_typed(self) -> None:
        """Pickled for another process, as JSON for a run, and as text on the command line."""
        loaded, config = Registry().configure(self.kind, self.name, self.chosen())
        assert pickle.loads(pickle.dumps(config)) == config, "Pickling the Config changes it."
        stored = json.loads(config.model_dump_json())
        assert loaded.Config.model_validate(stored) == config, "The Config is another one after model_dump_json()."
        typed = {name: value if isinstance(value, str) else json.dumps(value) for name, value in stored.items()}
        typed = {name: "none" if value == "null" else value for name, value in typed.items()}
        assert read_config(loaded.Config, typed, self.name) == config, f"Typed as {typed} it reads as another Config."


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of an importable module in a new interpreter; arguments and result are pickled."""
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD], input=pickle.dumps((function, arguments)), capture_output=True, check=False
    )
    assert ran.returncode == 0, f"In a process of its own it fails:\n{ran.stderr.decode(errors='replace')}"
    return pickle.loads(ran.stdout)


# What the plugin prints goes to stderr, so that stdout holds the answer alone.
_CHILD = """
import os, pickle, sys
with os.fdopen(os.dup(1), "wb") as answer:
    os.dup2(2, 1)
    function, arguments = pickle.load(sys.stdin.buffer)
    pickle.dump(function(*arguments), answer)
"""


def _heavy_after_listing(distribution: str) -> list[str]:
    from importlib.metadata import entry_points

    from mien.contracts.hooks import GROUP

    before = set(sys.modules)
    points = [point for point in entry_points(group=GROUP) if point.dist and point.dist.name == distribution]
    assert Registry(points).plugins, f"{distribution} has no working entry point in the group {GROUP!r}."
    return sorted({*sys.modules} & set(HEAVY) - before)
