"""How plugins are named: what is read is what was meant, and what cannot be read is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import MienError
from mien.plugins.choice import PluginChoice, parse_choice, parse_choices

names = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)
plain_values = st.from_regex(r"[A-Za-z0-9_.\-/ =:]{0,12}", fullmatch=True).map(str.strip)
lists = st.lists(st.integers(-999, 999), max_size=4).map(lambda items: "[" + ",".join(map(str, items)) + "]")
choices = st.builds(PluginChoice, names, st.dictionaries(names, plain_values | lists, max_size=4))


@given(choices)
def test_what_is_written_is_read_back(choice):
    assert parse_choice(str(choice)) == choice


@given(st.lists(choices, min_size=1, max_size=4))
def test_several_are_joined_by_plus(several):
    assert parse_choices("+".join(str(choice) for choice in several)) == several


def test_an_empty_text_names_no_plugins():
    assert parse_choices("") == parse_choices("  ") == []


def test_a_name_alone_has_no_settings():
    assert parse_choice("latent") == PluginChoice("latent", {})
    assert parse_choice("latent:") == PluginChoice("latent", {})


def test_spaces_around_do_not_count():
    assert parse_choices(" landmarks : points = 28 + thumbnail:size=8 ") == [
        PluginChoice("landmarks", {"points": "28"}),
        PluginChoice("thumbnail", {"size": "8"}),
    ]


def test_brackets_may_hold_what_separates_elsewhere():
    assert parse_choices("pgan:widths=[64,128],mix=(1+2)+latent") == [
        PluginChoice("pgan", {"widths": "[64,128]", "mix": "(1+2)"}),
        PluginChoice("latent", {}),
    ]


def test_a_value_may_hold_an_equals_sign_and_a_colon():
    assert parse_choice("x:weights=C:/a=b").settings == {"weights": "C:/a=b"}


@pytest.mark.parametrize("text", ["", "  ", ":points=28"])
def test_no_name_is_an_error(text):
    with pytest.raises(MienError, match="names no plugin"):
        parse_choice(text)


@pytest.mark.parametrize("text", ["landmarks:28", "landmarks:points=28,", "landmarks:=28", "landmarks:points=28,,x=1"])
def test_a_setting_without_key_or_value_is_an_error_that_shows_the_form(text):
    with pytest.raises(MienError, match="is not key=value") as caught:
        parse_choice(text)
    assert "landmarks:key=value" in caught.value.fix


def test_a_key_given_twice_is_an_error():
    with pytest.raises(MienError, match="'points' twice"):
        parse_choice("landmarks:points=28,points=10")


@pytest.mark.parametrize("text", ["pgan:widths=[64,128", "pgan:widths=64,128]", "landmarks+pgan:mix=(1+2"])
def test_a_bracket_that_does_not_pair_is_an_error(text):
    with pytest.raises(MienError, match="bracket"):
        parse_choices(text)


@pytest.mark.parametrize("text", ["landmarks+", "+landmarks", "landmarks++thumbnail", "+"])
def test_nothing_between_plus_signs_is_an_error(text):
    with pytest.raises(MienError, match="names no plugin"):
        parse_choices(text)
