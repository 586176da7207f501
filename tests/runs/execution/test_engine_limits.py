"""Limits, budgets, people: what stops a run on purpose, and how it goes on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from runs import selectors, services
from runs.execution.driver import Drive, run_drive
from runs.models import Approval, ModelCall, Run, StatusChange
from runs.signals import attempt_finished
from runs.states import FailureKind, PhaseState, RunState, Trigger
from tests.runs.execution.driving import attempts_of, drive, in_background, outcomes, phase_of
from tests.runs.execution.plans import add_line, phase, sh, shell
from tests.runs.execution.processes import eventually, is_alive, pid_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)

HANG = "echo $$ > {0}.new && mv {0}.new {0}; exec sleep 600"


# --- Limits of a phase ------------------------------------------------------------------------


def test_a_validation_that_takes_longer_than_its_limit_is_killed(
    make_run: MakeRun, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    run = make_run(
        phase("a", add_line(0), checks=[sh(HANG.format(pid))],
              limits={"timeout_seconds": 1, "max_attempts": 1}),
    )  # fmt: skip
    (report,) = drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.VALIDATION)
    assert report.validation["checks"][0]["status"] == "errored"
    assert "1 s, its time limit" in run.explanation
    assert not is_alive(pid_in(pid))


def test_a_step_without_output_for_longer_than_its_limit_is_killed(
    make_run: MakeRun, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    run = make_run(
        phase("a", shell(HANG.format(pid)), limits={"inactivity_seconds": 1, "max_attempts": 1})
    )
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert "1 s without output" in report.explanation
    assert not is_alive(pid_in(pid))


# --- Budgets of a run -------------------------------------------------------------------------


@pytest.fixture
def costly() -> Iterator[dict[str, Any]]:
    """Each attempt that ends has made one model call of these figures."""
    figures: dict[str, Any] = {"input_tokens": 60, "output_tokens": 40, "cost_usd": Decimal("0.5")}

    def spend(run_pk: int, attempt_pk: int, **_signal: Any) -> None:
        ModelCall.objects.create(
            run_id=run_pk, attempt_id=attempt_pk, role="builder", backend="recipe", model="m",
            **figures,
        )  # fmt: skip

    attempt_finished.connect(spend)
    yield figures
    attempt_finished.disconnect(spend)


def three_phases(make_run: MakeRun, **plan: Any) -> Run:
    return make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), after=("a",)),
        phase("c", add_line(2), after=("b",)),
        **plan,
    )


@pytest.mark.usefixtures("costly")
@pytest.mark.parametrize(
    ("budget", "said"),
    [({"token_cap": 150}, "200 of 150 tokens"), ({"cost_cap_usd": 0.8}, "1.0000 of 0.8000 USD")],
)
def test_a_run_that_has_spent_its_budget_ends_and_can_be_given_more(
    budget: dict[str, Any], said: str, make_run: MakeRun, repository: GitRepository
) -> None:
    run = three_phases(make_run, budgets=budget)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.BUDGET_EXHAUSTED)
    assert said in run.explanation
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]

    services.run_change(run, budgets=dict.fromkeys(budget, 1000))
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED
    ends = {key: each[-1] for key, each in outcomes(run).items()}
    assert ends == dict.fromkeys("abc", "succeeded")
    assert len(attempts_of(run, "a")) == len(attempts_of(run, "b")) == 1, "not repeated"
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b", "Phase c"]


def test_a_budget_of_money_ends_a_run_whose_calls_have_no_price(
    make_run: MakeRun, costly: dict[str, Any]
) -> None:
    costly["cost_usd"] = None
    run = three_phases(make_run, budgets={"cost_cap_usd": 5})
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.BUDGET_EXHAUSTED)
    assert "no known price" in run.explanation
    assert attempts_of(run, "c") == []


def test_a_run_out_of_time_stops_what_runs_and_goes_on_when_it_is_given_more(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    pid, marker = tmp_path / "pid", tmp_path / "mended"
    check = sh(f'test -e "$1" && exit 0; {HANG.format(pid)}', marker)
    run = make_run(phase("a", add_line(0)), phase("b", add_line(1), checks=[check], after=("a",)))
    with in_background(run) as finish:
        hanging = pid_in(pid)
        # The clock of the run is its row: two hours are over.
        Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(hours=3))
        finish()
    assert run.state == RunState.TIMEOUT
    assert "max_duration_minutes" in run.explanation
    assert not is_alive(hanging)
    assert outcomes(run) == {"a": ["succeeded"], "b": ["cancelled"]}

    marker.touch()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": ["succeeded"], "b": ["cancelled", "succeeded"]}
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]


@pytest.mark.parametrize(
    "budgets", [{"token_cap": 0}, {"max_phases": 1}, {"max_duration_minutes": -1}, {"tokens": 5}]
)
def test_a_budget_that_no_run_could_keep_is_refused(
    budgets: dict[str, Any], make_run: MakeRun
) -> None:
    run = three_phases(make_run)
    with pytest.raises(services.BudgetInvalid) as refused:
        services.run_create(
            project=run.project, structured_plan=run.structured_plan, run_id="second",
            budgets=budgets,
        )  # fmt: skip
    assert next(iter(budgets)) in str(refused.value)


# --- People -----------------------------------------------------------------------------------


def waiting_run(make_run: MakeRun) -> tuple[Run, Approval]:
    run = make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), after=("a",), requires_approval=True),
    )
    drive(run)
    return run, Approval.objects.get(run=run)


def test_a_phase_that_needs_approval_waits_for_it_and_then_goes_on(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run, approval = waiting_run(make_run)
    assert run.state == RunState.AWAITING_APPROVAL
    assert phase_of(run, "b").state == PhaseState.AWAITING_APPROVAL
    assert attempts_of(run, "b") == []
    assert str(approval.pk) in run.explanation

    services.approval_decide(approval, approve=True, decided_by="ann")
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": ["succeeded"], "b": ["succeeded"]}
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]


def test_driving_a_run_that_waits_asks_nobody_twice(make_run: MakeRun) -> None:
    run, approval = waiting_run(make_run)
    drive(run)
    assert run.state == RunState.AWAITING_APPROVAL
    assert Approval.objects.get(run=run) == approval


def test_a_rejection_ends_the_run_as_one_that_needs_a_persons_review(make_run: MakeRun) -> None:
    run, approval = waiting_run(make_run)
    services.approval_decide(approval, approve=False, decided_by="ann", note="Not on a Friday.")
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.REQUIRES_HUMAN_REVIEW)
    assert "Not on a Friday." in run.explanation
    assert attempts_of(run, "b") == []


def test_a_question_that_nobody_answers_in_time_ends_the_run_the_same_way(
    make_run: MakeRun,
) -> None:
    run, approval = waiting_run(make_run)
    Approval.objects.filter(pk=approval.pk).update(expires_at=timezone.now())
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.REQUIRES_HUMAN_REVIEW)
    assert "expired" in run.explanation


def test_a_rejected_run_that_is_retried_asks_again(make_run: MakeRun) -> None:
    run, approval = waiting_run(make_run)
    services.approval_decide(approval, approve=False, decided_by="ann")
    drive(run)
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.AWAITING_APPROVAL
    again = Approval.objects.get(run=run, state="pending")
    services.approval_decide(again, approve=True, decided_by="ann")
    drive(run)
    assert run.state == RunState.SUCCEEDED


def test_a_rejection_of_long_ago_does_not_explain_a_failure_of_today(make_run: MakeRun) -> None:
    run = make_run(
        phase("a", add_line(0), checks=["false"], requires_approval=True,
              limits={"max_attempts": 1}),
    )  # fmt: skip
    drive(run)
    services.approval_decide(Approval.objects.get(run=run), approve=False, decided_by="ann")
    drive(run)
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    again = Approval.objects.get(run=run, state="pending")
    services.approval_decide(again, approve=True, decided_by="ann")
    drive(run)
    assert outcomes(run) == {"a": ["failed"]}
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.VALIDATION)


def test_a_phase_that_waits_does_not_hold_up_the_verdict_when_another_may_not_run_beside_it(
    make_run: MakeRun,
) -> None:
    # Neither names a scope, so they may touch the same file and b must not run while a waits.
    run = make_run(phase("a", add_line(0), requires_approval=True), phase("b", add_line(1)))
    drive(run, within=5.0)
    assert run.state == RunState.AWAITING_APPROVAL
    services.approval_decide(Approval.objects.get(run=run), approve=True, decided_by="ann")
    drive(run)
    assert run.state == RunState.SUCCEEDED


def test_the_time_that_people_take_is_not_the_runs(make_run: MakeRun) -> None:
    run, approval = waiting_run(make_run)
    long_ago = timezone.now() - timedelta(hours=5)
    Run.objects.filter(pk=run.pk).update(started_at=long_ago, waiting_since=long_ago)
    services.approval_decide(approval, approve=True, decided_by="ann")
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert selectors.run_active_seconds(run) < 60


# --- Cancelling -------------------------------------------------------------------------------


def test_a_cancellation_stops_a_hanging_validation_and_is_honoured_by_its_holder(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    run = make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), checks=[sh(HANG.format(pid))], after=("a",)),
        phase("c", add_line(2), after=("b",)),
    )
    with in_background(run) as finish:
        hanging = pid_in(pid)
        services.run_cancel(Run.objects.get(pk=run.pk), trigger=Trigger.API)
        assert Run.objects.get(pk=run.pk).state == RunState.RUNNING, "a request, not a status"
        finish()
    assert run.state == RunState.CANCELLED
    assert outcomes(run) == {"a": ["succeeded"], "b": ["cancelled"], "c": []}
    assert {p.key: p.state for p in selectors.run_phases(run.pk)} == {
        "a": PhaseState.COMPLETE, "b": PhaseState.CANCELLED, "c": PhaseState.CANCELLED
    }  # fmt: skip
    assert eventually(lambda: not is_alive(hanging))
    assert repository.subjects("autopack/first") == ["Phase a"], "what is COMPLETE is kept"


def test_a_stop_asked_of_the_driver_ends_the_run_cleanly(make_run: MakeRun, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    run = make_run(phase("a", add_line(0), checks=[sh(HANG.format(pid))]))
    with in_background(run) as finish:
        hanging = pid_in(pid)
        finish.driving.request_stop()
        finish()
    assert run.state == RunState.CANCELLED
    assert outcomes(run) == {"a": ["cancelled"]}
    assert not is_alive(hanging)


def test_a_run_that_nobody_executes_is_cancelled_at_once_and_can_be_taken_up(
    make_run: MakeRun,
) -> None:
    run, _approval = waiting_run(make_run)
    services.run_cancel(run, trigger=Trigger.API)
    assert run.state == RunState.CANCELLED
    assert not Approval.objects.filter(state="pending").exists(), "the question is withdrawn"
    with pytest.raises(services.RunConflict, match="CANCELLED already"):
        run_drive(Drive(run=run))
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.AWAITING_APPROVAL


def test_a_cancelled_run_says_who_asked(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    services.run_cancel(run, trigger=Trigger.API)
    last = StatusChange.objects.filter(run=run, phase=None).last()
    assert last is not None
    assert (last.to_state, last.trigger) == ("CANCELLED", "api")
