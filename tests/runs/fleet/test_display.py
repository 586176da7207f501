"""Progress in a terminal and elsewhere; nothing a run says can reach the terminal as a command."""

from __future__ import annotations

import io

from rich.console import Console

from runs.fleet.display import LiveDisplay, PlainDisplay
from runs.fleet.texts import many_lines, one_line, seconds_text
from runs.fleet.types import Progress, Row


def live(*rows: Row, width: int = 100) -> str:
    stream = io.StringIO()
    display = LiveDisplay(Console(file=stream, force_terminal=True, width=width, color_system=None))
    display.update(rows)
    display.say("said [in] brackets")
    display.close()
    return stream.getvalue()


def test_a_table_shows_where_each_run_is():
    shown = live(
        Row("one", "running", 61.0, Progress("RUNNING", 1, 3, "build", 2, 1, "It [failed] once")),
        Row("two", "waiting", 0.0),
    )
    for cell in ("one", "1/3 phases", "phase build (attempt 2) and 1 more", "1:01 min",
                 "It [failed] once", "waiting", "said [in] brackets"):  # fmt: skip
        assert cell in shown, cell


def test_a_long_table_shows_what_moves_and_counts_the_rest():
    rows = [Row(f"run-{n}", "waiting", 0.0) for n in range(60)] + [Row("moves", "running", 1.0)]
    shown = live(*rows)
    assert "moves" in shown
    assert "36 more runs are not shown" in shown


def test_plain_lines_come_with_changes_only():
    stream = io.StringIO()
    display = PlainDisplay(stream)
    row = Row("one", "running", 1.0, Progress("RUNNING", 0, 2, "a", 1))
    later = Row("one", "running", 2.0, Progress("RUNNING", 0, 2, "a", 1))
    other = Row("one", "running", 3.0, Progress("RUNNING", 1, 2, "b", 1))
    for each in ([Row("one", "waiting", 0.0)], [row], [later], [other]):
        display.update(each)
    assert stream.getvalue().splitlines() == [
        "one: running, 0/2 phases, phase a (1.0 s)",
        "one: running, 1/2 phases, phase b (3.0 s)",
    ]


def test_escape_sequences_are_taken_out():
    hostile = "\x1b]0;owned\x07\x1b[2Jgone\r\nnext\u202e"
    assert one_line(hostile) == "]0;owned [2Jgone next"
    assert "\x1b" not in many_lines(hostile, 100)
    assert one_line("x" * 1000, 20) == "x" * 17 + "..."


def test_times_are_readable():
    assert [seconds_text(s) for s in (0.04, 59.9, 61, 3723)] == [
        "0.0 s", "59.9 s", "1:01 min", "1:02:03 h",
    ]  # fmt: skip
