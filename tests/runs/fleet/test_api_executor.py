"""run_parallel through a server: the same runs and the same report, from a machine without a
database; and what is said when the server is away, strange, or says no."""

from __future__ import annotations

import io
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from runs.api_keys import api_key_create
from runs.fleet import api_executor, remote
from runs.fleet.admission import FleetRefused
from runs.fleet.api_executor import ApiExecutor
from runs.fleet.display import PlainDisplay
from runs.fleet.fleet import Fleet
from runs.fleet.parallel import FleetRequest, fleet_run
from runs.fleet.remote import Remote, RemoteAway, backoff, patient_for
from runs.fleet.types import JobResult, Outcome
from runs.models import Run
from runs.reports.build import report_json, runs_facts
from runs.reports.markdown import report_markdown
from tests.runs.api.serving import served
from tests.runs.execution.plans import add_line, phase
from tests.runs.execution.processes import eventually
from tests.runs.factories import RunFactory
from tests.runs.fleet.gates import Gate
from tests.runs.fleet.manage import Manage, own_environment
from tests.runs.fleet.scripted import Answer, scripted
from tests.runs.fleet.worker import working
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from runs.reports.types import FleetReport
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository


@pytest.fixture
def server(transactional_db: None, home: Path) -> Iterator[str]:
    del transactional_db, home
    with served() as url:
        yield url


@pytest.fixture
def afar(server: str, tmp_path: Path) -> Iterator[Manage]:
    """`manage.py` on another machine: its database cannot work; it knows the server and a key."""
    _, key = api_key_create(name="afar", scopes=["run"])
    environment = own_environment(
        tmp_path / "elsewhere",
        DATABASE_URL="postgres://nobody:nothing@127.0.0.1:1/none",
        AUTOPACK_API_URL=server,
        AUTOPACK_API_KEY=key,
        AUTOPACK_API_POLL_SECONDS="0.1",
    )
    folder = tmp_path / "cwd"
    folder.mkdir()
    manage = Manage(environment, folder)
    yield manage
    manage.close()


def told_by(run_id: str) -> dict[str, Any]:
    """What a report of this machine says of a run."""
    (run,) = runs_facts([run_id]).values()
    facts: dict[str, Any] = json.loads(json.dumps(report_json(_report_of(run))["runs"][0]))
    return facts


def _report_of(run: Any) -> FleetReport:
    from runs.reports.types import FleetReport, RunReport

    return FleetReport("cli", "", 0.0, (RunReport(run, "succeeded", is_good=True),))


def test_runs_of_a_server_are_driven_and_reported_as_if_they_were_here(
    afar: Manage, make_run: MakeRun, repository: GitRepository, tmp_path: Path
):
    make_run(phase("a", add_line(0)), phase("b", add_line(1), after=("a",)), run_id="One")
    make_run(phase("a", checks=["false"], limits={"max_attempts": 2}), run_id="two")
    with working():
        done = afar(
            "run_parallel", "one", "ONE", "two", "--report-json", tmp_path / "r.json",
            "--report", tmp_path / "r.md", "--source-repo", "repository",
        )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["executor"], report["totals"]["runs"], report["totals"]["ok"]) == ("api", 2, 1)
    ways = {"outcome", "ok", "message", "output", "job_seconds"}  # of the job, not of the run
    for run in report["runs"]:
        here = told_by(run["run_id"])
        assert {k: v for k, v in run.items() if k not in ways} == {
            k: v for k, v in here.items() if k not in ways
        }
    assert [run["outcome"] for run in report["runs"]] == ["succeeded", "failed"]
    assert "# Autopack: 1 of 2 runs succeeded" in (tmp_path / "r.md").read_text()
    assert repository.subjects("autopack/One") == ["Phase a", "Phase b"]
    first = Run.objects.get(run_id="One").status_changes.first()
    assert first is not None
    assert first.trigger == "api"

    again = afar("run_parallel", "one")
    assert again.returncode == 0, again.stderr
    assert "done before" in again.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_one_signal_cancels_the_runs_on_the_server_once_and_starts_no_more(
    afar: Manage, make_run: MakeRun, tmp_path: Path
):
    gate = Gate(tmp_path)
    make_run(phase("a", checks=[gate.check]), run_id="runs")
    make_run(phase("a"), run_id="waits")
    with working():
        fleet = afar.start("run_parallel", "runs", "waits", "--max-concurrent", "1")
        gate.reached()
        fleet.signal(signal.SIGINT)
        assert fleet.ends() == 1, fleet.output
    assert dict(Run.objects.values_list("run_id", "state")) == {
        "runs": "CANCELLED", "waits": "PENDING",
    }  # fmt: skip
    assert "waits: PENDING, not started" in fleet.output


