"""Failures of the surroundings that waiting or tidying heals, and the rules of the loop."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from hardening.models import FailurePattern, MitigationEvent
from runs.models import ModelCall
from runs.reports.build import runs_facts
from runs.states import RunState
from tests.runs.execution.driving import drive
from tests.runs.execution.hardened import (
    ONCE,
    Hardened,
    doctor,
    hardened,
    log_of,
    told,
    wheel_make,
)
from tests.runs.execution.plans import add_line, phase, py, sh, shell, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.repositories import GitRepository

__all__ = ["doctor", "hardened"]

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "grep -q more f0.txt || exit 0; "


@pytest.fixture(autouse=True)
def impatient(settings: Settings) -> None:
    settings.AUTOPACK_MITIGATION_WAIT_SECONDS = 0.05


def a(*checks: object) -> dict[str, object]:
    return phase("a", add_line(0), checks=list(checks), limits=ONCE)


class Flaky(ThreadingHTTPServer):
    """Answers 503 until it was asked `failures` times; then it gives `answer`."""

    def __init__(self, failures: int) -> None:
        self.failures, self.asked = failures, 0
        self.files: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", 0), _Answers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Flaky

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = self.server
        server.asked += 1
        good = server.asked > server.failures
        body = server.files.get(self.path, b"ok") if good else b"busy"
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(body)))
        is_page = self.path.endswith("/")
        self.send_header("Content-Type", "text/html" if is_page else "application/octet-stream")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        del arguments


@pytest.fixture
def flaky() -> Iterator[Flaky]:
    # The check, its repetition and the one at the base fail.
    server = Flaky(failures=3)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


FETCH = (
    "import sys, urllib.request as u; 'more' in open('f0.txt').read() and u.urlopen(sys.argv[1])"
)


def test_a_network_that_fails_and_comes_back(hardened: Hardened, flaky: Flaky) -> None:
    def again() -> None:
        flaky.asked, flaky.failures = 0, 2

    report = hardened.heals(
        a(py(FETCH, flaky.url)), pattern="network_error", action="wait_and_retry", again=again
    )
    assert flaky.asked == 3
    assert report.mitigations[0]["seconds"] < 10


def test_an_index_of_packages_that_fails_and_comes_back(
    hardened: Hardened, repository: GitRepository, flaky: Flaky, settings: Settings
) -> None:
    """The environment itself cannot be prepared at first."""
    wheel = wheel_make(repository.folder.parent / "served", "tiny-words")
    link = f'<a href="{flaky.url}/{wheel.name}">{wheel.name}</a>'.encode()
    flaky.files = {"/simple/tiny-words/": link, f"/{wheel.name}": wheel.read_bytes()}
    flaky.failures = 8
    settings.AUTOPACK_CHILD_ENVIRONMENT = {
        **settings.AUTOPACK_CHILD_ENVIRONMENT,
        "UV_DEFAULT_INDEX": f"{flaky.url}/simple",
        "UV_INDEX_URL": f"{flaky.url}/simple",
        "UV_HTTP_RETRIES": "0",
    }
    repository.write("requirements.txt", "tiny-words\n")
    repository.write("shop.py", "import tiny_words\n")
    repository.commit()

    def again() -> None:
        flaky.asked, flaky.failures = 0, 1

    report = hardened.heals(
        a("python shop.py"), pattern="network_error", action="wait_and_retry", again=again
    )
    assert report.mitigations[0]["stage"] == "prepare"


LOCKED = """
import sqlite3, sys
if "more" in open("f0.txt").read():
    base = sqlite3.connect(sys.argv[1], timeout=0)
    open(sys.argv[1] + ".asked", "a").write("x")
    base.execute("insert into prices values (1)")
    base.commit()
