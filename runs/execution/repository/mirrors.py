"""The bare repository that the server keeps of a project: objects, kept refs, worktrees.

Its own branches of the source live under refs/remotes/origin/*, so fetching never touches what
runs made. Nothing here is ever collected but by prune_worktrees, which first gives every commit
that a row knows a ref.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from filelock import FileLock

from runs.execution.diffs.diff import DIFF_FLAGS
from runs.execution.repository.coprocess import Coprocess, CoprocessFailed
from runs.execution.repository.git import Git, GitFailed, git_program
from runs.execution.repository.objects import ObjectStore
from runs.execution.repository.sources import RepositoryProblem, Source
from runs.execution.repository.worktree_state import remove_tree
from runs.execution.troubles import without_password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runs.execution.repository.sources import SourceStart

# Our own branches stay out: thousands of them would be copied back and forth.
FETCHED = (
    "+refs/heads/*:refs/remotes/origin/*",
    "^refs/heads/autopack/*",
    "+refs/tags/*:refs/tags/*",
)
LOCK_SECONDS = 600.0
MAX_DIFF_BYTES = 64 * 1024 * 1024


class Mirror:
    """The bare repository of one source. Safe to share between threads."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path = path
        self.source = source
        self.git = Git(path)
        self.objects = ObjectStore(path)
        environment = self.git.environment()
        # Long-lived gits: a question costs 0.2 ms instead of the 2 ms of a process.
        self._objects = Coprocess((git_program(), "cat-file", "--batch-check"), environment, path)
        self._diffs = Coprocess(
            (git_program(), "diff-tree", "--stdin", "-r", "--root", *DIFF_FLAGS), environment, path
        )
        self._refs = Coprocess((git_program(), "update-ref", "--stdin"), environment, path)
        self._source_names, self._source_refs = _source_gits(source)

    def admin_lock(self, timeout: float = LOCK_SECONDS) -> FileLock:
        """Held around worktree add, remove and prune only; never around a checkout."""
        return FileLock(self.path / "autopack-admin.lock", timeout=timeout)

    def fetch_lock(self, timeout: float = LOCK_SECONDS) -> FileLock:
        """Held while objects arrive from the source."""
        return FileLock(self.path / "autopack-fetch.lock", timeout=timeout)

    def has(self, commit: str) -> bool:
        """Whether a commit (or a ref of one) is here."""
        answer = self._objects.ask(f"{commit}^{{commit}}\n".encode(), b"\n")
        return not answer.rstrip().endswith(b"missing")

    def diff(self, commit: str) -> bytes:
        """What `commit` changes against its first parent, as diff.diff_parse reads it.

        Raises OutputTooLarge above 64 MiB.
        """
        # git echoes a line that is no commit; a random one cannot be part of a hostile diff.
        end = secrets.token_hex(16).encode() + b"\n"
        answer = self._diffs.ask(f"{commit}\n".encode() + end, end, max_bytes=MAX_DIFF_BYTES)
        # The commit's own id comes first, then (unless it is empty) its diff, then our end mark.
        return answer[: -len(end)].partition(b"\0")[2]

    @property
    def is_lfs_ready(self) -> bool:
        return (self.path / "autopack-lfs").exists()

    def wants_lfs(self, commit: str) -> bool:
        """Whether a .gitattributes of the commit hands files to Git LFS."""
        answer = self._objects.ask(f"{commit}:.gitattributes\n".encode(), b"\n")
        if answer.endswith(b"missing\n"):
            return False
        return "filter=lfs" in self.git.text("cat-file", "blob", f"{commit}:.gitattributes")

    def enable_lfs(self) -> None:
        """Let checkouts and commits of this mirror go through git-lfs."""
        for name, value in (
            ("clean", "git-lfs clean -- %f"),
            ("smudge", "git-lfs smudge -- %f"),
            ("process", "git-lfs filter-process"),
            ("required", "true"),
        ):
            self.git.call("config", f"filter.lfs.{name}", value)
        (self.path / "autopack-lfs").touch()

    def keep(self, refs: Mapping[str, str]) -> None:
        """Create or move refs (full names) to commits, all or none."""
        if not refs:
            return
        lines = [f"update {name} {commit}\n" for name, commit in refs.items()]
        self._refs.ask(
            "".join(["start\n", *lines, "prepare\n", "commit\n"]).encode(), b"commit: ok\n"
        )

    def fetch(self, commit: str, ref: str) -> None:
        """Bring `commit` of the source here, which `ref` ('' for HEAD) was found to name.

        Raises RepositoryProblem when it cannot be had.
        """
        name = f"refs/autopack/bases/{commit}"
        # Not whether it is here: of a fetch that was cut off, the commit may have come first.
        if self.has(name):
            return
        with self.fetch_lock():
            if self.has(name):
                return
            self._fetch(*FETCHED)
            if not self.has(commit):
                # On no branch or tag: a detached HEAD, or a branch of ours from elsewhere. A local
                # source gives any commit, a remote one what it has a name for.
                wanted = commit if self.source.is_local else ref or "HEAD"
                self._fetch(f"+{wanted}:{name}")
            else:
                self.keep({name: commit})
        if not self.has(commit):
            raise RepositoryProblem(
                "commit_gone",
                f"Commit {commit[:12]} cannot be fetched from {self.source.shown}: no branch "
                "or tag leads to it any more. Point a branch at it, or start a new run.",
            )

    def _fetch(self, *refspecs: str) -> None:
        try:
            self.git.call(
                "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head",
                "--no-auto-maintenance", "--", self.source.location, *refspecs,
                contained=True, wall_seconds=3600.0,
                extra_env={"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh"},
            )  # fmt: skip
        except GitFailed as failure:
            raise RepositoryProblem(
                "fetch_failed",
                f"{self.source.shown} cannot be fetched: {without_password(failure.stderr)}",
            ) from failure

    def source_start(self, ref: str, branch: str) -> SourceStart:
        """Source.start, asked of a git that stays."""

        def ask(line: bytes) -> bytes:
            assert self._source_names is not None  # noqa: S101 (a local source has it)
            return self._source_names.ask(line, b"\n")

        return self.source.start(ref, branch, ask)

    def move_in_source(self, name: str, new: str, old: str) -> bool:
        """Move a ref of a local source from `old` to `new`; False when it is not at `old`."""
        assert self._source_refs is not None  # noqa: S101 (a local source has it)
        lines = f"start\nupdate {name} {new} {old}\nprepare\ncommit\n"
        try:
            self._source_refs.ask(lines.encode(), b"commit: ok\n")
        except CoprocessFailed:
            return False
        return True

    def merge(self, head: str, candidate: str, message: str) -> tuple[str, tuple[str, ...]]:
        """Put `candidate` on top of `head`: (the new commit, ()) or ('', the paths in conflict).

        Touches no worktree and no ref.
        """
        merged = self.git.call(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", head, candidate,
            expected=(0, 1),
        )  # fmt: skip
        tree, *conflicts = [
            part for part in merged.stdout.decode(errors="replace").split("\0") if part
        ]
        if merged.returncode:
            return "", tuple(dict.fromkeys(conflicts))
        return self.git.text("commit-tree", "-p", head, "-m", message, tree.strip()), ()

    def close(self) -> None:
        gits = (self._objects, self._diffs, self._refs, self._source_names, self._source_refs)
        for coprocess in gits:
            if coprocess is not None:
                coprocess.close()


