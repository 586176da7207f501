"""Lists, a page at a time, and how much there is to do: bounded, whatever there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Min

from runs.models import Approval, Artifact, Phase, Project, Run, StatusChange
from runs.selectors.status import RUN_COLUMNS, project_find, run_row, run_shape
from runs.states import RUN_ACTIVE, ApprovalState, PhaseState, RunState

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of their ids; `next_cursor` is None at the end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


def page_of(
    rows: QuerySet[Any, Any], *, cursor: int | None, limit: int, newest_first: bool
) -> Page:
    """A page by key: as quick at the end as at the start, and never a row twice. The rows have
    their primary key as `pk`, which is taken out; `cursor` is the last one seen."""
    if cursor is not None:
        rows = rows.filter(pk__lt=cursor) if newest_first else rows.filter(pk__gt=cursor)
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    keys = [row.pop("pk") for row in found]
    more = len(found) > limit
    return Page(found[:limit], str(keys[limit - 1]) if more else None)


def runs_page(
    *, cursor: int | None, limit: int, state: str = "", project: str = "", **created: datetime
) -> Page:
    """The newest runs first. `created` may have created_at__gte and created_at__lt."""
    runs = Run.objects.filter(**created)
    if state:
        runs = runs.filter(state=state)
    if project:
        # By its id, so that the index on (project, id) is used.
        found = project_find(project)
        runs = runs.filter(project_id=found.pk if found else 0)
    page = page_of(runs.values(*RUN_COLUMNS), cursor=cursor, limit=limit, newest_first=True)
    return Page([run_shape(row) for row in page.rows], page.next_cursor)


def events_page(run_pk: int, *, cursor: int | None, limit: int) -> Page:
    """What happened to a run and its phases, from the first event on."""
    events = StatusChange.objects.filter(run_id=run_pk).values(
        "pk", "id", "at", "attempt_number", "from_state", "to_state", "explanation", "trigger",
        phase_key=F("phase__key"),
    )  # fmt: skip
    page = page_of(events, cursor=cursor, limit=limit, newest_first=False)
    for row in page.rows:
        row["phase"] = row.pop("phase_key")
        row["attempt"] = row.pop("attempt_number")
    return page


def artifacts_page(run_pk: int, *, cursor: int | None, limit: int) -> Page:
    """The files that attempts of a run left."""
    artifacts = Artifact.objects.filter(attempt__phase__run_id=run_pk).values(
        "pk", "kind", "name", "size_bytes",
        phase=F("attempt__phase__key"), attempt_number=F("attempt__number"),
    )  # fmt: skip
    page = page_of(artifacts, cursor=cursor, limit=limit, newest_first=False)
    for row in page.rows:
        row["attempt"] = row.pop("attempt_number")
    return page


APPROVAL_COLUMNS = (
    "pk", "id", "kind", "state", "question", "details", "requested_at", "expires_at", "decided_at",
    "decided_by", "note", "run__run_id", "phase__key",
)  # fmt: skip


def approvals_page(*, cursor: int | None, limit: int, state: str, run_id: str) -> Page:
    """Questions to people, the oldest first."""
    approvals = Approval.objects.all()
    if state:
        approvals = approvals.filter(state=state)
    if run_id:
        run = run_row(run_id)
        approvals = approvals.filter(run_id=run["pk"] if run else 0)
    page = page_of(
        approvals.values(*APPROVAL_COLUMNS), cursor=cursor, limit=limit, newest_first=False
    )
    return Page([approval_shape(row) for row in page.rows], page.next_cursor)


def approval_row(pk: int) -> dict[str, Any]:
    """APPROVAL_COLUMNS of one that exists."""
    row: dict[str, Any] = Approval.objects.values(*APPROVAL_COLUMNS).get(pk=pk)
    return row


def approval_shape(row: dict[str, Any]) -> dict[str, Any]:
    """An approval as the API shows it, of APPROVAL_COLUMNS."""
    shown = {name: value for name, value in row.items() if name != "pk" and "__" not in name}
    return shown | {"run_id": row["run__run_id"], "phase": row["phase__key"]}


PROJECT_COLUMNS = (
    "name", "source", "base_ref", "validation_commands", "placed_files", "port_names",
    "protected_paths", "overlapping_runs", "refused_diffs", "created_at",
)  # fmt: skip


def projects_page(*, cursor: int | None, limit: int) -> Page:
    projects = Project.objects.values("pk", *PROJECT_COLUMNS)
    return page_of(projects, cursor=cursor, limit=limit, newest_first=False)


def project_row(pk: int) -> dict[str, Any]:
    """PROJECT_COLUMNS of one that exists."""
    row: dict[str, Any] = Project.objects.values(*PROJECT_COLUMNS).get(pk=pk)
    return row


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """What is in progress; states in which there is nothing count 0."""

    runs: dict[str, int]
    phases: dict[str, int]
    approvals: int
    oldest_queued_at: datetime | None


def work_counts() -> WorkCounts:
    """Four queries, each over an index by state: what has ended is not looked at."""
    runs = Run.objects.filter(state__in=[state.value for state in RUN_ACTIVE])
    working = (PhaseState.QUEUED, PhaseState.RUNNING, PhaseState.AWAITING_APPROVAL)
    phases = Phase.objects.filter(state__in=[state.value for state in working])
    return WorkCounts(
        {state.value: 0 for state in sorted(RUN_ACTIVE)} | _by_state(runs),
        {state.value: 0 for state in working} | _by_state(phases),
        Approval.objects.filter(state=ApprovalState.PENDING.value).count(),
        runs.filter(state=RunState.QUEUED.value).aggregate(at=Min("created_at"))["at"],
    )


def _by_state(rows: QuerySet[Any]) -> dict[str, int]:
    counted = rows.order_by().values_list("state").annotate(count=Count("pk"))
    return dict(counted)
