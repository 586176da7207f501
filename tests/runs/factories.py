"""Rows for tests that need some and do not care how they came to be. Traits name their states.

Rows made here have no history: tests about how a state is reached go through runs.querysets.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from factory.declarations import LazyAttribute, LazyFunction, Sequence, SubFactory, Trait
from factory.django import DjangoModelFactory

from runs.models import Attempt, Phase, Project, Run
from runs.states import AttemptOutcome, FailureKind, PhaseState, RunState

if TYPE_CHECKING:
    from datetime import datetime

LEASE = timedelta(seconds=60)


def _now() -> datetime:
    return timezone.now()


def _plan(run: Any) -> dict[str, Any]:
    return {"schema_version": 1, "goal": run.goal, "phases": [{"id": "a"}]}


class ProjectFactory(DjangoModelFactory[Project]):
    class Meta:
        model = Project

    name = Sequence(lambda number: f"project-{number}")
    source = LazyAttribute(lambda project: f"/srv/repositories/{project.name}")


class RunFactory(DjangoModelFactory[Run]):
    """A PENDING run without phases."""

    class Meta:
        model = Run

    class Params:
        queued = Trait(state=RunState.QUEUED.value)
        running = Trait(
            state=RunState.RUNNING.value,
            started_at=LazyFunction(_now),
            base_commit="1" * 40,
            head_commit="1" * 40,
        )
        awaiting_approval = Trait(
            running=True,
            state=RunState.AWAITING_APPROVAL.value,
            waiting_since=LazyFunction(_now),
        )
        succeeded = Trait(
            running=True,
            state=RunState.SUCCEEDED.value,
            ended_at=LazyFunction(_now),
            head_commit="2" * 40,
        )
        failed = Trait(
            running=True,
            state=RunState.FAILED.value,
            failure_kind=FailureKind.VALIDATION.value,
            ended_at=LazyFunction(_now),
        )
        cancelled = Trait(
            state=RunState.CANCELLED.value,
            cancel_requested_at=LazyFunction(_now),
            ended_at=LazyFunction(_now),
        )
        timed_out = Trait(running=True, state=RunState.TIMEOUT.value, ended_at=LazyFunction(_now))

    run_id = Sequence(lambda number: f"run-{number}")
    project = SubFactory(ProjectFactory)
    goal = LazyAttribute(lambda run: f"The goal of {run.run_id}")
    structured_plan = LazyAttribute(_plan)


class PhaseFactory(DjangoModelFactory[Phase]):
    """A PENDING phase of a running run."""

    class Meta:
        model = Phase

    class Params:
        queued = Trait(state=PhaseState.QUEUED.value)
        running = Trait(state=PhaseState.RUNNING.value, fence=1, started_at=LazyFunction(_now))
        awaiting_approval = Trait(state=PhaseState.AWAITING_APPROVAL.value, requires_approval=True)
        complete = Trait(
            running=True,
            state=PhaseState.COMPLETE.value,
            commit="2" * 40,
            ended_at=LazyFunction(_now),
        )
        failed = Trait(
            running=True,
            state=PhaseState.FAILED.value,
            tries=3,
            ended_at=LazyFunction(_now),
        )
        skipped = Trait(state=PhaseState.SKIPPED.value, ended_at=LazyFunction(_now))

    run = SubFactory(RunFactory, running=True)
    key = Sequence(lambda number: f"phase-{number}")
    position = Sequence(lambda number: number)
    title = LazyAttribute(lambda phase: f"The phase {phase.key}")
    spec = LazyAttribute(lambda phase: {"id": phase.key})


class AttemptFactory(DjangoModelFactory[Attempt]):
    """The first attempt of a running phase, under a lease of a minute."""

    class Meta:
        model = Attempt

    class Params:
        expired = Trait(lease_expires_at=LazyFunction(lambda: _now() - LEASE))
        ended = Trait(ended_at=LazyFunction(_now))
        succeeded = Trait(ended=True, outcome=AttemptOutcome.SUCCEEDED.value)
        failed = Trait(
            ended=True,
            outcome=AttemptOutcome.FAILED.value,
            failure_kind=FailureKind.VALIDATION.value,
        )
        abandoned = Trait(ended=True, outcome=AttemptOutcome.ABANDONED.value)

    phase = SubFactory(PhaseFactory, running=True)
    number = LazyAttribute(lambda attempt: attempt.phase.fence)
    fence = LazyAttribute(lambda attempt: attempt.number)
    worker = "worker-1"
    host = "host-1"
    pid = 4711
    pid_started = 1_000_000.0
    boot_id = "boot-1"
    started_at = LazyFunction(_now)
    lease_expires_at = LazyFunction(lambda: _now() + LEASE)
