"""The files of one commit, read from git's objects, or of a plain folder, read from disk."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runs.execution.process import OutputTooLarge
from runs.execution.repository.coprocess import Coprocess, CoprocessFailed
from runs.execution.repository.git import git_program
from runs.planning.symbols import MAX_FILE_BYTES, MAX_TOTAL_BYTES, names_defined, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runs.execution.repository.git import Git
    from runs.planning.path_index import Symbols

# What a manifest may weigh before it is no manifest.
MAX_TEXT_BYTES = 1 << 20
# A plain folder with more files than this is no project; the rest is not looked at.
MAX_FOLDER_FILES = 200_000
NOT_WALKED = frozenset(
    (".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "__pycache__", "node_modules")
)
# A clone without all its objects would fetch what is missing, one by one.
LOCAL_OBJECTS = {"GIT_NO_LAZY_FETCH": "1"}
GITMODULES = ".gitmodules"


class TreeFiles(Protocol):
    """The listing of a tree and a reader of its files (a `ProjectTree`, and more)."""

    @property
    def paths(self) -> Sequence[str]:
        """All files, relative to the root, with `/`."""

    def read(self, path: str) -> str | None:
        """The text of one file; None when it is absent, no UTF-8 or too large."""

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Files with their bytes, in the order asked for, up to `MAX_TOTAL_BYTES` altogether; what
        is absent or larger than `MAX_FILE_BYTES` is left out."""

    def close(self) -> None:
        """End what reading has opened; a later `read` opens it again."""


def symbols_read(files: TreeFiles) -> Symbols:
    """The names that the sources of a tree define, by path, within the limits of `symbols`."""
    read = ((path, names_defined(data)) for path, data in files.contents(sources_of(files.paths)))
    return {path: names for path, names in read if names}


class GitFiles:
    """The files of one tree in the repository of `git`."""

    def __init__(self, git: Git, tree: str, paths: Sequence[str] | None = None) -> None:
        """`tree`: the full id of a tree. `paths`: its files, when they are known already.

        Lists files and symbolic links, without submodules. Raises GitFailed.
        """
        self._git, self._tree = git, tree
        self.paths: Sequence[str] = self._listed() if paths is None else paths
        self._reader = Coprocess(
            (git_program(), "cat-file", "--batch"), git.environment() | LOCAL_OBJECTS, git.git_dir
        )

    def _listed(self) -> Sequence[str]:
        # Names alone come faster. Where there may be submodules, kinds tell which they are.
        paths = self._list("--name-only")
        if GITMODULES not in paths:
            return paths
        entries = [entry.partition("\t") for entry in self._list()]
        return [path for described, _, path in entries if described[7:11] == "blob"]

    def _list(self, *options: str) -> Sequence[str]:
        listing = self._git.call("ls-tree", "-r", "-z", "--full-tree", *options, self._tree)
        return listing.stdout.decode(errors="surrogateescape").split("\0")[:-1]

    def read(self, path: str) -> str | None:
        if "\n" in path:
            return None
        # git echoes a line that names nothing; a random one is in no file.
        end = secrets.token_hex(16)
        try:
            answer = self._reader.ask(
                f"{self._tree}:{path}\n{end}\n".encode(),
                f"{end} missing\n".encode(),
                max_bytes=MAX_TEXT_BYTES,
            )
        except (CoprocessFailed, OutputTooLarge):
            return None
        described, _, data = answer.partition(b"\n")
        words = described.split(b" ")
        is_file = len(words) == 3 and words[1] == b"blob"
        return _text(data[: int(words[2])]) if is_file else None

    def close(self) -> None:
        self._reader.close()

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        chosen = self._within_limits([path for path in paths if "\n" not in path])
        data = self._ask("--batch", [blob for _, blob, _ in chosen])
        at = 0
        for path, _, size in chosen:
            start = data.index(b"\n", at) + 1
            at = start + size + 1
            yield path, data[start : start + size]

    def _within_limits(self, paths: Sequence[str]) -> list[tuple[str, str, int]]:
        """(path, id, size) of those that are there and not too large, before any is read.

        Sizes and not times decide, so that the same tree gives the same answer everywhere.
        """
        chosen, total = [], 0
        answers = self._ask("--batch-check", [f"{self._tree}:{path}" for path in paths])
        for path, line in zip(paths, answers.decode(errors="replace").split("\n"), strict=False):
            blob, _, described = line.partition(" ")
            kind, _, size = described.partition(" ")
            if kind != "blob" or int(size) > MAX_FILE_BYTES:
                continue
            total += int(size)
            if total > MAX_TOTAL_BYTES:
                break
            chosen.append((path, blob, int(size)))
        return chosen

    def _ask(self, option: str, names: Sequence[str]) -> bytes:
        if not names:
            return b""
        question = "\n".join((*names, "")).encode(errors="surrogateescape")
        return self._git.call(
            "cat-file", option, "--buffer", stdin=question, extra_env=LOCAL_OBJECTS
        ).stdout


@dataclass(frozen=True)
class FolderFiles:
    """The files below a folder that no git knows, without other people's (`NOT_WALKED`)."""

    root: Path
    paths: Sequence[str] = field(repr=False)

    @classmethod
    def open(cls, root: Path) -> FolderFiles:
        """Walks the folder; follows no link, stops at `MAX_FOLDER_FILES`."""
        found: list[str] = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if name not in NOT_WALKED)
            above = Path(folder).relative_to(root).as_posix()
            prefix = "" if above == "." else f"{above}/"
            found += [f"{prefix}{name}" for name in sorted(names)]
            if len(found) >= MAX_FOLDER_FILES:
                break
        return cls(root, tuple(found[:MAX_FOLDER_FILES]))

    def read(self, path: str) -> str | None:
        data = self._bytes(path, MAX_TEXT_BYTES)
        return None if data is None else _text(data)

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        total = 0
        for path in paths:
            data = self._bytes(path, MAX_FILE_BYTES)
            if data is None:
                continue
            total += len(data)
            if total > MAX_TOTAL_BYTES:
                return
            yield path, data

    def close(self) -> None:
        """Nothing is open."""

    def _bytes(self, path: str, most: int) -> bytes | None:
        target = self.root / path
        try:
            if target.is_symlink() or not target.is_file() or target.stat().st_size > most:
                return None
            return target.read_bytes()
        except OSError:
            return None


@dataclass(frozen=True)
class ListedFiles:
    """A list of paths without their files (as `normalize_plan --repo-files` has it)."""

    paths: Sequence[str]

    def read(self, path: str) -> str | None:
        del path
        return None

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        del paths
        return iter(())

    def close(self) -> None:
        """Nothing is open."""


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
