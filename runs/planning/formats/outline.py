"""What all Markdown readers share: tasks from items, phases from headings, lists by their role."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from runs.planning.formats.document import (
    BOLD_LEVEL,
    Document,
    Fence,
    Item,
    Paragraph,
    Section,
    Table,
    walk_items,
)
from runs.planning.formats.marks import dependencies, is_marked_done, is_parallel, is_status_done
from runs.planning.formats.reading import DraftTask
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import role_of_title, roles

MAX_GOAL_CHARS = 2000

_LABEL = re.compile(
    r"[*_`]{0,3}([^:：*_`.]{1,60}?)[*_`]{0,3}\s?[:：][*_`]{0,3}\s{0,3}(.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Outline:
    """A document with the role of each section, and the tasks that a reader took from it."""

    document: Document
    roles: tuple[Role, ...]

    @classmethod
    def of(cls, document: Document) -> "Outline":
        return cls(document, roles(document))

    def role(self, section: Section) -> Role:
        return self.roles[section.index]

    @property
    def title(self) -> str:
        """The first real heading of the highest level in the text."""
        real = [s for s in self.document.sections[1:] if s.level < BOLD_LEVEL]
        return real[0].title if real else ""


Grouped = list[tuple[Section, list[DraftTask]]]


def task_of(item: Item, is_task: Callable[[Item], bool]) -> DraftTask:
    """A task with the children that are tasks too; the rest below it are details.

    A child that is none but has tasks below it hands them up.
    """
    children: list[DraftTask] = []
    details: list[str] = [line for block in item.blocks for line in _block_lines(block)]
    for child in item.children:
        if is_task(child):
            children.append(task_of(child, is_task))
        else:
            details.append(child.text)
            inner = task_of(child, is_task)
            children.extend(inner.children)
            details.extend(inner.details)
    done = item.checked
    if done is None or done is False:
        # "- Status: Done" below it says so, too.
        fields = any(map(is_status_done, details))
        done = True if fields or is_marked_done(item.text) else done
    return DraftTask(
        text=item.text,
        line=item.line,
        done=done,
        number=item.number,
        children=tuple(children),
        details=tuple(detail for detail in details if detail),
        depends_on=dependencies("\n".join((item.text, *details))),
        is_parallel=is_parallel(item.text),
        last_line=item.last_line,
    )


def _block_lines(block: Paragraph | Fence | Table) -> list[str]:
    if isinstance(block, Paragraph):
        return block.text.split("\n")
    if isinstance(block, Fence):
        return [block.content]
    return [" | ".join(row) for row in block.rows]


def texts_with(outline: Outline, role: Role) -> list[tuple[Section, str]]:
    """The entries of all sections that have a role: the outermost list items, else the lines."""
    found: list[tuple[Section, str]] = []
    for section in outline.document.sections:
        if outline.role(section) is not role:
            continue
        items = section.items
        if items:
            found.extend((section, item.text) for item in items if item.text)
        else:
            found.extend(
                (section, " ".join(block.text.split()))
                for block in section.blocks
                if isinstance(block, Paragraph)
            )
        found.extend(
            (section, " | ".join(row))
            for block in section.blocks
            if isinstance(block, Table)
            for row in block.rows
        )
    return found


def labelled_items(outline: Outline, role: Role) -> list[tuple[Section, str]]:
    """Entries below list items that are headings themselves ("- **Acceptance Criteria**:")."""
    found: list[tuple[Section, str]] = []
    for section in outline.document.sections:
        for _, item in walk_items(section.items):
            if item.children and role_of_item(item) is role:
                found.extend((section, child.text) for child in item.children if child.text)
    return found


def role_of_item(item: Item) -> Role:
    """The role of an item that is a label for what is below or behind it, else NEUTRAL."""
    text = item.text.strip()
    if len(text) > 60:
        return Role.NEUTRAL
    bare = text.strip("*_ ").rstrip(":：").strip("*_ ")
    is_label = text.rstrip("*_ ").endswith((":", "：")) or text.startswith(("**", "__"))
    return role_of_title(bare) if is_label and len(bare.split()) <= 3 else Role.NEUTRAL


def label_of(text: str) -> tuple[str, str]:
    """("Files", "a.py, b.py") of "**Files**: a.py, b.py"; ("", text) when there is no label."""
    match = _LABEL.match(text[:3000])
    return (match[1].strip(), match[2].strip()) if match else ("", text)


def criteria_of(outline: Outline) -> tuple[str, ...]:
    """Acceptance criteria; without any, what the sections on verification list."""
    found = [*texts_with(outline, Role.ACCEPTANCE), *labelled_items(outline, Role.ACCEPTANCE)]
    if not found:
        found = [
            (section, item.text)
            for section in outline.document.sections
            if outline.role(section) is Role.VALIDATION
            for item in section.items
            if item.text and item.checked is None
        ]
    return tuple(text for _, text in found)


def goal_of(outline: Outline) -> str:
    """The title, and the first paragraph of the section that states the goal."""
    parts = [outline.title] if outline.title else []
    stated = [
        block.text
        for section in outline.document.sections
        if outline.role(section) is Role.GOAL
        for block in section.blocks
        if isinstance(block, Paragraph)
    ]
    labelled = [
        rest
        for section in outline.document.sections[:12]
        for block in section.blocks
        if isinstance(block, Paragraph)
        for label, rest in (label_of(block.text),)
        if rest and label and role_of_title(label) is Role.GOAL
    ]
    stated = labelled or stated
    first = [
        b.text for s in outline.document.sections[:2] for b in s.blocks if isinstance(b, Paragraph)
    ]
    parts.extend((stated or first)[:1])
    return "\n\n".join(parts)[:MAX_GOAL_CHARS].strip()
