"""An operator's pattern, a match of it, and its mitigation, for tests that need some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening.families import Family
from hardening.outcomes import CheckResult, Mitigation, MitigationOutcome
from hardening.services import mitigation_record, pattern_create
from hardening.types import Action, ActionKind, DoctorBaseline, Evidence, Match, Risk
from tests.runs.factories import AttemptFactory

if TYPE_CHECKING:
    from hardening.models import FailurePattern, MitigationEvent
    from runs.models import Attempt

LOG = "make: entering\nquartermaster: no seat left on ledger-7 (12 waiting)\nmake: *** [all] 3\n"
OTHER_LOG = "quartermaster: seat granted on ledger-7\nassertion failed: 3 != 4\n"
BASELINE = DoctorBaseline(tokens=1_800, source="installation", sample_size=41)


def own_values(**changes: Any) -> dict[str, Any]:
    """A whole pattern that matches LOG and not OTHER_LOG."""
    return {
        "title": "No seat left",
        "family": "resource_locked",
        "priority": 2,
        "enabled": True,
        "mode": "apply",
        "cool_down_seconds": 0,
        "expressions": [r"quartermaster: no seat left on (?P<ledger>[\w-]+)"],
        "ignore_case": False,
        "unless": [],
        "reading": "strict",
        "action": "wait_and_retry",
        "parameters": {"delay_seconds": "5", "attempts": "3"},
        "advice": "All seats are taken: wait for one.",
        "must_match": [LOG],
        "must_not_match": [OTHER_LOG],
        **changes,
    }


def own_pattern(slug: str = "no_seat_left", **changes: Any) -> FailurePattern:
    return pattern_create(own_values(**changes), slug=slug, by="ada")


def match_of(slug: str = "no_seat_left", **changes: Any) -> Match:
    values: dict[str, Any] = {
        "family": Family.RESOURCE_LOCKED,
        "priority": 2,
        "score": 0.9,
        "evidence": (Evidence(line=2, start=0, end=13, text="quartermaster: no seat left"),),
        "specifics": {"ledger": "ledger-7"},
        "actions": (wait(),),
    }
    return Match(pattern_id=slug, **(values | changes))


def wait() -> Action:
    parameters = {"delay_seconds": "5", "attempts": "3"}
    return Action(ActionKind.WAIT_AND_RETRY, Risk.APPLY, "Wait for a seat.", parameters)


def mitigated(
    outcome: MitigationOutcome,
    *,
    attempt: Attempt | None = None,
    match: Match | None = None,
    **changes: Any,
) -> MitigationEvent:
    attempt = attempt or AttemptFactory.create()
    values: dict[str, Any] = {
        "action": wait(),
        "check_name": "make all",
        "signature": "quartermaster: no seat left on ledger-<n>",
        "seconds": 5.25,
        "before": CheckResult(3, "no seat left"),
        "after": CheckResult(0, "") if outcome is MitigationOutcome.FIXED else CheckResult(3, "no"),
        "baseline": BASELINE,
    }
    mitigation = Mitigation(match=match or match_of(), outcome=outcome, **(values | changes))
    return mitigation_record(
        mitigation, attempt_id=attempt.pk, project_id=attempt.phase.run.project_id
    )
