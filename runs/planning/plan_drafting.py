"""A reading, and what was found in it, as the document of a structured plan."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.planning.command_choice import checks_of, detected_checks
from runs.planning.command_mentions import CommandMention
from runs.planning.formats.document import Fence
from runs.planning.formats.reading import DraftPhase, DraftTask, Reading
from runs.planning.identifiers import MAX_ID_CHARS, slugify_id
from runs.planning.normal_types import DecisionCode, WarningCode
from runs.planning.patches import diff_paths
from runs.planning.path_grounding import GroundedPath, Place
from runs.planning.path_index import PathIndex
from runs.planning.path_ledger import PathLedger
from runs.planning.path_mentions import Intent, Mention, MentionFinder
from runs.planning.phase_lines import NO_PHASE, PhaseLines
from runs.planning.phase_splitting import open_tasks
from runs.planning.plan_findings import Findings
from runs.planning.plan_notes import Notes
from runs.planning.plan_schema_parts import MAX_LIST_ENTRIES
from runs.planning.plan_types import Complexity
from runs.planning.sizing import budget_of, category_of, complexity_of
from runs.planning.task_documents import TaskWriter
from runs.toolchains.types import Detection

Json = dict[str, Any]

MAX_TITLE_CHARS = 300
MAX_INFERRED = 8
MAX_CONTEXT_ENTRIES = 10_000
"""Phases times context paths of the whole text; above it only the first phase gets them."""
_MARKS = re.compile(r"\*\*|__|~~|`")


@dataclass(slots=True)
class Drafting:
    reading: Reading
    phases: tuple[DraftPhase, ...]
    findings: Findings
    finder: MentionFinder
    ledger: PathLedger
    notes: Notes
    toolchains: Sequence[Detection]
    checks: int = 0
    detected: int = 0
    inferred: int = 0
    _ids: list[str] = field(default_factory=list)

    @property
    def index(self) -> PathIndex:
        return self.ledger.index

    def document(self) -> Json:
        """The structured plan, valid by its schema."""
        self._ids = phase_ids(self.phases)
        lines = PhaseLines(self.phases)
        mentions: dict[int, list[Mention]] = {}
        for mention in self.findings.mentions:
            mentions.setdefault(lines.phase_at(mention.line), []).append(mention)
        commands: dict[int, list[CommandMention]] = {}
        for command in self.findings.commands:
            commands.setdefault(lines.phase_at(command.line), []).append(command)
        diffs: dict[int, list[Fence]] = {}
        for fence in self.findings.diffs:
            diffs.setdefault(lines.phase_at(fence.line), []).append(fence)
        context = self._context(mentions.get(NO_PHASE, []))
        is_shared = len(context) * len(self.phases) <= MAX_CONTEXT_ENTRIES
        phases = []
        for number in range(len(self.phases)):
            own_context = context if is_shared or not number else []
            phases.append(
                self._phase(
                    number,
                    mentions.get(number, []),
                    commands.get(number, []),
                    diffs.get(number, []),
                    own_context,
                )
            )
        self._stray_diffs(diffs.get(NO_PHASE, []))
        own = checks_of(commands.get(NO_PHASE, []), "", self.notes)
        self.checks += len(own)
        if not self.checks:
            own = detected_checks(self.toolchains, self.notes)
            self.detected = len(own)
        return _filled(
            {
                "goal": self.reading.goal,
                "non_goals": bounded(self.reading.non_goals),
                "constraints": bounded(self.reading.constraints),
                "acceptance_criteria": bounded(self._own_criteria()),
                "budgets": self._budgets(phases),
                "phases": phases,
                "validation_commands": own,
            }
        )

    def _own_criteria(self) -> list[str]:
        """Criteria of the whole plan: those that no phase has."""
        taken = {criterion for phase in self.phases for criterion in phase.acceptance_criteria}
        return [
            criterion for criterion in self.reading.acceptance_criteria if criterion not in taken
        ]

    def _budgets(self, phases: Sequence[Json]) -> Json:
        sizes = [
            (len(open_tasks(phase.tasks)), Complexity(document["complexity"]))
            for phase, document in zip(self.phases, phases, strict=True)
        ]
        tokens, minutes = budget_of(sizes)
        message = f"From {sum(n for n, _ in sizes)} open tasks and how hard their phases look."
        self.notes.decide(DecisionCode.BUDGET, message)
        return {"token_cap": tokens, "max_duration_minutes": minutes}

    # --- One phase ------------------------------------------------------------------------------

    def _phase(
        self,
        number: int,
        mentions: Sequence[Mention],
        commands: Sequence[CommandMention],
        diffs: Sequence[Fence],
        context: Sequence[str],
    ) -> Json:
        phase, phase_id = self.phases[number], self._ids[number]
        writer = TaskWriter(self.finder, self.ledger, phase_id, mentions)
        tasks = writer.documents(phase.tasks)
        # In prose beside the tasks, only words that say so make a file one to be changed.
        named = [path for m in mentions if (path := self._beside(m, phase_id))]
        named += [path for paths in writer.paths.values() for path in paths]
        todo = open_tasks(phase.tasks)
        checks = checks_of(commands, phase_id, self.notes)
        self.checks += len(checks)
        is_declared = any(mention.is_declared for mention in mentions)
        scope = _scope(named, writer, todo, context, is_declared=is_declared)
        texts = [task.text for task in todo]
        words = sum(len(text.split()) for text in texts)
        if not todo:
            message = "All of its tasks are marked as done."
            self.notes.decide(DecisionCode.PHASE_DONE, message, phase_id, line=phase.line)
        return _filled(
            {
                "id": phase_id,
                "title": self._title(phase, number),
                "description": writer.description(phase),
                "depends_on": self._depends(number),
                "category": category_of(phase.title, [task.text for task in phase.tasks]).value,
                "complexity": complexity_of(texts, len(named), words).value,
                "tasks": tasks,
                "acceptance_criteria": bounded(phase.acceptance_criteria),
                "scope": scope,
                "inferred_paths": self._infer(phase, phase_id, todo) if todo and not named else [],
                "validation_commands": checks,
                "builder": _filled({"steps": self._steps(diffs, phase_id, scope) if todo else []}),
            }
        )

    def _beside(self, mention: Mention, phase_id: str) -> GroundedPath | None:
        default = Intent.UNKNOWN if mention.is_declared else Intent.READ
        return self.ledger.enter(mention, phase_id, default=default)

    def _title(self, phase: DraftPhase, number: int) -> str:
        text = phase.title or self.reading.goal.split("\n", 1)[0] or f"Phase {number + 1}"
        return (
            " ".join(_MARKS.sub("", text).split())[:MAX_TITLE_CHARS].strip()
            or f"Phase {number + 1}"
        )

    def _steps(self, diffs: Sequence[Fence], phase_id: str, scope: Json) -> list[Json]:
        steps: list[Json] = []
        for fence in diffs[:MAX_LIST_ENTRIES]:
            try:
                paths = diff_paths(fence)
            except ValueError as error:
                message = f"The diff is not applied: {error}."
                self.notes.warn(
                    WarningCode.PATCH_INVALID,
                    message,
                    phase_id,
                    line=fence.line,
                    needs_confirmation=True,
                )
                continue
            if not paths:
                message = (
                    "The diff has no file names or no hunks, so it is a sketch and not applied."
                )
                self.notes.warn(WarningCode.PATCH_INVALID, message, phase_id, line=fence.line)
                continue
            steps.append({"kind": "apply_patch", "patch": fence.content})
            message = f"A diff of {len(paths)} file(s) is applied as it stands."
            self.notes.decide(DecisionCode.PATCH_STEP, message, phase_id, line=fence.line)
            _widen(scope, paths, self.index)
        return steps

    def _stray_diffs(self, diffs: Sequence[Fence]) -> None:
        for fence in diffs:
            message = (
                "The diff stands outside of every phase, so it is not applied; put it below one."
            )
            self.notes.warn(WarningCode.PATCH_INVALID, message, line=fence.line)

    def _infer(self, phase: DraftPhase, phase_id: str, todo: Sequence[DraftTask]) -> list[Json]:
        words = " ".join((phase.title, *(task.text for task in todo[:20])))[:1500]
        found: list[Json] = []
        for guess in self.index.infer(words, MAX_INFERRED):
            score = round(min(1.0, max(0.0, guess.score)), 3)
            found.append({"path": guess.path, "score": score})
            message = "The words of the tasks point to it; no path is named."
            self.notes.decide(
                DecisionCode.PATH_INFERRED,
                message,
                phase_id,
                path=guess.path,
                score=score,
                line=phase.line,
            )
        self.inferred += len(found)
        return found

    def _context(self, mentions: Sequence[Mention]) -> list[str]:
        """Paths named outside of the phases: worth reading in all of them."""
        found = [p.path for m in mentions if (p := self.ledger.enter(m, "", default=Intent.READ))]
        return list(dict.fromkeys(found))

    def _depends(self, number: int) -> list[str]:
        """What the author wrote, as far as it points back; else the phase before."""
        phase, phase_id = self.phases[number], self._ids[number]
        by_number = {p.number: i for i, p in enumerate(self.phases) if p.number}
        wanted = {by_number[name] for name in phase.depends_on if name in by_number} - {number}
        if any(other > number for other in wanted):
            message = "It names a phase that comes later; that is left out."
            self.notes.warn(WarningCode.DEPENDENCY_CYCLE, message, phase_id, line=phase.line)
        back = sorted(other for other in wanted if other < number)
        if back:
            message = "It comes after the phases that the text names."
            self.notes.decide(DecisionCode.DEPENDENCY, message, phase_id, line=phase.line)
            return [self._ids[other] for other in back]
        before = number - 1
        if phase.is_parallel and before >= 0 and self.phases[before].is_parallel:
            message = "It is marked as parallel, like the phase before it."
            self.notes.decide(DecisionCode.PARALLEL, message, phase_id, line=phase.line)
            while before >= 0 and self.phases[before].is_parallel:
                before -= 1
        return [self._ids[before]] if before >= 0 else []


def phase_ids(phases: Sequence[DraftPhase]) -> list[str]:
    """A slug a phase, unique without regard to case."""
    found: list[str] = []
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for number, phase in enumerate(phases, start=1):
        slug = (
            slugify_id(phase.title)[:48].rstrip("-_.") if phase.title.strip() else f"phase-{number}"
        )
        slug = slug or f"phase-{number}"
        unique = slug
        while unique in taken:
            counts[slug] = counts.get(slug, 1) + 1
            unique = f"{slug[: MAX_ID_CHARS - 8]}-{counts[slug]}"
        taken.add(unique)
        found.append(unique)
    return found


def _scope(
    named: Sequence[GroundedPath],
    writer: TaskWriter,
    todo: Sequence[DraftTask],
    context: Sequence[str],
    *,
    is_declared: bool,
) -> Json:
    """Writable places only when the text declares them or every open task names one: any other
    choice would lock tasks out of the files that they need."""
    writable = [path for path in named if path.place is not Place.CONTEXT]
    is_closed = bool(writable and todo) and (
        is_declared or all(writer.names_place(task) for task in todo)
    )
    in_tasks = {path.path for paths in writer.paths.values() for path in paths}
    keys: dict[str, dict[str, None]] = {"modify": {}, "create": {}, "read_only_context": {}}
    for path in named:
        if path.place is not Place.CONTEXT and is_closed:
            keys[path.place.value][path.path] = None
        elif path.path not in in_tasks or path.place is Place.CONTEXT:
            keys["read_only_context"][path.path] = None
    keys["read_only_context"].update(dict.fromkeys(context))
    for one, other in (
        ("modify", "create"),
        ("modify", "read_only_context"),
        ("create", "read_only_context"),
    ):
        keys[other] = {name: None for name in keys[other] if name not in keys[one]}
    return {key: list(paths)[:MAX_LIST_ENTRIES] for key, paths in keys.items() if paths}


def _widen(scope: Json, paths: Iterable[str], index: PathIndex) -> None:
    """The files of a patch may be written where anything is limited."""
    if not ("modify" in scope or "create" in scope):
        return
    for path in paths:
        entries = scope.setdefault("modify" if index.has_file(path) else "create", [])
        if path not in entries and len(entries) < MAX_LIST_ENTRIES:
            entries.append(path)


def bounded(texts: Iterable[str]) -> list[str]:
    """Each text once; when there are too many entries, the last one holds the rest."""
    found = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if len(found) <= MAX_LIST_ENTRIES:
        return found
    return [*found[: MAX_LIST_ENTRIES - 1], "\n".join(found[MAX_LIST_ENTRIES - 1 :])]


def _filled(document: Mapping[str, Any]) -> Json:
    return {key: value for key, value in document.items() if value}
