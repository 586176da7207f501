"""What a Doctor call costs here: by the ledger, else by a configured guess."""

from __future__ import annotations

from statistics import median

from django.conf import settings

from hardening.types import DoctorBaseline
from runs.models import ModelCall

ROLE = "doctor"
# Of the installation's calls, the last so many: models and prompts change.
LAST_CALLS = 100


def doctor_baseline(run_pk: int) -> DoctorBaseline:
    """The median of this run's Doctor calls, else of the last 100 of the installation, else the
    setting AUTOPACK_DOCTOR_TOKENS (a sample of 0)."""
    calls = ModelCall.objects.filter(role=ROLE).order_by("-pk")
    if tokens := [call.total_tokens for call in calls.filter(run_id=run_pk)]:
        return DoctorBaseline(round(median(tokens)), "run", len(tokens))
    if tokens := [call.total_tokens for call in calls[:LAST_CALLS]]:
        return DoctorBaseline(round(median(tokens)), "installation", len(tokens))
    return DoctorBaseline(settings.AUTOPACK_DOCTOR_TOKENS, "default", 0)
