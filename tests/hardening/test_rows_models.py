"""What no writer can put into the database, and what nobody rewrites."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from hardening.models import FailurePattern, MitigationEvent, PatternChange
from hardening.outcomes import MitigationOutcome
from tests.hardening.rows import mitigated, own_pattern, own_values

pytestmark = pytest.mark.django_db


def refused_by_the_database(constraint: str, **changes: Any) -> None:
    """A row is written past the service."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        FailurePattern(**{"slug": "direct", **own_values(**changes)}).save()


def test_a_whole_pattern_goes_in() -> None:
    FailurePattern(slug="direct", **own_values()).save()


@pytest.mark.parametrize("priority", [0, 11])
def test_priorities_are_1_to_10(priority: int) -> None:
    refused_by_the_database("pattern_priority_1_to_10", priority=priority)


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("pattern_mode_known", {"mode": "always"}),
        ("pattern_reading_known", {"reading": "hopeful"}),
        ("pattern_action_known", {"action": "run_shell"}),
        ("pattern_enabled_has_family", {"family": ""}),
        ("pattern_own_is_whole", {"expressions": []}),
        ("pattern_own_is_whole", {"must_match": []}),
        ("pattern_own_is_whole", {"advice": ""}),
        ("pattern_own_is_whole", {"is_builtin": True}),
        ("pattern_slug_given", {"slug": ""}),
        ("pattern_cool_down_short", {"cool_down_seconds": 8 * 24 * 3600}),
    ],
    ids=str,
)
def test_what_is_no_pattern_stays_out(constraint: str, changes: dict[str, Any]) -> None:
    refused_by_the_database(constraint, **changes)


def test_ids_are_unique_whatever_their_case() -> None:
    own_pattern("no_seat_left")
    refused_by_the_database("pattern_slug_unique", slug="No_Seat_Left")


def test_a_proposal_needs_no_family_yet() -> None:
    FailurePattern(slug="direct", **own_values(family="", enabled=False)).save()


def test_history_and_events_are_written_once() -> None:
    own_pattern()
    event = mitigated(MitigationOutcome.FIXED)
    for row in (PatternChange.objects.get(), event, MitigationEvent.objects.get()):
        with pytest.raises(TypeError, match="append-only"):
            row.save()


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("mitigation_outcome_known", {"outcome": "better"}),
        ("mitigation_skips_when_fixed", {"outcome": "undone"}),
        ("mitigation_savings_explained", {"baseline_source": ""}),
        ("mitigation_savings_explained", {"doctor_skipped": False}),
        ("mitigation_savings_explained", {"baseline_source": "measured"}),
        ("mitigation_seconds_positive", {"seconds": -1.0}),
    ],
    ids=str,
)
def test_no_event_claims_what_cannot_be(constraint: str, changes: dict[str, Any]) -> None:
    event = mitigated(MitigationOutcome.FIXED)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        MitigationEvent.objects.filter(pk=event.pk).update(**changes)


def test_whoever_saves_a_pattern_changes_its_revision() -> None:
    row = own_pattern()
    revisions = {row.revision}
    row.priority = 3
    row.save()
    revisions.add(row.revision)
    row.save(update_fields=["priority"])
    row.refresh_from_db()
    revisions.add(row.revision)
    assert len(revisions) == 3
