"""Parameters of actions come out of logs: here they are held against a grammar before use."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from runs.agents.recipe import PathLeavesTree, inside
from runs.execution.mitigations.types import NotPossible

if TYPE_CHECKING:
    from pathlib import Path

_PYTHON_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_NODE_PACKAGE = re.compile(r"(?:@[a-z0-9][a-z0-9._-]{0,98}/)?[a-z0-9][a-z0-9._-]{0,98}")
_PACKAGE = {"python": _PYTHON_PACKAGE, "node": _NODE_PACKAGE}

# Values that change how text, time or tests are handled and can load no code.
_HARMLESS = frozenset(
    {
        "CI", "COLUMNS", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LINES", "MPLBACKEND",
        "NO_COLOR", "PORT", "PYTHONIOENCODING", "PYTHONUTF8", "QT_QPA_PLATFORM", "SDL_AUDIODRIVER",
        "SDL_VIDEODRIVER", "TERM", "TZ",
    }
)  # fmt: skip
_VALUE = re.compile(r"[A-Za-z0-9_.,:@/+-]{0,120}")
_NUMBER = re.compile(r"[0-9]{1,9}")


def path_inside(tree: Path, text: str) -> tuple[str, Path]:
    """A path of the worktree, relative and absolute. Raises NotPossible for one that leaves it, by
    its name or through a symbolic link, and for git's own files."""
    if not text or "\0" in text or "\\" in text or text.startswith(("/", "~", "-")):
        raise NotPossible(f"{text[:200]!r} is no path inside of the worktree.")
    plain = PurePosixPath(text).as_posix()
    if plain == ".":
        return plain, tree
    try:
        return plain, inside(tree, plain)
    except PathLeavesTree as leaves:
        raise NotPossible(str(leaves)) from leaves


def file_inside(tree: Path, text: str) -> tuple[str, Path]:
    plain, target = path_inside(tree, text)
    if target.is_symlink() or not target.is_file():
        raise NotPossible(f"{plain} is no file of the worktree.")
    return plain, target


def folder_inside(tree: Path, text: str) -> tuple[str, Path]:
    plain, target = path_inside(tree, text)
    if target.is_symlink() or not target.is_dir():
        raise NotPossible(f"{plain} is no folder of the worktree.")
    return plain, target


def package_name(ecosystem: str, text: str) -> str:
    """A package's plain name: no version, no URL, no option. Raises NotPossible."""
    grammar = _PACKAGE.get(ecosystem)
    if grammar is None:
        raise NotPossible(f"Packages of {ecosystem[:40]!r} are not installed by themselves.")
    if not grammar.fullmatch(text):
        raise NotPossible(f"{text[:100]!r} is no name of a {ecosystem} package.")
    return text


def variable(name: str, value: str) -> tuple[str, str]:
    """A variable of a closed list: none that loads code or redirects a program (LD_*, PATH, GIT_*,
    PYTHONPATH, NODE_OPTIONS...). Raises NotPossible."""
    if name not in _HARMLESS:
        raise NotPossible(f"The variable {name[:80]!r} is not set without a person.")
    if not _VALUE.fullmatch(value):
        raise NotPossible(f"{value[:80]!r} is no value for {name}.")
    return name, value


def number(text: str, least: int, most: int) -> int:
    """A whole number within bounds. Raises NotPossible."""
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise NotPossible(f"{text[:40]!r} is no number from {least} to {most}.")
    return int(text)
