"""Taskmaster's task files: "# Task ID: 4", "# Title: ...", "# Subtasks:", "## 1. ... [pending]"."""

import re

from runs.planning.formats.reading import DraftPhase, DraftTask, Evidence, Reading

_START = re.compile(r"^# Task ID:[ \t]*(\S+)[ \t]*$", re.M)
_FIELD = re.compile(r"^# (Title|Status|Dependencies|Priority|Description):[ \t]*(.*)$", re.M)
_SUBTASK = re.compile(r"^## (\d{1,4})\.[ \t]+(.+?)[ \t]*$", re.M)
_STATUS = re.compile(
    r"\[(pending|in[- ]progress|done|completed|review|deferred|cancelled|blocked)\]$", re.I
)
_AFTER = re.compile(r"^#{1,4} Dependencies:[ \t]*(.*)$", re.M)


def is_taskmaster_text(text: str) -> bool:
    return bool(_START.search(text[:5000])) and bool(_FIELD.search(text[:10_000]))


def read_taskmaster_text(text: str) -> Reading:
    starts = list(_START.finditer(text))
    tasks: list[DraftTask] = []
    goals: list[str] = []
    for index, start in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(text)
        body = text[start.start() : end]
        task, goal = _task(start[1], body, text.count("\n", 0, start.start()) + 1)
        tasks.append(task)
        goals.append(goal)
    if len(tasks) == 1 and tasks[0].children:
        only = tasks[0]
        phase = DraftPhase(
            only.text,
            only.line,
            only.children,
            number=only.number,
            body="\n".join(only.details),
            depends_on=(),
        )
    else:
        phase = DraftPhase("", 1, tuple(tasks))
    return Reading("taskmaster_text", Evidence.KNOWN, goal="\n".join(goals), phases=(phase,))


def _task(number: str, body: str, line: int) -> tuple[DraftTask, str]:
    fields = {m[1]: m[2].strip() for m in _FIELD.finditer(body)}
    parts = list(_SUBTASK.finditer(body))
    children: list[DraftTask] = []
    for index, part in enumerate(parts):
        end = parts[index + 1].start() if index + 1 < len(parts) else len(body)
        inner = body[part.end() : end]
        status = _STATUS.search(part[2])
        children.append(
            DraftTask(
                text=part[2],
                line=line + body.count("\n", 0, part.start()),
                done=_is_done(status[1]) if status else None,
                number=f"{number}.{part[1]}",
                details=tuple(row.lstrip("# ") for row in inner.split("\n") if row.strip()),
                depends_on=tuple(
                    re.findall(
                        r"\d{1,4}(?:\.\d{1,4})?", m[1] if (m := _AFTER.search(inner)) else ""
                    )
                ),
            )
        )
    head = body[: parts[0].start()] if parts else body
    text = fields.get("Title", "") or fields.get("Description", "")
    task = DraftTask(
        text=text,
        line=line,
        done=_is_done(fields["Status"]) if "Status" in fields else None,
        number=number,
        children=tuple(children),
        details=tuple(row for row in head.split("\n") if row.strip() and not row.startswith("# ")),
        depends_on=tuple(re.findall(r"\d{1,4}(?:\.\d{1,4})?", fields.get("Dependencies", ""))),
    )
    return task, "\n\n".join(part for part in (text, fields.get("Description", "")) if part)


def _is_done(status: str) -> bool:
    return status.lower() in ("done", "completed")
