"""The keeper of leases: beats for what is held, and lets go of what is lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone

from runs.execution.leases import CANCELLED, LEASE_LOST, TIME_IS_UP, LeaseKeeper, worker_identity
from runs.execution.process import Cancellation
from runs.models import Attempt, Run
from runs.querysets import attempt_abandon, phase_claim, run_request_cancel
from runs.states import PhaseState
from tests.runs.execution.by_hand import opened
from tests.runs.execution.driving import phase_of
from tests.runs.execution.plans import add_line, phase
from tests.runs.execution.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def attempt(make_run: MakeRun, settings: Settings) -> Attempt:
    """An attempt of ours, its lease 4 s long."""
    settings.AUTOPACK_LEASE_SECONDS = 4.0
    settings.AUTOPACK_BEAT_SECONDS = 0.1
    run = make_run(phase("a", add_line(0)))
    opened(run)
    claimed = phase_claim(phase_of(run, "a"), worker_identity(), lease_seconds=4.0)
    assert claimed is not None
    return claimed


@pytest.fixture
def keeper() -> Iterator[LeaseKeeper]:
    made = LeaseKeeper()
    yield made
    assert not made._held, "what was held is let go of"


def lease_end(attempt: Attempt) -> object:
    return Attempt.objects.values_list("lease_expires_at", flat=True).get(pk=attempt.pk)


def test_a_lease_is_renewed_while_it_is_held_and_no_longer(
    attempt: Attempt, keeper: LeaseKeeper
) -> None:
    cancellation = Cancellation()
    with keeper.hold(attempt, cancellation):
        first = lease_end(attempt)
        assert eventually(lambda: lease_end(attempt) != first, 5.0)
    assert not cancellation.is_requested
    Attempt.objects.filter(pk=attempt.pk).update(lease_expires_at=timezone.now())
    after = lease_end(attempt)
    assert not eventually(lambda: lease_end(attempt) != after, 1.0)


def test_the_holder_of_an_attempt_that_was_taken_over_is_told_to_stop(
    attempt: Attempt, keeper: LeaseKeeper
) -> None:
    cancellation = Cancellation()
    with keeper.hold(attempt, cancellation):
        attempt_abandon(attempt, PhaseState.QUEUED, explanation="Believed dead.")
        assert eventually(lambda: cancellation.is_requested, 5.0)
    assert cancellation.reason == LEASE_LOST


def test_only_the_attempt_that_was_lost_is_told(
    attempt: Attempt, keeper: LeaseKeeper, make_run: MakeRun
) -> None:
    run = make_run(phase("a", add_line(0)), run_id="second")
    opened(run)
    other = phase_claim(phase_of(run, "a"), worker_identity(), lease_seconds=4.0)
    assert other is not None
    lost, kept = Cancellation(), Cancellation()
    with keeper.hold(attempt, lost), keeper.hold(other, kept):
        attempt_abandon(attempt, PhaseState.QUEUED, explanation="Believed dead.")
        assert eventually(lambda: lost.is_requested, 5.0)
    assert not kept.is_requested


def test_people_who_cancel_are_heard(attempt: Attempt, keeper: LeaseKeeper) -> None:
    cancellation = Cancellation()
    with keeper.hold(attempt, cancellation):
        run_request_cancel(attempt.phase.run_id)
        assert eventually(lambda: cancellation.is_requested, 5.0)
    assert cancellation.reason == CANCELLED


def test_a_run_whose_time_is_up_is_told(attempt: Attempt, keeper: LeaseKeeper) -> None:
    cancellation = Cancellation()
    with keeper.hold(attempt, cancellation):
        long_ago = timezone.now() - timedelta(hours=3)
        Run.objects.filter(pk=attempt.phase.run_id).update(started_at=long_ago)
        assert eventually(lambda: cancellation.is_requested, 5.0)
    assert cancellation.reason == TIME_IS_UP


def test_a_holder_that_cannot_reach_the_database_lets_go_before_its_lease_ends(
    attempt: Attempt, keeper: LeaseKeeper, settings: Settings
) -> None:
    settings.AUTOPACK_LEASE_SECONDS = 1.0
    cancellation = Cancellation()
    blocked, done = threading.Event(), threading.Event()

    def block() -> None:
        # A writer that does not end: every beat waits for it, as it would for a dead network.
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN EXCLUSIVE")
            blocked.set()
            done.wait(20)
            cursor.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=block)
    settings.DATABASES["default"]["OPTIONS"]["timeout"] = 0.2
    connection.settings_dict["OPTIONS"]["timeout"] = 0.2
    try:
        with keeper.hold(attempt, cancellation):
            thread.start()
            assert blocked.wait(10)
            assert eventually(lambda: cancellation.is_requested, 8.0)
            done.set()
    finally:
        done.set()
        thread.join(10)
        settings.DATABASES["default"]["OPTIONS"]["timeout"] = 20
        connection.settings_dict["OPTIONS"]["timeout"] = 20
    assert cancellation.reason == LEASE_LOST


def test_a_process_is_one_worker_for_all_of_its_life() -> None:
    names = {worker_identity().worker}
    threads = [
        threading.Thread(target=lambda: names.add(worker_identity().worker)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 1
