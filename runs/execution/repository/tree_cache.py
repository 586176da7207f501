"""Listings of trees with the names defined in them, as files under AUTOPACK_HOME.

A line that says what the file is and how many paths it has, the paths a line each, and a line a
file that defines something: its place among the paths, then the names.
"""

from __future__ import annotations

import contextlib
import secrets
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runs.planning.path_index import PathIndex, Symbols

# To be changed with what a file holds, or with how definitions are found.
FORMAT = "autopack tree 1"
# 2 MB each for 22,000 files.
KEPT = 32


def tree_read(path: Path) -> tuple[tuple[str, ...], Symbols] | None:
    """(paths, names by path) as `tree_write` wrote them; None when there is no good file."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    count = head.rpartition(b" ")[2]
    if not 0 < len(count) < 10 or not count.isdigit() or head != _head(body, int(count)):
        return None
    lines = body.decode("utf-8").split("\n") if body else []
    paths = tuple(lines[: int(count)])
    symbols = {}
    for line in lines[int(count) :]:
        number, *names = line.split(" ")
        symbols[paths[int(number)]] = tuple(names)
    return paths, symbols


def tree_write(path: Path, index: PathIndex) -> None:
    """Keep what is known of a tree, and only so many of them. Does nothing where it cannot: the
    next one makes it again."""
    numbers = {name: number for number, name in enumerate(index.paths)}
    defined = (
        f"{numbers[name]} {' '.join(names)}"
        for name, names in sorted(index.symbols().items())
        if name in numbers
    )
    body = "\n".join((*index.paths, *defined)).encode("utf-8")
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.draft")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_bytes(_head(body, len(numbers)) + b"\n" + body)
        draft.replace(path)
        _thin_out(path.parent)


def _head(body: bytes, count: int) -> bytes:
    return f"{FORMAT} {len(body)} {zlib.crc32(body):08x} {count}".encode("ascii")


def _thin_out(folder: Path) -> None:
    ages = sorted((each.stat().st_mtime, each) for each in folder.iterdir() if each.is_file())
    for _, old in ages[:-KEPT]:
        old.unlink(missing_ok=True)
