"""Policy files: what is read of them, and what is said of those that are not understood."""

from pathlib import Path

import pytest

from mien import AnonymizeOptions, MienError
from mien.anonymization.people_policy import Anonymized, Kept, PeoplePolicy, Swapped

WHOLE = """
[default]
action = "anonymize"
with = "blocks:count=6"

[[people]]
images = ["anna.jpg", "more/anna_side.jpg"]
action = "keep"

[[people]]
images = ["ben.jpg"]
action = "swap"
run = "anna-ben"
to = "anna"
consent = "Ben, by mail on 3 May"

[[people]]
images = ["carla.jpg"]
action = "anonymize"
with = "solid"
"""


SWAP = '[[people]]\nimages = ["a.jpg"]\naction = "swap"\nrun = "morph"\nconsent = "a mail"\n'


def read(folder: Path, text: str) -> PeoplePolicy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return PeoplePolicy.read(path)


def test_each_person_has_images_and_an_action_and_everybody_else_a_default(tmp_path):
    (tmp_path / "anna-ben").mkdir()
    policy = read(tmp_path, WHOLE)
    anna, ben, carla = policy.people
    assert isinstance(anna, Kept) and isinstance(ben, Swapped) and isinstance(carla, Anonymized)
    assert anna.images == (tmp_path / "anna.jpg", tmp_path / "more" / "anna_side.jpg"), "beside the file"
    assert (ben.run, ben.to, ben.consent) == (str(tmp_path / "anna-ben"), "anna", "Ben, by mail on 3 May")
    assert (carla.method, policy.default.method, policy.default.action) == ("solid", "blocks:count=6", "anonymize")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("people = 3", "people: "),
        ('[[people]]\nimages = ["a.jpg"]\naction = "keep"\nwiht = "blur"', "people[1].wiht: is no key that this table"),
        ('[[people]]\nimages = ["a.jpg"]\naction = "keep"\nwiht = "blur"', "Did you mean 'with'?"),
        ('[defualt]\naction = "keep"', "Did you mean 'default'?"),
        ('[[people]]\nimages = ["a.jpg"]\naction = "hide"', "people[1]"),
        ('[[people]]\nimages = []\naction = "keep"', "people[1].images: "),
        ('[[people]]\nimages = ["a.jpg"]\naction = "swap"\nrun = "r"\nto = "anna"', "people[1].consent: "),
        ('[[people]]\nimages = ["a.jpg"]\naction = "swap"\nrun = "r"\nto = "b"\nconsent = " "', "people[1].consent: "),
        (f'{SWAP}to = "b"\nreference = ["b.jpg"]', "people[1]: say whom it is to draw"),
        (SWAP, "people[1]: say whom it is to draw"),
        ('[default]\naction = "swap"', "default.action: "),
        ("[[people]", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path, text, said):
    with pytest.raises(MienError) as refused:
        read(tmp_path, text)
    assert str(tmp_path / "policy.toml") in refused.value.message
    assert said in refused.value.message
    assert refused.value.fix


def test_what_to_write_instead_is_of_the_action_that_was_meant(tmp_path):
    with pytest.raises(MienError) as refused:
        read(tmp_path, SWAP.replace('consent = "a mail"\n', 'to = "b"'))
    assert 'action = "swap"' in refused.value.fix and "consent" in refused.value.fix
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MienError, match=r"policy\.toml cannot be read: it is no text\."):
        PeoplePolicy.read(tmp_path / "policy.toml")


def test_whom_somebody_becomes_may_be_said_by_images_beside_the_file(tmp_path):
    (rule,) = read(tmp_path, f'{SWAP}reference = ["b.jpg", "more/b.jpg"]').people
    assert isinstance(rule, Swapped)
    assert (rule.run, rule.to, rule.reference) == ("morph", None, (tmp_path / "b.jpg", tmp_path / "more" / "b.jpg"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MienError, match=r"There is no file .*none\.toml"):
        PeoplePolicy.read(tmp_path / "none.toml")


def test_two_ways_to_say_who_are_refused():
    with pytest.raises(MienError, match="--keep and --only together"):
        AnonymizeOptions(keep=(Path("a.jpg"),), only=(Path("b.jpg"),))
