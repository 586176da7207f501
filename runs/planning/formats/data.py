"""Plans as JSON or YAML: Taskmaster's, our own, coding agents' to-do lists, exports of issues."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from runs.planning.command_mentions import is_check
from runs.planning.formats.cleaning import clean_value
from runs.planning.formats.reading import DraftPhase, DraftTask, Evidence, Reading

MAX_DEPTH = 6

_TEXT = (
    "title",
    "name",
    "content",
    "text",
    "step",
    "task",
    "subject",
    "summary",
    "description",
    "label",
    "goal",
)
_PARTS = (
    "subtasks",
    "sub_tasks",
    "steps",
    "tasks",
    "children",
    "items",
    "todos",
    "checklist",
    "actions",
)
_GROUPS = ("phases", "milestones", "stages", "epics", "sprints", "sections")
_LISTS = (
    "tasks",
    "steps",
    "todos",
    "plan",
    "items",
    "stories",
    "userStories",
    "user_stories",
    "issues",
    "features",
    "todo",
    "backlog",
    "actions",
    "subtasks",
)
_WRAPPERS = ("plan", "project", "data", "issue", "master")
_DETAILS = (
    "description",
    "details",
    "detail",
    "testStrategy",
    "test_strategy",
    "notes",
    "body",
    "rationale",
    "implementation",
)
_CRITERIA = (
    "acceptance_criteria",
    "acceptanceCriteria",
    "success_criteria",
    "successCriteria",
    "criteria",
)
_COMMANDS = (
    "validation_commands",
    "test_command",
    "test_cmd",
    "validation",
    "verification",
    "verify",
    "test_commands",
    "checks",
)
_SURE_COMMANDS = frozenset(("validation_commands", "test_command", "test_cmd", "test_commands"))
_AFTER = (
    "dependencies",
    "depends_on",
    "dependsOn",
    "blocked_by",
    "blockedBy",
    "deps",
    "after",
    "needs",
)
_STATUS = ("status", "state", "done", "completed", "passes", "checked", "is_done", "isCompleted")
_DONE = frozenset(
    {
        "done",
        "complete",
        "completed",
        "closed",
        "finished",
        "merged",
        "resolved",
        "true",
        "x",
        "yes",
        "shipped",
    }
)
_DROPPED = frozenset({"cancelled", "canceled", "wontfix", "won't fix", "rejected", "abandoned"})
_CI = frozenset(
    {
        "jobs",
        "services",
        "openapi",
        "swagger",
        "apiversion",
        "runs-on",
        "dependencies",
        "devdependencies",
        "scripts",
    }
)

Json = Mapping[str, object]


def read_data(value: object, text: str) -> Reading | None:
    """The plan in a parsed value; None when nothing in it is a list of things to do."""
    if _is_structured(value):
        return Reading(
            format="structured_plan", evidence=Evidence.KNOWN, structured=dict(cast(Json, value))
        )
    value = clean_value(value)
    lines = _Lines(text)
    for kind, title, entries in _groups(value):
        if kind == "phases":
            phases = tuple(_phase(entry, lines) for entry in entries)
            if any(phase.tasks for phase in phases):
                return _reading("json_phases", value, tuple(p for p in phases if p.tasks))
        tasks = tuple(t for e in entries if (t := _task(e, lines, 0)))
        if tasks:
            reading = _reading(
                _kind(value, entries),
                value,
                _tagged(value, lines) or (DraftPhase(title, 1, tasks),),
            )
            told = (c for e in entries if isinstance(e, dict) for c in _strings(e, _CRITERIA))
            criteria = reading.acceptance_criteria or tuple(dict.fromkeys(told))
            return replace(reading, acceptance_criteria=criteria)
    return None


def read_front_tasks(front: Mapping[str, object]) -> Reading | None:
    """The to-do list that coding agents keep in the front matter of a plan, when there is one."""
    entries = front.get("todos") or front.get("tasks")
    if not isinstance(entries, list) or len(entries) < 2 or not all(map(_is_task, entries)):
        return None
    reading = read_data({"tasks": entries}, "")
    return replace(reading, format="agent_plan", evidence=Evidence.KNOWN) if reading else None


def _is_structured(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("phases"), list):
        return False
    return "schema_version" in value


def _kind(value: object, entries: Sequence[object]) -> str:
    first = next((e for e in entries if isinstance(e, dict)), {})
    if (
        "testStrategy" in first
        or "subtasks" in first
        or (isinstance(value, dict) and "master" in value)
    ):
        return "taskmaster"
    return "json_tasks"


def _groups(value: object, depth: int = 0) -> Iterator[tuple[str, str, Sequence[object]]]:
    """Lists that may hold the work: (kind, title, entries), the best first."""
    if isinstance(value, list):
        yield "tasks", "", value
    elif isinstance(value, dict) and depth < MAX_DEPTH and not _is_manifest(value):
        yield from (("phases", k, value[k]) for k in _GROUPS if isinstance(value.get(k), list))
        for key in dict.fromkeys((*_LISTS, *_WRAPPERS)):
            if isinstance(value.get(key), list | dict):
                yield from _groups(value[key], depth + 1)
        yield from _named_lists(value)


def _is_manifest(value: Json) -> bool:
    """The data of some other tool: a pipeline, a package, an API."""
    return "tasks" not in value and not _CI.isdisjoint(str(key).lower() for key in value)


def _named_lists(value: Json) -> Iterator[tuple[str, str, Sequence[object]]]:
    """Lists of tasks under keys of the author's own, such as Taskmaster's tags."""
    for key, inner in list(value.items())[:50]:
        entries = inner.get("tasks") if isinstance(inner, dict) else inner
        if isinstance(entries, list) and entries and all(map(_is_task, entries)):
            yield "tasks", key, entries


def _is_task(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and bool(_text(entry))
        and any(k in entry for k in (*_STATUS, *_PARTS, *_AFTER))
    )


def _tagged(value: object, lines: "_Lines") -> tuple[DraftPhase, ...]:
    """Taskmaster's tags, when there is more than one with tasks."""
    if not isinstance(value, dict):
        return ()
    found = []
    for key, inner in value.items():
        entries = inner.get("tasks") if isinstance(inner, dict) else inner
        if isinstance(entries, list) and entries and all(_is_task(e) for e in entries):
            tasks = tuple(t for e in entries if (t := _task(e, lines, 0)))
            found.append(DraftPhase(str(key), tasks[0].line if tasks else 1, tasks))
    return tuple(found) if len(found) > 1 else ()


