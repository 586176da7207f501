"""One run: its row, its status, its attempts. Asked for all the time, so built once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Lower

from runs.models import Attempt, Phase, Project, Run
from runs.models.run import BRANCH_PREFIX
from runs.selectors.driving import run_spent
from runs.statements import GIVEN_NUMBER, GIVEN_TEXT, KeptQuery
from runs.states import PhaseState

if TYPE_CHECKING:
    from collections.abc import Iterable


def run_find(run_id: str) -> Run | None:
    """The run called so, whatever the case: by the index on its folded id."""
    return (
        Run.objects.alias(folded=Lower("run_id"))
        .filter(folded=run_id.lower())
        .select_related("project")
        .first()
    )


def project_find(name: str) -> Project | None:
    return Project.objects.alias(folded=Lower("name")).filter(folded=name.lower()).first()


RUN_COLUMNS = (
    "pk", "run_id", "project__name", "project__source", "state", "failure_kind", "explanation",
    "goal", "trigger", "priority", "flags", "token_cap", "cost_cap_usd", "max_duration_minutes",
    "max_phases", "base_commit", "head_commit", "published_commit", "cancel_requested_at",
    "created_at", "started_at", "ended_at",
)  # fmt: skip


_RUN_ROW = KeptQuery(
    lambda: (
        Run.objects.alias(folded=Lower("run_id"))
        .filter(folded=GIVEN_TEXT)
        .order_by()
        .values_list(*RUN_COLUMNS)
    )
)


def run_row(run_id: str) -> dict[str, Any] | None:
    """RUN_COLUMNS of one run, by its id in any case."""
    row = _RUN_ROW.row(run_id.lower())
    return dict(zip(RUN_COLUMNS, row, strict=True)) if row else None


def run_shape(row: dict[str, Any]) -> dict[str, Any]:
    """A run as the API shows it, of RUN_COLUMNS."""
    cap = row["cost_cap_usd"]
    return {
        "run_id": row["run_id"],
        "project": row["project__name"],
        "state": row["state"],
        "failure_kind": row["failure_kind"],
        "explanation": row["explanation"],
        "goal": row["goal"],
        "trigger": row["trigger"],
        "priority": row["priority"],
        "flags": row["flags"],
        "budgets": {
            "token_cap": row["token_cap"],
            "cost_cap_usd": None if cap is None else float(cap),
            "max_duration_minutes": row["max_duration_minutes"],
            "max_phases": row["max_phases"],
        },
        "branch": f"{BRANCH_PREFIX}{row['run_id']}",
        "base_commit": row["base_commit"],
        "head_commit": row["head_commit"],
        "published_commit": row["published_commit"],
        "cancel_requested_at": row["cancel_requested_at"],
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
    }


PHASE_COLUMNS = (
    "key", "title", "tier", "state", "explanation", "fence", "tries", "max_tries", "commit",
    "started_at", "ended_at",
)  # fmt: skip
PHASE_NAMES = ("id", *PHASE_COLUMNS[1:5], "attempt", *PHASE_COLUMNS[6:])
_PHASE_ROWS = KeptQuery(
    lambda: (
        Phase.objects.filter(run_id=GIVEN_NUMBER).order_by("position").values_list(*PHASE_COLUMNS)
    )
)


def run_status(run_id: str) -> dict[str, Any] | None:
    """What whoever follows a run asks for again and again: three queries, whatever its size.

    Nothing in it changes while nothing happens, so that it can be compared with what was seen.
    """
    row = run_row(run_id)
    if row is None:
        return None
    spent = run_spent(row["pk"])
    phases = [
        dict(zip(PHASE_NAMES, columns, strict=True)) for columns in _PHASE_ROWS.rows(row["pk"])
    ]
    return run_shape(row) | {
        "current_phase": _current(phases),
        "phases_complete": sum(phase["state"] == PhaseState.COMPLETE.value for phase in phases),
        "phases_total": len(phases),
        "tokens_used": spent.tokens,
        "cost_usd": float(spent.cost_usd),
        "unpriced_calls": spent.unpriced,
        "phases": phases,
    }


def _current(phases: Iterable[dict[str, Any]]) -> str | None:
    """The first phase that is being worked on, else the first that a person is asked about."""
    for state in (PhaseState.RUNNING.value, PhaseState.AWAITING_APPROVAL.value):
        for phase in phases:
            if phase["state"] == state:
                return str(phase["id"])
    return None


@dataclass(frozen=True, slots=True)
class AttemptSeen:
    """An attempt of which somebody wants to see a file."""

    pk: int
    number: int
    host: str
    is_running: bool


def attempt_find(run_pk: int, phase_key: str, number: int | None) -> AttemptSeen | None:
    """An attempt of a phase by its number, the latest one for None."""
    attempts = Attempt.objects.filter(phase__run_id=run_pk, phase__key=phase_key)
    if number is not None:
        attempts = attempts.filter(number=number)
    row = attempts.order_by("-number").values_list("pk", "number", "host", "outcome").first()
    return AttemptSeen(row[0], row[1], row[2], not row[3]) if row else None
