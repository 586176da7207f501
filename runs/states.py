"""States of runs and phases, outcomes of attempts, and the edges between them. No ORM.

Run    PENDING > QUEUED > RUNNING <> AWAITING_APPROVAL > SUCCEEDED | FAILED | CANCELLED | TIMEOUT
Phase  PENDING > QUEUED > RUNNING > COMPLETE | FAILED | SKIPPED | CANCELLED
"""

from collections.abc import Iterable
from enum import StrEnum


class RunState(StrEnum):
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMEOUT = "TIMEOUT"


class PhaseState(StrEnum):
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


class AttemptOutcome(StrEnum):
    """How one try of a phase ended. `failed`: the work said no. `errored`: our machinery broke."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"


class FailureKind(StrEnum):
    VALIDATION = "validation"
    BUDGET_EXHAUSTED = "budget_exhausted"
    POLICY_VIOLATION = "policy_violation"
    REQUIRES_HUMAN_REVIEW = "requires_human_review"
    ENVIRONMENT = "environment"
    CONFLICT = "conflict"
    STUCK = "stuck"
    CRASH_LIMIT = "crash_limit"


class Trigger(StrEnum):
    """Who asked for it."""

    API = "api"
    CLI = "cli"
    ADMIN = "admin"
    SCHEDULE = "schedule"
    SYSTEM = "system"


class ApprovalKind(StrEnum):
    PLAN = "plan"
    PHASE = "phase"
    GOVERNANCE = "governance"
    ACTION = "action"


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ArtifactKind(StrEnum):
    LOG = "log"
    DIFF = "diff"
    JUNIT = "junit"


class OverlapPolicy(StrEnum):
    """What becomes of a run whose scope overlaps with an active one of its project."""

    WARN = "warn"
    WAIT = "wait"


class RefusalPolicy(StrEnum):
    """What becomes of a diff that governance refuses and a person may let pass."""

    FAIL = "fail"
    ASK = "ask"


class Stage(StrEnum):
    """The steps of an attempt, in order."""

    PREPARE = "prepare"
    BUILD = "build"
    GOVERN = "govern"
    VALIDATE = "validate"
    COMMIT = "commit"
    INTEGRATE = "integrate"


RUN_TERMINAL = frozenset(
    {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.TIMEOUT}
)
RUN_ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.AWAITING_APPROVAL})
PHASE_TERMINAL = frozenset(
    {PhaseState.COMPLETE, PhaseState.FAILED, PhaseState.SKIPPED, PhaseState.CANCELLED}
)

# What run_retry takes back to QUEUED; the only way out of a terminal state.
RUN_RETRIABLE = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.TIMEOUT})

RUN_EDGES: dict[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.QUEUED, RunState.CANCELLED, RunState.FAILED}),
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.AWAITING_APPROVAL, *RUN_TERMINAL}),
    RunState.RUNNING: frozenset({RunState.QUEUED, RunState.AWAITING_APPROVAL, *RUN_TERMINAL}),
    RunState.AWAITING_APPROVAL: frozenset(
        {RunState.RUNNING, RunState.QUEUED, RunState.FAILED, RunState.CANCELLED, RunState.TIMEOUT}
    ),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    RunState.TIMEOUT: frozenset({RunState.QUEUED}),
}

PHASE_EDGES: dict[PhaseState, frozenset[PhaseState]] = {
    PhaseState.PENDING: frozenset({PhaseState.QUEUED, PhaseState.SKIPPED, PhaseState.CANCELLED}),
    PhaseState.QUEUED: frozenset(
        {
            PhaseState.RUNNING,
            # Asking before an attempt needs no lease, so none is taken.
            PhaseState.AWAITING_APPROVAL,
            PhaseState.PENDING,
            PhaseState.FAILED,
            PhaseState.SKIPPED,
            PhaseState.CANCELLED,
        }
    ),
    PhaseState.RUNNING: frozenset(
        {
            PhaseState.QUEUED,
            PhaseState.AWAITING_APPROVAL,
            PhaseState.COMPLETE,
            PhaseState.FAILED,
            PhaseState.SKIPPED,
            PhaseState.CANCELLED,
        }
    ),
    PhaseState.AWAITING_APPROVAL: frozenset(
        {PhaseState.QUEUED, PhaseState.FAILED, PhaseState.CANCELLED}
    ),
    # Out of a terminal state only by run_retry (to PENDING) or, from COMPLETE, by a rollback.
    PhaseState.COMPLETE: frozenset({PhaseState.PENDING}),
    PhaseState.FAILED: frozenset({PhaseState.PENDING}),
    PhaseState.SKIPPED: frozenset({PhaseState.PENDING}),
    PhaseState.CANCELLED: frozenset({PhaseState.PENDING}),
}

# From best to worst, for a summary over many runs.
_SEVERITY = (
    RunState.SUCCEEDED,
    RunState.PENDING,
    RunState.QUEUED,
    RunState.RUNNING,
    RunState.AWAITING_APPROVAL,
    RunState.CANCELLED,
    RunState.TIMEOUT,
    RunState.FAILED,
)


def worst_status(states: Iterable[RunState]) -> RunState:
    """The state that a summary of several runs should show; SUCCEEDED for none at all."""
    return max(states, key=_SEVERITY.index, default=RunState.SUCCEEDED)
