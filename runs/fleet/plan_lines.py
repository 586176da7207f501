"""A normalized plan for people, line by line. What it says comes from texts nobody vouches for."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from runs.fleet.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runs.planning.normal_types import NormalizedPlan, PlanWarning
    from runs.planning.schema import PhasePlan, Task, ValidationCommand

TEXT_CHARS = 110
SUGGESTIONS = 3


def plan_lines(name: str, normalized: NormalizedPlan) -> Iterator[str]:
    """The goal, how sure the reading is and why, phases with tasks, paths and checks, warnings."""
    plan = normalized.structured_plan
    yield f"{name}: {one_line(normalized.format)}, confidence {normalized.confidence:.2f}"
    for reason in normalized.confidence_reasons:
        yield f"  {reason.effect:+.2f}  {_cut(reason.message)}"
    if plan is not None:
        if plan.goal:
            yield f"goal: {_cut(plan.goal)}"
        yield from _listed("not", plan.non_goals)
        yield from _listed("constraint", plan.constraints)
        yield from _listed("accepted when", plan.acceptance_criteria)
        for phase in plan.phases:
            yield from _phase_lines(phase)
        yield from _listed("check of all", map(_command, plan.validation_commands))
    for warning in normalized.warnings:
        yield _warning(warning)
    if normalized.requires_confirmation:
        yield "A run of it starts after a person has confirmed it."


def _phase_lines(phase: PhasePlan) -> Iterator[str]:
    after = f", after {', '.join(phase.depends_on)}" if phase.depends_on else ""
    yield f"phase {phase.id}: {_cut(phase.title)}"
    yield f"  {phase.category}, {phase.complexity}{after}"
    for task in phase.tasks:
        yield from _task_lines(task, "  ")
    yield from _listed("  modify", phase.scope.modify)
    yield from _listed("  create", phase.scope.create)
    yield from _listed("  read", phase.scope.read_only_context)
    yield from _listed(
        "  inferred", (f"{each.path} ({each.score:.2f})" for each in phase.inferred_paths)
    )
    yield from _listed("  accepted when", phase.acceptance_criteria)
    yield from _listed("  check", map(_command, phase.validation_commands))


def _task_lines(task: Task, indent: str) -> Iterator[str]:
    yield f"{indent}[{'x' if task.done else ' '}] {_cut(task.text)}"
    for subtask in task.subtasks:
        yield from _task_lines(subtask, f"{indent}    ")


def _warning(warning: PlanWarning) -> str:
    where = f" (line {warning.line})" if warning.line else ""
    near = ", ".join(warning.suggestions[:SUGGESTIONS])
    meant = f" Meant: {near}?" if near else ""
    return f"warning{where}: {one_line(warning.message + meant)}"


def _listed(label: str, texts: Iterable[str]) -> Iterator[str]:
    return (f"{label}: {_cut(text)}" for text in texts)


def _cut(text: str) -> str:
    return one_line(text, TEXT_CHARS)


def _command(command: ValidationCommand) -> str:
    return command if isinstance(command, str) else shlex.join(command)
