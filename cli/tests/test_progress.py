"""What a user sees of work that takes its time."""

import io

import pytest
from rich.console import Console

from mien.progress import Progress
from mien_cli.progress import LineProgress, shown_on


def terminal(**options) -> Console:
    return Console(file=io.StringIO(), width=100, **options)


def text_of(console: Console) -> str:
    return console.file.getvalue()


def test_lines_come_every_few_seconds_with_rate_and_time_left():
    console, now = terminal(), [0.0]
    lines = LineProgress(console, seconds_between=5, clock=lambda: now[0])
    lines.start("faces", 100)
    for _ in range(40):
        now[0] += 0.5
        lines.advance(2, faces=3, share=0.123456)
    assert text_of(console).splitlines() == [
        "faces: 20 of 100, 4.0/s, 00:20 left, faces 3, share 0.1235",
        "faces: 40 of 100, 4.0/s, 00:15 left, faces 3, share 0.1235",
        "faces: 60 of 100, 4.0/s, 00:10 left, faces 3, share 0.1235",
        "faces: 80 of 100, 4.0/s, 00:05 left, faces 3, share 0.1235",
    ]


def test_slow_work_is_told_in_seconds_each():
    console, now = terminal(), [0.0]
    lines = LineProgress(console, clock=lambda: now[0])
    lines.start("training", 10)
    now[0] = 8.0
    lines.advance(2)
    assert text_of(console) == "training: 2 of 10, 4.0 s each, 00:32 left\n"


def test_a_stretch_leaves_one_line_and_an_empty_one_none():
    console, now = terminal(), [0.0]
    lines = LineProgress(console, clock=lambda: now[0])
    lines.start("faces", 4)
    lines.advance(4)
    now[0] = 2.0
    lines.start("writing", None)
    lines.close()
    assert text_of(console) == "faces: 4 in 00:02, 2.0/s\n"


def use(progress: Progress) -> None:
    progress.start("faces", 3)
    progress.advance(2, loss=0.25)
    progress.say("skipped [odd] file.jpg")
    progress.advance(1, loss=0.125)


def test_off_a_terminal_nothing_but_plain_lines_is_written():
    console = terminal()
    with shown_on(console) as progress:
        use(progress)
    said, faces = text_of(console).splitlines()
    assert said == "skipped [odd] file.jpg"
    assert faces.startswith("faces: 3 in 00:00")
    assert faces.endswith("loss 0.125")


def test_on_a_terminal_there_is_a_bar_with_the_figures_and_a_line_is_left():
    console = terminal(force_terminal=True)
    with shown_on(console) as progress:
        use(progress)
    shown = text_of(console)
    assert "\x1b[" in shown
    assert "skipped [odd] file.jpg" in shown
    assert "━" in shown
    assert "0/3" in shown
    assert "faces: 3 in 00:00" in shown


def test_the_line_of_an_interrupted_stretch_is_left_too():
    console = terminal()
    with pytest.raises(KeyboardInterrupt), shown_on(console) as progress:
        use(progress)
        raise KeyboardInterrupt
    assert "faces: 3 in 00:00" in text_of(console)
