"""Tools of ours: their output whole, exceptions for what goes wrong."""

import sys
import threading
from pathlib import Path

import pytest

from runs.execution.process import (
    Cancellation,
    Cancelled,
    CommandNotFound,
    CommandNotStarted,
    CommandTimedOut,
    OutputTooLarge,
    capture,
    pipe_open,
)
from tests.runs.execution.processes import (
    ENV,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_capture_keeps_the_streams_apart():
    captured = capture(["sh", "-c", "echo out; echo err >&2; exit 4"], cwd=Path("/"), env=ENV)
    assert (captured.returncode, captured.stdout, captured.stderr) == (4, b"out\n", b"err\n")
    assert capture(["sh", "-c", "kill -9 $$"], cwd=Path("/"), env=ENV).returncode == -9


def test_capture_returns_all_of_a_large_output():
    captured = capture(["seq", "1000000"], cwd=Path("/"), env=ENV, contained=True)
    assert captured.stdout == b"".join(b"%d\n" % number for number in range(1, 1_000_001))


def test_capture_refuses_more_than_its_caller_can_take():
    whole = capture(["printf", "12345"], cwd=Path("/"), env=ENV, max_bytes=5)
    assert whole.stdout == b"12345"
    with pytest.raises(OutputTooLarge, match="more than 4 bytes"):
        capture(["printf", "12345"], cwd=Path("/"), env=ENV, max_bytes=4)
    # One byte over in what is read after the end: more than the pipe gives at once.
    with pytest.raises(OutputTooLarge):
        capture(["head", "-c", "65537", "/dev/zero"], cwd=Path("/"), env=ENV, max_bytes=65536)
    with pytest.raises(OutputTooLarge):
        capture(["yes"], cwd=Path("/"), env=ENV, max_bytes=1_000_000)


def test_capture_raises_for_what_goes_wrong(tmp_path):
    with pytest.raises(CommandTimedOut, match=r"0\.1 s"):
        capture(["sleep", "60"], cwd=Path("/"), env=ENV, wall_seconds=0.1)
    with pytest.raises(CommandNotFound, match="no-such-program"):
        capture(["no-such-program"], cwd=Path("/"), env=ENV)
    with pytest.raises(CommandNotStarted, match="gone"):
        capture(["true"], cwd=tmp_path / "gone", env=ENV)
    cancellation = Cancellation()
    threading.Timer(0.1, cancellation.request, ["enough"]).start()
    with pytest.raises(Cancelled, match="enough"):
        capture(["sleep", "60"], cwd=Path("/"), env=ENV, cancellation=cancellation)


def test_a_tool_held_open_answers_and_ends_when_its_input_closes():
    with pipe_open(["cat"], env=ENV, cwd=Path("/")) as tool:
        assert tool.stdin is not None
        assert tool.stdout is not None
        tool.stdin.write(b"question\n")
        assert tool.stdout.read(9) == b"question\n"
        tool.stdin.close()
        assert tool.wait(5) == 0
