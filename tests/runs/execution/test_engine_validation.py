"""What an attempt's commands may and may not do, and what is made of their word."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from runs.execution.sandbox import SandboxUnavailable, sandbox_resolve
from runs.states import FailureKind, RunState
from tests.runs.execution.driving import attempts_of, drive, outcomes
from tests.runs.execution.plans import add_line, phase, py, sh, shell, write
from tests.runs.execution.processes import DAEMON, eventually, is_alive, pid_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)

TESTS = """
import unittest

class Answers(unittest.TestCase):
    def test_old(self):
        self.assertEqual(open("old.txt").read(), "right\\n")

    def test_new(self):
        self.assertEqual(open("new.txt").read(), "right\\n")
"""
UNITTEST = py("import sys; sys.path.insert(0, '.'); import unittest; unittest.main('checks')")
ONCE = {"max_attempts": 1}


def with_bubblewrap() -> bool:
    try:
        sandbox_resolve("bubblewrap")
    except SandboxUnavailable:
        return False
    return True


needs_bubblewrap = pytest.mark.skipif(not with_bubblewrap(), reason="bubblewrap does not work here")
MODES = ["none", pytest.param("bubblewrap", marks=needs_bubblewrap)]


# --- The verdict ------------------------------------------------------------------------------


def test_a_check_that_fails_once_is_flaky_and_the_work_is_good(
    make_run: MakeRun, tmp_path: Path
) -> None:
    once = sh('test -e "$1" || { touch "$1"; exit 1; }', tmp_path / "seen")
    run = make_run(phase("a", add_line(0), checks=[once]))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert report.validation["checks"][0]["status"] == "flaky"
    assert report.validation["flaky"]
    assert "flaky" in attempts_of(run, "a")[0].phase.explanation


def test_a_phase_is_not_blamed_for_a_test_that_fails_at_its_base(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(checks__py=TESTS, old__txt="wrong\n", new__txt="right\n")
    run = make_run(phase("a", add_line(0), checks=[UNITTEST]))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert report.validation["checks"][0]["status"] == "baseline"
    assert any("test_old" in name for name in report.validation["known_failures"])


def test_a_phase_is_blamed_for_the_test_that_it_broke_although_another_was_broken_before(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(checks__py=TESTS, old__txt="wrong\n", new__txt="right\n")
    run = make_run(phase("a", write("new.txt", "wrong\n"), checks=[UNITTEST], limits=ONCE))
    (report,) = drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.VALIDATION)
    assert ["test_new" in name for name in report.validation["new_failures"]] == [True]
    assert ["test_old" in name for name in report.validation["known_failures"]] == [True]


def test_after_a_look_at_the_base_the_attempts_own_work_is_in_the_tree_again(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    broken = sh('tr "\\n" " " < f0.txt >> "$1"; echo >> "$1"; echo broken; exit 1', seen)
    run = make_run(
        phase("a", add_line(0), checks=[broken, "grep -qx more f0.txt"], limits=ONCE),
    )
    (report,) = drive(run)
    looked = [line.strip() for line in seen.read_text().splitlines()]
    assert looked == ["line 0 more", "line 0 more", "line 0"], "twice the work, once the base"
    assert [check["status"] for check in report.validation["checks"]] == ["baseline", "passed"]
    assert run.state == RunState.SUCCEEDED


def test_tests_that_a_change_takes_away_are_reported(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.write("tests/test_answers.py", TESTS)
    repository.commit()
    cut = TESTS[: TESTS.index("    def test_new")]
    run = make_run(phase("a", write("tests/test_answers.py", cut)))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert any("test_new" in str(weak) for weak in report.validation["weakened_tests"])


def test_the_commands_of_a_phase_come_before_the_plans_and_those_before_the_projects(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    from runs import services

    trace = tmp_path / "trace"
    project = services.project_create(
        name="own",
        source=str(repository.folder),
        validation_commands=[sh('echo project >> "$1"', trace)],
    )
    said = [sh('echo plan >> "$1"', trace)]
    drive(
        make_run(
            phase("a", add_line(0), checks=[sh('echo phase >> "$1"', trace)]),
            phase("b", add_line(1), checks=[], after=("a",)),
            project=project, validation_commands=said,
        )
    )  # fmt: skip
    drive(make_run(phase("a", add_line(0), checks=[]), project=project, run_id="second"))
    assert trace.read_text().split() == ["phase", "plan", "project"]


def test_an_attempt_that_nothing_could_validate_says_so(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0), checks=[]))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert "no checks were found" in report.validation["explanation"]


def test_what_a_validation_changes_in_the_tree_is_not_part_of_the_work(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase("a", add_line(0), checks=[sh("echo late >> f1.txt; echo late > late.txt")]),
        phase("b", add_line(2), checks=[sh("test ! -e late.txt && ! grep late f1.txt")],
              after=("a",)),
    )  # fmt: skip
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.files("autopack/first") == repository.files("main")
    assert repository.show("autopack/first", "f1.txt") == "line 1"


# --- Commands that misbehave ------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_command_that_does_not_exist_is_the_environments_problem_with_what_to_do(
    mode: str, make_run: MakeRun, settings: Settings
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    run = make_run(phase("a", add_line(0), checks=["no-such-program --check"], limits=ONCE))
    (report,) = drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert report.validation["checks"][0]["status"] == "errored"
    assert "no-such-program" in run.explanation
    assert "Install it" in run.explanation


@pytest.mark.parametrize("mode", MODES)
def test_a_flood_of_output_costs_neither_memory_nor_disk(
    mode: str, make_run: MakeRun, settings: Settings, home: Path
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    flood = (
        "grep -q more f0.txt || exit 0; "
        "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1"
    )
    run = make_run(phase("a", add_line(0), checks=[sh(flood)], limits=ONCE))
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert len(str(report.as_json())) < 20_000
    log = home / "runs" / "first" / "a" / "1" / "attempt.log"
    assert log.stat().st_size < 80 * 1024 * 1024
    assert "the end" in run.phases.get().hint


@pytest.mark.parametrize("mode", MODES)
def test_what_forks_away_from_a_command_does_not_outlive_it(
    mode: str, make_run: MakeRun, settings: Settings, tmp_path: Path
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    away = "sleep 600 & setsid sh -c 'sleep 601' & nohup setsid sleep 602 & true"
    marker = "away"
    daemon = py(DAEMON, marker)
    run = make_run(phase("a", add_line(0), shell(away, attempts=[2]), checks=[daemon, sh(away)]))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    sleeping = eventually(lambda: not _processes_in(tmp_path))
    assert sleeping, _processes_in(tmp_path)


def _processes_in(folder: Path) -> list[str]:
    """Processes that work in the worktrees below `folder`."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        cwd, argv = process.info["cwd"], process.info["cmdline"]
        if cwd and cwd.startswith(str(folder / "worktrees")) and argv:
            found.append(" ".join(argv))
    return found