def test_what_is_wrong_is_said_before_anything_starts(server: str, settings: Settings):
    RunFactory.create(run_id="good")
    RunFactory.create(run_id="gone", failed=True)
    _, key = api_key_create(name="runs", scopes=["run"])
    for arguments, changed, said in (
        (["good", "goood"], {}, f"There is no run 'goood' on {server}. Did you mean 'good'?"),
        (["good", "gone"], {}, "Run gone is FAILED already. To take it up again"),
        (["good", "--source-repo", "other"], {}, "not to 'other'. Leave it out"),
        (["good"], {"KEY": ""}, "AUTOPACK_API_KEY is not set"),
        (["good"], {"KEY": key[:-1]}, "does not take the key in AUTOPACK_API_KEY"),
        (["good"], {"URL": "http://127.0.0.1:1"}, "No Autopack server can be reached"),
        (["good"], {"URL": "nonsense"}, "AUTOPACK_API_URL is 'nonsense'"),
        (["good"], {"URL": f"{server}/admin"}, "sends us to /admin/login/"),
    ):
        settings.AUTOPACK_API_URL = changed.get("URL", server)
        settings.AUTOPACK_API_KEY = changed.get("KEY", key)
        refused = call("run_parallel", *arguments)
        assert refused.code == 1
        assert said in refused.errors, refused.errors
    assert Run.objects.get(run_id="good").state == "PENDING"


# --- In this process --------------------------------------------------------------------------


def driven(
    url: str, *run_ids: str, timeout_seconds: float = 30.0, key: str = "key"
) -> tuple[list[JobResult], str]:
    executor = ApiExecutor(Remote(url, key), poll_seconds=0.02)
    admitted = executor.admit(run_ids, "")
    stream = io.StringIO()
    fleet = Fleet(executor, PlainDisplay(stream), max_concurrent=3, timeout_seconds=timeout_seconds)
    return fleet.go(admitted.run_ids, admitted.done), stream.getvalue()


def status(state: str, **more: Any) -> Answer:
    return Answer(200, {"run_id": "one", "state": state, "explanation": f"It is {state}.", **more})


