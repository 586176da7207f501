"""Index of a repository's files: what exists, what a wrong path meant, what words point to.

Pure: built from the list of tracked paths (and the names that the sources define, when they were
read), without touching a file. Nothing that it answers was not in that list.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import re2

from runs.planning.path_search import PhraseSearch
from runs.planning.path_similar import SimilarPaths
from runs.planning.plan_paths import MAX_SEGMENT_BYTES, path_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

NEAREST_SHOWN = 5

# Top-level names that files define, by path.
Symbols: TypeAlias = "Mapping[str, tuple[str, ...]]"


@dataclass(frozen=True, slots=True)
class PathGuess:
    """A path of the index that may be meant; `score` is from 0 (no reason) to 1 (it is the one).

    A folder ends in `/`.
    """

    path: str
    score: float


@dataclass(frozen=True)
class PathIndex:
    """The files of one tree, with `/`, relative to its root. Make it with `of`.

    Never changes: threads may share it, for as long as its tree is of interest. What the guesses
    need is built when the first one is asked for (22,000 files: 0.1 s), so that a plan whose paths
    all exist does not pay for it.
    """

    paths: tuple[str, ...] = ()
    """Sorted; those that no plan may name (in `.git`, with a backslash, ...) are left out."""
    symbols: Callable[[], Symbols] = dict
    """Gives the top-level names that files define, by path; called once, by the first `infer`."""

    @classmethod
    def of(
        cls,
        paths: Iterable[str],
        symbols: Callable[[], Symbols] = dict,
    ) -> PathIndex:
        """The index of these files. `symbols` gives the names that files define, by path."""
        # git's own order is nearly this one, so that sorting costs nothing.
        return cls(tuple(dict.fromkeys(_without_faults(sorted(paths)))), symbols)

    def has_file(self, path: str) -> bool:
        """Whether exactly this is a file (case counts; no `./` in front)."""
        return path in self._files

    def has_folder(self, path: str) -> bool:
        """Whether files lie below this folder; a `/` at the end does not matter."""
        return path.rstrip("/") in self._folders

    def nearest(self, path: str) -> tuple[PathGuess, ...]:
        """What a path that does not exist may have meant, best first, five at most.

        The same name elsewhere (under a prefix that was left out, or without one too many), in
        another case, with another extension, spelled otherwise (`-`, `_`, camelCase), and names
        one letter away. A score of 0.9 and more: that, and no other. Empty when nothing is near.
        """
        found = self._similar.nearest(path, NEAREST_SHOWN)
        return tuple(PathGuess(near, score) for near, score in found)

    def infer(self, phrase: str, limit: int = 5) -> tuple[PathGuess, ...]:
        """Files and folders that words which name no path point to, best first.

        Words count by how rare they are among the names of the tree; a file whose whole name, or a
        definition in it, is said comes first. Empty when nothing stands out.
        """
        found = self._search.find(phrase, limit)
        return tuple(PathGuess(path, score) for path, score in found)

    def prepare(self) -> None:
        """Build now, but for the symbols, what nearly every plan asks for."""
        self.has_file("")
        self._search.prepare()

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(self.paths)

    @property
    def _folders(self) -> dict[str, int]:
        return self._layout[0]

    @cached_property
    def _layout(self) -> tuple[dict[str, int], dict[str, list[str]]]:
        return layout_of(self.paths)

    @cached_property
    def _similar(self) -> SimilarPaths:
        return SimilarPaths(self._layout[1])

    @cached_property
    def _search(self) -> PhraseSearch:
        folders, names = self._layout
        return PhraseSearch(names, folders, self.symbols)


def layout_of(paths: Iterable[str]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The folders that hold these files, each with the number of files directly in it, and the
    paths by their last part, for names repeat. Of the latter, those of folders end in `/`."""
    folders: defaultdict[str, int] = defaultdict(int)
    names: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        above, _, name = path.rpartition("/")
        folders[above] += 1
        names[name].append(path)
    folders.pop("", None)
    for folder in list(folders):
        above = folder.rpartition("/")[0]
        while above and above not in folders:
            folders[above] = 0
            above = above.rpartition("/")[0]
    for folder in sorted(folders):
        names[folder[folder.rfind("/") + 1 :] + "/"].append(f"{folder}/")
    return dict(folders), dict(names)


FEW = 8


def _without_faults(paths: Sequence[str]) -> Iterator[str]:
    """Those that a plan may name. Halves that are not all plain are halved again, so that the few
    odd ones of a real tree do not cost all the others a closer look."""
    if _are_plain(paths):
        yield from paths
    elif len(paths) <= FEW:
        yield from (path for path in paths if not path.endswith("/") and not path_fault(path))
    else:
        yield from _without_faults(paths[: len(paths) // 2])
        yield from _without_faults(paths[len(paths) // 2 :])


# What a closer look is taken at, of paths a line each. RE2: one pass, 2 ms for 22,000 paths.
_ODD = re2.compile(
    rb"(?m)[^\x20-\x7e\n]|[\\~:!]|\.\.|//|\./|/$|^/|^ | $|^\.?$|/\.$"
    rb"|(?i:(?:^|/)\.git(?:[/. ]|$))"
)


def _are_plain(paths: Sequence[str]) -> bool:
    """Whether a glance at all tells that `path_fault` has nothing to say of any: nearly always."""
    text = "\n".join(paths)
    if text.count("\n") != len(paths) - 1 or max(map(len, paths), default=0) > MAX_SEGMENT_BYTES:
        return not paths
    return text.isascii() and not _ODD.search(text.encode("ascii"))
