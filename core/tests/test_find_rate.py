"""The learning rate finder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.training import LearningRates, find_learning_rate


def test_the_rate_is_suggested_that_is_a_tenth_of_where_the_loss_is_lowest(tmp_path: Path) -> None:
    rates = np.geomspace(1e-6, 1, 7)
    found = LearningRates(rates, np.array([1.0, 0.9, 0.8, 0.5, 0.2, 0.6, 3.0]), "some")
    assert found.suggested == 1e-3
    assert LearningRates(rates[:2], np.array([1.0, 1.2]), "some").suggested is None
    found.plot(tmp_path / "rates.png")
    with Image.open(tmp_path / "rates.png") as image:
        assert image.format == "PNG" and image.width > 600


def test_rates_rise_until_the_loss_does_and_no_run_is_left(
    people: list[Path], environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.install_package("tiny", "mien-model-tiny")
    monkeypatch.chdir(tmp_path)
    found = find_learning_rate("tiny", people, steps=60, registry=Registry())
    assert found.rates[0] == pytest.approx(1e-6) and np.all(np.diff(found.rates) > 0)
    assert len(found.rates) == len(found.losses) and np.isfinite(found.losses).all()
    assert found.suggested is not None and 1e-5 < found.suggested <= 0.1
    assert set(tmp_path.iterdir()) == {environment.folder}, "something was left"


def test_a_model_that_plays_against_itself_has_no_rate_to_find(people: list[Path]) -> None:
    pytest.importorskip("mien_model_dcgan")
    with pytest.raises(MienError, match="do not tell how good it is"):
        find_learning_rate("dcgan", people)
