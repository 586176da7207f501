"""Questions to people are asked here; the answers are verbs of runs.services."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from runs.models import Approval
from runs.states import ApprovalKind, ApprovalState

if TYPE_CHECKING:
    from runs.models import Phase, Run

APPROVAL_HOURS = 24


def approval_request(
    run: Run, phase: Phase | None, kind: ApprovalKind, question: str, details: dict[str, Any]
) -> Approval:
    """Ask people; asking again while the question is open returns the open one."""
    approval, _ = Approval.objects.get_or_create(
        run=run,
        phase=phase,
        kind=kind.value,
        state=ApprovalState.PENDING.value,
        defaults={
            "question": question,
            "details": details,
            "expires_at": timezone.now() + timedelta(hours=APPROVAL_HOURS),
        },
    )
    return approval
