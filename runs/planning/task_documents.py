"""Tasks of a phase as JSON: ids unique in the phase, done state, the paths that they name."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.planning.formats.reading import DraftPhase, DraftTask
from runs.planning.path_grounding import GroundedPath, Place
from runs.planning.path_ledger import PathLedger
from runs.planning.path_mentions import Mention, MentionFinder
from runs.planning.phase_splitting import is_done
from runs.planning.plan_paths import has_control

Json = dict[str, Any]

MAX_TASK_PATHS = 200
MAX_ID_CHARS = 40
MAX_PARTS = 50
"""Parts of a task that are told apart from it when paths are given to tasks."""
MAX_DESCRIPTION_CHARS = 200_000


@dataclass(slots=True)
class TaskWriter:
    finder: MentionFinder
    ledger: PathLedger
    phase_id: str
    mentions: Sequence[Mention]
    """Those of the phase, by line; tasks that know their lines take them from here."""
    paths: dict[int, list[GroundedPath]] = field(default_factory=dict)
    """What each task names in its text and details, by the task's identity."""
    _ids: set[str] = field(default_factory=set)

    def documents(self, tasks: Sequence[DraftTask], above: str = "") -> list[Json]:
        """The JSON of tasks and their subtasks."""
        return [self._document(task, f"{above}{n}") for n, task in enumerate(tasks, start=1)]

    def names_place(self, task: DraftTask) -> bool:
        """Whether a task, or some part of it, names a path that may be written."""
        own = any(path.place is not Place.CONTEXT for path in self.paths.get(id(task), ()))
        return own or any(self.names_place(child) for child in task.children)

    def description(self, phase: DraftPhase) -> str:
        """The prose of the phase, then the details of each task, word for word."""
        parts = [phase.body.strip()] if phase.body.strip() else []
        for task in _all(phase.tasks):
            details = [detail for detail in task.details if detail.strip()]
            if details and not is_done(task):
                parts.append(
                    "\n".join((f"{task.text}:", *(f"- {detail.strip()}" for detail in details)))
                )
        return "\n\n".join(parts)[:MAX_DESCRIPTION_CHARS]

    def _document(self, task: DraftTask, fallback: str) -> Json:
        found: dict[str, GroundedPath] = {}
        for mention in self._mentions_of(task):
            path = self.ledger.enter(mention, self.phase_id)
            if path and (path.path not in found or path.place is not Place.CONTEXT):
                found[path.path] = path
        self.paths[id(task)] = list(found.values())
        document: Json = {"id": self._id(task, fallback), "text": task.text}
        if is_done(task):
            document["done"] = True
        subtasks = self.documents(task.children, f"{document['id'][:60]}.")
        # A task is about what its parts are about.
        paths = dict.fromkeys(
            [*found, *(path for part in subtasks for path in part.get("paths", ()))]
        )
        if paths:
            document["paths"] = list(paths)[:MAX_TASK_PATHS]
        if subtasks:
            document["subtasks"] = subtasks
        return document

    def _mentions_of(self, task: DraftTask) -> Iterable[Mention]:
        """What a task names itself; its parts have their own."""
        if not task.last_line:
            return self.finder.in_text("\n".join((task.text, *task.details)), task.line)
        start = bisect_left(self.mentions, task.line, key=lambda mention: mention.line)
        end = bisect_right(self.mentions, task.last_line, key=lambda mention: mention.line)
        parts = [(part.line, part.last_line) for part in task.children]
        return (
            [
                mention
                for mention in self.mentions[start:end]
                if not any(first <= mention.line <= last for first, last in parts)
            ]
            if len(parts) <= MAX_PARTS
            else self.mentions[start:end]
        )

    def _id(self, task: DraftTask, fallback: str) -> str:
        wanted = task.number.strip().rstrip(".)") or fallback
        if len(wanted) > MAX_ID_CHARS or has_control(wanted) or not wanted:
            wanted = fallback
        unique, number = wanted, 1
        while unique in self._ids:
            number += 1
            unique = f"{fallback}-{number}" if number > 2 else fallback
        self._ids.add(unique)
        return unique


def _all(tasks: Sequence[DraftTask]) -> Iterator[DraftTask]:
    stack = list(reversed(tasks))
    while stack:
        task = stack.pop()
        yield task
        stack.extend(reversed(task.children))
