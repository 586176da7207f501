"""DECIDES which phases may start. Pure: who starts one must still win its claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from runs.planning.scopes import scopes_overlap
from runs.states import PhaseState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runs.models import Phase
    from runs.planning.schema import Scope

# A dependency in one of these does not hold a phase back.
DONE = frozenset({PhaseState.COMPLETE.value, PhaseState.SKIPPED.value})
IN_FLIGHT = frozenset({PhaseState.RUNNING.value, PhaseState.AWAITING_APPROVAL.value})


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