"""


def test_a_database_that_is_locked_for_a_while(hardened: Hardened, tmp_path: Path) -> None:
    path = tmp_path / "prices.sqlite3"
    holder = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    holder.execute("create table prices (price)")
    holder.execute("begin exclusive")
    stop = threading.Event()

    def let_go() -> None:
        """As soon as the check was refused twice."""
        asked = path.with_name("prices.sqlite3.asked")
        while not stop.wait(0.01):
            if asked.exists() and len(asked.read_text()) >= 2:
                holder.execute("rollback")
                return

    thread = threading.Thread(target=let_go)

    def again() -> None:
        path.with_name("prices.sqlite3.asked").unlink()
        thread.start()

    try:
        hardened.heals(
            a(py(LOCKED, path)), pattern="resource_locked", action="wait_and_retry", again=again
        )
    finally:
        stop.set()
        thread.join() if thread.ident else None
        holder.close()


def test_a_lock_that_a_dead_git_left(hardened: Hardened) -> None:
    """A step of the recipe uses git; one before it was killed in the middle of a write."""
    leave = 'touch "$(git rev-parse --git-dir)/index.lock"'
    hardened.heals(
        phase(
            "a", shell(leave), write("new.txt", "new\n"),
            {"kind": "run", "argv": ["git", "add", "new.txt"]},
            checks=["test -f new.txt"], limits=ONCE,
        ),
        pattern="git_lock",
        action="remove_git_lock",
    )  # fmt: skip


def test_a_lock_whose_removal_does_not_help_is_put_back(hardened: Hardened, home: Path) -> None:
    stubborn = (
        'lock="$(git rev-parse --git-dir)/probe.lock"; test -e "$1" || touch "$lock" "$1"; '
        'test -e "$lock" && echo LOCK=there || echo LOCK=gone; echo; '
        "echo \"fatal: Unable to create '$lock': File exists.\"; exit 128"
    )
    check = sh(f"{BEFORE}{stubborn}", home / "left")
    hardened.undoes(a(check), action="remove_git_lock")
    log = (home / "runs/on/a/1/attempt.log").read_text()
    seen = [line for line in log.splitlines() if line.startswith("LOCK=")]
    assert seen[:3] == ["LOCK=there", "LOCK=gone", "LOCK=there"]


def test_a_lock_that_is_not_ours_stays(hardened: Hardened, tmp_path: Path) -> None:
    other = tmp_path / "other" / ".git" / "index.lock"
    other.parent.mkdir(parents=True)
    other.touch()
    said = sh(f"{BEFORE}echo \"fatal: Unable to create '$1': File exists.\"; exit 128", other)
    run = hardened.run(a(said))
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert other.exists()
    assert [m["outcome"] for m in report.mitigations] == ["refused"], told([report])


FULL = """
import glob, os, sys
if "more" in open("f0.txt").read() and glob.glob(sys.argv[1]):
    raise OSError(28, "No space left on device")
