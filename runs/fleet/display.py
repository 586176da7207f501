"""Progress for people: a live table in a terminal, a line a change anywhere else."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Protocol

from runs.fleet.texts import one_line, seconds_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from runs.fleet.types import Display, Row
    from runs.reports.types import FleetReport

# Rows that a live table shows: those that move come first, the rest is counted.
MAX_ROWS = 25
MESSAGE_CHARS = 160


class Stream(Protocol):
    def write(self, text: str, /) -> object: ...

    def flush(self) -> None: ...

    def isatty(self) -> bool: ...


def display_open(stream: Stream) -> Display:
    """The right one for where the command writes."""
    if _is_terminal(stream):
        return LiveDisplay()
    return PlainDisplay(stream)


def report_show(report: FleetReport, stream: Stream) -> None:
    """The report, rendered in a terminal; as Markdown anywhere else."""
    from runs.reports.markdown import report_markdown

    if not _is_terminal(stream):
        stream.write(report_markdown(report))
        stream.flush()
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(report_markdown(report, is_narrow=True)))


def _is_terminal(stream: Stream) -> bool:
    # A redirected or captured stream is not this process's own terminal, whatever it says.
    return stream.isatty() and sys.stdout.isatty()


class PlainDisplay:
    """A line each time something about a run changes; flushed, for whoever follows a pipe."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}

    def update(self, rows: Iterable[Row]) -> None:
        for row in rows:
            line = _line(row)
            if line and self._shown.get(row.run_id) != line:
                self._shown[row.run_id] = line
                elapsed = f" ({seconds_text(row.elapsed_seconds)})" if row.elapsed_seconds else ""
                self.say(f"{row.run_id}: {line}{elapsed}")

    def say(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left open."""


def _line(row: Row) -> str:
    """What is told of a run; '' as long as there is nothing to tell."""
    if row.status == "waiting":
        return ""
    progress = row.progress
    if progress is None:
        return row.status
    line = ", ".join(filter(None, (row.status, _phases(row), _phase(row))))
    # While a first attempt goes its way there is no news; why there is a second one, is.
    is_news = progress.attempt > 1 or row.status not in ("running", "stopping")
    if is_news and progress.message:
        line += f": {one_line(progress.message, MESSAGE_CHARS)}"
    return line


def _phases(row: Row) -> str:
    progress = row.progress
    return f"{progress.phases_done}/{progress.phases_total} phases" if progress else ""


def _phase(row: Row) -> str:
    progress = row.progress
    if progress is None or not progress.phase:
        return ""
    again = f" (attempt {progress.attempt})" if progress.attempt > 1 else ""
    beside = f" and {progress.others} more" if progress.others else ""
    return f"phase {progress.phase}{again}{beside}"


class LiveDisplay:
    """A table that is redrawn in place. rich is loaded only when one is shown."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console()
        self._live: Live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._live.start()

    def update(self, rows: Iterable[Row]) -> None:
        self._live.update(_table(list(rows)))

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._live.stop()


_ORDER = {"running": 0, "stopping": 0, "waiting": 2}


def _table(rows: Sequence[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, expand=True)
    for name in ("run", "status", "phases", "now"):
        table.add_column(name, no_wrap=True)
    table.add_column("elapsed", justify="right", no_wrap=True)
    # The message takes what is left of the line, and never anything of the other columns.
    table.add_column("last message", overflow="ellipsis", no_wrap=True, ratio=1)
    shown = list(rows)
    if len(rows) > MAX_ROWS:
        shown = sorted(rows, key=lambda row: _ORDER.get(row.status, 1))[:MAX_ROWS]
    for row in shown:
        message = one_line(row.progress.message, MESSAGE_CHARS) if row.progress else ""
        cells = (row.run_id, row.status, _phases(row), _phase(row))
        elapsed = seconds_text(row.elapsed_seconds) if row.elapsed_seconds else ""
        style = {"succeeded": "green", "done before": "green", "waiting": "dim"}.get(row.status, "")
        if row.status in ("failed", "crashed", "out of patience"):
            style = "red"
        # Text, never markup: a message may contain brackets.
        table.add_row(*(Text(cell, style=style) for cell in cells), Text(elapsed), Text(message))
    if len(rows) > len(shown):
        table.caption = _rest(rows, len(rows) - len(shown))
    return table


def _rest(rows: Sequence[Row], hidden: int) -> str:
    waiting = sum(row.status == "waiting" for row in rows)
    return f"{hidden} more runs are not shown; {waiting} of all {len(rows)} wait for their turn."
