"""Plans without check boxes: the lists, headings and tables under headings that speak of work.

In order: requirements with numbers of their own; sections of work; of wishes (requirements,
features, a proposed solution); lists that read like work wherever they stand. The first of these
that has tasks is the plan, the rest is context.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from runs.planning.formats.document import (
    BOLD_LEVEL,
    LABEL_LEVEL,
    ItemList,
    Paragraph,
    Section,
    Table,
    walk_items,
)
from runs.planning.formats.items import has_work, item_tasks, marks_file
from runs.planning.formats.marks import is_marked_done
from runs.planning.formats.outline import Grouped, Outline, criteria_of, goal_of, texts_with
from runs.planning.formats.phase_groups import phases_of
from runs.planning.formats.prose import is_placeholder
from runs.planning.formats.reading import DraftPhase, DraftTask, Evidence, Reading
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import (
    NUMBERED,
    PHASE,
    STEPS_TO_REPRODUCE,
    UNIT,
    plain_title,
    role_of_title,
)
from runs.planning.formats.tables import table_tasks
from runs.planning.formats.verbs import is_imperative, is_promise

_REQUIREMENT = re.compile(r"^\W{0,4}(?:FR|REQ|R)-?\d{1,4}(?:\.\d{1,3})?\b", re.IGNORECASE)
_FUNCTIONAL = re.compile(
    r"\b(?:functional|features?|requirements?|must[- ]haves?|capabilities|mvp|scope|"
    r"proposed|solution)\b|需求|功能|要件|機能|기능|requisitos|funcional|anforderungen|"
    r"требования",
    re.IGNORECASE,
)
_TITLE_LEVEL = 1
_ORDER = re.compile(r"\b(?:order|sequence|summary)\b", re.IGNORECASE)
_MAY_WORK = frozenset({Role.WORK, Role.WISH, Role.NEUTRAL})
_OPEN = frozenset({Role.NEUTRAL, Role.GOAL, Role.CONTEXT, Role.FILES})
_RECOMMENDED = re.compile(
    r"\b(?:recommended|preferred|chosen|recomendad[ao]|empfohlen)\b|推荐|推奨", re.IGNORECASE
)
_SOLVES = re.compile(
    r"\b(?:solution|fix(?:es)?|proposal|proposed|suggest\w*|request|desired|resolution|"
    r"soluci[óo]n|solu[çc][ãa]o|l[öo]sung|решение)\b|方案|解决|解決|해결",
    re.IGNORECASE,
)
_TO_DO = re.compile(
    r"\bto[- ]?dos?\b|\broad ?map\b|\bbacklog\b|\btask ?list\b|\bwish ?list\b|"
    r"\bpendientes\b|\bpunch ?list\b|待办|やること|할 ?일",
    re.IGNORECASE,
)


def read_freeform(outline: Outline, file_name: str = "") -> Reading | None:
    """None when no list or heading of the text speaks of work."""
    if is_to_do(outline, file_name):
        grouped = _filled(_all_lists(outline))
        if grouped:
            return reading_of(outline, grouped, Evidence.LISTED, any_heading=True)
    for collect, evidence in (
        (_numbered_requirements, Evidence.LISTED),
        (_work, Evidence.LISTED),
        (_told_headings, Evidence.LISTED),
        (_wishes, Evidence.GUESSED),
        (_list_document, Evidence.GUESSED),
        (_imperative_lists, Evidence.GUESSED),
    ):
        grouped = _filled(collect(outline))
        if grouped:
            any_heading = collect is _list_document or _is_board(outline, grouped)
            return reading_of(outline, grouped, evidence, any_heading=any_heading)
    return None


def _is_board(outline: Outline, grouped: Grouped) -> bool:
    """Whether work stands in columns, one of which is finished."""
    return any(outline.role(section) is Role.DONE for section, _ in grouped)


def _filled(grouped: Grouped) -> Grouped:
    return [(section, tasks) for section, tasks in grouped if tasks]


def reading_of(
    outline: Outline, grouped: Grouped, evidence: Evidence, *, any_heading: bool
) -> Reading:
    numbered = evidence is Evidence.LISTED
    phases = _phase_items(grouped) or phases_of(
        outline, grouped, any_heading=any_heading, numbered=numbered
    )
    return Reading(
        format="markdown_plan" if evidence is Evidence.LISTED else "markdown",
        evidence=evidence,
        goal=goal_of(outline),
        phases=phases,
        acceptance_criteria=criteria_of(outline),
        non_goals=tuple(text for _, text in texts_with(outline, Role.NON_GOALS)),
        constraints=tuple(text for _, text in texts_with(outline, Role.CONSTRAINTS)),
    )


def _phase_items(grouped: Grouped) -> tuple[DraftPhase, ...]:
    """List items that are phases themselves: "1. **Phase 1: Setup**" with tasks below."""
    tasks = [task for _, found in grouped for task in found]
    named = [task for task in tasks if PHASE.search(task.text[:40])]
    if len(named) < 2 or len(named) * 2 < len(tasks):
        return ()
    return tuple(
        DraftPhase(
            title=task.text,
            line=task.line,
            tasks=task.children or (task,),
            number=task.number,
            spans=((task.line, max([task.line, *(c.line for c in task.children)])),),
            done=task.done is True,
        )
        for task in tasks
    )


# --- Sections -----------------------------------------------------------------------------------


def _numbered_requirements(outline: Outline) -> Grouped:
    """Functional requirements with ids (FR1, REQ-2) are what a requirements document asks for."""
    grouped: Grouped = []
    for section in outline.document.sections:
        items = [item for item in section.items if _REQUIREMENT.match(item.text)]
        if len(items) >= 2 and outline.role(section) not in (Role.NON_GOALS, Role.CONSTRAINTS):
            grouped.append((section, item_tasks(items)))
    return grouped


def _work(outline: Outline) -> Grouped:
    found = _sections(outline, lambda section: outline.role(section) is Role.WORK, units=True)
    # An order of work beside the work itself says it a second time.
    others = [(s, tasks) for s, tasks in found if not _ORDER.search(s.title)]
    found = others if any(tasks for _, tasks in others) else found
    return _with_done(outline, found)


def _with_done(outline: Outline, found: Grouped) -> Grouped:
    """The list of finished work beside lists of work, on a board of tasks."""
    parents = {section.parents for section, tasks in found if tasks}
    done = [
        (section, [replace(task, done=True) for task in item_tasks(section.items)])
        for section in outline.document.sections
        if outline.role(section) is Role.DONE and section.items and section.parents in parents
    ]
    return sorted((*found, *done), key=lambda pair: pair[0].index) if done else found


def _told_headings(outline: Outline) -> Grouped:
    """Headings that say what to do, with nothing but prose below each of them."""
    grouped: Grouped = []
    neutral = [
        s
        for s in outline.document.sections[1:]
        if outline.role(s) in (Role.NEUTRAL, Role.VALIDATION)
        and _TITLE_LEVEL < s.level < BOLD_LEVEL
    ]
    for section in neutral:
        if is_imperative(plain_title(section.title)) and (
            unit := _unit(outline, section, is_sure=True)
        ):
            grouped.append((section, [unit]))
    return grouped if len(grouped) >= 2 and len(grouped) * 2 > len(neutral) else []


def _wishes(outline: Outline) -> Grouped:
    """Requirements and features; with sections so called, goals and stories are background."""
    wished = [s for s in outline.document.sections if outline.role(s) is Role.WISH]
    strong = {s.index for s in wished if _FUNCTIONAL.search(s.title) and s.level > _TITLE_LEVEL}
    strong |= {s.index for s in wished if strong.intersection(s.parents)}
    found = _sections(outline, lambda section: section.index in strong, units=False)
    if not any(tasks for _, tasks in found):
        found = _sections(outline, lambda section: outline.role(section) is Role.WISH, units=True)
    if not any(tasks for _, tasks in found):
        return []
    taken = {section.index for section, tasks in found if tasks}
    others = [(s, t) for s, t in _imperative_lists(outline) if s.index not in taken]
    return sorted((*found, *others), key=lambda pair: pair[0].index)


def _sections(outline: Outline, wanted: Callable[[Section], bool], *, units: bool) -> Grouped:
    grouped: Grouped = []
    titled: Grouped = []
    for section in outline.document.sections[1:]:
        if not wanted(section):
            continue
        unit = _unit(outline, section) if units else None
        tasks = [] if unit and UNIT.match(section.title) else _section_tasks(outline, section)
        tasks = tasks or ([unit] if unit else [])
        is_title = section.level <= _TITLE_LEVEL and not PHASE.search(section.title[:60])
        (titled if is_title else grouped).append((section, tasks))
    # What stands right under the title introduces the plan, unless there is nothing else.
    return grouped if any(tasks for _, tasks in grouped) else titled


def _unit(outline: Outline, section: Section, *, is_sure: bool = False) -> DraftTask | None:
    """The task that a heading is by itself, with nothing but prose below it: "### Task 3: ..."."""
    if section.level >= LABEL_LEVEL or section.level <= _TITLE_LEVEL:
        return None
    if PHASE.search(section.title[:60]) or marks_file(section.title):
        return None
    says_nothing_else = is_sure or role_of_title(section.title) is Role.NEUTRAL
    is_numbered = NUMBERED.match(section.title) and section.level > _TITLE_LEVEL + 1
    is_told = is_imperative(plain_title(section.title)) or is_numbered
    if not (UNIT.match(section.title) or (says_nothing_else and is_told)):
        return None
    inner = (section, *outline.document.below(section))
    if any(outline.role(s) in _MAY_WORK and s.items for s in inner):
        return None
    if any(UNIT.match(s.title) for s in inner[1:]):
        return None
    return DraftTask(
        text=section.title,
        line=section.line,
        done=True if is_marked_done(section.title) else None,
        details=tuple(
            line for s in inner for line in outline.document.lines[s.line : s.end] if line.strip()
        ),
    )


def _has_lists_below(outline: Outline, section: Section) -> bool:
    return any(s.items and outline.role(s) in _MAY_WORK for s in outline.document.below(section))


def _section_tasks(
    outline: Outline, section: Section, *, questions: bool = False
) -> list[DraftTask]:
    tasks: list[DraftTask] = []
    for block in section.blocks:
        if isinstance(block, Table):
            tasks.extend(table_tasks(block))
    tasks.extend(item_tasks(section.items, questions=questions))
    is_head = section.level > _TITLE_LEVEL and not _has_lists_below(outline, section)
    if is_head and (not tasks or marks_file(section.title)):
        tasks = [*_paragraph_tasks(section), *tasks]
    return tasks


def _paragraph_tasks(section: Section) -> list[DraftTask]:
    """Paragraphs that say what to do; of options, the one that is recommended."""
    found: list[DraftTask] = []
    for block in section.blocks:
        if not isinstance(block, Paragraph):
            continue
        lines = block.text.split("\n")
        if len(lines) > 1 and all(line.lstrip().startswith("**") for line in lines):
            chosen = [n for n, line in enumerate(lines) if _RECOMMENDED.search(line)]
            found.extend(
                DraftTask(" ".join(lines[n].split()), block.line + n)
                for n in chosen or range(len(lines))
            )
        elif is_placeholder(block.text):
            continue
        elif is_imperative(block.text) or (_SOLVES.search(section.title) and not found):
            found.append(DraftTask(" ".join(block.text.split()), block.line))
    return found


# --- Lists anywhere -----------------------------------------------------------------------------


def is_to_do(outline: Outline, file_name: str) -> bool:
    """Whether the whole text is a list of things to do, by its title or name."""
    name = file_name.rpartition("/")[2]
    return bool(
        _TO_DO.search(plain_title(outline.title)[:80]) or _TO_DO.search(name.partition(".")[0])
    )


def _all_lists(outline: Outline) -> Grouped:
    return [
        (section, _section_tasks(outline, section, questions=True))
        for section in outline.document.sections
        if outline.role(section) in (*_MAY_WORK, Role.DONE)
        or (outline.role(section) in (*_OPEN, Role.REFERENCE) and has_work(section.items))
    ]


def _list_document(outline: Outline) -> Grouped:
    """A text that is hardly more than lists, some of whose entries say what to do."""
    items = [item for section in outline.document.sections for item in section.items]
    filled = sum(bool(line.strip()) for line in outline.document.lines)
    listed = sum(
        _lines_of(outline, block)
        for s in outline.document.sections
        for block in s.blocks
        if isinstance(block, ItemList)
    )
    told = sum(is_imperative(item.text) or is_promise(item.text) for item in items)
    if len(items) < 2 or listed * 10 < filled * 6 or told * 5 < len(items):
        return []
    return _all_lists(outline)


def _lines_of(outline: Outline, block: ItemList) -> int:
    """Lines that the items of a list take, up to the first blank line behind the last."""
    lines = outline.document.lines
    last = max(item.line for _, item in walk_items(block.items))
    while last < len(lines) and lines[last].strip():
        last += 1
    return sum(bool(line.strip()) for line in lines[block.line - 1 : last])


def _imperative_lists(outline: Outline) -> Grouped:
    """Lists of which most entries say what to do, outside of instructions to reproduce."""
    grouped: Grouped = []
    for section in outline.document.sections:
        if outline.role(section) not in _OPEN or STEPS_TO_REPRODUCE.search(section.title):
            continue
        tasks = [
            t
            for block in section.blocks
            if isinstance(block, ItemList)
            and (has_work(block.items) or has_work([c for i in block.items for c in i.children]))
            for t in item_tasks(block.items)
        ]
        grouped.append((section, tasks))
    return grouped
