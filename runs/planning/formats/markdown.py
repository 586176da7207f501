"""Markdown into a `Document`: the block structure by markdown-it-py, the text as it was written.

Only blocks are parsed. Inline Markdown stays as text, because tasks are quoted word for word.
Indented code is off: people indent lists by any width. Time is linear in the text.
"""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from runs.planning.formats.document import (
    BOLD_LEVEL,
    LABEL_LEVEL,
    Block,
    Document,
    Fence,
    Item,
    ItemList,
    Paragraph,
    Section,
    Table,
    subtree_ends,
)

MAX_NESTING = 100

# Kiro marks tasks that may be left out with a star behind the box.
_CHECK = re.compile(r"\[([ xX✓✔~/>-]?)\]\*?[ \t]+")
_OPEN_BOXES = (" ", "", "~", "/", ">", "-")
_NUMBER = re.compile(
    r"\**(?:(?:task|step|story|requirement)[ #]{0,2})?"
    r"((?:T|FR|US|AC|TASK|R|NFR|REQ|BUG|FEAT)-?\d{1,5}[a-z]?|\d{1,4}(?:\.\d{1,4}){1,5}|"
    r"\d{1,4}(?=[.):]))(?![\w/])[.):]?\**[.):]?[ \t]",
    re.IGNORECASE,
)
_BOLD_LINE = re.compile(r"(?:\*\*|__)([^*_].{0,300}?)(?:\*\*|__)[ \t]*:?[ \t]*")
_STEP_LINE = re.compile(
    r"(?:phase|milestone|stage|sprint|step|part|fase|etapa|phase|schritt|étape|этап)[ "
    r"]{0,2}\d{1,3}[ ]{0,2}[:.)—–-].{0,200}",
    re.IGNORECASE,
)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    parser.enable("table").disable(["code", "reference", "html_block"])
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


_PARSER = _parser()


def parse(text: str) -> Document:
    """The structure of a cleaned text (see `cleaning.clean`)."""
    lines = tuple(text.split("\n"))
    blocks = _blocks(_PARSER.parse(text))
    sections = _sections(blocks, len(lines))
    return Document(lines, sections, subtree_ends(sections))


class _Heading:
    __slots__ = ("level", "line", "title")

    def __init__(self, title: str, level: int, line: int) -> None:
        self.title, self.level, self.line = title, level, line


def _blocks(tokens: Sequence[Token]) -> list[Block | _Heading]:
    """The outermost blocks in order; a quote counts as what is in it."""
    found: list[Block | _Heading] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.type == "heading_open":
            inline = tokens[position + 1]
            level = int(token.tag[1:])
            found.append(_Heading(_flat(inline.content), level, _line(token)))
            position += 3
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            items, position = _list(tokens, position)
            found.append(ItemList(items, _line(token)))
        else:
            block, position = _leaf(tokens, position)
            if block is not None:
                found.append(block)
    return found


def _leaf(tokens: Sequence[Token], position: int) -> tuple[Paragraph | Fence | Table | None, int]:
    token = tokens[position]
    if token.type == "paragraph_open":
        return Paragraph(tokens[position + 1].content, _line(token)), position + 3
    if token.type == "fence":
        return Fence(token.info.strip(), token.content, _line(token)), position + 1
    if token.type == "table_open":
        return _table(tokens, position)
    return None, position + 1


def _table(tokens: Sequence[Token], position: int) -> tuple[Table, int]:
    rows: list[list[str]] = []
    lines: list[int] = []
    start = _line(tokens[position])
    position += 1
    while tokens[position].type != "table_close":
        token = tokens[position]
        if token.type == "tr_open":
            rows.append([])
            lines.append(_line(token) if token.map else start)
        elif token.type == "inline" and rows:
            rows[-1].append(_flat(token.content))
        position += 1
    header = tuple(rows[0]) if rows else ()
    return Table(header, tuple(map(tuple, rows[1:])), start, tuple(lines[1:])), position + 1


def _list(tokens: Sequence[Token], position: int) -> tuple[tuple[Item, ...], int]:
    """The items of a list that opens at `position`, and the position behind it."""
    is_ordered = tokens[position].type == "ordered_list_open"
    close = tokens[position].type.replace("_open", "_close")
    position += 1
    items: list[Item] = []
    while tokens[position].type != close:
        if tokens[position].type == "list_item_open":
            item, position = _item(tokens, position, is_ordered=is_ordered)
            items.append(item)
        else:
            position += 1
    return tuple(items), position + 1


