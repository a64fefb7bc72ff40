"""What a user may write as a plugin's settings, and what is said to one who writes something else."""

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from mien.contracts.plugin import PluginConfig, read_config
from mien.errors import MienError
from mien.plugins.choice import parse_choice


class PaintConfig(PluginConfig):
    """Settings of every type that plugins use."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {"small": {"size": 64, "widths": (8, 4)}, "large": {"size": 128}}

    size: Literal[32, 64, 128, "any"] = 128
    """Side in pixels."""
    widths: tuple[int, ...] = (64, 32)
    """Channels."""
    share: float = Field(default=0.5, ge=0, le=1)
    """A share."""
    limit: int | None = 10
    """A limit."""
    flip: bool = True
    """Whether to flip."""
    palette: Path | None = None
    """A file."""
    title: str = ""
    """A text."""


def read(**settings):
    return read_config(PaintConfig, settings, "the model paint")


def refusal(**settings):
    with pytest.raises(MienError) as caught:
        read(**settings)
    assert caught.value.fix == "mien plugins show paint"
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("size=64", "size", 64),
        ("size=any", "size", "any"),
        ("widths=[16,8,4]", "widths", (16, 8, 4)),
        ("widths=[]", "widths", ()),
        ("share=1e-1", "share", 0.1),
        ("limit=3", "limit", 3),
        ("limit=none", "limit", None),
        ("flip=false", "flip", False),
        ("palette=a/b.png", "palette", Path("a/b.png")),
        ("palette=none", "palette", None),
        ("title=12", "title", "12"),
        ("title=none", "title", "none"),
        ("title=[1,2]", "title", "[1,2]"),
    ],
)
def test_what_is_typed_is_read_as_its_field_has_it(text, field, value):
    settings = parse_choice(f"paint:{text}").settings
    assert getattr(read(**settings), field) == value


def test_values_are_taken_as_they_are():
    assert read(size=64, widths=[1, 2], limit=None).widths == (1, 2)


@given(st.builds(PaintConfig, share=st.floats(0, 1), limit=st.none() | st.integers(), flip=st.booleans()))
def test_a_configuration_as_text_is_read_back(config):
    dumped = config.model_dump(mode="json").items()
    text = {
        key: "none" if value is None else value if isinstance(value, str) else json.dumps(value)
        for key, value in dumped
    }
    assert read(**text) == config


def test_an_unknown_setting_suggests_the_nearest_and_lists_all():
    message = refusal(widhts="[1]")
    assert message.startswith("The model paint has no setting 'widhts'. Did you mean 'widths'?")
    assert "Its settings: size, widths, share, limit, flip, palette, title." in message


def test_a_plugin_without_settings_says_so():
    with pytest.raises(MienError, match="Its settings: none"):
        read_config(PluginConfig, {"size": "1"}, "the blender plain")


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"size": "65"}, ["size = '65'", "32, 64, 128 or 'any'"]),
        ({"size": "64", "share": "1.5"}, ["share = '1.5'", "less than or equal to 1"]),
        ({"share": "half"}, ["share = 'half'", "valid number"]),
        ({"share": 2}, ["share = 2", "less than or equal to 1"]),
        ({"limit": "1.5"}, ["limit = '1.5'", "integer"]),
        ({"flip": "maybe"}, ["flip = 'maybe'", "boolean"]),
        ({"flip": "none"}, ["flip = 'none'", "boolean"]),
        ({"widths": "[16,wide]"}, ["widths = '[16,wide]'", "integer"]),
        ({"widths": "16"}, ["widths = '16'", "tuple"]),
    ],
)
def test_a_value_out_of_range_names_the_field_the_value_and_what_it_takes(settings, parts):
    message = refusal(**settings)
    for part in parts:
        assert part in message


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", float("inf")])
def test_numbers_are_finite(value):
    class Config(PluginConfig):
        rate: float = 0.1

    with pytest.raises(MienError, match=r"rate = .*finite"):
        read_config(Config, {"rate": value}, "the model paint")


def test_a_preset_sets_several_and_what_stands_beside_it_wins():
    assert read(preset="small").size == 64
    config = read(preset="small", size="32")
    assert (config.size, config.widths) == (32, (8, 4))


def test_an_unknown_preset_suggests_the_nearest():
    assert "no preset 'smal'. Did you mean 'small'? Its presets: small, large." in refusal(preset="smal")


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        PaintConfig().size = 64
