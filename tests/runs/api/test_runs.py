"""Runs over HTTP: made once, executed, changed, stopped; refusals say what and why."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from runs.models import IdempotencyRecord, Project, Run
from runs.querysets import run_transition
from runs.states import FailureKind, RunState
from tests.runs.api.conftest import Caller, caller_of
from tests.runs.execution.plans import phase
from tests.runs.factories import PhaseFactory, ProjectFactory, RunFactory
from tests.runs.rows import at_once

if TYPE_CHECKING:
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return ProjectFactory.create(name="Demo")


def plan(*phases: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_version": 1, "goal": "Try it", "phases": list(phases or [phase("a")]), **more}


def made(caller: Caller, run_id: str = "first", **more: Any) -> Any:
    body = {"project": "demo", "run_id": run_id, "structured_plan": plan(), **more}
    return caller.post("/runs", body)


# --- Making -----------------------------------------------------------------------------------


def test_a_run_is_made_with_what_it_was_given(runner: Caller, project: Project):
    answer = made(
        runner, budgets={"token_cap": 5, "cost_cap_usd": 0.5}, flags={"telemetry_db": True},
        priority=3,
    )  # fmt: skip
    assert answer.status_code == 201
    assert answer["Location"] == "/runs/first"
    told = answer.json()
    run = Run.objects.get()
    assert (told["run_id"], told["state"], told["project"]) == ("first", "PENDING", "Demo")
    assert (run.token_cap, run.cost_cap_usd, run.priority) == (5, Decimal("0.5"), 3)
    assert told["budgets"] == {
        "token_cap": 5, "cost_cap_usd": 0.5, "max_duration_minutes": 120.0, "max_phases": None,
    }  # fmt: skip
    assert run.flags["telemetry_db"] is True
    assert run.trigger == "api"
    assert runner.get("/runs/first/plan").json()["structured_plan"]["phases"][0]["id"] == "a"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"project": "nobody"}, 422, "project_unknown"),
        ({"run_id": "normalize"}, 422, "identifier_invalid"),
        ({"run_id": "nul.txt"}, 422, "identifier_invalid"),
        ({"structured_plan": {}}, 422, "plan_invalid"),
        ({"structured_plan": plan(phase("a", builder={"backend": "?"}))}, 422, "unknown_backend"),
        ({"raw_plan": "also"}, 422, "plan_missing"),
        ({"budgets": {"max_phases": 0}}, 400, "invalid"),
        ({"budgets": {"token_cap": 2**63}}, 400, "invalid"),
        ({"budgets": {"token_cap": "5"}}, 400, "invalid"),
        ({"budgets": {"token_cap": True}}, 400, "invalid"),
        ({"budgets": {"money": 1}}, 400, "invalid"),
        ({"priority": 2**31}, 400, "invalid"),
        ({"flags": {"telemetry_db": "yes"}}, 400, "invalid"),
        ({"goal": "x"}, 400, "invalid"),
        ({"run_id": 5}, 400, "invalid"),
    ],
)
def test_what_cannot_be_made_is_refused(
    runner: Caller, change: dict[str, Any], status: int, code: str
):
    answer = made(runner, **change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.content
    assert not Run.objects.exists()


@pytest.mark.usefixtures("project")
def test_a_faulty_plan_is_refused_with_every_fault_and_its_place(runner: Caller):
    answer = made(runner, structured_plan=plan(phase("a", after=("b",)), phase("a")))
    faults = answer.json()["error"]["details"]["faults"]
    assert {fault["path"] for fault in faults} >= {"phases[0].depends_on[0]", "phases[1].id"}


@pytest.mark.usefixtures("project")
def test_an_id_that_is_taken_is_a_conflict(runner: Caller):
    assert made(runner, "First").status_code == 201
    answer = made(runner, "first")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")


# --- Once -------------------------------------------------------------------------------------


def body() -> dict[str, Any]:
    return {"project": "Demo", "structured_plan": plan()}


@pytest.mark.usefixtures("project")
def test_a_request_sent_again_with_its_key_makes_nothing_and_gets_the_same_answer(runner: Caller):
    headers = {"Idempotency-Key": "one"}
    first = runner.post("/runs", body(), **headers)
    Run.objects.update(priority=9)
    again = runner.post("/runs", body(), **headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Run.objects.count() == 1
    assert runner.post("/runs", body()).json()["run_id"] != first.json()["run_id"]


@pytest.mark.usefixtures("project")
def test_a_key_is_of_one_request_and_one_caller(runner: Caller):
    headers = {"Idempotency-Key": "one"}
    assert runner.post("/runs", body(), **headers).status_code == 201
    other = runner.post("/runs", {**body(), "priority": 1}, **headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert caller_of("run").post("/runs", body(), **headers).status_code == 201
    assert Run.objects.count() == 2


@pytest.mark.usefixtures("project")
def test_a_refused_request_may_be_mended_and_sent_with_the_same_key(runner: Caller):
    headers = {"Idempotency-Key": "one"}
    assert runner.post("/runs", {**body(), "project": "x"}, **headers).status_code == 422
    assert runner.post("/runs", body(), **headers).status_code == 201


@pytest.mark.usefixtures("project")
def test_after_a_day_a_key_is_free_again(runner: Caller):
    headers = {"Idempotency-Key": "one"}
    runner.post("/runs", body(), **headers)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotent-Replayed" not in runner.post("/runs", body(), **headers)
    assert (Run.objects.count(), IdempotencyRecord.objects.count()) == (2, 1)


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_an_odd_idempotency_key_is_refused(runner: Caller, project: Project, key: str):
    answer = runner.post("/runs", {**body(), "project": project.name}, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        400, "idempotency_key_malformed",
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("project")
def test_the_same_request_sent_at_once_makes_one_run():
    runner = caller_of("run")
    ask = lambda: Caller(runner.key).post("/runs", body(), **{"Idempotency-Key": "one"})  # noqa: E731 (two of it)
    answers = at_once([ask, ask, ask])
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.content for answer in answers}) == 1
    assert Run.objects.count() == 1


# --- Acts -------------------------------------------------------------------------------------


def test_execute_queues_the_run_and_again_says_the_same(runner: Caller):
    RunFactory.create(run_id="First")
    answers = [runner.post("/runs/first/execute") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["state"] == "QUEUED"
    assert Run.objects.get().status_changes.count() == 1


@pytest.mark.parametrize("trait", ["succeeded", "failed", "cancelled", "timed_out"])
def test_a_run_that_has_ended_is_not_executed_again(runner: Caller, trait: str):
    RunFactory.create(run_id="first", **{trait: True})
    answer = runner.post("/runs/first/execute")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


DOUBTFUL = "# Plan\n\n- [ ] Make it nicer\n- [ ] Make it faster\n"
CLEAR = """# Greet people

