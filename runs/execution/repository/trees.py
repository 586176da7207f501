"""What is known of the tree that a plan is about: its files, the names in them, its toolchains.

Kept by the tree's id, in the process and in a file under AUTOPACK_HOME: two commits with the same
content, two projects with the same tree and the next command all find it made. The file holds the
listing and the definitions: with it, a tree of 22,000 files is ready in half the time, and its
definitions at once.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from django.conf import settings

from runs.execution.repository.git import Git
from runs.execution.repository.mirrors import mirror_open
from runs.execution.repository.sources import RepositoryProblem, Source, source_open
from runs.execution.repository.tree_cache import tree_read, tree_write
from runs.execution.repository.tree_files import (
    FolderFiles,
    GitFiles,
    ListedFiles,
    TreeFiles,
    symbols_read,
)
from runs.planning.identifiers import slugify_id
from runs.planning.path_index import PathIndex
from runs.toolchains.detection import toolchains_detect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runs.planning.path_index import Symbols
    from runs.toolchains.types import Detection

# Trees of 22,000 files take 25 MB each.
KEPT_IN_PROCESS = 4

_building = threading.Lock()
_trees: OrderedDict[str, KnownTree] = OrderedDict()


class Toolchains(Sequence["Detection"]):
    """The toolchains of a tree, detected when somebody looks: a plan that says how it is checked
    needs none, and on a large tree they take a fifth of the time."""

    def __init__(self, files: TreeFiles) -> None:
        self._files = files

    @cached_property
    def _found(self) -> tuple[Detection, ...]:
        with contextlib.closing(self._files):
            return toolchains_detect(self._files)

    @overload
    def __getitem__(self, index: int) -> Detection: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Detection]: ...
    def __getitem__(self, index: int | slice) -> Detection | Sequence[Detection]:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True, slots=True)
class KnownTree:
    """`id` is git's of the tree, "" for a folder or a list that is no commit's."""

    id: str
    index: PathIndex
    toolchains: Sequence[Detection]


def tree_of_source(location: str, *, ref: str = "", project_name: str = "") -> KnownTree:
    """The tree that runs on the repository at `location` (a checkout's path, a URL) start from.

    `ref` is what the project names, "" for HEAD. What is changed in a checkout and not committed
    is no part of it. A folder that is no repository, or has no commit yet, is read as it lies
    there. Raises RepositoryProblem, GitMissing, GitFailed.
    """
    folder = Path(location).expanduser()
    try:
        source = source_open(location)
    except RepositoryProblem as problem:
        if problem.code == "not_git":
            return _tree_of_folder(folder)
        if problem.code != "shallow" or not (folder / ".git").is_dir():
            raise
        # Histories cannot be joined, but this tree is all there.
        source = Source(str(folder.resolve()), (folder / ".git").resolve())
    found = _located(source, ref, project_name)
    return _tree_of_folder(folder) if found is None else _known(*found)


def _tree_of_folder(folder: Path) -> KnownTree:
    files = FolderFiles.open(folder.resolve())
    symbols = symbols_read(files)
    return _tree_of(files, lambda: symbols)


def tree_of_list(paths: Iterable[str]) -> KnownTree:
    """A tree of which only the paths are known."""
    return _tree_of(ListedFiles(tuple(paths)), dict)


def _located(source: Source, ref: str, project_name: str) -> tuple[Git, str] | None:
    """Where the objects are, and the tree's id; None for a repository without a commit."""
    if source.git_dir is None:
        name = project_name or slugify_id(source.shown.rstrip("/").rpartition("/")[2])
        mirror = mirror_open(name, source)
        base = source.start(ref, f"autopack/{name}", lambda _: b"").base
        mirror.fetch(base, ref)
        return mirror.git, mirror.git.text("rev-parse", "--verify", f"{base}^{{tree}}")
    git = Git(source.head_dir or source.git_dir)
    answer = git.call(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref or 'HEAD'}^{{tree}}",
        expected=(0, 1, 128),
    )  # fmt: skip
    tree = answer.stdout.decode("ascii", "replace").split("\n")[-2:-1]
    if answer.returncode == 0 and tree:
        return git, tree[0]
    if ref:
        raise RepositoryProblem(
            "unknown_ref",
            f"{source.shown} has no branch, tag or commit {ref!r}. Name one that it has, or leave "
            "base_ref empty for HEAD.",
        )
    return None


def _known(git: Git, tree: str) -> KnownTree:
    # One after the other: two plans on one tree would make everything twice.
    with _building:
        known = _trees.get(tree)
        if known is None:
            known = _trees[tree] = _made(git, tree)
            while len(_trees) > KEPT_IN_PROCESS:
                _trees.popitem(last=False)
        _trees.move_to_end(tree)
        return known


def trees_forget() -> None:
    """Forget what this process knows, when all that it reads is read and written (tests and
    benchmarks)."""
    _reading().submit(int).result()
    with _building:
        _trees.clear()


def _made(git: Git, tree: str) -> KnownTree:
    path = Path(settings.AUTOPACK_HOME) / "trees" / tree
    kept = tree_read(path)
    if kept is not None:
        paths, symbols = kept
        return _tree_of(GitFiles(git, tree, paths), lambda: symbols, tree)
    files = GitFiles(git, tree)
    # git inflates on another core while the index is built here. The first `infer` waits for it.
    reading = _reading().submit(symbols_read, files)

    def definitions() -> Symbols:
        # What went wrong is tried again, and raised where somebody waits for it.
        return symbols_read(files) if reading.exception() else reading.result()

    def keep(done: Future[Symbols]) -> None:
        if done.exception() is None:
            tree_write(path, known.index)

    known = _tree_of(files, definitions, tree)
    reading.add_done_callback(keep)
    return known


@cache
def _reading() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="definitions")


if hasattr(os, "register_at_fork"):
    # Its thread does not exist in a fork.
    os.register_at_fork(after_in_child=_reading.cache_clear)


def _tree_of(files: TreeFiles, symbols: Callable[[], Symbols], tree: str = "") -> KnownTree:
    index = PathIndex.of(files.paths, symbols)
    index.prepare()
    return KnownTree(tree, index, Toolchains(files))
