"""`mien bench`, as a user meets it."""

import json
from pathlib import Path

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips" / "target_J_2s_audio.mp4"
LITTLE = ("--with", "solid", "--frames", "1", "--repeats", "1")


def test_stages_are_printed_written_and_compared(mien, tmp_path):
    figures, page = tmp_path / "figures.json", tmp_path / "performance.md"
    run = mien("bench", CLIP, *LITTLE, "--stages-only", "--json", figures, "--page", page)
    assert run.exit_code == 0, run.stderr
    assert "extract" in run.stdout and "blazeface" in run.stdout
    assert page.read_text().startswith("# How fast it is")
    assert json.loads(figures.read_text())["whole"] == []
    again = mien("bench", CLIP, *LITTLE, "--stages-only", "--compare", figures)
    assert again.exit_code == 0 and "Times before" in again.stdout
    (tmp_path / "file").write_text("")
    for option in ("--json", "--page"):
        refused = mien("bench", CLIP, option, tmp_path / "file" / "figures")
        assert refused.exit_code == 2 and "is a file, not a folder to write to" in refused.stderr
    broken = mien("bench", CLIP, "--compare", CLIP)
    assert broken.exit_code == 2 and "no report of a benchmark" in broken.stderr
