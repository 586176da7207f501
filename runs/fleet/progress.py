"""One look at many runs: a single query, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, OuterRef, Q, Subquery

from runs.fleet.types import Progress
from runs.models import Phase, Run, StatusChange
from runs.states import PhaseState

if TYPE_CHECKING:
    from collections.abc import Iterable


def runs_progress(run_ids: Iterable[str]) -> dict[str, Progress]:
    """What each of these runs is at, by its id. Those that do not exist are left out."""
    running = Phase.objects.filter(run=OuterRef("pk"), state=PhaseState.RUNNING.value)
    running = running.order_by("position")
    # That a phase was claimed is seen in the row; why it is where it is, is worth telling.
    said = StatusChange.objects.filter(run=OuterRef("pk")).exclude(
        to_state=PhaseState.RUNNING.value
    )
    rows = (
        Run.objects.filter(run_id__in=list(run_ids))
        .annotate(
            total=Count("phases"),
            done=Count("phases", filter=Q(phases__state=PhaseState.COMPLETE.value)),
            running=Count("phases", filter=Q(phases__state=PhaseState.RUNNING.value)),
            phase=Subquery(running.values("key")[:1]),
            attempt=Subquery(running.values("fence")[:1]),
            said=Subquery(said.order_by("-id").values("explanation")[:1]),
        )
        .order_by()
        .values_list("run_id", "state", "done", "total", "running", "phase", "attempt", "said")
    )
    return {
        run_id: Progress(
            state, done, total, phase or "", attempt or 0, max(0, running - 1), message or ""
        )
        for run_id, state, done, total, running, phase, attempt, message in rows
    }
