"""Nothing of a command outlives it, its limits, its runner or its parent. On POSIX."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runs.execution.process import (
    Cancellation,
    Ending,
    RunnerDied,
    run,
    shutdown,
)
from runs.execution.processes import runner_pool
from runs.execution.processes.runner.wire import frame
from tests.runs.execution.processes import (
    DAEMON,
    ENV,
    ROOT,
    command,
    eventually,
    is_alive,
    pid_in,
    python,
    shell,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_a_daemon_that_left_its_session_is_dead_afterwards(tmp_path):
    result = run(command(*python(DAEMON, str(tmp_path / "daemon"))))
    assert result.ok
    assert result.survivors_killed == 1
    assert not is_alive(pid_in(tmp_path / "daemon.pid"))
    assert "1 other process(es) of it had to be killed" in result.explanation


def test_a_daemon_is_dead_after_a_limit_too(tmp_path):
    source = DAEMON + "\ntime.sleep(60)"
    result = run(command(*python(source, str(tmp_path / "daemon")), wall_seconds=1.0))
    assert result.ending is Ending.TIMED_OUT
    assert not is_alive(pid_in(tmp_path / "daemon.pid"))


RABBITS = """
import os, sys, time
end = time.monotonic() + 20
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() < end:
            os.setsid()
            if os.fork():
                os._exit(0)
            open(sys.argv[1], "a").write("x")
        os._exit(0)
time.sleep(0.3)
"""


def test_processes_that_fork_away_all_the_time_are_caught(tmp_path):
    trail = tmp_path / "trail"
    result = run(command(*python(RABBITS, str(trail)), grace_seconds=0.1))
    hops = trail.stat().st_size
    assert hops > 20
    assert result.ok
    assert result.survivors_killed >= 4
    assert result.seconds < 10
    assert trail.stat().st_size == hops


def test_output_held_open_by_a_background_child_does_not_hang():
    result = run(shell("sleep 60 & echo done"))
    assert result.ok
    assert result.output == "done\n"
    assert result.survivors_killed == 1
    assert result.seconds < 5


def test_what_ends_by_itself_at_once_is_no_survivor():
    result = run(shell("sleep 0.02 & echo done"))
    assert result.ok
    assert result.survivors_killed == 0


PARENT = f"""
import json, sys
sys.path[:0] = [{str(ROOT)!r}]
from pathlib import Path
from runs.execution.process import Command, CommandLimits, run
argv, limits = json.loads(sys.argv[1]), json.loads(sys.argv[2])
result = run(Command(tuple(argv), Path("/"), {{"PATH": "/usr/bin:/bin"}}, CommandLimits(**limits)))
print(result.ending, flush=True)
"""


def start_parent(argv: tuple[str, ...], **limits: float) -> subprocess.Popen[bytes]:
    """A Python of its own that runs `argv`."""
    args = [sys.executable, "-c", PARENT, json.dumps(argv), json.dumps(limits)]
    return subprocess.Popen(args, stdout=subprocess.PIPE, env={**ENV})


def test_nothing_outlives_a_parent_that_was_sigkilled(tmp_path):
    source = f"""
