"""Making runs: of structured plans, and of plans as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError

from runs.agents.backends import builder_get
from runs.budgets import BUDGETS, BudgetInvalid, budgets_checked
from runs.models import Phase, Run
from runs.planning.identifiers import run_id_check, slugify_id
from runs.planning.schema import phase_dump, plan_dump, plan_parse
from runs.plans import NotAPlan, confirmation_ask, kept_of, plan_normalize
from runs.querysets import phase_transition
from runs.states import PhaseState, Trigger
from runs.writing import writing

if TYPE_CHECKING:
    from runs.models import Project
    from runs.planning.normal_types import NormalizedPlan
    from runs.planning.schema import StructuredPlan


class NameTaken(Exception):
    """The id or name is in use already."""


def run_create(
    *,
    project: Project,
    structured_plan: object = None,
    run_id: str = "",
    flags: dict[str, bool] | None = None,
    budgets: dict[str, Any] | None = None,
    priority: int = 0,
    trigger: Trigger = Trigger.CLI,
    raw_plan: str = "",
    file_name: str = "",
    normalized: NormalizedPlan | None = None,
) -> Run:
    """Make a PENDING run with its phases.

    Without a `structured_plan` the `raw_plan` is normalized (`file_name` helps to tell its
    format; `normalized` is what came of it, where that was done before); when that leaves doubts,
    the run may start after a person has confirmed its plan. With one, `raw_plan` is the text it
    came from. `budgets` override those of the plan. Raises NotAPlan, PlanInvalid,
    IdentifierInvalid, UnknownBackend, NameTaken, BudgetInvalid; of the repository of a raw plan
    RepositoryProblem, GitMissing, GitFailed.
    """
    if structured_plan is None:
        normalized = normalized or plan_normalize(
            raw_plan=raw_plan, project=project, file_name=file_name
        )
        if normalized.structured_plan is None:
            raise NotAPlan(normalized)
        plan = normalized.structured_plan
    else:
        plan = plan_parse(structured_plan)
    for phase in plan.phases:
        builder_get(phase.builder.backend)
    run_id = run_id or run_id_suggest(plan)
    run_id_check(run_id)
    try:
        with writing():
            run = Run.objects.create(
                run_id=run_id,
                project=project,
                trigger=trigger.value,
                goal=plan.goal,
                structured_plan=plan_dump(plan),
                writes=_writes(plan),
                raw_plan=raw_plan,
                plan_normalization=kept_of(normalized) if normalized else {},
                flags={**settings.AUTOPACK_FLAGS, **plan.flags, **(flags or {})},
                priority=priority,
                explanation="Created; not started yet.",
                **_budget_columns(plan, budgets or {}),
            )
            _create_phases(run, plan)
            _skip_what_is_done(run)
            if normalized is not None and normalized.requires_confirmation:
                _ask(run, normalized)
    except IntegrityError as error:
        raise NameTaken(f"There is a run {run_id!r} already; choose another id.") from error
    return run


def _ask(run: Run, normalized: NormalizedPlan) -> None:
    approval = confirmation_ask(run, normalized)
    run.explanation = f"Created; a person has to confirm its plan first (approval {approval.pk})."
    run.save(update_fields=["explanation"])


def _writes(plan: StructuredPlan) -> list[str]:
    """The patterns of all that the plan's phases may write; none when one may write anywhere."""
    by_phase = [(*phase.scope.modify, *phase.scope.create) for phase in plan.phases]
    if any(all(entry.startswith("!") for entry in patterns) for patterns in by_phase):
        return []
    return list(dict.fromkeys(entry for patterns in by_phase for entry in patterns))


def _budget_columns(plan: StructuredPlan, given: dict[str, Any]) -> dict[str, Any]:
    columns = {name: getattr(plan.budgets, name) for name in BUDGETS} | budgets_checked(given)
    if columns["max_duration_minutes"] is None:
        del columns["max_duration_minutes"]
    if columns["max_phases"] is not None and len(plan.phases) > columns["max_phases"]:
        raise BudgetInvalid(
            f"The plan has {len(plan.phases)} phases, max_phases allows {columns['max_phases']}. "
            "Raise it, or split the plan."
        )
    return columns


def _create_phases(run: Run, plan: StructuredPlan) -> None:
    phases = Phase.objects.bulk_create(
        Phase(
            run=run,
            key=phase.id,
            position=position,
            tier=phase.tier,
            title=phase.title,
            spec=phase_dump(phase),
            requires_approval=phase.requires_approval,
            max_tries=phase.limits.max_attempts or 3,
        )
        for position, phase in enumerate(plan.phases)
    )
    by_key = {phase.key: phase for phase in phases}
    edges = Phase.depends_on.through
    edges.objects.bulk_create(
        edges(from_phase_id=by_key[phase.id].pk, to_phase_id=by_key[needed].pk)
        for phase in plan.phases
        for needed in phase.depends_on
    )


def phase_is_done(spec: dict[str, Any]) -> bool:
    """Whether every task of a phase (as its row keeps it) was ticked in the plan."""
    tasks = spec.get("tasks", ())
    return bool(tasks) and all(task.get("done") for task in tasks)


def _skip_what_is_done(run: Run) -> None:
    """Work that was ticked is not done again."""
    for phase in run.phases.all():
        if phase_is_done(phase.spec):
            phase_transition(
                phase, PhaseState.PENDING, PhaseState.SKIPPED,
                explanation="The plan says that all of its tasks are done.",
            )  # fmt: skip


def run_id_suggest(plan: StructuredPlan) -> str:
    """A free id made from the plan's goal."""
    words = plan.goal or (plan.phases[0].title if plan.phases else "") or "run"
    wanted = slugify_id(words)[:40].rstrip("-._")
    taken = {
        name.lower()
        for name in Run.objects.filter(run_id__istartswith=wanted).values_list("run_id", flat=True)
    }
    if wanted.lower() not in taken and wanted != "normalize":
        return wanted
    number = 2
    while f"{wanted}-{number}".lower() in taken:
        number += 1
    return f"{wanted}-{number}"
