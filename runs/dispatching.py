"""DECIDES which run a worker takes up next, with bounded looks at the rows. Nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KT
from django.utils import timezone

from runs import scheduling, selectors
from runs.models import Approval, Phase, Run
from runs.planning.plan_build import build_phase
from runs.scheduling import Limits, Place
from runs.states import RUN_ACTIVE, ApprovalState, OverlapPolicy, PhaseState, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from django.db.models import QuerySet

# Candidates that are looked at in one go.
PAGE = 20


def limits() -> Limits:
    return Limits(
        total=settings.AUTOPACK_MAX_PHASES,
        per_project=settings.AUTOPACK_MAX_PHASES_PER_PROJECT,
        per_run=settings.AUTOPACK_MAX_PHASES_PER_RUN,
        per_backend=settings.AUTOPACK_BACKEND_LIMITS,
    )


def places_running() -> list[Place]:
    """What every running phase takes room of."""
    found = (
        Phase.objects.filter(state=PhaseState.RUNNING.value)
        .annotate(backend=KT("spec__builder__backend"))
        .values_list("run_id", "run__project_id", "backend")
    )
    return [Place(run_pk, project_pk, backend or "") for run_pk, project_pk, backend in found]


def room_checker(run: Run, backend: str) -> Callable[[], str] | None:
    """Asks each time anew why a phase of `run` may not run now ('': it may); None when there are
    no limits."""
    limited = limits()
    if not limited.are_set:
        return None
    wanted = Place(run.pk, run.project_id, backend)
    return lambda: scheduling.room_for(limited, places_running(), wanted)


def overlapping(run: Run) -> tuple[str, ...]:
    """The ids of started runs of the same project that can touch the same files."""
    others = (
        Run.objects.filter(
            project_id=run.project_id, state__in=[state.value for state in RUN_ACTIVE]
        )
        .exclude(base_commit="")
        .exclude(pk=run.pk)
        .values_list("run_id", "writes")
    )
    return scheduling.runs_overlapping(run.writes, others[:50])


def overlap_sentence(run: Run, others: Collection[str]) -> str:
    """What is said of an overlap: a warning, or why the run waits."""
    names = ", ".join(list(others)[:5])
    if run.project.overlapping_runs == OverlapPolicy.WAIT.value:
        return f"Waits for {names}, which can touch the same files."
    return f"{names} can touch the same files: merging both branches may conflict."


def run_next(tried: Collection[int] = ()) -> Run | None:
    """The run of the highest priority, then the oldest, of which something can be started now and
    that is not in `tried`."""
    for run in _candidates(tried):
        if _can_start(run):
            return run
    return None


def has_waiting_above(priority: int) -> bool:
    """Whether a run of a higher priority waits, for a worker or for something else."""
    return Run.objects.filter(state=RunState.QUEUED.value, priority__gt=priority).exists()


def _candidates(tried: Collection[int]) -> Iterator[Run]:
    """QUEUED runs, and others with a phase that is seen to wait, best first."""
    waits = Exists(Phase.objects.filter(run=OuterRef("pk"), state=PhaseState.QUEUED.value))
    active = [RunState.RUNNING.value, RunState.AWAITING_APPROVAL.value]
    found = (
        Run.objects.filter(Q(state=RunState.QUEUED.value) | (Q(state__in=active) & waits))
        .exclude(pk__in=tried)
        .select_related("project")
        .defer("structured_plan", "raw_plan")
        .order_by("-priority", "pk")
    )
    start = 0
    while page := list(found[start : start + PAGE]):
        yield from page
        start += PAGE


def _can_start(run: Run) -> bool:
    if not run.base_commit:
        is_held = run.project.overlapping_runs == OverlapPolicy.WAIT.value and overlapping(run)
        return not is_held
    phases = selectors.run_phases(run.pk)
    scopes = {phase.pk: build_phase(phase.spec, phase.tier).scope for phase in phases}
    return bool(scheduling.phases_startable(phases, scopes, slots=1)) or all(
        phase.state in scheduling.DONE for phase in phases
    )


def runs_unconfirmed() -> QuerySet[Run]:
    """PENDING runs whose plan nobody confirmed in time."""
    late = Approval.objects.filter(
        run=OuterRef("pk"), state=ApprovalState.PENDING.value, expires_at__lte=timezone.now()
    )
    return Run.objects.filter(Exists(late), state=RunState.PENDING.value)[:PAGE]


def runs_stranded() -> list[int]:
    """Runs that should go on and of which nothing executes: for a worker to look at (it may only
    have to end them). Between two phases a run is among them for a moment, too."""
    works = Exists(Phase.objects.filter(run=OuterRef("pk"), state=PhaseState.RUNNING.value))
    moves = Exists(
        Phase.objects.filter(
            run=OuterRef("pk"), state__in=[PhaseState.QUEUED.value, PhaseState.FAILED.value]
        )
    )
    late = Exists(
        Approval.objects.filter(
            run=OuterRef("pk"),
            state=ApprovalState.PENDING.value,
            expires_at__lte=timezone.now(),
        )
    )
    waiting = Q(state=RunState.AWAITING_APPROVAL.value)
    return list(
        Run.objects.filter(
            (Q(state=RunState.RUNNING.value) & ~works)
            | (waiting & (moves | late | Q(cancel_requested_at__isnull=False)))
        )
        .order_by("-priority", "pk")
        .values_list("pk", flat=True)[:200]
    )
