"""Phases from headings: which headings group tasks, and what else belongs to each of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runs.planning.formats.document import BOLD_LEVEL, LABEL_LEVEL, Paragraph, Section
from runs.planning.formats.marks import (
    dependencies,
    is_marked_done,
    is_parallel,
    is_status_done,
)
from runs.planning.formats.outline import Grouped, Outline
from runs.planning.formats.reading import DraftPhase, DraftTask
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import NUMBERED, PHASE, UNIT

MAX_FIELDS = 40
"""The lines below a heading in which its fields (goal, tests, status) stand."""


def phases_of(
    outline: Outline, grouped: Grouped, *, any_heading: bool, numbered: bool = False
) -> tuple[DraftPhase, ...]:
    """The groups of tasks that the headings make.

    The level of the phases is that of headings called phase (milestone, sprint...) when two have
    tasks; else, with `any_heading`, the outermost level on which two headings have tasks below.
    With `numbered`, headings with a number, or called step or task, count as phases too when they
    hold tasks and are none themselves.
    """
    grouped = [(section, tasks) for section, tasks in grouped if tasks]
    heads = _phase_heads(outline, grouped, any_heading=any_heading, numbered=numbered)
    groups: dict[int, Grouped] = {}
    for section, tasks in grouped:
        path = (*section.parents, section.index)
        head = next((index for index in path if index in heads), -1)
        groups.setdefault(head, []).append((section, tasks))
    return tuple(_phase(outline, head, inner) for head, inner in groups.items())


def _phase_heads(
    outline: Outline, grouped: Grouped, *, any_heading: bool, numbered: bool
) -> frozenset[int]:
    sections = outline.document.sections
    paths = [(*section.parents, section.index) for section, _ in grouped]
    units = {s.index for s, tasks in grouped if len(tasks) == 1 and tasks[0].text == s.title}
    # A heading above everything groups nothing.
    above_all = set(paths[0]).intersection(*paths) if len(paths) > 1 else set()
    on_way = [
        i
        for i in dict.fromkeys(i for path in paths for i in path if i)
        if i not in units and i not in above_all
    ]
    for pattern in (PHASE, *((UNIT, NUMBERED) if numbered else ())):
        named = [
            i
            for i in on_way
            if pattern.search(sections[i].title[:60]) and sections[i].level < LABEL_LEVEL
        ]
        level = min((sections[i].level for i in named), default=0)
        at_level = [i for i in named if sections[i].level == level]
        if len(at_level) >= 2 or (at_level and pattern is PHASE and not any_heading):
            siblings = {sections[i].parents[-1:] for i in at_level}
            beside = [
                i
                for i in on_way
                if any_heading
                and sections[i].level == level
                and sections[i].parents[-1:] in siblings
            ]
            return frozenset((*at_level, *beside))
    for level in range(1, LABEL_LEVEL if any_heading else 1):
        heads = frozenset(i for i in on_way if sections[i].level == level)
        if len(heads) >= 2 or (heads and any(heads.isdisjoint(path) for path in paths)):
            return heads
    return frozenset()


def _phase(outline: Outline, head: int, inner: Grouped) -> DraftPhase:
    sections = outline.document.sections
    tasks = tuple(
        task
        for s, found in inner
        for task in (map(_mark_done, found) if says_done(outline, s) else found)
    )
    if head < 0:
        first = inner[0][0]
        title = _common_title(outline, [section for section, _ in inner])
        spans = tuple((section.line, section.end) for section, _ in inner)
        return DraftPhase(
            title, first.line, tasks, spans=spans, body=_prose(outline, [s for s, _ in inner])
        )
    section = sections[head]
    below = (section, *outline.document.below(section))
    criteria = tuple(
        item.text for s in below if outline.role(s) is Role.ACCEPTANCE for item in s.items
    )
    is_done = says_done(outline, section)
    return DraftPhase(
        title=section.title,
        line=section.line,
        tasks=tuple(_mark_done(task) for task in tasks) if is_done else tasks,
        number=_number_of(section.title),
        spans=((section.line, below[-1].end),),
        body=_prose(outline, below),
        acceptance_criteria=criteria,
        depends_on=dependencies(_prose(outline, below)[:4000]),
        is_parallel=is_parallel(section.title),
        done=is_done,
    )


def says_done(outline: Outline, section: Section) -> bool:
    """Whether a heading below the title, or the status written below it, says it is finished."""
    if section.level <= 1 or outline.role(section) is Role.DONE:
        return outline.role(section) is Role.DONE
    end = section.end
    for below in outline.document.below(section):
        if below.level < BOLD_LEVEL:
            break
        end = below.end
    lines = outline.document.lines[section.line : min(end, section.line + MAX_FIELDS)]
    return (
        section.checked is True or is_marked_done(section.title) or any(map(is_status_done, lines))
    )


def _common_title(outline: Outline, found: Sequence[Section]) -> str:
    """The heading of the one section with tasks, else the innermost one above all of them."""
    paths = [(*section.parents, section.index) for section in found]
    shared = sorted(set(paths[0]).intersection(*paths) - {0})
    return outline.document.sections[shared[-1]].title if shared else outline.title


def _mark_done(task: DraftTask) -> DraftTask:
    """Done by its heading, unless its own box says otherwise."""
    done = True if task.done is None else task.done
    return replace(task, done=done, children=tuple(_mark_done(child) for child in task.children))


def _prose(outline: Outline, sections: Iterable[Section]) -> str:
    return "\n\n".join(
        block.text
        for section in sections
        if outline.role(section) is not Role.ACCEPTANCE
        for block in section.blocks
        if isinstance(block, Paragraph)
    )


def _number_of(title: str) -> str:
    match = re.search(r"\d{1,4}(?:\.\d{1,3}){0,3}", title[:60])
    return match[0] if match else ""


def numbered_parents(phases: Sequence[DraftPhase]) -> tuple[DraftPhase, ...]:
    """One group of tasks in which numbered ones have numbered parts: each of them is a phase."""
    if len(phases) != 1:
        return tuple(phases)
    (only,) = phases
    parents = [task for task in only.tasks if task.number and task.children]
    nested = [t for t in parents if any(c.number.startswith(f"{t.number}.") for c in t.children)]
    if len(nested) < 2 and not (nested and len(only.tasks) > 1):
        return tuple(phases)
    return tuple(
        DraftPhase(
            title=task.text,
            line=task.line,
            tasks=(task,),
            number=task.number,
            spans=((task.line, _last_line(task)),),
            body="",
            depends_on=task.depends_on,
            is_parallel=task.is_parallel,
        )
        for task in only.tasks
    )


def _last_line(task: DraftTask) -> int:
    return max([task.line, *(_last_line(child) for child in task.children)])
