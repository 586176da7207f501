"""What a command is given, what stops it, and what is told about it. On POSIX."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from runs.execution.process import (
    Command,
    Ending,
    StartFailure,
    capture,
    run,
    shutdown,
)
from runs.execution.processes import runner_pool
from tests.runs.execution.processes import (
    ENV,
    command,
    python,
    shell,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_exit_code_and_merged_output_are_told_in_order():
    result = run(shell("echo one; echo two >&2; echo three; exit 3"))
    assert (result.ending, result.exit_code, result.signal) == (Ending.EXITED, 3, None)
    assert result.output == "one\ntwo\nthree\n"
    assert result.output_bytes == 14
    assert not result.ok
    assert result.explanation == "sh: exited with 3"


def test_a_signal_is_no_exit_code():
    result = run(shell("kill -SEGV $$"))
    assert (result.ending, result.exit_code, result.signal) == (Ending.SIGNALLED, None, 11)
    assert result.explanation == "sh: ended by SIGSEGV"


def test_the_wall_clock_limit_kills():
    result = run(shell("echo begun; sleep 60", wall_seconds=0.2))
    assert result.ending is Ending.TIMED_OUT
    assert result.output == "begun\n"
    assert result.seconds < 5
    assert result.explanation == "sh: killed after 0.2 s, its time limit"


def test_a_command_may_have_no_limit_at_all():
    assert run(shell("true", wall_seconds=float("inf"), inactivity_seconds=None)).ok


def test_silence_kills_and_output_keeps_alive():
    chatty = "for i in 1 2 3 4 5 6; do sleep 0.1; echo $i; done"
    assert run(shell(chatty, inactivity_seconds=0.4)).ok
    result = run(shell("sleep 60", inactivity_seconds=0.2))
    assert result.ending is Ending.INACTIVE
    assert result.explanation == "sh: killed after 0.2 s without output"


def test_a_command_may_say_goodbye_within_its_grace():
    polite = """
import signal, sys
def leave(*_):
    print("bye")
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""
    result = run(command(*python(polite), wall_seconds=0.3))
    assert (result.ending, result.exit_code) == (Ending.TIMED_OUT, 7)
    assert result.output == "ready\nbye\n"


def test_a_command_deaf_to_sigterm_is_killed_after_its_grace():
    deaf = "trap '' TERM; while :; do sleep 0.01; done"
    result = run(shell(deaf, wall_seconds=0.1, grace_seconds=0.3))
    assert (result.ending, result.signal) == (Ending.TIMED_OUT, signal.SIGKILL)
    assert 0.4 <= result.seconds < 5


def test_a_flood_stays_bounded_in_memory_and_on_disk(tmp_path):
    shutdown()
    log = tmp_path / "flood.log"
    flood = command("yes", "0123456789" * 50, wall_seconds=0.8, log_max_bytes=100_000)
    result = run(flood, log_path=log)
    assert result.output_bytes > 50_000_000
    assert len(result.output) < 70_000
    assert result.omitted_bytes == result.output_bytes - 64 * 1024
    text = log.read_bytes()
    assert 100_000 < len(text) < 100_100
    assert text.endswith(b"\n[the log stops here, at its limit of 100000 bytes]\n")
    [runner] = runner_pool._POOL._idle
    status = Path(f"/proc/{runner._process.pid}/status").read_text()
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    assert peak_kib < 40_000


def test_the_middle_of_a_long_output_is_left_out_and_counted(tmp_path):
    log = tmp_path / "log"
    result = run(shell("seq 1000", head_bytes=7, tail_bytes=9), log_path=log)
    whole = "".join(f"{number}\n" for number in range(1, 1001))
    assert result.output == "1\n2\n3\n4\n[... 3877 bytes left out ...]\n999\n1000\n"
    assert log.read_text() == whole
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_is_appended_to_and_its_limit_counts_what_was_there(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    run(shell("echo after", log_max_bytes=10), log_path=log)
    assert log.read_text().startswith("before\naft\n[the log stops here")


def test_a_full_disk_ends_the_log_and_not_the_command():
    result = run(shell("seq 100000"), log_path=Path("/dev/full"))
    assert result.ok
    assert result.output_bytes == 588_895
    assert result.log_error == "No space left on device"


def test_a_log_path_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("")
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    result = run(shell("echo x"), log_path=tmp_path / "log")
    assert result.ok
    assert result.log_error
    assert (tmp_path / "victim").read_text() == ""


def test_a_log_path_that_is_a_pipe_nobody_reads_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "log")
    assert run(shell("echo x"), log_path=tmp_path / "log").log_error


