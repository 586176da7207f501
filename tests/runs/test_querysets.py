"""A phase is claimed and ended by compare-and-set: one winner, or nothing written."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from runs import querysets
from runs.models import Artifact, Attempt, Phase, Run
from runs.querysets import HeadMoved, LeaseLost
from runs.states import ArtifactKind, AttemptOutcome, FailureKind, PhaseState, RunState
from runs.types import WorkerIdentity
from tests.runs.factories import AttemptFactory, PhaseFactory, RunFactory
from tests.runs.rows import at_once, everything, history, report_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = "1" * 40, "2" * 40, "3" * 40
LOG = {"kind": ArtifactKind.LOG.value, "name": "attempt.log", "path": "a", "size_bytes": 1}


def worker(number: int = 1) -> WorkerIdentity:
    return WorkerIdentity(f"worker-{number}", "host", 100 + number, 1.0, "boot")


# --- Claims -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_workers_racing_for_a_phase_one_wins() -> None:
    for _ in range(8):
        phase = PhaseFactory.create(queued=True)
        seen = [Phase.objects.get(pk=phase.pk) for _ in range(4)]
        won = at_once(
            [
                partial(querysets.phase_claim, row, worker(number), lease_seconds=60)
                for number, row in enumerate(seen)
            ]
        )
        (attempt,) = [each for each in won if each is not None]
        assert list(Attempt.objects.filter(phase=phase)) == [attempt]
        phase.refresh_from_db()
        assert (phase.state, phase.fence) == ("RUNNING", 1)
        assert history(phase.run) == [("QUEUED", "RUNNING")]


@pytest.mark.parametrize("state", ["QUEUED", "AWAITING_APPROVAL"])
def test_a_claim_takes_a_run_that_was_just_paused_back(state: str) -> None:
    phase = PhaseFactory.create(queued=True)
    Run.objects.filter(pk=phase.run_id).update(state=state)
    assert querysets.phase_claim(phase, worker(), lease_seconds=60)
    phase.run.refresh_from_db()
    assert phase.run.state == "RUNNING"
    assert history(phase.run) == [(state, "RUNNING"), ("QUEUED", "RUNNING")]


def test_no_phase_of_a_run_that_has_ended_is_claimed() -> None:
    phase = PhaseFactory.create(queued=True, run=RunFactory.create(cancelled=True))
    before = everything()
    assert querysets.phase_claim(phase, worker(), lease_seconds=60) is None
    assert everything() == before


def test_a_run_is_not_paused_while_a_phase_of_it_runs() -> None:
    phase = PhaseFactory.create(running=True)
    assert not querysets.run_pause(phase.run_id, explanation="x")
    assert not querysets.run_pause(phase.run_id, RunState.AWAITING_APPROVAL, explanation="x")
    Phase.objects.filter(pk=phase.pk).update(state="COMPLETE")
    assert querysets.run_pause(phase.run_id, explanation="x")
    assert not querysets.run_pause(phase.run_id, explanation="x"), "it waits already"


@pytest.mark.django_db(transaction=True)
def test_a_pause_and_a_claim_at_once_never_leave_a_phase_running_in_a_run_that_waits() -> None:
    for _ in range(10):
        phase = PhaseFactory.create(queued=True)
        both: list[Callable[[], object]] = [
            partial(querysets.phase_claim, phase, worker(), lease_seconds=60),
            partial(querysets.run_pause, phase.run_id, explanation="Nothing to do."),
        ]
        at_once(both)
        phase.refresh_from_db()
        assert (phase.state, phase.run.state) == ("RUNNING", "RUNNING")


def test_a_claim_gives_a_lease_a_number_and_a_higher_fence() -> None:
    phase = PhaseFactory.create(queued=True, fence=4)
    before = timezone.now()
    attempt = querysets.phase_claim(phase, worker(), lease_seconds=90)
    assert attempt is not None
    attempt.refresh_from_db()
    assert (attempt.number, attempt.fence, attempt.outcome) == (5, 5, "")
    assert (attempt.worker, attempt.pid) == ("worker-1", 101)
    # The database's clock counts whole milliseconds.
    spent = timedelta(seconds=90, milliseconds=-5)
    assert before + spent <= attempt.lease_expires_at <= timezone.now() + timedelta(seconds=90)


def test_a_claim_on_what_moved_since_it_was_read_is_lost() -> None:
    phase = PhaseFactory.create(queued=True)
    stale = Phase.objects.get(pk=phase.pk)
    Phase.objects.filter(pk=phase.pk).update(fence=1)
    assert querysets.phase_claim(stale, worker(), lease_seconds=60) is None
    assert not Attempt.objects.exists()


def test_a_phase_whose_dependencies_are_done_is_queued_and_claimed_in_one_step() -> None:
    phase = PhaseFactory.create()
    attempt = querysets.phase_claim(phase, worker(), lease_seconds=60)
    assert attempt is not None
    phase.refresh_from_db()
    assert (phase.state, phase.fence) == ("RUNNING", 1)
    assert history(phase.run) == [("PENDING", "QUEUED"), ("QUEUED", "RUNNING")]


@pytest.mark.parametrize("state", sorted(set(PhaseState) - {PhaseState.PENDING, PhaseState.QUEUED}))
def test_a_phase_that_is_neither_waiting_nor_queued_is_not_claimed(state: PhaseState) -> None:
    phase = PhaseFactory.create(state=state.value)
    before = everything()
    assert querysets.phase_claim(phase, worker(), lease_seconds=60) is None
    assert everything() == before


def test_only_running_attempts_are_renewed() -> None:
    mine, ended = AttemptFactory.create(expired=True), AttemptFactory.create(succeeded=True)
    assert querysets.leases_renew([mine.pk, ended.pk], lease_seconds=60) == 1
    mine.refresh_from_db()
    assert mine.lease_expires_at > timezone.now()


# --- Ends of attempts -------------------------------------------------------------------------


def test_a_success_moves_the_phase_and_the_head_of_its_run_together() -> None:
    attempt = AttemptFactory.create()
    phase = attempt.phase
    querysets.attempt_finish(
        attempt, phase, report_of(attempt), PhaseState.COMPLETE,
        explanation="Validated.", head=(OLD, NEW), columns={"commit": NEW},
        artifacts=[LOG],
    )  # fmt: skip
    row, done, run = Attempt.objects.get(), Phase.objects.get(), Run.objects.get()
    assert (row.outcome, row.commit, row.report["explanation"]) == (
        "succeeded", NEW, "It is said here."
    )  # fmt: skip
    assert (done.state, done.commit, run.head_commit) == ("COMPLETE", NEW, NEW)
    assert row.ended_at
    assert done.ended_at
    assert history(run) == [("RUNNING", "COMPLETE")]
    assert (phase.state, phase.commit) == ("COMPLETE", NEW), "the caller's row is told too"
    assert Artifact.objects.get().attempt == attempt


def test_a_failure_leaves_the_head_alone_and_queues_the_phase() -> None:
    attempt = AttemptFactory.create()
    querysets.attempt_finish(
        attempt, attempt.phase,
        report_of(attempt, AttemptOutcome.FAILED, FailureKind.VALIDATION), PhaseState.QUEUED,
        explanation="A test failed.", columns={"tries": 1, "hint": "assert 1 == 2"},
    )  # fmt: skip
    attempt.refresh_from_db()
    phase = Phase.objects.get()
    assert (attempt.outcome, attempt.failure_kind) == ("failed", "validation")
    assert (phase.state, phase.tries, phase.hint, phase.ended_at) == (
        "QUEUED", 1, "assert 1 == 2", None
    )  # fmt: skip
    assert Run.objects.get().head_commit == OLD


def test_a_holder_that_lost_its_fence_writes_nothing() -> None:
    attempt = AttemptFactory.create()
    Phase.objects.update(fence=attempt.fence + 1)
    before = everything()
    with pytest.raises(LeaseLost, match="no longer the holder"):
        querysets.attempt_finish(
            attempt, attempt.phase, report_of(attempt), PhaseState.COMPLETE,
            explanation="Mine!", head=(OLD, NEW),
            artifacts=[LOG],
        )  # fmt: skip
    assert everything() == before
    assert attempt.phase.state == "RUNNING", "the caller's row is not told what did not happen"


def test_a_holder_whose_phase_was_given_back_writes_nothing() -> None:
    attempt = AttemptFactory.create()
    querysets.attempt_abandon(attempt, PhaseState.QUEUED, explanation="Its worker is gone.")
    before = everything()
    with pytest.raises(LeaseLost):
        querysets.attempt_finish(
            attempt, attempt.phase, report_of(attempt), PhaseState.COMPLETE, explanation="Late."
        )
    assert everything() == before


def test_a_head_that_moved_meanwhile_leaves_nothing_written() -> None:
    attempt = AttemptFactory.create()
    Run.objects.update(head_commit=OTHER)
    before = everything()
    with pytest.raises(HeadMoved):
        querysets.attempt_finish(
            attempt, attempt.phase, report_of(attempt), PhaseState.COMPLETE,
            explanation="Built on what was.", head=(OLD, NEW),
            artifacts=[LOG],
        )  # fmt: skip
    assert everything() == before


def integrate(attempt: Attempt, commit: str) -> str:
    """The commit that became the head; '' when another one was there first."""
    try:
        querysets.attempt_finish(
            attempt, attempt.phase, report_of(attempt), PhaseState.COMPLETE,
            explanation="Integrated.", head=(OLD, commit),
        )  # fmt: skip
    except HeadMoved:
        return ""
    return commit


@pytest.mark.django_db(transaction=True)
def test_of_two_phases_that_integrate_at_once_one_must_merge() -> None:
    for _ in range(8):
        run = RunFactory.create(running=True)
        attempts = [AttemptFactory.create(phase__run=run) for _ in range(2)]
        commits = at_once(
            [partial(integrate, *pair) for pair in zip(attempts, (NEW, OTHER), strict=True)]
        )
        assert commits.count("") == 1
        run.refresh_from_db()
        assert run.head_commit == max(commits)
        assert run.phases.filter(state="COMPLETE").count() == 1
        assert Attempt.objects.filter(phase__run=run, outcome="").count() == 1


def test_an_abandoned_attempt_counts_a_crash_and_gives_its_phase_back() -> None:
    attempt = AttemptFactory.create(expired=True)
    assert querysets.attempt_abandon(attempt, PhaseState.QUEUED, explanation="Gone.")
    attempt.refresh_from_db()
    phase = Phase.objects.get()
    assert (attempt.outcome, phase.state, phase.crashes) == ("abandoned", "QUEUED", 1)
    assert history(phase.run) == [("RUNNING", "QUEUED")]


def test_an_attempt_that_ended_by_itself_is_not_abandoned() -> None:
    attempt = AttemptFactory.create()
    querysets.attempt_finish(
        attempt, attempt.phase, report_of(attempt), PhaseState.COMPLETE, explanation="Done."
    )
    before = everything()
    assert not querysets.attempt_abandon(attempt, PhaseState.QUEUED, explanation="Gone.")
    assert everything() == before