def _source_gits(source: Source) -> tuple[Coprocess | None, Coprocess | None]:
    """One that resolves names in a local source (its checkout's HEAD among them), one that moves
    its refs. They read names and refs anew for each question and hold nothing open in between,
    but on Windows a folder in use cannot be removed: there they end after each."""
    if source.git_dir is None:
        return None, None
    stays = sys.platform != "win32"
    git = git_program()
    names = Git(source.head_dir or source.git_dir)
    refs = Git(source.git_dir)
    return (
        Coprocess(
            (git, "cat-file", "--batch-check"), names.environment(), source.git_dir, stays=stays
        ),
        Coprocess(
            (git, "update-ref", "-m", "autopack: run", "--stdin"),
            refs.environment(), source.git_dir, stays=stays,
        ),
    )  # fmt: skip


_opening = threading.Lock()


def mirror_open(project_name: str, source: Source) -> Mirror:
    """The mirror of a project's source, made when there is none (safe against a kill half-way)."""
    with _opening:
        return _open(project_name, source, Path(settings.AUTOPACK_HOME))


@lru_cache(maxsize=32)
def _open(project_name: str, source: Source, home: Path) -> Mirror:
    # The name is for people; the hash keeps two sources apart that take one name in turn.
    digest = hashlib.sha256(source.location.encode()).hexdigest()[:10]
    path = home / "repositories" / f"{project_name.lower()}-{digest}.git"
    if not (path / "autopack-ready").exists():
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_suffix(".lock"), timeout=LOCK_SECONDS):
            if (path / "autopack-ready").exists():
                return Mirror(path, source)  # another process was first
            # What a making that was cut off has left cannot be trusted.
            for left in path.iterdir():
                remove_tree(left)
            git = Git(path)
            git.call("init", "--quiet", "--bare", "--template=", str(path))
            git.call("config", "remote.origin.url", source.location)
            (path / "autopack-ready").touch()
    return Mirror(path, source)
