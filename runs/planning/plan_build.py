"""Between the JSON form of a plan that has no faults and its dataclasses."""

from decimal import Decimal
from typing import Any

from runs.planning.plan_graph import phase_tiers
from runs.planning.plan_types import (
    Budgets,
    BuilderSpec,
    Category,
    Complexity,
    InferredPath,
    Limits,
    PhasePlan,
    Scope,
    Step,
    StepKind,
    StructuredPlan,
    Task,
    ValidationCommand,
)

Json = dict[str, Any]

_STEP_DEFAULTS = Step(kind=StepKind.RUN)


def build_plan(document: Json) -> StructuredPlan:
    phases = dict(enumerate(document["phases"]))
    tiers = phase_tiers(phases)
    return StructuredPlan(
        goal=document.get("goal", ""),
        non_goals=_tuple(document, "non_goals"),
        constraints=_tuple(document, "constraints"),
        acceptance_criteria=_tuple(document, "acceptance_criteria"),
        budgets=_budgets(document.get("budgets", {})),
        flags=dict(document.get("flags", {})),
        phases=tuple(build_phase(phase, tiers[index]) for index, phase in phases.items()),
        validation_commands=_commands(document),
    )


def build_phase(phase: Json, tier: int) -> PhasePlan:
    scope = phase.get("scope", {})
    return PhasePlan(
        id=phase["id"],
        title=phase.get("title") or phase["id"],
        description=phase.get("description", ""),
        tier=tier,
        depends_on=_tuple(phase, "depends_on"),
        category=Category(phase.get("category", Category.OTHER)),
        complexity=Complexity(phase.get("complexity", Complexity.MEDIUM)),
        tasks=tuple(_task(task) for task in phase.get("tasks", ())),
        deliverables=_tuple(phase, "deliverables"),
        acceptance_criteria=_tuple(phase, "acceptance_criteria"),
        scope=Scope(**{key: tuple(patterns) for key, patterns in scope.items()}),
        inferred_paths=tuple(
            InferredPath(path=entry["path"], score=float(entry["score"]))
            for entry in phase.get("inferred_paths", ())
        ),
        validation_commands=_commands(phase),
        builder=_builder(phase.get("builder", {})),
        limits=Limits(**_whole_numbers(phase.get("limits", {}))),
        requires_approval=phase.get("requires_approval", False),
    )


def dump_plan(plan: StructuredPlan) -> Json:
    return {
        "schema_version": plan.schema_version,
        "goal": plan.goal,
        "non_goals": list(plan.non_goals),
        "constraints": list(plan.constraints),
        "acceptance_criteria": list(plan.acceptance_criteria),
        "budgets": {
            "token_cap": plan.budgets.token_cap,
            "cost_cap_usd": _money(plan.budgets.cost_cap_usd),
            "max_duration_minutes": plan.budgets.max_duration_minutes,
            "max_phases": plan.budgets.max_phases,
        },
        "flags": dict(plan.flags),
        "phases": [dump_phase(phase) for phase in plan.phases],
        "validation_commands": _dump_commands(plan.validation_commands),
    }


def dump_phase(phase: PhasePlan) -> Json:
    return {
        "id": phase.id,
        "title": phase.title,
        "description": phase.description,
        "tier": phase.tier,
        "depends_on": list(phase.depends_on),
        "category": phase.category.value,
        "complexity": phase.complexity.value,
        "tasks": [_dump_task(task) for task in phase.tasks],
        "deliverables": list(phase.deliverables),
        "acceptance_criteria": list(phase.acceptance_criteria),
        "scope": {
            "modify": list(phase.scope.modify),
            "create": list(phase.scope.create),
            "read_only_context": list(phase.scope.read_only_context),
        },
        "inferred_paths": [
            {"path": entry.path, "score": entry.score} for entry in phase.inferred_paths
        ],
        "validation_commands": _dump_commands(phase.validation_commands),
        "builder": {
            "backend": phase.builder.backend,
            "model": phase.builder.model,
            "steps": [_dump_step(step) for step in phase.builder.steps],
        },
        "limits": {name: getattr(phase.limits, name) for name in Limits.__slots__},
        "requires_approval": phase.requires_approval,
    }


def _tuple(parent: Json, key: str) -> tuple[str, ...]:
    return tuple(parent.get(key, ()))


def _commands(parent: Json) -> tuple[ValidationCommand, ...]:
    return tuple(
        command if isinstance(command, str) else tuple(command)
        for command in parent.get("validation_commands", ())
    )


def _dump_commands(commands: tuple[ValidationCommand, ...]) -> list[str | list[str]]:
    return [command if isinstance(command, str) else list(command) for command in commands]


def _whole_numbers(values: Json) -> Json:
    """JSON Schema takes 3.0 for an integer; from here on it is one."""
    return {key: int(value) if isinstance(value, float) else value for key, value in values.items()}


def _budgets(budgets: Json) -> Budgets:
    cost = budgets.get("cost_cap_usd")
    others = {key: value for key, value in budgets.items() if key != "cost_cap_usd"}
    # By way of str: Decimal(0.1) would be 0.1000000000000000055...
    cap = None if cost is None else Decimal(str(cost))
    return Budgets(cost_cap_usd=cap, **_whole_numbers(others))


def _money(amount: Decimal | None) -> int | float | None:
    """A JSON number that reads back as the same Decimal: 13 digits at most, a float holds 15."""
    if amount is None:
        return None
    return int(amount) if amount == int(amount) else float(amount)


def _task(task: Json) -> Task:
    return Task(
        id=task["id"],
        text=task["text"],
        done=task.get("done", False),
        paths=_tuple(task, "paths"),
        subtasks=tuple(_task(subtask) for subtask in task.get("subtasks", ())),
    )


def _dump_task(task: Task) -> Json:
    return {
        "id": task.id,
        "text": task.text,
        "done": task.done,
        "paths": list(task.paths),
        "subtasks": [_dump_task(subtask) for subtask in task.subtasks],
    }


def _builder(builder: Json) -> BuilderSpec:
    return BuilderSpec(
        backend=builder.get("backend", "recipe"),
        model=builder.get("model", ""),
        steps=tuple(_step(step) for step in builder.get("steps", ())),
    )


def _step(step: Json) -> Step:
    fields = dict(step, kind=StepKind(step["kind"]))
    if "argv" in step:
        fields["argv"] = tuple(step["argv"])
    if "attempts" in step:
        fields["attempts"] = tuple(int(number) for number in step["attempts"])
    return Step(**fields)


def _dump_step(step: Step) -> Json:
    """Only what says something: the keys of other kinds would be faults."""
    document: Json = {"kind": step.kind.value}
    for name in Step.__slots__[1:]:
        value = getattr(step, name)
        if value != getattr(_STEP_DEFAULTS, name):
            document[name] = list(value) if isinstance(value, tuple) else value
    return document