def make_file(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("argv", "failure", "hint"),
    [
        (("no-such-program",), StartFailure.NOT_FOUND, "in no folder of PATH"),
        (("/no/such/program",), StartFailure.NOT_FOUND, "Install it"),
        (("/etc/passwd/x",), StartFailure.NOT_FOUND, "Install it"),
        (("/etc/passwd",), StartFailure.PERMISSION, "chmod"),
        (("/etc",), StartFailure.PERMISSION, "is a folder"),
        ((), StartFailure.BAD_ARGUMENT, "empty"),
        (("",), StartFailure.BAD_ARGUMENT, "empty"),
        (("echo", "a\0b"), StartFailure.BAD_ARGUMENT, "null"),
        (("ec\0ho",), StartFailure.BAD_ARGUMENT, "null"),
        (("echo", "\ud800"), StartFailure.BAD_ARGUMENT, "surrogates"),
        (("echo", "x" * 3_000_000), StartFailure.TOO_BIG, "standard input"),
    ],
)
def test_what_cannot_be_started_says_exactly_why(argv, failure, hint):
    result = run(command(*argv))
    assert (result.ending, result.start_failure) == (Ending.NOT_STARTED, failure)
    assert hint in result.explanation
    assert run(command("true")).ok


def test_scripts_that_cannot_be_executed_say_why(tmp_path):
    bad = make_file(tmp_path / "bad", "#!/no/such/interpreter\n")
    none = make_file(tmp_path / "none", "echo no first line\n")
    assert run(command(bad)).start_failure is StartFailure.BAD_INTERPRETER
    assert run(command(none)).start_failure is StartFailure.NOT_EXECUTABLE


def test_a_bad_working_directory_says_so(tmp_path):
    result = run(command("true", cwd=tmp_path / "gone"))
    assert result.start_failure is StartFailure.BAD_CWD
    assert str(tmp_path / "gone") in result.explanation


@pytest.mark.parametrize("env", [{"A\0B": "x"}, {"A": "x\0y"}, {"A=B": "x"}, {"": "x"}])
def test_a_bad_environment_is_refused(env):
    result = run(Command(("true",), Path("/"), {**ENV, **env}))
    assert result.start_failure is StartFailure.BAD_ARGUMENT


def test_the_environment_is_exactly_the_one_given():
    env = {"PATH": "/usr/bin", "LIGATURE": "ﬁ", "RAW": "\udcff", "EMPTY": ""}
    result = run(Command(("env", "-0"), Path("/"), env))
    nul = "\ufffd"  # what NUL becomes, which no text may hold
    assert result.output == f"PATH=/usr/bin{nul}LIGATURE=ﬁ{nul}RAW=\ufffd{nul}EMPTY={nul}"


def test_programs_come_from_the_path_given_and_never_from_the_working_directory(tmp_path):
    make_file(tmp_path / "tool", "#!/bin/sh\necho found\n")
    found = Command(("tool",), Path("/"), {"PATH": f"/nowhere:{tmp_path}"})
    assert run(found).output == "found\n"
    for path in (".", "", "::/usr/bin"):
        result = run(Command(("tool",), tmp_path, {"PATH": path}))
        assert result.start_failure is StartFailure.NOT_FOUND


def test_unicode_and_undecodable_bytes_pass(tmp_path):
    result = run(command("printf", r"%s \377 \360\237\230\200 %s", "ü", "\udcfe"))
    assert result.output == "ü \ufffd \U0001f600 \ufffd"
    face = run(shell(r"printf 'abc\360\237\230\200def'", head_bytes=5, tail_bytes=100))
    assert (face.head, face.tail) == ("abc", "\U0001f600def")


def test_standard_input_is_given_whole_and_else_empty():
    data = os.urandom(3_000_000)
    assert capture(["cat"], cwd=Path("/"), env=ENV, stdin=data).stdout == data
    assert run(command("wc", "-c", stdin=b"12345")).output == "5\n"
    assert run(command("wc", "-c")).output == "0\n"


def test_signals_are_at_their_defaults_even_when_the_parent_ignores_them():
    shutdown()  # so that a runner is started by a parent that ignores
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = run(command("cat", "/proc/self/status")).output
    finally:
        signal.signal(signal.SIGINT, before)
        shutdown()
    lines = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Sig"))
    own_of_libc = 1 << 31 | 1 << 32  # glibc's posix_spawn leaves its two internal ones ignored
    assert int(lines["SigIgn"], 16) & ~own_of_libc == 0
    assert int(lines["SigBlk"], 16) == 0


def test_a_command_has_its_own_session_and_none_of_our_files():
    source = "import os; print(os.getsid(0) == os.getpgrp() == os.getpid(), os.listdir('/dev/fd'))"
    assert run(command(*python(source))).output == "True ['0', '1', '2', '3']\n"
