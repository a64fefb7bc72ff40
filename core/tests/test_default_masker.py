"""What stays in front of a drawn face where nobody has said it."""

from types import SimpleNamespace
from typing import cast

from mien.inference.default_masker import default_masker
from mien.plugins.registry import Registry, known_distributions
from mien.training.run import TrainedRun

IN_FRONT = next(iter(known_distributions()["in_front"]))


class Installed(Registry):
    """With these maskers."""

    def __init__(self, *maskers: str) -> None:
        super().__init__([])
        self.maskers = list(maskers)

    def names(self, kind: str) -> list[str]:
        return self.maskers


def run(masker: str, *, hides: bool = False) -> TrainedRun:
    return cast(TrainedRun, SimpleNamespace(masker=masker, model=SimpleNamespace(hides=hides)))


def test_the_projects_own_joins_the_runs_where_it_is_installed() -> None:
    assert default_masker(run("hull:dilation=0.2"), Installed("hull", IN_FRONT)) == f"hull:dilation=0.2+{IN_FRONT}"
    assert default_masker(run("hull"), Installed("hull")) == "hull"


def test_one_that_the_run_names_keeps_its_settings() -> None:
    named = f"hull+{IN_FRONT}:threshold=0.9"
    assert default_masker(run(named), Installed("hull", IN_FRONT)) == named


def test_a_model_that_hides_heads_draws_over_it() -> None:
    assert default_masker(run("hull", hides=True), Installed("hull", IN_FRONT)) == "hull"
