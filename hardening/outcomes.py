"""What came of a mitigation, as plain values: what `runs` hands in to be kept as an event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardening.types import Action, DoctorBaseline, Match


class MitigationOutcome(StrEnum):
    """How one mitigation ended.

    fixed               the failed check went green
    failed_differently  it failed again, for another cause: counted apart, the work goes on
    not_fixed           it failed as before, and there was nothing to undo
    undone              it failed as before, and what was done was taken back
    refused             a precondition did not hold: nothing was done
    suggested           the action's risk or the pattern's mode let it only be said
    awaiting_approval   a person was asked
    """

    FIXED = "fixed"
    FAILED_DIFFERENTLY = "failed_differently"
    NOT_FIXED = "not_fixed"
    UNDONE = "undone"
    REFUSED = "refused"
    SUGGESTED = "suggested"
    AWAITING_APPROVAL = "awaiting_approval"


# Something was done and the check ran again: what cool-downs and rates of success count.
TRIED = frozenset(
    {
        MitigationOutcome.FIXED,
        MitigationOutcome.FAILED_DIFFERENTLY,
        MitigationOutcome.NOT_FIXED,
        MitigationOutcome.UNDONE,
    }
)


class PatternTrigger(StrEnum):
    """Where a change of a pattern came from."""

    ADMIN = "admin"
    COMMAND = "command"
    MINING = "mining"
    UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check before or after: its exit code (None: it was not run, or killed) and a short text,
    of which 500 characters are kept."""

    exit_code: int | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Mitigation:
    """One mitigation as it went. `signature` is that of the failure before (`failure_signature`).

    `baseline` is what a Doctor call costs here, given when a fix spared one; None when none would
    have been made anyway (its budget was spent, say).
    """

    match: Match
    action: Action
    check_name: str
    signature: str
    outcome: MitigationOutcome
    seconds: float
    before: CheckResult
    after: CheckResult | None = None
    baseline: DoctorBaseline | None = None


@dataclass(frozen=True, slots=True)
class Savings:
    """Tokens that a fix saved. An estimate, never a measurement: `source` and `sample_size` say of
    what (empty and 0: nothing was saved)."""

    tokens: int = 0
    source: str = ""
    sample_size: int = 0
