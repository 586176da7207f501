"""The history that every change of a status appends to, and why a write may be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runs import rows
from runs.logs import lifecycle
from runs.models import StatusChange

if TYPE_CHECKING:
    from runs.states import Trigger


class IllegalTransition(Exception):
    """An edge that runs.states does not have was asked for: a fault of ours, not of the world."""


class LeaseLost(Exception):
    """The attempt is no longer ours: its fence has moved on. Nothing more may be written."""


class HeadMoved(Exception):
    """Another phase was integrated in the meantime: the run's head is not what we built on."""


def changed(
    run_pk: int,
    frm: str,
    to: str,
    explanation: str,
    trigger: Trigger,
    *,
    phase_pk: int | None = None,
    attempt_number: int | None = None,
) -> dict[str, Any]:
    """The columns of the StatusChange for an edge that was just taken."""
    lifecycle.info(
        "%s > %s: %s", frm, to, explanation,
        extra={"action": "phase_changed" if phase_pk else "run_changed"},
    )  # fmt: skip
    return {
        "run_id": run_pk,
        "phase_id": phase_pk,
        "attempt_number": attempt_number,
        "from_state": str(frm),
        "to_state": str(to),
        "explanation": explanation,
        "trigger": str(trigger),
        "at": rows.Now(),
    }


def append(*changes: dict[str, Any]) -> None:
    rows.insert(StatusChange, changes)