def _reading(kind: str, value: object, phases: tuple[DraftPhase, ...]) -> Reading:
    top = value if isinstance(value, dict) else {}
    return Reading(
        format=kind,
        evidence=Evidence.KNOWN if kind == "taskmaster" else Evidence.LISTED,
        goal=next(
            (
                str(top[k])
                for k in ("goal", "title", "name", "project", "description")
                if isinstance(top.get(k), str)
            ),
            "",
        ),
        phases=phases,
        acceptance_criteria=_strings(top, _CRITERIA),
        non_goals=_strings(top, ("non_goals", "nonGoals", "out_of_scope")),
        constraints=_strings(top, ("constraints", "rules")),
        commands=(
            *_commands(top),
            *(c for k in _GROUPS for e in _list(top.get(k)) for c in _commands(e)),
        ),
    )


def _commands(entry: object) -> tuple[tuple[str, int], ...]:
    """The checks that an object has a field for, as strings; what only tells of checks is none."""
    if not isinstance(entry, dict):
        return ()
    return tuple(
        (c, 0)
        for k in _COMMANDS
        for c in _strings(entry, (k,))
        if k in _SURE_COMMANDS or is_check(c, is_told=True)
    )


def _phase(entry: object, lines: "_Lines") -> DraftPhase:
    if not isinstance(entry, dict):
        task = _task(entry, lines, 0)
        return DraftPhase(str(entry), 1, (task,) if task else ())
    tasks = tuple(
        t
        for key in _PARTS
        if isinstance(entry.get(key), list)
        for e in entry[key]
        if (t := _task(e, lines, 1))
    )
    title = _text(entry)
    own = _task(entry, lines, 0)
    return DraftPhase(
        title=title,
        line=lines.of(title),
        tasks=tasks or ((own,) if own else ()),
        number=str(entry.get("id", "")),
        body="\n\n".join(str(entry[k]) for k in _DETAILS if isinstance(entry.get(k), str)),
        acceptance_criteria=_strings(entry, _CRITERIA),
        depends_on=_ids(entry),
        done=_done(entry) is True,
    )


def _task(entry: object, lines: "_Lines", depth: int) -> DraftTask | None:
    if isinstance(entry, str):
        return DraftTask(entry, lines.of(entry)) if entry.strip() else None
    if not isinstance(entry, dict) or depth > MAX_DEPTH:
        return None
    text = _text(entry)
    if not text or str(entry.get("status", "")).lower() in _DROPPED:
        return None
    children = tuple(
        t
        for key in _PARTS
        if isinstance(entry.get(key), list)
        for e in entry[key]
        if (t := _task(e, lines, depth + 1))
    )
    details = [
        str(entry[k]) for k in _DETAILS if isinstance(entry.get(k), str) and entry[k] != text
    ]
    details += [str(f) for k in ("files", "paths", "file", "path") for f in _list(entry.get(k))]
    details += _strings(entry, _CRITERIA)
    return DraftTask(
        text=text,
        line=lines.of(text),
        done=_done(entry),
        number=str(entry.get("id", "")),
        children=children,
        details=tuple(details),
        depends_on=_ids(entry),
    )


def _text(entry: Json) -> str:
    return next(
        (
            " ".join(str(entry[k]).split())
            for k in _TEXT
            if isinstance(entry.get(k), str) and str(entry[k]).strip()
        ),
        "",
    )


def _done(entry: Json) -> bool | None:
    for key in _STATUS:
        value = entry.get(key)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value:
            return value.lower().strip() in _DONE
    return None


def _ids(entry: Json) -> tuple[str, ...]:
    return tuple(str(i) for k in _AFTER for i in _list(entry.get(k)) if isinstance(i, str | int))


def _strings(entry: Mapping[str, object], keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        str(v) for k in keys for v in _list(entry.get(k)) if isinstance(v, str) and v.strip()
    )


def _list(value: object) -> Sequence[object]:
    if isinstance(value, list):
        return value
    return [] if value is None or isinstance(value, dict) else [value]


class _Lines:
    """Where texts stand in the source: each is looked for after the one before it."""

    def __init__(self, text: str) -> None:
        self._text, self._position, self._line = text, 0, 1

    def of(self, value: str) -> int:
        wanted = json.dumps(value[:60], ensure_ascii=False)[1:-1]
        at = self._text.find(wanted, self._position, self._position + 50_000)
        if at >= 0:
            self._line += self._text.count("\n", self._position, at)
            self._position = at
        return self._line
