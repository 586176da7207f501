"""Phases of a size that a run can work with: too many tasks are split, too many phases merged."""

from collections.abc import Sequence
from dataclasses import replace

from runs.planning.formats.reading import DraftPhase, DraftTask
from runs.planning.plan_schema_parts import MAX_PHASES, MAX_TASK_DEPTH

MAX_PHASE_TASKS = 120
"""Tasks, subtasks included, over which a phase is split: far more than one commit should hold."""
SPLIT_TASKS = 60
MAX_PLAN_TASKS = 20_000


def count_tasks(tasks: Sequence[DraftTask]) -> int:
    """Tasks with all their subtasks."""
    count, stack = 0, list(tasks)
    while stack:
        task = stack.pop()
        count += 1
        stack.extend(task.children)
    return count


def open_tasks(tasks: Sequence[DraftTask]) -> list[DraftTask]:
    """The outermost tasks that are not done, without the done ones below them."""
    return [task for task in tasks if not is_done(task)]


def is_done(task: DraftTask) -> bool:
    """Done itself, or (with nothing said) all of its parts are."""
    if task.done is None and task.children:
        return all(is_done(child) for child in task.children)
    return task.done is True


def split_phases(phases: Sequence[DraftPhase]) -> tuple[DraftPhase, ...]:
    """Phases with at most `MAX_PHASE_TASKS` tasks each, as far as single tasks allow, at most
    `MAX_PHASES` of them; every task is in one of them."""
    found: list[DraftPhase] = []
    for phase in phases:
        shallow = replace(phase, tasks=tuple(s for t in phase.tasks for s in _shallow(t, 1)))
        if count_tasks(shallow.tasks) <= MAX_PHASE_TASKS:
            found.append(shallow)
        else:
            found.extend(_split(shallow))
    return _merged(found)


def _shallow(task: DraftTask, depth: int) -> list[DraftTask]:
    """The task, and beside it those of its parts that are deeper than a plan may have them."""
    if depth == MAX_TASK_DEPTH:
        return flattened(task)
    parts = tuple(part for child in task.children for part in _shallow(child, depth + 1))
    return [replace(task, children=parts)]


def flattened(task: DraftTask) -> list[DraftTask]:
    """A task and all below it, in order, each without children."""
    found: list[DraftTask] = []
    stack = [task]
    while stack:
        one = stack.pop()
        found.append(replace(one, children=()))
        stack.extend(reversed(one.children))
    return found


def _split(phase: DraftPhase) -> list[DraftPhase]:
    """Parts of about `SPLIT_TASKS`; a task with more parts than that is taken apart."""
    units: list[DraftTask] = []
    for task in phase.tasks:
        units.extend(flattened(task) if count_tasks((task,)) > MAX_PHASE_TASKS else (task,))
    parts: list[list[DraftTask]] = [[]]
    size = 0
    for unit in units:
        weight = count_tasks((unit,))
        if parts[-1] and size + weight > SPLIT_TASKS:
            parts.append([])
            size = 0
        parts[-1].append(unit)
        size += weight
    total = len(parts)
    return [
        replace(
            phase,
            title=f"{phase.title or 'Tasks'} ({number} of {total})",
            line=part[0].line,
            tasks=tuple(part),
            number=phase.number if number == total else "",
            body=phase.body if number == 1 else "",
            spans=_spans(part, parts[number] if number < total else None, phase),
        )
        for number, part in enumerate(parts, start=1)
    ]


def _spans(
    part: list[DraftTask], following: list[DraftTask] | None, phase: DraftPhase
) -> tuple[tuple[int, int], ...]:
    last = (
        following[0].line - 1
        if following
        else max((end for _, end in phase.spans), default=part[-1].line)
    )
    return ((part[0].line, max(part[0].line, last)),)


def _merged(phases: list[DraftPhase]) -> tuple[DraftPhase, ...]:
    """Neighbours put together when there are more phases than a plan may have."""
    if len(phases) <= MAX_PHASES:
        return tuple(phases)
    width = -(-len(phases) // MAX_PHASES)
    found: list[DraftPhase] = []
    for start in range(0, len(phases), width):
        group = phases[start : start + width]
        found.append(
            replace(
                group[0],
                tasks=tuple(task for phase in group for task in phase.tasks),
                body="\n\n".join(phase.body for phase in group if phase.body),
                spans=tuple(span for phase in group for span in phase.spans),
                acceptance_criteria=tuple(c for phase in group for c in phase.acceptance_criteria),
                depends_on=(),
                done=all(phase.done for phase in group),
            )
        )
    return tuple(found)