def _item(tokens: Sequence[Token], position: int, *, is_ordered: bool) -> tuple[Item, int]:
    opened = tokens[position]
    blocks: list[Paragraph | Fence | Table] = []
    children: list[Item] = []
    position += 1
    while tokens[position].type != "list_item_close":
        token = tokens[position]
        if token.type in ("bullet_list_open", "ordered_list_open"):
            items, position = _list(tokens, position)
            children.extend(items)
        elif token.type == "heading_open":
            blocks.append(Paragraph(tokens[position + 1].content, _line(token)))
            position += 3
        else:
            block, position = _leaf(tokens, position)
            if block is not None:
                blocks.append(block)
    first = blocks.pop(0) if blocks and isinstance(blocks[0], Paragraph) else None
    text = first.text if isinstance(first, Paragraph) else ""
    checked = None
    if box := _CHECK.match(text):
        checked, text = box[1] not in _OPEN_BOXES, text[box.end() :]
    elif text in ("[ ]", "[x]", "[X]", "[]"):
        text = ""
    number = _NUMBER.match(text)
    shown = number[1] if number else opened.info if is_ordered else ""
    return (
        Item(
            text=_flat(text),
            line=_line(opened),
            checked=checked,
            is_ordered=is_ordered,
            number=shown,
            children=tuple(children),
            blocks=tuple(blocks),
            last_line=opened.map[1] if opened.map else 0,
        ),
        position + 1,
    )


def _sections(blocks: Sequence[Block | _Heading], last_line: int) -> tuple[Section, ...]:
    heads: list[tuple[_Heading, list[Block]]] = [(_Heading("", 0, 1), [])]
    for index, block in enumerate(blocks):
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        if isinstance(block, _Heading):
            heads.append((block, []))
        elif isinstance(block, Paragraph):
            block = _under_bold_lines(block, heads)  # noqa: PLW2901 - what is left of it
            above, last = _last_line(block)
            made = _made_heading(last, following)
            if made:
                heads[-1][1].extend(above)
                heads.extend(made)
            else:
                heads[-1][1].append(block)
        else:
            heads[-1][1].append(block)
    sections: list[Section] = []
    path: list[int] = []
    for index, (head, inner) in enumerate(heads):
        end = heads[index + 1][0].line - 1 if index + 1 < len(heads) else last_line
        while path and heads[path[-1]][0].level >= head.level:
            path.pop()
        box = _CHECK.match(head.title)
        sections.append(
            Section(
                index,
                head.title[box.end() :] if box else head.title,
                head.level,
                head.line,
                end,
                tuple(path),
                tuple(inner),
                checked=box[1] not in _OPEN_BOXES if box else None,
            )
        )
        if index:
            path.append(index)
    return tuple(sections)


def _under_bold_lines(paragraph: Paragraph, heads: list[tuple[_Heading, list[Block]]]) -> Paragraph:
    """The paragraph without the bold lines that it begins with: each of them is a heading."""
    lines = paragraph.text.split("\n")
    start = 0
    while start < len(lines) - 1:
        made = _made_heading(Paragraph(lines[start], paragraph.line + start), None)
        if not made or not _BOLD_LINE.fullmatch(lines[start].strip()):
            break
        heads.extend(made)
        start += 1
    return Paragraph("\n".join(lines[start:]), paragraph.line + start) if start else paragraph


def _last_line(paragraph: Paragraph) -> tuple[list[Paragraph], Paragraph]:
    """What stands above the last line of a paragraph, and that line: it may be a heading."""
    above, is_more, last = paragraph.text.rpartition("\n")
    if not is_more:
        return [], paragraph
    line = paragraph.line + above.count("\n") + 1
    return [Paragraph(above, paragraph.line)], Paragraph(last, line)


def _made_heading(
    paragraph: Paragraph, following: Block | _Heading | None
) -> list[tuple[_Heading, list[Block]]]:
    """The heading that a line stands for: a bold one, or a label before a list."""
    text = paragraph.text.strip()
    if bold := _BOLD_LINE.fullmatch(text):
        inner = bold[1].strip().rstrip(":：")
        if "**" not in inner and "](" not in inner:
            return [(_Heading(_flat(inner), BOLD_LEVEL, paragraph.line), [])]
    if _STEP_LINE.fullmatch(text):
        return [(_Heading(_flat(text), BOLD_LEVEL, paragraph.line), [])]
    if text.endswith((":", "：")) and len(text) <= 80 and isinstance(following, ItemList):
        return [(_Heading(_flat(text.rstrip(":：")), LABEL_LEVEL, paragraph.line), [])]
    return []


def _flat(text: str) -> str:
    return " ".join(text.split())


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1
