"""What driving a run reads: what it has spent, how long it goes, its phases."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Lower
from django.utils import timezone

from runs.models import Attempt, ModelCall, Phase, Run
from runs.statements import GIVEN_NUMBER, KeptQuery

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has used so far, by its ledger. `unpriced` counts calls with no known price."""

    tokens: int
    cost_usd: Decimal
    unpriced: int


SPENT = {
    "tokens": Sum(
        F("input_tokens")
        + F("cache_read_tokens")
        + F("cache_write_tokens")
        + F("output_tokens")
        + F("reasoning_tokens")
    ),
    "cost": Sum("cost_usd"),
    "unpriced": Count("pk", filter=Q(cost_usd=None)),
}
_SPENT_OF_RUN = KeptQuery(
    lambda: (
        ModelCall.objects.filter(run_id=GIVEN_NUMBER)
        .order_by()
        .values("run_id")
        .annotate(**SPENT)
        .values_list(*SPENT)
    )
)


def run_spent(run_pk: int) -> Spent:
    return _spent_of(_SPENT_OF_RUN.row(run_pk))


def attempt_spent(attempt_pk: int) -> Spent:
    return _spent(ModelCall.objects.filter(attempt_id=attempt_pk))


def _spent(calls: QuerySet[ModelCall]) -> Spent:
    row = calls.order_by().values("run_id").annotate(**SPENT).values_list(*SPENT).first()
    return _spent_of(row)


def _spent_of(row: Any) -> Spent:
    tokens, cost, unpriced = row or (0, None, 0)
    return Spent(tokens or 0, cost or Decimal(0), unpriced)


def attempts_running(attempt_pks: Iterable[int]) -> set[int]:
    """Those of `attempt_pks` that have no outcome yet."""
    return set(
        Attempt.objects.filter(pk__in=list(attempt_pks), outcome="").values_list("pk", flat=True)
    )


def run_active_seconds(run: Run) -> float:
    """How long a run has been going, without the time that people were waited for."""
    if run.started_at is None:
        return 0.0
    end = run.ended_at or timezone.now()
    waiting = (timezone.now() - run.waiting_since).total_seconds() if run.waiting_since else 0.0
    return max(0.0, (end - run.started_at).total_seconds() - run.waited_seconds - waiting)


def runs_to_stop(run_pks: Collection[int]) -> list[tuple[int, str]]:
    """Runs whose holders must let go: (pk, 'cancelled' or 'time is up')."""
    found = []
    for run in Run.objects.filter(pk__in=run_pks).only(
        "cancel_requested_at", "started_at", "ended_at", "waiting_since", "waited_seconds",
        "max_duration_minutes",
    ):  # fmt: skip
        if run.cancel_requested_at:
            found.append((run.pk, "cancelled"))
        elif run_active_seconds(run) > run.max_duration_minutes * 60:
            found.append((run.pk, "time is up"))
    return found


def run_phases(run_pk: int) -> list[Phase]:
    """The phases of a run in plan order, with `needs` set (from their specs): one query."""
    phases = list(Phase.objects.filter(run_id=run_pk).order_by("position"))
    by_key = {phase.key: phase.pk for phase in phases}
    for phase in phases:
        phase.needs = frozenset(by_key[key] for key in phase.spec.get("depends_on", ()))
    return phases


def runs_by_id(run_ids: Iterable[str]) -> dict[str, Run]:
    """Runs by the id asked for (case does not count); those that do not exist are left out."""
    wanted = list(run_ids)
    by_lower = {
        run.run_id.lower(): run
        # By the index, which is on the folded ids.
        for run in Run.objects.alias(folded=Lower("run_id"))
        .filter(folded__in=[run_id.lower() for run_id in wanted])
        .select_related("project")
    }
    return {run_id: by_lower[run_id.lower()] for run_id in wanted if run_id.lower() in by_lower}
