"""Failures that no pattern knew, as the miner of patterns reads them: from attempts' reports."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from hardening.mining import MinedFailure
from hardening.types import ActionKind
from runs.models import Attempt
from runs.states import AttemptOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

MINED_DAYS = 90
MINED_MOST = 20_000


def failures_mined() -> Iterator[MinedFailure]:
    """Failed attempts of the last 90 days, the youngest 20,000, of which no mitigation was even
    tried. One is solved when the Doctor was asked and the phase's next attempt succeeded."""
    found = (
        Attempt.objects.filter(
            outcome=AttemptOutcome.FAILED.value,
            ended_at__gt=timezone.now() - timedelta(days=MINED_DAYS),
        )
        .order_by("-pk")
        .values_list("phase_id", "number", "report")[:MINED_MOST]
    )
    for phase_pk, number, report in found.iterator(chunk_size=500):
        section = report.get("failing_section", "")
        if section and not report.get("mitigations"):
            yield _failure(phase_pk, number, section, report.get("doctor") or {})


def _failure(phase_pk: int, number: int, section: str, doctor: dict[str, Any]) -> MinedFailure:
    following = Attempt.objects.filter(phase_id=phase_pk, number__gt=number).order_by("number")
    is_solved = bool(doctor) and (
        following.values_list("outcome", flat=True).first() == AttemptOutcome.SUCCEEDED.value
    )
    fix = doctor.get("fix") or {}
    return MinedFailure(
        text=section,
        is_solved=is_solved,
        action=ActionKind(fix.get("kind", ActionKind.SUGGEST_ONLY.value)),
        parameters=fix.get("parameters", {}),
        words=doctor.get("hint", ""),
    )
