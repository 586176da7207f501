"""A text as its structure: sections with lists, tables, fences and paragraphs. No meaning yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BOLD_LEVEL = 7
"""The level of a heading that is a bold line; real headings have 1 to 6."""
LABEL_LEVEL = 8
"""The level of a line that ends in a colon right before a list."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block; `info` is its language. Lines count from 1."""

    info: str
    content: str
    line: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list. `checked`: None without a check box. `blocks`: what follows its text."""

    text: str
    line: int
    checked: bool | None = None
    is_ordered: bool = False
    number: str = ""
    """Its number as written ("2", "3.1", "T004"), or ""."""
    children: "tuple[Item, ...]" = ()
    blocks: "tuple[Paragraph | Fence | Table, ...]" = ()
    last_line: int = 0
    """The last line of the item, with all that is below it."""


@dataclass(frozen=True, slots=True)
class ItemList:
    items: tuple[Item, ...]
    line: int


Block = Paragraph | Fence | Table | ItemList


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what follows it up to the next one; sections below it are not in it.

    `parents`: indexes of the headings above it, outermost first. `end`: its last line.
    """

    index: int
    title: str
    level: int
    line: int
    end: int
    parents: tuple[int, ...]
    blocks: tuple[Block, ...]
    checked: bool | None = None
    """Whether the box in front of its title is ticked; None without one."""

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(i for b in self.blocks if isinstance(b, ItemList) for i in b.items)


@dataclass(frozen=True, slots=True)
class Document:
    """`sections[0]` is what stands before the first heading (title "")."""

    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    ends: tuple[int, ...]
    """For each section, the index behind the last section below it."""

    def below(self, section: Section) -> tuple[Section, ...]:
        """The sections below a heading, in order; without itself."""
        return self.sections[section.index + 1 : self.ends[section.index]]

    def above(self, section: Section) -> Iterator[Section]:
        """The headings above a section, innermost first."""
        return (self.sections[index] for index in reversed(section.parents))


def walk_items(items: tuple[Item, ...]) -> Iterator[tuple[int, Item]]:
    """Every item with its depth (0 for the outermost), in the order of the text."""
    stack = [(0, item) for item in reversed(items)]
    while stack:
        depth, item = stack.pop()
        yield depth, item
        stack.extend((depth + 1, child) for child in reversed(item.children))


def fences_of(document: Document) -> Iterator[Fence]:
    """Every fence, those inside list items too, in the order of the text."""
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Fence):
                yield block
            elif isinstance(block, ItemList):
                for _, item in walk_items(block.items):
                    yield from (inner for inner in item.blocks if isinstance(inner, Fence))


def subtree_ends(sections: Sequence[Section]) -> tuple[int, ...]:
    """See `Document.ends`; linear in the sections."""
    ends = list(range(1, len(sections) + 1))
    for section in reversed(sections):
        for above in section.parents[-1:]:
            ends[above] = max(ends[above], ends[section.index])
    return tuple(ends)
