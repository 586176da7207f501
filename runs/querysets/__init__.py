"""The only writer of statuses. Every write is compare-and-set and looks at the row count.

A transition that finds another state than it expected changes nothing and returns False: another
worker got there first, or a person changed their mind, and the caller reads again. Each one that
happens appends a StatusChange in the same transaction. That holds on SQLite and on PostgreSQL
alike, with no row locks.
"""

from runs.querysets.claims import phase_claim
from runs.querysets.history import HeadMoved, IllegalTransition, LeaseLost
from runs.querysets.phases import (
    attempt_abandon,
    attempt_finish,
    leases_renew,
    phase_transition,
    phases_queue,
)
from runs.querysets.runs import (
    approval_settle,
    run_pause,
    run_published,
    run_refresh,
    run_request_cancel,
    run_rewind,
    run_start,
    run_transition,
)

__all__ = [
    "HeadMoved",
    "IllegalTransition",
    "LeaseLost",
    "approval_settle",
    "attempt_abandon",
    "attempt_finish",
    "leases_renew",
    "phase_claim",
    "phase_transition",
    "phases_queue",
    "run_pause",
    "run_published",
    "run_refresh",
    "run_request_cancel",
    "run_rewind",
    "run_start",
    "run_transition",
]