EXECUTED = {"POST /runs/one/execute": [Answer(202, {})]}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(remote, "LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(api_executor, "ADMIT_PATIENCE_SECONDS", 1.0)


def test_a_server_that_stumbles_is_asked_again():
    answers = {
        "POST /runs/one/execute": [Answer(503, b"busy"), Answer(0), Answer(202, {})],
        "GET /runs/one/status": [
            status("PENDING"), Answer(0), Answer(500, {}), Answer(502, b"<html>"),
            status("RUNNING"), Answer(0), Answer(0), status("SUCCEEDED"),
        ],
    }  # fmt: skip
    with scripted(answers) as server:
        results, shown = driven(server.url, "one")
    assert [result.outcome for result in results] == [Outcome.SUCCEEDED]
    assert server.asked.count("POST /runs/one/execute") == 3
    assert "one: succeeded" in shown


def test_a_server_that_asks_for_patience_gets_it():
    waited: list[float] = []

    def pause(seconds: float) -> bool:
        waited.append(seconds)
        return False

    answers = {
        "GET /x": [
            Answer(429, {}, {"Retry-After": "7"}), Answer(503, {}, {"Retry-After": "100000"}),
            Answer(503, {}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Answer(200, {}),
        ]
    }  # fmt: skip
    with scripted(answers) as server:
        assert Remote(server.url, "key").json("GET", "/x", pause=pause) == {}
    assert waited[:2] == [7.0, remote.LONGEST_RETRY_AFTER_SECONDS]
    assert 0 < waited[2] < 1


def test_the_wait_between_tries_grows_to_a_limit_and_is_never_the_same(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.5)
    monkeypatch.setattr(remote, "LONGEST_WAIT_SECONDS", 15.0)
    assert all(0.25 <= backoff(0) <= 0.5 for _ in range(50))
    assert all(7.5 <= backoff(tries) <= 15 for tries in (5, 50, 5000))
    assert len({backoff(3) for _ in range(50)}) > 10


def test_a_key_that_is_revoked_in_mid_run_is_said_and_the_run_is_lost_sight_of():
    refusal = {"error": {"code": "key_revoked", "message": "It was revoked.", "details": {}}}
    answers = EXECUTED | {
        "GET /runs/one/status": [status("PENDING"), status("RUNNING"), Answer(401, refusal)]
    }
    with scripted(answers) as server:
        results, _ = driven(server.url, "one")
    assert results[0].outcome is Outcome.LOST
    assert "It was revoked." in results[0].explanation


def test_a_plan_that_waits_for_a_person_is_said(make_run: MakeRun, server: str):
    from runs.models import Approval

    run = make_run(phase("a"), run_id="one")
    Run.objects.filter(pk=run.pk).update(plan_normalization={"requires_confirmation": True})
    Approval.objects.create(run=run, kind="plan", question="Right?", expires_at=run.created_at)
    _, key = api_key_create(name="x", scopes=["run"])
    results, _ = driven(server, "one", key=key)
    assert results[0].outcome is Outcome.AWAITING_APPROVAL
    assert "must confirm the plan" in results[0].explanation


def test_a_key_that_may_only_look_starts_nothing(server: str, make_run: MakeRun):
    make_run(phase("a"), run_id="one")
    _, key = api_key_create(name="x", scopes=["read"])
    results, _ = driven(server, "one", key=key)
    assert results[0].outcome is Outcome.NOT_STARTED
    assert "needs the scope run" in results[0].explanation
    assert Run.objects.get().state == "PENDING"


def test_a_run_that_outlasts_the_patience_is_cancelled_on_the_server(
    server: str, make_run: MakeRun, tmp_path: Path
):
    gate = Gate(tmp_path)
    make_run(phase("a", checks=[gate.check]), run_id="one")
    _, key = api_key_create(name="x", scopes=["run"])
    with working():
        results, _ = driven(server, "one", key=key, timeout_seconds=1.0)
    assert results[0].outcome is Outcome.TIMED_OUT
    assert Run.objects.get().state == "CANCELLED"


def test_cancel_is_asked_once_however_long_the_end_takes():
    answers = EXECUTED | {
        "POST /runs/one/cancel": [Answer(202, {})],
        "GET /runs/one/status": [
            status("PENDING"), status("RUNNING"), status("RUNNING"), status("RUNNING"),
            status("CANCELLED"),
        ],
    }  # fmt: skip
    with scripted(answers) as server:
        executor = ApiExecutor(Remote(server.url, "key"), poll_seconds=30)
        executor.admit(["one"], "")
        fleet = Fleet(executor, PlainDisplay(io.StringIO()), max_concurrent=1, timeout_seconds=30)

        def stop_when_seen() -> None:
            eventually(lambda: server.asked.count("GET /runs/one/status") == 2)
            fleet.request_stop()

        thread = threading.Thread(target=stop_when_seen)
        thread.start()
        results = fleet.go(["one"])
        thread.join(10)
    assert results[0].outcome is Outcome.CANCELLED
    assert server.asked.count("POST /runs/one/cancel") == 1


def test_a_server_that_goes_away_for_good_is_left_when_the_patience_is_over(
    monkeypatch: pytest.MonkeyPatch,
):
    from runs.fleet import fleet as fleet_module

    monkeypatch.setattr(fleet_module, "CLEAN_END_SECONDS", 0.3)
    answers = EXECUTED | {"GET /runs/one/status": [status("PENDING"), status("RUNNING"), Answer(0)]}
    with scripted(answers) as server:
        results, _ = driven(server.url, "one", timeout_seconds=0.3)
    assert results[0].outcome is Outcome.TIMED_OUT
    assert "No Autopack server can be reached" in results[0].explanation


def test_a_report_tells_what_was_last_seen_when_the_server_is_gone(settings: Settings):
    settings.AUTOPACK_API_KEY = "key"
    settings.AUTOPACK_API_POLL_SECONDS = 0.02
    last = status("SUCCEEDED", project="demo", phases=[{"id": "a", "state": "COMPLETE"}, 5],
                  tokens_used=7, goal=None)  # fmt: skip
    answers = EXECUTED | {
        "GET /runs/one/status": [status("PENDING"), last],
        "GET /runs/one": [Answer(404, b"<html>not found</html>")],
    }
    with scripted(answers) as server:
        settings.AUTOPACK_API_URL = server.url
        report = fleet_run(
            FleetRequest(run_ids=("one",), executor="api"), PlainDisplay(io.StringIO())
        )
    (told,) = report.runs
    assert (told.run.state, told.run.tokens, told.run.phases_complete) == ("SUCCEEDED", 7, 1)
    assert told.is_good
    assert "1 of 1 runs succeeded" in report_markdown(report)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(302, b"", {"Location": "https://elsewhere/"}), "sends us to https://elsewhere/"),
        (Answer(200, b"<html>"), "not as an Autopack server does"),
        (Answer(200, {"hello": 1}), "Is it Autopack?"),
        (Answer(404, b"<html>"), "not as an Autopack server does"),
        (Answer(503, b"busy"), "answers 503 again and again"),
        (Answer(0), "No Autopack server can be reached"),
    ],
)
def test_a_server_that_is_none_is_refused(answer: Answer, said: str):
    with scripted({"GET /runs/one/status": [answer]}) as server, pytest.raises(FleetRefused) as no:
        driven(server.url, "one")
    assert said in str(no.value)


def test_nobody_listens():
    with pytest.raises(RemoteAway, match=r"manage\.py serve"):
        Remote("http://127.0.0.1:1", "key").json("GET", "/x", pause=patient_for(0.1))
