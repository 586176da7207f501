"""Rules of a plan that its JSON Schema cannot say: names, paths, commands, the graph of phases.

Every rule takes what has the right shape and passes over the rest, so that a document with faults
of shape still hears about its other faults.
"""

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from runs.planning.commands import CommandInvalid, argv_check, command_parse
from runs.planning.identifiers import IdentifierInvalid, phase_id_check
from runs.planning.plan_faults import FaultList, PathPart
from runs.planning.plan_graph import check_graph
from runs.planning.plan_paths import has_control, path_fault, step_path_fault
from runs.planning.plan_schema_parts import MAX_COST_USD, MAX_PHASES, MAX_TASK_DEPTH, MAX_TASKS
from runs.planning.plan_types import StepKind

Place = tuple[PathPart, ...]

# The keys that each kind of step may have besides `kind` and `attempts`.
STEP_KEYS: dict[str, frozenset[str]] = {
    StepKind.APPLY_PATCH: frozenset({"patch"}),
    StepKind.WRITE_FILE: frozenset({"path", "content", "executable"}),
    StepKind.RUN: frozenset({"argv", "cwd", "network"}),
}


def check_plan(document: dict[str, Any], faults: FaultList) -> None:
    """Adds the faults of a whole plan."""
    _check_cost(document.get("budgets"), faults)
    _check_commands(document, (), faults)
    phases = dict(itertools.islice(objects(document, "phases"), MAX_PHASES))
    for index, phase in phases.items():
        check_phase(phase, ("phases", index), faults)
    check_graph(phases, faults)


def check_phase(phase: dict[str, Any], place: Place, faults: FaultList) -> None:
    """Adds the faults that one phase has by itself."""
    phase_id = phase.get("id")
    if isinstance(phase_id, str):
        try:
            phase_id_check(phase_id)
        except IdentifierInvalid as error:
            faults.add((*place, "id"), error.reason)
    title = phase.get("title")
    if isinstance(title, str) and has_control(title):
        faults.add((*place, "title"), "holds a line break or a control character; take it out")
    _check_commands(phase, place, faults)
    _check_scope(phase.get("scope"), (*place, "scope"), faults)
    _check_tasks(phase, place, faults)
    for index, inferred in objects(phase, "inferred_paths"):
        _check_path(inferred, "path", (*place, "inferred_paths", index), faults)
    builder = phase.get("builder")
    if isinstance(builder, dict):
        for index, step in objects(builder, "steps"):
            _check_step(step, (*place, "builder", "steps", index), faults)


def objects(parent: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The entries of a list that are objects, with their index."""
    entries = parent.get(key)
    if isinstance(entries, list):
        yield from ((i, entry) for i, entry in enumerate(entries) if isinstance(entry, dict))


def strings(parent: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
    """The entries of a list that are strings, with their index."""
    entries = parent.get(key)
    if isinstance(entries, list):
        yield from ((i, entry) for i, entry in enumerate(entries) if isinstance(entry, str))


def _check_cost(budgets: object, faults: FaultList) -> None:
    cost = budgets.get("cost_cap_usd") if isinstance(budgets, dict) else None
    if not isinstance(cost, str | float):
        return
    try:
        amount = Decimal(str(cost)[:40])
    except InvalidOperation:
        amount = Decimal("NaN")
    exponent = amount.as_tuple().exponent
    if not amount.is_finite() or not isinstance(exponent, int):
        message = "is no amount; write US dollars like 2.50"
    elif not 0 < amount <= MAX_COST_USD:
        message = f"is out of range; make it more than 0 and {MAX_COST_USD} at most"
    elif amount != round(amount, 6):
        message = "has more than six decimals; round it"
    else:
        return
    faults.add(("budgets", "cost_cap_usd"), message)


def _check_commands(parent: dict[str, Any], place: Place, faults: FaultList) -> None:
    commands = parent.get("validation_commands")
    for index, command in enumerate(commands if isinstance(commands, list) else ()):
        where = (*place, "validation_commands", index)
        try:
            if isinstance(command, str):
                command_parse(command)
            elif isinstance(command, list) and all(isinstance(word, str) for word in command):
                argv_check(command)
        except CommandInvalid as error:
            faults.add(where, error.reason)


def _check_scope(scope: object, place: Place, faults: FaultList) -> None:
    if not isinstance(scope, dict):
        return
    for key in ("modify", "create", "read_only_context"):
        patterns = list(strings(scope, key))
        for index, pattern in patterns:
            fault = path_fault(pattern, pattern=True)
            if fault:
                faults.add((*place, key, index), fault)
        if patterns and all(pattern.startswith("!") for _, pattern in patterns):
            faults.add((*place, key), "only excludes, so it covers nothing; begin it with '**'")


def _check_tasks(phase: dict[str, Any], place: Place, faults: FaultList) -> None:
    """Ids, paths, depth and number of all tasks, subtasks included. Iterative, in their order."""
    seen: set[str] = set()
    stack = [(phase, "tasks", place, 1)]
    count = 0
    while stack:
        parent, key, above, depth = stack.pop()
        for index, task in objects(parent, key):
            where = (*above, key, index)
            count += 1
            _check_task_id(task, where, seen, faults)
            for number, path in strings(task, "paths"):
                if fault := path_fault(path):
                    faults.add((*where, "paths", number), fault)
            if task.get("subtasks") and depth >= MAX_TASK_DEPTH:
                message = f"nests deeper than {MAX_TASK_DEPTH} levels; flatten it"
                faults.add((*where, "subtasks"), message)
            elif task.get("subtasks"):
                stack.append((task, "subtasks", where, depth + 1))
    if count > MAX_TASKS:
        message = f"has {count} tasks, subtasks included; {MAX_TASKS} at most, so split the phase"
        faults.add((*place, "tasks"), message)


def _check_task_id(task: dict[str, Any], where: Place, seen: set[str], faults: FaultList) -> None:
    task_id = task.get("id")
    if not isinstance(task_id, str):
        return
    if has_control(task_id) or task_id != task_id.strip():
        message = "has white space around it or a control character; take it out"
        faults.add((*where, "id"), message)
    elif task_id in seen:
        faults.add((*where, "id"), f"{task_id[:80]!r} is used twice in the phase; rename one")
    seen.add(task_id)


def _check_step(step: dict[str, Any], place: Place, faults: FaultList) -> None:
    kind = step.get("kind")
    if isinstance(kind, str) and kind in STEP_KEYS:
        allowed = STEP_KEYS[kind] | {"kind", "attempts"}
        foreign = {key for keys in STEP_KEYS.values() for key in keys} - allowed
        for key in sorted(foreign & step.keys()):
            faults.add((*place, key), f"is not used by {kind}; take it out")
    _check_path(step, "path", place, faults, step_path_fault)
    if step.get("cwd") != ".":
        _check_path(step, "cwd", place, faults)
    argv = step.get("argv")
    if isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv):
        try:
            argv_check(argv)
        except CommandInvalid as error:
            faults.add((*place, "argv"), error.reason)


def _check_path(
    parent: dict[str, Any],
    key: str,
    place: Place,
    faults: FaultList,
    check: Callable[[str], str | None] = path_fault,
) -> None:
    path = parent.get(key)
    if isinstance(path, str) and (fault := check(path)):
        faults.add((*place, key), fault)
