"""`mien verify`, as a user meets it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.media.credentials import Signer
from mien.media.images import write_image
from mien.media.provenance import PluginUse, Provenance

MADE = Provenance(
    "0.1.0",
    "faces drawn as E",
    "3fa2",
    plugins=(PluginUse("extractor", "centerface", "mien-extractor-centerface", "0.1.0"),),
    signer=Signer(),
)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.png", np.full((16, 16, 3), 90, np.uint8), synthetic=replace(MADE, signer=Signer()))
    return tmp_path / "a.png"


def test_a_file_as_it_was_signed_is_valid(mien, signed):
    run = mien("verify", signed)
    assert run.exit_code == 0, run.stderr
    assert "Credentials: valid: signed, and unchanged since" in run.stdout
    assert "the key that mien made on this machine" in run.stdout
    assert "c2pa.edited: faces drawn as E" in run.stdout
    assert "extractor centerface (mien-extractor-centerface 0.1.0)" in run.stdout
    assert "compositeWithTrainedAlgorithmicMedia: faces drawn as E by mien 0.1.0, run 3fa2" in run.stdout


def test_a_file_that_was_changed_is_not(mien, signed):
    data = bytearray(signed.read_bytes())
    data[-14] ^= 1
    signed.write_bytes(data)
    run = mien("verify", signed)
    assert run.exit_code == 1
    assert "the file was changed after it was signed" in run.stdout and "Problem:" in run.stdout


def test_a_file_without_credentials_keeps_its_label(mien, tmp_path):
    write_image(tmp_path / "a.jpg", np.full((16, 16, 3), 90, np.uint8), synthetic=replace(MADE, signer=None))
    run = mien("verify", tmp_path / "a.jpg")
    assert run.exit_code == 1
    assert "none: the file is not signed" in run.stdout and "faces drawn as E by mien 0.1.0" in run.stdout


def test_json_holds_all_of_it(mien, signed):
    found = json.loads(mien("verify", signed, "--json").stdout)
    assert (found["state"], found["run"], found["signed_by"]["trust"]) == ("valid", "3fa2", "own key")


def test_a_file_that_is_missing_is_told(mien, tmp_path):
    run = mien("verify", tmp_path / "none.png")
    assert run.exit_code == 2 and "There is no file" in run.stderr
