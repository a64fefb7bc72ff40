"""What an interrupted call left is dropped if it was made otherwise or cannot be read, and kept if the disk is full."""

from pathlib import Path
from typing import Any

import pytest

from mien import AnonymizeOptions, SessionOptions, anonymize
from mien.errors import MienError
from mien.media.files import NothingCanBeWritten, temporary
from mien.media.part import Part

from .anonymizing_segments import (
    DRAWING,
    FRAMES,
    LONGEST,
    SEARCHING,
    SEGMENTS,
    Heard,
    Stopped,
    hidden_in,
    interrupted,
    run,
)
from .sources import CLIPS, E, J


@pytest.mark.parametrize(
    ("settings", "differs_in", "searched"),
    [
        ({"quality": 30}, "--quality", 0),
        ({"method": "solid"}, "--with or --policy, plugins", 0),
        ({"seed": 1}, "--seed or --key", 0),
        ({"margin_seconds": 2.0}, "--missing or --margin", 0),
        ({"search": "thorough"}, "--extractor, --search or --with", FRAMES),
        ({"check": True}, "--no-check, --keep, --only or --policy", FRAMES),
        ({"segment_seconds": 0.3}, "part and segments", FRAMES),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.long
def test_what_was_made_otherwise_is_dropped_and_said(
    tmp_path: Path, settings: dict[str, Any], differs_in: str, searched: int
) -> None:
    run(J, tmp_path / "expected.mp4", **settings)
    interrupted(J, tmp_path / "out.mp4")
    heard = Heard()
    run(J, tmp_path / "out.mp4", progress=heard, **settings)
    assert heard.said[0].endswith(f"is dropped; this call differs in {differs_in}.")
    assert (heard.done[SEARCHING], heard.done[DRAWING]) == (searched, FRAMES)
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()
    assert hidden_in(tmp_path) == []


@pytest.mark.long
def test_another_input_of_the_same_name_begins_anew(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(J.read_bytes())
    with pytest.raises(Stopped):
        run(clip, tmp_path / "out.mp4", progress=Heard({DRAWING: 20}))
    clip.write_bytes(E.read_bytes())
    heard = Heard()
    run(clip, tmp_path / "out.mp4", progress=heard)
    assert "found and drawn is dropped; this call differs in input" in heard.said[0]
    run(clip, tmp_path / "expected.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()
    assert hidden_in(tmp_path) == []


@pytest.mark.parametrize("pieces", ["*.faces", "*.faces.state"])
@pytest.mark.long
def test_a_state_that_cannot_be_read_is_dropped_and_said(tmp_path: Path, pieces: str) -> None:
    run(J, tmp_path / "expected.mp4")
    interrupted(J, tmp_path / "out.mp4")
    (folder,) = hidden_in(tmp_path)
    assert len(list(folder.glob(pieces))) == SEGMENTS
    for piece in folder.glob(pieces):
        piece.write_bytes(piece.read_bytes()[:100])
    heard = Heard()
    run(J, tmp_path / "out.mp4", progress=heard)
    assert heard.said[0].endswith("its state cannot be read.")
    assert heard.done[DRAWING] == FRAMES
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()


@pytest.mark.long
def test_a_full_disk_keeps_what_is_found(tmp_path: Path) -> None:
    """/dev/full refuses every write as a full disk does."""
    run(J, tmp_path / "expected.mp4")
    with pytest.raises(Stopped):
        run(J, tmp_path / "out.mp4", progress=Heard({SEARCHING: LONGEST + 1}))
    (folder,) = hidden_in(tmp_path)

    class Full(Heard):
        def start(self, what: str, total: int | None) -> None:
            temporary(folder / "0001.faces", "partial").symlink_to("/dev/full")

    with pytest.raises(NothingCanBeWritten, match=r"1 of 4 segments are searched, and 0 drawn") as raised:
        run(J, tmp_path / "out.mp4", progress=Full())
    assert f"{tmp_path / 'out.mp4'} was not written" in raised.value.message
    run(J, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()


def test_what_is_refused_leaves_nothing_and_neither_does_what_has_just_begun(tmp_path: Path) -> None:
    none = CLIPS / "face_then_noface_6s.mp4"
    part = {"segment_seconds": 0.2, "extractor": "blazeface"}
    with pytest.raises(Stopped):
        run(J, tmp_path / "out.mp4", progress=Heard({SEARCHING: 2}), **part)
    assert hidden_in(tmp_path) == []
    options = AnonymizeOptions(check=False, missing="refuse")
    session = SessionOptions(extractor="blazeface", segment_seconds=0.4, part=Part.between("2.4", "3.6"))
    with pytest.raises(MienError, match="no face was found in frames"):
        anonymize(none, tmp_path / "out.mp4", method="blocks", options=options, session=session)
    assert list(tmp_path.iterdir()) == []