def test_a_daemon_left_by_a_command_is_dead_when_the_attempt_ends(
    make_run: MakeRun, tmp_path: Path
) -> None:
    pid = tmp_path / "daemon"
    run = make_run(phase("a", add_line(0), checks=[py(DAEMON, pid)]))
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert not is_alive(pid_in(tmp_path / "daemon.pid"))


@pytest.mark.parametrize("mode", MODES)
def test_commands_see_no_secret_of_the_server(
    mode: str, make_run: MakeRun, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    for name in ("DJANGO_SECRET_KEY", "AUTOPACK_SECRET_PROVIDER", "DATABASE_URL", "AWS_SECRET_KEY"):
        monkeypatch.setenv(name, "k4fka")
    own_index = "https://someone:k4fka@packages.example/simple"
    settings.AUTOPACK_CHILD_ENVIRONMENT = {
        **settings.AUTOPACK_CHILD_ENVIRONMENT, "PIP_INDEX_URL": own_index, "UV_INDEX": own_index
    }  # fmt: skip
    spy = "! env | grep -e k4fka -e ^DATABASE_URL -e ^AUTOPACK_SECRET -e ^DJANGO"
    run = make_run(phase("a", add_line(0), shell(spy), checks=[sh(spy)]))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


@needs_bubblewrap
def test_commands_in_the_sandbox_cannot_read_our_home_or_another_process(
    make_run: MakeRun, settings: Settings, home: Path
) -> None:
    settings.AUTOPACK_SANDBOX = "bubblewrap"
    (home / "secret_key").write_text("very-secret")
    spy = sh(
        'test ! -e "$1/secret_key" && test ! -e "/proc/$2/environ" && test ! -e "$3"',
        home, os.getpid(), settings.DATABASES["default"]["NAME"],
    )  # fmt: skip
    run = make_run(phase("a", add_line(0), checks=[spy]))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


@pytest.fixture
def server() -> Iterator[int]:
    """A port of the host that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        yield listening.getsockname()[1]
        stop.set()
        thread.join()


# Only where the work is done, so that the same failure at the base is no excuse.
CONNECT = """
import socket, sys
if "more" in open("f0.txt").read():
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 3).close()
"""


@needs_bubblewrap
def test_in_the_sandbox_there_is_a_network_only_for_a_step_that_asks(
    make_run: MakeRun, settings: Settings, server: int
) -> None:
    settings.AUTOPACK_SANDBOX = "bubblewrap"
    closed = {"kind": "run", "argv": py(CONNECT, server)}
    run = make_run(phase("a", add_line(0), closed, limits=ONCE), run_id="closed")
    drive(run)
    assert run.state == RunState.FAILED
    opened = {**closed, "network": True}
    run = make_run(phase("a", add_line(0), opened, limits=ONCE), run_id="opened")
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


@needs_bubblewrap
def test_a_validation_has_no_network_unless_its_phase_asks(
    make_run: MakeRun, settings: Settings, server: int
) -> None:
    settings.AUTOPACK_SANDBOX = "bubblewrap"
    check = [py(CONNECT, server)]
    closed = make_run(phase("a", add_line(0), checks=check, limits=ONCE))
    drive(closed)
    assert closed.state == RunState.FAILED
    asks = {**ONCE, "network": True}
    opened = make_run(phase("a", add_line(0), checks=check, limits=asks), run_id="opened")
    drive(opened)
    assert opened.state == RunState.SUCCEEDED, opened.explanation


def test_a_build_that_moves_the_head_of_its_worktree_wins_nothing(
    make_run: MakeRun, repository: GitRepository
) -> None:
    sneaky = shell(
        "echo sneaked > sneaked.txt; git add -A; "
        "git -c user.name=x -c user.email=x@y commit -q -m sneaked; git branch stolen; "
        "git update-ref refs/heads/main HEAD; true"
    )
    run = make_run(phase("a", sneaky, add_line(0), modify=("f0.txt",), limits=ONCE))
    main = repository.tip("main")
    drive(run)
    assert run.state == RunState.FAILED, "what it committed itself is judged like all the rest"
    assert run.failure_kind == FailureKind.POLICY_VIOLATION
    assert repository.tip("main") == main
    assert repository.tip("stolen") == repository.tip("autopack/first") == ""


def test_two_attempts_see_each_others_leavings_in_no_way(make_run: MakeRun) -> None:
    leave = shell(
        "echo x > left.txt; mkdir -p deep/er && git init -q deep/er; chmod 500 deep; false",
        attempts=[1],
    )
    look = shell("test ! -e left.txt && test ! -e deep", attempts=[2])
    run = make_run(phase("a", leave, look, add_line(0)))
    drive(run)
    assert outcomes(run) == {"a": ["failed", "succeeded"]}
