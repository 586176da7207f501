"""DECIDES which phases may start. Pure: who starts one must still win its claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils import timezone

from runs.planning.plan_types import Scope
from runs.planning.scopes import scopes_overlap
from runs.states import PhaseState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from runs.models import Phase

# A dependency in one of these does not hold a phase back.
DONE = frozenset({PhaseState.COMPLETE.value, PhaseState.SKIPPED.value})
IN_FLIGHT = frozenset({PhaseState.RUNNING.value, PhaseState.AWAITING_APPROVAL.value})


@dataclass(frozen=True, slots=True)
class Limits:
    """How many phases may run at once; 0 and backends that are not named: no limit."""

    total: int = 0
    per_project: int = 0
    per_run: int = 0
    per_backend: Mapping[str, int] = field(default_factory=dict)

    @property
    def are_set(self) -> bool:
        return bool(self.total or self.per_project or self.per_run or self.per_backend)


@dataclass(frozen=True, slots=True)
class Place:
    """What a phase takes room of while it runs."""

    run_pk: int
    project_pk: int
    backend: str


def room_for(limits: Limits, running: Collection[Place], wanted: Place) -> str:
    """'' when `wanted` may run beside `running`, else the sentence that says why it waits."""
    taken = (
        (limits.total, len(running), "phases run"),
        (
            limits.per_project,
            sum(place.project_pk == wanted.project_pk for place in running),
            "phases of this project run",
        ),
        (
            limits.per_run,
            sum(place.run_pk == wanted.run_pk for place in running),
            "phases of this run are under way",
        ),
        (
            limits.per_backend.get(wanted.backend, 0),
            sum(place.backend == wanted.backend for place in running),
            f"phases run on {wanted.backend}",
        ),
    )
    for limit, count, what in taken:
        if limit and count >= limit:
            return f"Waits: {count} {what}, which is the limit."
    return ""


def runs_overlapping(
    writes: Sequence[str], others: Iterable[tuple[str, Sequence[str]]]
) -> tuple[str, ...]:
    """The ids of those `others` (run id, patterns it may write) that can touch a file that a run
    with the patterns `writes` can touch too."""
    ours = Scope(modify=tuple(writes))
    return tuple(
        run_id for run_id, patterns in others if scopes_overlap(ours, Scope(modify=tuple(patterns)))
    )


def phases_ready(phases: Sequence[Phase]) -> list[Phase]:
    """The QUEUED phases, and the PENDING ones whose dependencies are done, in plan order.

    `phases` are all of a run, as selectors.run_phases gives them: dependencies are judged by the
    rows in it.
    """
    state_by_pk = {phase.pk: phase.state for phase in phases}
    return [
        phase
        for phase in phases
        if phase.state == PhaseState.QUEUED.value
        or (
            phase.state == PhaseState.PENDING.value
            and all(state_by_pk[needed] in DONE for needed in phase.needs)
        )
    ]


def phases_startable(
    phases: Sequence[Phase],
    scopes: Mapping[int, Scope],
    *,
    slots: int,
    starting: Collection[int] = (),
) -> list[Phase]:
    """Up to `slots` ready phases that may start beside those in flight, in plan order.

    `scopes` are by the phases' primary keys; `starting` are those that somebody is about to claim.
    Phases whose scopes can touch the same file are not in flight together, although no edge of
    the graph orders them: the later one would have to be merged.
    """
    in_flight = {phase.pk for phase in phases if phase.state in IN_FLIGHT} | set(starting)
    busy = [scopes[pk] for pk in in_flight]
    now = timezone.now()
    chosen: list[Phase] = []
    for phase in phases_ready(phases) if slots > 0 else []:
        if len(chosen) >= slots:
            break
        if phase.pk in in_flight or (phase.not_before and phase.not_before > now):
            continue
        scope = scopes[phase.pk]
        if any(scopes_overlap(scope, other) for other in busy):
            continue
        chosen.append(phase)
        busy.append(scope)
    return chosen
