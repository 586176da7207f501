"""Top-level names that source files define, found by the look of their lines. Pure.

Not a parser: a definition is a line that begins with what the usual languages begin one with. That
is enough to lead from a name in a sentence to a file, and costs little.
"""

from __future__ import annotations

import re
from operator import methodcaller
from typing import TYPE_CHECKING

from runs.toolchains.folders import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXTENSIONS = """
    c cc cjs cpp cs cts dart ex exs go groovy h hh hpp java jl js jsx kt lua mjs mts php pl py pyi
    rb rs scala sh svelte swift ts tsx vue zig
"""
SOURCE_EXTENSIONS = frozenset(_EXTENSIONS.split())
# Tests define names that are about other files; generated and foreign code is not to be changed.
_FOLDERS = """
    __tests__ build dist docs example examples fixtures generated locale migrations mocks node
    samples spec specs test testdata tests
"""
PASSED_OVER = IGNORED.union(_FOLDERS.split())

# What is read of a tree at most, so that reading takes a tenth of a second: a whole project of the
# usual size, the upper folders of a giant. Counts and bytes, not time: the same tree gives the
# same names on every machine.
MAX_FILES = 700
MAX_FILE_BYTES = 200_000
MAX_TOTAL_BYTES = 4_000_000
MAX_NAMES = 400

# No more than four modifiers, each followed by a few blanks: bounded, so linear. The line break in
# front lets the search jump from line to line: 1.5 ms a megabyte, RE2 takes 7.
_DEFINITION = re.compile(
    rb"\n(?=[a-z])(?:(?:export|default|public|private|protected|internal|abstract|final|static|async"
    rb"|pub|pub\([a-z]{1,9}\)|sealed|data|open|partial|unsafe|declare|inline)[ \t]{1,4}){0,4}"
    rb"(?:class|def|function\*?|func|fn|struct|enum|trait|interface|type|protocol|record|object"
    rb"|defmodule|module|const|impl)[ \t]{1,4}(?:\([^()\n]{0,80}\)[ \t]{0,4})?"
    rb"([A-Za-z_][A-Za-z0-9_]{2,79})"
)


def sources_of(paths: Iterable[str]) -> list[str]:
    """Files whose names are worth reading, nearest to the root first, `MAX_FILES` at most."""
    folders: dict[str, bool] = {}
    found: list[str] = []
    # Where there is enough near the root, the many below are not looked at.
    for path in sorted(sorted(paths), key=methodcaller("count", "/")):
        if len(found) == MAX_FILES:
            break
        if path[path.rfind(".") + 1 :] not in SOURCE_EXTENSIONS or "test" in path:
            continue
        above = path[: path.rfind("/") + 1]
        is_own = folders.get(above)
        if is_own is None:
            is_own = folders[above] = PASSED_OVER.isdisjoint(above.split("/"))
        if is_own and ".min." not in path:
            found.append(path)
    return found


def names_defined(content: bytes) -> tuple[str, ...]:
    """The names in the text of one file, each once, in order; `MAX_NAMES` at most."""
    found = dict.fromkeys(_DEFINITION.findall(b"\n" + content))
    return tuple(name.decode("ascii") for name in list(found)[:MAX_NAMES])
