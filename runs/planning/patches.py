"""Diffs that a plan carries in a fence: which of them can be applied as they are."""

import re

from runs.planning.formats.document import Fence
from runs.planning.plan_paths import path_fault

_OLD = re.compile(r"^--- (?:a/)?([^\t\n]+)", re.M)
_NEW = re.compile(r"^\+\+\+ (?:b/)?([^\t\n]+)", re.M)
_HUNK = re.compile(r"^@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@", re.M)
_LANGUAGES = frozenset({"diff", "patch", "udiff"})


def is_diff(fence: Fence) -> bool:
    language = fence.info.split()[0].lower() if fence.info else ""
    return language in _LANGUAGES or (
        not language and fence.content.startswith(("diff --git ", "--- a/"))
    )


def diff_paths(fence: Fence) -> tuple[str, ...]:
    """The files that a unified diff touches; empty when it is a sketch that nothing can apply.

    Raises ValueError, with what is wrong, when it would reach out of the repository.
    """
    olds, news = _OLD.findall(fence.content), _NEW.findall(fence.content)
    if not olds or len(olds) != len(news) or not _HUNK.search(fence.content):
        return ()
    found: dict[str, None] = {}
    for path in (*olds, *news):
        path = path.strip()  # noqa: PLW2901 - as git reads it
        if path == "/dev/null":
            continue
        if fault := path_fault(path):
            raise ValueError(f"its path {path[:100]!r} {fault}")
        found[path] = None
    return tuple(found)
