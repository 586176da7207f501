"""Runs and phases go from state to state along edges that exist, by compare-and-set."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from runs import querysets
from runs.models import Approval, Run, StatusChange
from runs.querysets import IllegalTransition
from runs.states import ApprovalKind, ApprovalState, PhaseState, RunState, Trigger
from tests.runs.factories import AttemptFactory, PhaseFactory, RunFactory
from tests.runs.rows import at_once, everything, history, report_of

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = "1" * 40, "2" * 40, "3" * 40


@pytest.mark.django_db(transaction=True)
def test_of_two_that_end_a_run_one_wins() -> None:
    for _ in range(8):
        run = RunFactory.create(running=True)
        change = partial(querysets.run_transition, run.pk, RunState.RUNNING, explanation="First.")
        ended = at_once([partial(change, to) for to in (RunState.SUCCEEDED, RunState.CANCELLED)])
        assert sorted(ended) == [False, True]
        run.refresh_from_db()
        assert history(run) == [("RUNNING", run.state)]


# --- Edges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frm", "to"),
    [
        (RunState.SUCCEEDED, RunState.QUEUED),
        (RunState.PENDING, RunState.RUNNING),
        (RunState.FAILED, RunState.RUNNING),
        (RunState.CANCELLED, RunState.SUCCEEDED),
    ],
)
def test_a_run_does_not_take_an_edge_that_does_not_exist(frm: RunState, to: RunState) -> None:
    run = RunFactory.create(state=frm.value)
    before = everything()
    with pytest.raises(IllegalTransition, match=f"from {frm} to {to}"):
        querysets.run_transition(run.pk, frm, to, explanation="No.")
    assert everything() == before


@pytest.mark.parametrize(
    ("frm", "to"),
    [
        (PhaseState.COMPLETE, PhaseState.QUEUED),
        (PhaseState.PENDING, PhaseState.COMPLETE),
        # These two are the business of a claim and of an attempt's end.
        (PhaseState.QUEUED, PhaseState.RUNNING),
        (PhaseState.RUNNING, PhaseState.QUEUED),
    ],
)
def test_a_phase_does_not_take_an_edge_that_does_not_exist(frm: PhaseState, to: PhaseState) -> None:
    phase = PhaseFactory.create(state=frm.value)
    with pytest.raises(IllegalTransition):
        querysets.phase_transition(phase, frm, to, explanation="No.")
    assert not StatusChange.objects.exists()


def test_an_attempt_does_not_send_its_phase_where_no_edge_leads() -> None:
    attempt = AttemptFactory.create()
    with pytest.raises(IllegalTransition):
        querysets.attempt_finish(
            attempt, attempt.phase, report_of(attempt), PhaseState.PENDING, explanation="No."
        )


def test_a_change_from_a_state_that_is_no_longer_is_refused_quietly() -> None:
    run, phase = RunFactory.create(succeeded=True), PhaseFactory.create(complete=True)
    before = everything()
    assert not querysets.run_transition(
        run.pk, RunState.RUNNING, RunState.FAILED, explanation="Too late."
    )
    assert not querysets.phase_transition(
        phase, PhaseState.QUEUED, PhaseState.CANCELLED, explanation="Too late."
    )
    assert everything() == before


# --- Runs -------------------------------------------------------------------------------------


def test_a_change_of_a_run_is_explained_and_says_who_asked() -> None:
    run = RunFactory.create()
    assert querysets.run_transition(
        run.pk, RunState.PENDING, RunState.QUEUED, explanation="Asked to run.", trigger=Trigger.API
    )
    change = StatusChange.objects.get()
    assert (change.explanation, change.trigger, change.run) == ("Asked to run.", "api", run)
    run.refresh_from_db()
    assert (run.state, run.explanation, run.ended_at) == ("QUEUED", "Asked to run.", None)


def test_time_spent_waiting_for_people_is_added_up() -> None:
    asked = timezone.now() - timedelta(minutes=5)
    run = RunFactory.create(awaiting_approval=True, waiting_since=asked, waited_seconds=10.0)
    querysets.run_transition(
        run.pk, RunState.AWAITING_APPROVAL, RunState.RUNNING, explanation="Approved."
    )
    run.refresh_from_db()
    assert 310 <= run.waited_seconds < 340
    assert run.waiting_since is None


def test_a_retry_starts_with_a_clean_slate() -> None:
    run = RunFactory.create(
        failed=True, cancel_requested_at=timezone.now(), waited_seconds=99.0, explanation="Bad."
    )
    querysets.run_transition(run.pk, RunState.FAILED, RunState.QUEUED, explanation="Again.")
    run.refresh_from_db()
    assert (run.failure_kind, run.cancel_requested_at, run.ended_at) == ("", None, None)
    assert (run.started_at, run.waited_seconds) == (None, 0.0)


def test_the_base_of_a_run_is_fixed_at_its_first_start() -> None:
    run = RunFactory.create(queued=True)
    querysets.run_start(run, OLD)
    assert (run.state, run.base_commit, run.head_commit) == ("RUNNING", OLD, OLD)
    querysets.run_transition(run.pk, RunState.RUNNING, RunState.QUEUED, explanation="Let go.")
    started = run.started_at
    run.refresh_from_db()
    querysets.run_start(run, NEW)
    assert (run.base_commit, run.started_at) == (OLD, started)


def test_a_cancellation_is_a_request_and_no_state() -> None:
    run = RunFactory.create(running=True)
    assert querysets.run_request_cancel(run.pk)
    assert not querysets.run_request_cancel(run.pk), "asking twice is not asking again"
    run.refresh_from_db()
    assert run.state == "RUNNING"
    assert run.cancel_requested_at
    ended = RunFactory.create(succeeded=True)
    assert not querysets.run_request_cancel(ended.pk)


def test_a_rewind_needs_the_head_where_it_was_left() -> None:
    phase = PhaseFactory.create(complete=True)
    before = everything()
    assert not querysets.run_rewind(phase.run, [phase], OTHER, OLD, trigger=Trigger.CLI)
    assert everything() == before
    Run.objects.update(head_commit=NEW)
    assert querysets.run_rewind(phase.run, [phase], NEW, OLD, trigger=Trigger.CLI)
    phase.refresh_from_db()
    assert (phase.state, phase.commit, phase.run.head_commit) == ("PENDING", "", OLD)


def test_a_rewind_takes_what_was_queued_on_its_strength_back_too() -> None:
    first = PhaseFactory.create(complete=True)
    second = PhaseFactory.create(queued=True, run=first.run)
    second.depends_on.add(first)
    Run.objects.update(head_commit=NEW)
    querysets.run_rewind(first.run, [first], NEW, OLD, trigger=Trigger.CLI)
    second.refresh_from_db()
    assert second.state == "PENDING"


def test_queueing_takes_those_that_are_pending_and_says_which() -> None:
    run = RunFactory.create(running=True)
    pending, skipped = PhaseFactory.create(run=run), PhaseFactory.create(run=run, skipped=True)
    assert querysets.phases_queue([pending, skipped]) == [pending]
    assert pending.state == "QUEUED"
    assert history(run) == [("PENDING", "QUEUED")]


def test_queueing_nothing_asks_the_database_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        assert querysets.phases_queue([]) == []


def test_an_approval_is_settled_once() -> None:
    phase = PhaseFactory.create(awaiting_approval=True)
    approval = Approval.objects.create(
        run=phase.run, phase=phase, kind=ApprovalKind.PHASE.value, question="May it?",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    assert querysets.approval_settle(approval, ApprovalState.APPROVED, decided_by="ada")
    assert not querysets.approval_settle(approval, ApprovalState.REJECTED, decided_by="bob")
    approval.refresh_from_db()
    assert (approval.state, approval.decided_by) == ("approved", "ada")


def test_the_row_of_who_asked_for_a_change_shows_it() -> None:
    phase = PhaseFactory.create(queued=True)
    querysets.phase_transition(
        phase, PhaseState.QUEUED, PhaseState.AWAITING_APPROVAL, explanation="May it?"
    )
    assert phase.state == "AWAITING_APPROVAL"