"""


def test_a_disk_that_is_full_of_what_autopack_keeps(
    hardened: Hardened, home: Path, tmp_path: Path
) -> None:
    """The disk has room once an idle template is gone: a folder stands for the disk."""
    from runs.execution.environment.venvs import _RECORD

    def fill() -> None:
        (mirror,) = (home / "repositories").glob("*.git")
        folder = home / "cache" / mirror.stem / "environments" / "old"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RECORD).touch()
        os.utime(folder / _RECORD, (0, 0))

    check = py(FULL, home / "cache" / "*" / "environments" / "old")
    drive(hardened.make_run(phase("a", add_line(1)), run_id="first"))
    fill()
    hardened.heals(a(check), pattern="disk_full", action="prune_caches", again=fill)


# --- The rules of the loop --------------------------------------------------------------------


def test_no_more_than_three_mitigations_and_none_twice_for_the_same_failure(
    hardened: Hardened, home: Path
) -> None:
    check = sh(f"{BEFORE}echo 'sqlite3.OperationalError: database is locked'; exit 1")
    run = hardened.run(a(check))
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert [(m["pattern"], m["outcome"]) for m in report.mitigations] == [
        ("resource_locked", "not_fixed")
    ]
    changing = 'n=$(cat "$1" 2>/dev/null || echo 0); n=$((n + 1)); echo $n > "$1"; '
    names = "case $n in 1) w=one;; 2) w=two;; 3) w=three;; 4) w=four;; *) w=five;; esac; "
    said = f'{BEFORE}{changing}{names}echo "sqlite3.OperationalError: database is locked: $w"'
    other = hardened.run(a(sh(f"{said}; exit 1", home / "count")), name="other")
    (report,) = drive(other)
    assert len(report.mitigations) == 3
    assert {m["outcome"] for m in report.mitigations[:2]} == {"failed_differently"}
    assert MitigationEvent.objects.filter(attempt__phase__run=other).count() == 3


def test_a_genuine_failure_goes_to_the_doctor_untouched(hardened: Hardened) -> None:
    run = hardened.run(a(py("assert 'more' not in open('f0.txt').read(), 'the price is wrong'")))
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert report.mitigations == ()
    assert "the price is wrong" in hardened.doctor.asked[0]


def test_without_the_flag_nothing_of_it_is_even_loaded(home: Path) -> None:
    import subprocess

    code = (
        "import os, sys; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')\n"
        "import django; django.setup()\n"
        "import runs.execution.driver\n"
        "found = [n for n in sys.modules if n in ('re2', 'hardening.matching') "
        "or n == 'runs.execution.mitigation']\n"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_pattern_that_an_operator_only_lets_suggest_does_nothing(hardened: Hardened) -> None:
    from hardening.services import pattern_change

    pattern_change("resource_locked", {"mode": "suggest"}, by="Ada")
    check = sh(f"{BEFORE}echo 'sqlite3.OperationalError: database is locked'; exit 1")
    run = hardened.run(a(check))
    (report,) = drive(run)
    assert [m["outcome"] for m in report.mitigations] == ["suggested"]
    assert FailurePattern.objects.get(slug="resource_locked").mode == "suggest"
    assert hardened.doctor.asked


def test_what_a_doctor_would_have_cost_is_the_median_of_this_runs_calls(
    hardened: Hardened, tmp_path: Path
) -> None:
    check = sh(
        f"{BEFORE}test -e \"$1\" && exit 0; touch \"$1\"; "
        "echo 'sqlite3.OperationalError: database is locked'; exit 1", tmp_path / "seen",
    )  # fmt: skip
    run = hardened.run(a(check))
    for tokens in (1000, 5000, 9000):
        ModelCall.objects.create(
            run=run, role="doctor", backend="x", model="m", input_tokens=tokens
        )
    (report,) = drive(run)
    (mitigation,) = report.mitigations
    assert mitigation["tokens_saved_estimate"] == 5000
    assert (mitigation["tokens_saved_source"], mitigation["tokens_saved_sample"]) == ("run", 3)
    assert report.tokens_saved_estimate == 5000
    facts = runs_facts([run.run_id])[run.run_id]
    assert facts.hardening_hits == 1
    (told_of,) = facts.phases[0].attempts[0].mitigations
    assert (told_of.pattern, told_of.action, told_of.outcome, told_of.doctor_skipped) == (
        "resource_locked", "wait_and_retry", "fixed", True,
    )  # fmt: skip


def test_the_whole_output_is_matched_however_long_it_is(
    hardened: Hardened, home: Path, tmp_path: Path
) -> None:
    """The cause stands in the middle of more than is kept in memory."""
    noise = "yes 'all is well so far' | head -n 30000"
    check = sh(
        f"{BEFORE}{noise}; test -e \"$1\" || echo 'sqlite3.OperationalError: database is locked'; "
        f'{noise}; test -e "$1" && exit 0; touch "$1"; exit 1', tmp_path / "seen",
    )  # fmt: skip
    run = hardened.run(a(check))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert [m["pattern"] for m in report.mitigations] == ["resource_locked"]
    assert report.mitigations[0]["evidence_line"] > 30_000
    assert "mitigation fixed" in log_of(run, "a", home)
    assert not list((home / "runs").rglob("*.part"))