## Phase 1: Change the first line

- [ ] Change `f0.txt` so that it greets

Validation: `true`
"""


def test_a_doubtful_plan_is_not_executed_before_a_person_agrees(
    runner: Caller, admin: Caller, repository: GitRepository, home: object
):
    del home
    ProjectFactory.create(name="Real", source=str(repository.folder))
    body = {"project": "real", "run_id": "first", "raw_plan": DOUBTFUL}
    assert runner.post("/runs", body).status_code == 201
    answer = runner.post("/runs/first/execute")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "confirmation_required")
    (asked,) = runner.get("/approvals?run_id=first&state=pending").json()["results"]
    assert asked["kind"] == "plan"
    assert (
        admin.post(f"/approvals/{asked['id']}/decide", {"decision": "approve"}).status_code == 200
    )
    assert runner.post("/runs/first/execute").status_code == 202


def test_a_text_is_read_as_a_plan_that_can_be_posted_unchanged(
    runner: Caller, repository: GitRepository, home: object
):
    del home
    ProjectFactory.create(name="Real", source=str(repository.folder))
    told = runner.post("/runs/normalize", {"project": "real", "raw_plan": CLEAR})
    assert told.status_code == 200, told.content
    assert told.json()["ok"] is True
    assert not Run.objects.exists()
    made = runner.post(
        "/runs", {"project": "real", "structured_plan": told.json()["structured_plan"]}
    )
    assert made.status_code == 201
    refused = runner.post("/runs/normalize", {"project": "real", "raw_plan": "7"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "not_a_plan")
    assert refused.json()["error"]["details"]["ok"] is False


def test_cancel_ends_what_waits_and_asks_what_runs(runner: Caller):
    RunFactory.create(run_id="waits", queued=True)
    RunFactory.create(run_id="works", running=True)
    assert runner.post("/runs/waits/cancel").json()["state"] == "CANCELLED"
    answer = runner.post("/runs/works/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "RUNNING")
    assert answer.json()["cancel_requested_at"]
    assert runner.post("/runs/waits/cancel").status_code == 409


def test_retry_takes_a_failed_run_up_again(runner: Caller):
    PhaseFactory.create(run=RunFactory.create(run_id="first", failed=True), failed=True)
    assert runner.post("/runs/first/retry").json()["state"] == "QUEUED"
    assert runner.post("/runs/first/retry").status_code == 409


@pytest.mark.parametrize(
    ("trait", "kind", "budgets", "state"),
    [
        ("failed", FailureKind.BUDGET_EXHAUSTED, {"token_cap": 50}, "QUEUED"),
        ("failed", FailureKind.BUDGET_EXHAUSTED, {"token_cap": 10}, "FAILED"),
        ("failed", FailureKind.BUDGET_EXHAUSTED, {"max_duration_minutes": 50}, "FAILED"),
        ("failed", FailureKind.VALIDATION, {"token_cap": 50}, "FAILED"),
        ("timed_out", None, {"max_duration_minutes": 500}, "QUEUED"),
        ("timed_out", None, {"token_cap": 50}, "TIMEOUT"),
    ],
)
def test_a_raised_budget_sets_the_run_going_that_it_had_stopped(
    runner: Caller, trait: str, kind: FailureKind | None, budgets: dict[str, int], state: str
):
    run = RunFactory.create(run_id="first", token_cap=20, **{trait: True})
    if trait == "failed":
        run.model_calls.create(role="builder", backend="b", model="m", input_tokens=20)
    Run.objects.update(failure_kind=kind or "")
    answer = runner.patch("/runs/first", {"budgets": budgets, "priority": 4})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["priority"]) == (state, 4)


def test_a_change_of_a_priority_alone_starts_nothing(runner: Caller):
    RunFactory.create(run_id="first", failed=True)
    Run.objects.update(failure_kind=FailureKind.BUDGET_EXHAUSTED.value)
    assert runner.patch("/runs/first", {"priority": 1}).json()["state"] == "FAILED"
    assert runner.patch("/runs/first", {}).status_code == 200


def test_rollback_takes_the_last_phase_back(
    make_run: MakeRun, repository: GitRepository, request: pytest.FixtureRequest
):
    from runs.execution.driver import Drive, run_drive
    from tests.runs.execution.plans import add_line

    run = make_run(phase("a", add_line(0)), phase("b", add_line(1), after=("a",)))
    assert run_drive(Drive(run=run)) is RunState.SUCCEEDED
    runner: Caller = request.getfixturevalue("runner")
    answer = runner.post("/runs/FIRST/rollback")
    assert answer.json()["phases"] == ["b"]
    assert repository.subjects("autopack/first") == ["Phase a"]
    assert runner.post("/runs/first/rollback", {"all": True}).json()["phases"] == ["a"]
    assert runner.post("/runs/first/rollback", {"all": True}).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""), ("get", "/status"), ("get", "/plan"), ("get", "/events"),
        ("get", "/artifacts"),
        ("get", "/phases/a/log"), ("get", "/phases/a/diff"), ("post", "/execute"),
        ("post", "/cancel"), ("post", "/retry"), ("post", "/rollback"),
    ],
)  # fmt: skip
def test_a_run_that_is_not_there_is_404(runner: Caller, method: str, path: str):
    answer = getattr(runner, method)(f"/runs/none{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "none" in answer.json()["error"]["message"]


# --- Looking ----------------------------------------------------------------------------------


def test_a_run_is_told_with_its_attempts(make_run: MakeRun, request: pytest.FixtureRequest):
    from runs.execution.driver import Drive, run_drive
    from runs.reports.build import runs_facts
    from tests.runs.execution.plans import add_line

    run = make_run(
        phase("a", add_line(0)), phase("b", checks=["false"], limits={"max_attempts": 2})
    )
    run_drive(Drive(run=run))
    told = request.getfixturevalue("reader").get("/runs/first").json()
    facts = runs_facts(["first"])["first"]
    assert [p["id"] for p in told["phases"]] == ["a", "b"]
    assert [a["outcome"] for a in told["phases"][1]["attempts"]] == ["failed", "failed"]
    assert told["phases"][1]["attempts"][0]["explanation"] == (
        facts.phases[1].attempts[0].explanation
    )
    assert (told["source"], told["published_commit"]) == (facts.source, facts.commit)


def test_lists_are_paged_without_gaps_and_filtered(reader: Caller):
    other = ProjectFactory.create(name="Other")
    for number in range(5):
        RunFactory.create(run_id=f"run-{number}", failed=number == 3)
    RunFactory.create(run_id="elsewhere", project=other)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = reader.get(f"/runs?limit=2{cursor and '&cursor=' + cursor}").json()
        seen += [run["run_id"] for run in page["results"]]
        cursor = page["next_cursor"]
    assert seen == ["elsewhere", *(f"run-{number}" for number in (4, 3, 2, 1, 0))]

    def ids(query: str) -> list[str]:
        return [run["run_id"] for run in reader.get(f"/runs?{query}").json()["results"]]

    assert ids("state=FAILED") == ["run-3"]
    assert ids("project=oTHER") == ["elsewhere"]
    assert ids("project=nobody") == []
    Run.objects.filter(run_id="run-0").update(created_at=timezone.now() - timedelta(days=3))
    before = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(f"created_before={before}") == ["run-0"]
    assert len(ids(f"created_after={before}")) == 5


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=-1", "cursor=9223372036854775808",
     "state=odd", "created_after=yesterday", "colour=red", "limit=1&limit=2", "project=%00"],
)  # fmt: skip
def test_odd_parameters_are_refused(reader: Caller, query: str):
    answer = reader.get(f"/runs?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_events_tell_what_happened_in_order(reader: Caller):
    run = RunFactory.create(run_id="first")
    run_transition(run.pk, RunState.PENDING, RunState.QUEUED, explanation="Asked to run.")
    run_transition(run.pk, RunState.QUEUED, RunState.RUNNING, explanation="Started.")
    events = reader.get("/runs/first/events").json()["results"]
    assert [(e["from_state"], e["to_state"]) for e in events] == [
        ("PENDING", "QUEUED"), ("QUEUED", "RUNNING"),
    ]  # fmt: skip
    assert events[0]["phase"] is None
    assert events[0]["explanation"] == "Asked to run."


def test_the_patterns_are_listed_by_priority(reader: Caller):
    answer = reader.get("/patterns")
    assert answer.status_code == 200
    listed = answer.json()["results"]
    assert "python_missing_dep" in {pattern["id"] for pattern in listed}
    assert [pattern["priority"] for pattern in listed] == sorted(
        pattern["priority"] for pattern in listed
    )


def test_what_is_not_there_yet_says_so(reader: Caller):
    answer = reader.get("/experiments")
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_implemented")