import os, subprocess, sys, time
open(sys.argv[2], "w").write(str(os.getppid()))
open(sys.argv[3], "w").write(str(os.getpid()))
child = subprocess.Popen(["sleep", "60"])
open(sys.argv[4], "w").write(str(child.pid))
{DAEMON}
time.sleep(60)
"""
    names = ["daemon", "runner", "main", "child"]
    with start_parent(python(source, *(str(tmp_path / name) for name in names))) as parent:
        pids = [pid_in(tmp_path / name) for name in ["daemon.pid", *names[1:]]]
        assert all(map(is_alive, pids))
        parent.kill()
        assert eventually(lambda: not any(map(is_alive, pids)), 5), [*filter(is_alive, pids)]


def test_limits_hold_while_the_parent_is_stopped(tmp_path):
    script = f"echo $$ > {tmp_path}/pid; sleep 60"
    with start_parent(("sh", "-c", script), wall_seconds=0.5) as parent:
        pid = pid_in(tmp_path / "pid")
        parent.send_signal(signal.SIGSTOP)
        assert eventually(lambda: not is_alive(pid), 5)
        parent.send_signal(signal.SIGCONT)
        assert parent.stdout is not None
        assert parent.stdout.read() == b"timed_out\n"


def test_a_request_to_cancel_kills_the_tree(tmp_path):
    cancellation = Cancellation()
    script = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(run, shell(script), cancellation=cancellation)
        pid = pid_in(tmp_path / "pid")
        cancellation.request("the run was cancelled")
        cancellation.request("too late for a second reason")
        result = future.result(10)
    assert result.ending is Ending.CANCELLED
    assert result.explanation == "sh: cancelled: the run was cancelled"
    assert not is_alive(pid)


def test_a_cancelled_command_is_not_started(tmp_path):
    cancellation = Cancellation()
    cancellation.request("no")
    result = run(shell(f"touch {tmp_path}/started"), cancellation=cancellation)
    assert result.ending is Ending.CANCELLED
    assert not (tmp_path / "started").exists()


def test_a_late_cancellation_does_not_hit_the_next_command(tmp_path):
    shutdown()
    assert run(shell("true")).ok
    [runner] = runner_pool._POOL._idle
    last = frame({"cancel": runner._serial})
    runner._sock.sendall(last)  # comes when the runner is idle
    with ThreadPoolExecutor(1) as threads:
        script = f"echo $$ > {tmp_path}/pid; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done"
        future = threads.submit(run, shell(script))
        pid_in(tmp_path / "pid")
        runner._sock.sendall(last)  # comes when it has gone on to the next
        (tmp_path / "go").touch()
        assert future.result(10).ok


def test_fifty_commands_from_eight_threads_do_not_mix():
    def one(number: int) -> bool:
        result = run(shell(f"echo {number}; exit {number}"))
        return (result.output, result.exit_code) == (f"{number}\n", number)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(50)))
    assert len(runner_pool._POOL._idle) <= runner_pool.IDLE_MAX


def test_a_killed_runner_is_told_its_command_dies_and_the_next_one_works(tmp_path):
    script = f"sleep 60 & echo $! > {tmp_path}/child; echo $PPID; wait"
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(run, shell(script), log_path=tmp_path / "log")
        runner = pid_in(tmp_path / "log")  # written by the runner, once it has told the session
        os.kill(runner, signal.SIGKILL)
        with pytest.raises(RunnerDied, match="Try the command again"):
            future.result(10)
    assert eventually(lambda: not is_alive(pid_in(tmp_path / "child")), 5)
    assert run(shell("true")).ok


def test_an_idle_runner_that_died_is_replaced_unnoticed():
    shutdown()
    assert run(shell("true")).ok
    [runner] = runner_pool._POOL._idle
    runner._process.kill()
    runner._process.wait()
    assert run(shell("true")).ok


def test_an_exception_in_the_waiting_thread_kills_the_command(tmp_path):
    class Alarm(SystemExit):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGUSR1, ring)
    pid_file = tmp_path / "pid"
    main = threading.main_thread().ident
    assert main is not None

    def raise_alarm() -> None:
        pid_in(pid_file)
        signal.pthread_kill(main, signal.SIGUSR1)

    alarm = threading.Thread(target=raise_alarm)
    alarm.start()
    try:
        with pytest.raises(Alarm):
            run(shell(f"echo $$ > {pid_file}; exec sleep 60"))
    finally:
        alarm.join()
        signal.signal(signal.SIGUSR1, before)
    assert not is_alive(pid_in(pid_file))


def run_in_fork(connection: Any) -> None:
    connection.recv()
    connection.send(run(shell("echo $PPID")).output)


def test_a_fork_uses_runners_of_its_own_and_does_not_hold_ours():
    mine = run(shell("echo $PPID")).output
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=run_in_fork, args=(theirs,))
    child.start()
    assert run(shell("echo $PPID")).output == mine
    started_at = time.monotonic()
    shutdown()  # a copy of a socket in the fork would keep the runner waiting
    assert time.monotonic() - started_at < runner_pool.LEAVE_SECONDS / 2
    mine = run(shell("echo $PPID")).output
    ours.send("go")
    its = ours.recv()
    assert its != mine
    child.join(10)
    assert child.exitcode == 0
    assert run(shell("echo $PPID")).output == mine
    assert eventually(lambda: not is_alive(int(its)))


def test_shutdown_ends_the_runners_and_a_later_command_starts_a_new_one():
    runner = int(run(shell("echo $PPID")).output)
    assert is_alive(runner)
    shutdown()
    assert not is_alive(runner)
    assert run(shell("true")).ok


def test_a_runner_that_is_told_to_leave_kills_its_command(tmp_path):
    script = f"echo $$ > {tmp_path}/pid; kill -TERM $PPID; exec sleep 60"
    with pytest.raises(RunnerDied):
        run(shell(script))
    assert not is_alive(pid_in(tmp_path / "pid"))


def test_a_runner_is_used_again():
    assert len({run(shell("echo $PPID")).output for _ in range(20)}) == 1
