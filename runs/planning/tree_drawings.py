"""Trees of folders as people draw them in a fence, and plain lists of files."""

import re
from collections.abc import Iterator, Sequence

_DRAWN = re.compile(r"[├└│┣┗┃]|^[ \t]*[|+`\\][-─]{2}")
_PREFIX = re.compile(r"^[\s│├└─┣┗┃━|`+\\-]*")
_COMMENT = re.compile(r"\s+(?:#|//|←|<-|->|→|--|—|–|\().*$|\s{2,}.*$")
_NAME = re.compile(r"^[\w.@+\-\[\]()*{}/ $~]+$")


def drawn_paths(rows: Sequence[str]) -> Iterator[tuple[str, int]]:
    """(path, index of its row) of every file, and of every folder that has nothing below it."""
    if not any(_DRAWN.search(row) for row in rows):
        yield from _listed(rows)
        return
    stack: list[tuple[int, str]] = []
    pending: tuple[str, int] | None = None
    for index, row in enumerate(rows):
        prefix = _PREFIX.match(row)
        column = prefix.end() if prefix else 0
        parts = _names(row[column:])
        if not row.strip():
            continue
        while stack and stack[-1][0] >= column:
            stack.pop()
        if pending and not (stack and pending[0].endswith("/")):
            yield pending
        pending = None
        if parts:
            above = stack[-1][1] if stack else ""
            yield from ((above + part.lstrip("/"), index) for part in parts[:-1])
            path = above + parts[-1].removeprefix("./").lstrip("/")
            is_folder = path.endswith("/") or (
                "." not in parts[-1] and _next_is_deeper(rows, index, column)
            )
            if is_folder:
                path = path.rstrip("/") + "/"
                stack.append((column, path))
                if "/" in parts[-1].strip("/"):
                    yield path, index
            pending = (path, index)
    if pending:
        yield pending


def _names(text: str) -> list[str]:
    """The names on a row, comments left out; none when it holds anything else."""
    parts = [part.strip() for part in _COMMENT.sub("", text).split(",") if part.strip()]
    return parts if all(_NAME.match(part) and len(part) < 200 for part in parts) else []


def _next_is_deeper(rows: Sequence[str], index: int, column: int) -> bool:
    following = rows[index + 1] if index + 1 < len(rows) else ""
    prefix = _PREFIX.match(following)
    return bool(following.strip() and prefix and prefix.end() > column)


def _listed(rows: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Rows that are nothing but a path each."""
    filled = [(row.strip(), index) for index, row in enumerate(rows) if row.strip()]
    paths = [(_COMMENT.sub("", row), index) for row, index in filled]
    if filled and all(
        re.fullmatch(r"[\w.@+\-\[\]()]*(?:/[\w.@+\-\[\]()]+)+/?", path) for path, _ in paths
    ):
        yield from paths
