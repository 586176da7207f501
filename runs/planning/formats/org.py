"""Org files as Markdown: headlines become headings, TODO keywords and check boxes become boxes."""

import re

_HEAD = re.compile(
    r"^(\*{1,12}) +(?:(TODO|NEXT|DOING|STARTED|INPROGRESS|IN-PROGRESS|WAITING|HOLD|"
    r"BLOCKED|DONE|CANCELLED|CANCELED|KILL|WAIT|PROJ) +)?(?:\[#[A-Z]\] +)?(.*?)(?:[ "
    r"\t]+:[\w@:]+:)?[ \t]*$"
)
_BLOCK = re.compile(r"^[ \t]*#\+(begin|end)_(\w+)[ \t]*(\S*).*$", re.IGNORECASE)
_META = re.compile(r"^[ \t]*#\+(\w+):[ \t]*(.*)$")
_DRAWER = re.compile(r"^[ \t]*:[A-Z_-]+:")
_LINK = re.compile(r"\[\[(?:file:)?([^\]\n]{1,500})\](?:\[([^\]\n]{1,500})\])?\]")
_EMPHASIS = re.compile(r"(?<![\w~=])[=~]([^=~\n]{1,200})[=~](?![\w~=])")
_PLANNING = re.compile(r"^[ \t]*(?:SCHEDULED|DEADLINE|CLOSED):")
_CLOSED = frozenset({"DONE"})
_GIVEN_UP = frozenset({"CANCELLED", "CANCELED", "KILL"})


def is_org(text: str, file_name: str) -> bool:
    """By its name, or by TODO headlines or `#+` lines, and no Markdown heading."""
    if file_name.lower().endswith(".org"):
        return True
    head = text[:50_000]
    stars = re.findall(r"^\*{1,6} (?:TODO|DONE|NEXT) ", head, re.M)
    meta = re.search(r"^#\+(?:title|author|startup|todo|filetags|options):", head, re.M | re.I)
    heads = re.findall(r"^\*{1,6} \S", head, re.M)
    nested = re.search(r"^\*{2,6} \S", head, re.M)
    return bool((stars and nested) or len(stars) >= 2 or (meta and heads))


def org_to_markdown(text: str) -> str:
    """The same number of lines, so that line numbers stay true."""
    found: list[str] = []
    depth = 0
    last_heading = last_task = 0
    in_block = False
    for line in text.split("\n"):
        block = _BLOCK.match(line)
        if block:
            in_block = block[1].lower() == "begin"
            found.append("```" + (block[3] if in_block else ""))
            continue
        if in_block:
            found.append(line)
            continue
        head = _HEAD.match(line)
        if head:
            level = len(head[1])
            title = _inline(head[3])
            if head[2] in _GIVEN_UP:
                depth = 0
                found.append("")
            elif head[2]:
                last_task = level
                depth = max(0, level - last_heading - 1)
                box = "x" if head[2] in _CLOSED else " "
                found.append(f"{'  ' * depth}- [{box}] {title}")
                depth += 1
            elif last_task and level > last_task:
                # A headline below a task, without a keyword of its own, says more about the task.
                found.append(f"{'  ' * (depth + level - last_task - 1)}- {title}")
            else:
                last_heading, last_task, depth = level, 0, 0
                found.append(f"{'#' * min(level, 6)} {title}")
            continue
        found.append(_body(line, depth))
    return "\n".join(found)


def _body(line: str, depth: int) -> str:
    meta = _META.match(line)
    if meta:
        return f"# {meta[2]}" if meta[1].lower() == "title" else ""
    if _DRAWER.match(line) or _PLANNING.match(line):
        return ""
    return "  " * depth + _inline(line) if line.strip() else ""


def _inline(text: str) -> str:
    text = _LINK.sub(lambda m: f"[{m[2]}]({m[1]})" if m[2] else m[1], text)
    return _EMPHASIS.sub(r"`\1`", text)
