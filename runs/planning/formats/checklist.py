"""Check lists: Spec Kit, Kiro, OpenSpec, Agent OS, Conductor, BMAD, TODO files, issue bodies.

A box is a task wherever it stands, but for acceptance criteria and the like. Other bullets are
details of the box above them; phases that stand beside checked ones and have no box count as well.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from runs.planning.formats.document import Document, Item, Section, walk_items
from runs.planning.formats.items import is_pledge
from runs.planning.formats.marks import is_marked_done
from runs.planning.formats.outline import (
    Grouped,
    Outline,
    criteria_of,
    goal_of,
    role_of_item,
    task_of,
    texts_with,
)
from runs.planning.formats.phase_groups import numbered_parents, phases_of
from runs.planning.formats.reading import DraftTask, Evidence, Reading
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import PHASE

_MARKED = re.compile(r"\W{0,2}(?:✅|✔|✓|❌|🚧|⏳|🔄|⏸|🔜|🔴|🟡|🟢|🟠|⚪|🏗)")
_NO_TASKS = frozenset({Role.ACCEPTANCE, Role.NON_GOALS, Role.CONSTRAINTS})
_SPEC_KIT = re.compile(r"\**T\d{2,5}[a-z]?\b")
_CONDUCTOR = re.compile(r"\**(?:Sub-)?Task:", re.IGNORECASE)
_BMAD = re.compile(r"Dev Agent Record|^#{1,4} .{0,20}Tasks ?/ ?Subtasks", re.MULTILINE)
_DOTTED = re.compile(r"\d{1,3}\.\d")
_SUPERPOWERS = re.compile(r"\**Step \d{1,3}\b", re.IGNORECASE)


def boxes(document: Document) -> int:
    """How many check boxes the text has, anywhere."""
    listed = sum(
        item.checked is not None for s in document.sections for _, item in walk_items(s.items)
    )
    return listed + sum(section.checked is not None for section in document.sections)


def read_checklist(outline: Outline) -> Reading | None:
    """None when no box is a task, or boxes only check the work that stands elsewhere."""
    grouped = _grouped(outline, _NO_TASKS)
    if not any(tasks for section, tasks in grouped if outline.role(section) is not Role.VALIDATION):
        return None
    return _reading(outline, _with_bare_siblings(outline, _numbered_only(outline, grouped)))


def with_boxes(outline: Outline, reading: Reading | None) -> Reading | None:
    """A reading of the rest of the text, and the boxes that check it as further tasks of it.

    Without other tasks, acceptance criteria with boxes are the tasks.
    """
    checks = _grouped(outline, _NO_TASKS)
    if reading is None:
        criteria = _grouped(outline, frozenset({Role.NON_GOALS, Role.CONSTRAINTS}))
        return _reading(outline, criteria) if any(tasks for _, tasks in criteria) else None
    found = tuple(task for _, tasks in checks for task in tasks)
    if not found:
        return reading
    last = reading.phases[-1]
    spans = tuple((section.line, section.end) for section, tasks in checks if tasks)
    joined = replace(last, tasks=(*last.tasks, *found), spans=(*last.spans, *spans))
    return replace(reading, phases=(*reading.phases[:-1], joined))


def _reading(outline: Outline, grouped: Grouped) -> Reading:
    phases = phases_of(outline, grouped, any_heading=True)
    kind = kind_of(outline.document, grouped)
    if len(phases) == 1:
        phases = numbered_parents(phases)
    return Reading(
        format=kind,
        evidence=Evidence.LISTED if kind == "checklist" else Evidence.KNOWN,
        goal=goal_of(outline),
        phases=phases,
        acceptance_criteria=criteria_of(outline),
        non_goals=tuple(text for _, text in texts_with(outline, Role.NON_GOALS)),
        constraints=tuple(text for _, text in texts_with(outline, Role.CONSTRAINTS)),
    )


def _grouped(outline: Outline, without: frozenset[Role]) -> Grouped:
    return [
        (section, _boxed_heading(outline, section) or _tasks(section.items))
        for section in outline.document.sections
        if outline.role(section) not in without
    ]


def _boxed_heading(outline: Outline, section: Section) -> list[DraftTask]:
    """ "## [ ] Track: Search" is a task itself when no box stands below it."""
    if section.checked is None:
        return []
    inner = (section, *outline.document.below(section))
    has_boxes = any(
        item.checked is not None for s in inner for _, item in walk_items(s.items)
    ) or any(s.checked is not None for s in inner[1:])
    if has_boxes:
        return []
    lines = outline.document.lines[section.line : inner[-1].end]
    details = tuple(line for line in lines if line.strip())
    return [DraftTask(section.title, section.line, done=section.checked, details=details)]


def _numbered_only(outline: Outline, grouped: Grouped) -> Grouped:
    """In a list of Spec Kit, boxes of a section without its numbers check the list itself."""
    if not _most([task for _, tasks in grouped for task in tasks], _SPEC_KIT):
        return grouped
    return [
        (section, tasks)
        for section, tasks in grouped
        if PHASE.search(section.title[:60]) or any(_SPEC_KIT.match(task.text) for task in tasks)
    ]


def _tasks(items: tuple[Item, ...]) -> list[DraftTask]:
    found: list[DraftTask] = []
    has_boxes = any(item.checked is not None for item in items)
    for item in items:
        if is_pledge(item):
            continue
        if item.checked is not None or (has_boxes and _MARKED.match(item.text)):
            # Beside boxes, entries with another mark of their state are tasks like them.
            found.append(task_of(item, _is_box))
        elif role_of_item(item) not in _NO_TASKS:
            found.extend(task_of(item, _is_box).children)
    return _nested([task for task in found if task.text])


def _is_box(item: Item) -> bool:
    return item.checked is not None and bool(item.text)


def _nested(tasks: list[DraftTask]) -> list[DraftTask]:
    """3.1 after 3 is a part of it, though it may stand on the same level."""
    found: list[DraftTask] = []
    for task in tasks:
        above = found[-1] if found else None
        if above and above.number.isdigit() and task.number.startswith(f"{above.number}."):
            found[-1] = replace(above, children=(*above.children, task))
        else:
            found.append(task)
    return found


def _with_bare_siblings(outline: Outline, grouped: Grouped) -> Grouped:
    """Phases without boxes beside phases with boxes: their bullets are tasks too."""
    sections = outline.document.sections
    with_boxes = {section.index for section, tasks in grouped if tasks}
    levels = {sections[i].level for i in with_boxes if PHASE.search(sections[i].title[:60])}
    parents = {above for i in with_boxes for above in sections[i].parents}
    found: Grouped = []
    for section, tasks in grouped:
        is_phase = section.level in levels and PHASE.search(section.title[:60])
        is_work = is_phase or _is_marked_work(outline, section)
        if not tasks and is_work and section.index not in parents:
            bare = [task_of(item, lambda _: False) for item in section.items if item.text]
            found.append((section, bare))
        else:
            found.append((section, tasks))
    return found


def _is_marked_work(outline: Outline, section: Section) -> bool:
    """A list of work whose entries have marks of their state in the place of boxes."""
    marked = [item for item in section.items if _MARKED.match(item.text)]
    is_open = any(not is_marked_done(item.text) for item in marked)
    role = outline.role(section)
    return len(marked) * 2 > len(section.items) and (
        role is Role.WORK or (role is Role.NEUTRAL and is_open)
    )


def kind_of(document: Document, grouped: Grouped) -> str:
    """The tool that writes lists like this one, or "checklist"."""
    tasks = [task for _, found in grouped for task in found]
    text = "\n".join(document.lines[:4000])
    nested = sum(
        any(part.number.startswith(f"{task.number}.") for part in task.children if part.number)
        for task in tasks
    )
    checks = (
        ("speckit", _most(tasks, _SPEC_KIT)),
        ("kiro", "_Requirements:" in text or "_Requirements_" in text),
        ("conductor", _most(tasks, _CONDUCTOR)),
        ("bmad", bool(_BMAD.search(text))),
        ("openspec", sum(bool(_DOTTED.match(t.number)) for t in tasks) * 2 >= len(tasks)),
        ("agent_plan", _most(tasks, _SUPERPOWERS)),
        ("agentos", nested > 0 and nested * 2 >= len(tasks)),
    )
    return next((name for name, fits in checks if fits), "checklist")


def _most(tasks: Sequence[DraftTask], pattern: re.Pattern[str]) -> bool:
    return sum(bool(pattern.match(task.text)) for task in tasks) * 2 >= len(tasks)
