"""A project's own repository: looked at before a run starts, given the run's branch when it ends.

Nothing else of it is ever written: no checkout, no index, no configuration, no other ref.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from runs.execution.repository.git import Git, GitFailed
from runs.execution.troubles import without_password

if TYPE_CHECKING:
    from collections.abc import Callable


URL = re.compile(r"^(?:https?|ssh|git|file)://|^[\w.-]+@[\w.-]+:")


class RepositoryProblem(Exception):
    """The project's repository cannot be used as it is. The message says why and what to do."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class BranchTip:
    """Where a local branch points, and the checkout it is checked out in ('' for none)."""

    commit: str
    checked_out_at: str


@dataclass(frozen=True, slots=True)
class SourceStart:
    """The commit to start from, and where the run's branch points ('' when there is none)."""

    base: str
    branch_tip: str


@dataclass(frozen=True, slots=True)
class Source:
    """A repository as the project names it: a folder of this host, or a URL."""

    location: str
    git_dir: Path | None
    # Of a linked worktree, whose HEAD is its own; else the same as git_dir.
    head_dir: Path | None = None

    @property
    def shown(self) -> str:
        """Its location as people may see it: without a password."""
        return without_password(self.location)

    @property
    def is_local(self) -> bool:
        return self.git_dir is not None

    def git(self) -> Git:
        if self.git_dir is None:
            raise RepositoryProblem("remote", f"{self.shown} is not on this host.")
        return Git(self.git_dir)

    def start(self, ref: str, branch: str, ask: Callable[[bytes], bytes]) -> SourceStart:
        """What a run needs to know before it starts: the commit that `ref` (empty: HEAD) names,
        and where `branch` points. Raises RepositoryProblem.

        `ask` answers a line as `git cat-file --batch-check` does, for a local source.
        """
        if not self.is_local:
            return self._start_remote(ref, branch)
        parent = branch.split("/", 1)[0]
        name = ref or "HEAD"
        if any(ord(letter) < 32 for letter in name):
            raise RepositoryProblem("unknown_ref", f"{ref!r} cannot be the name of a commit.")
        base, in_the_way, tip = [
            _commit_in(ask(f"{each}^{{commit}}\n".encode()))
            for each in (name, f"refs/heads/{parent}", f"refs/heads/{branch}")
        ]
        if in_the_way:
            self._refuse_in_the_way(parent, branch)
        if not tip:
            self._look_around(branch)
        if base:
            return SourceStart(base, tip)
        if ref:
            raise RepositoryProblem(
                "unknown_ref",
                f"{self.shown} has no branch, tag or commit {ref!r}. "
                "Name one that `git -C ... rev-parse` knows, or leave base_ref empty for HEAD.",
            )
        raise RepositoryProblem(
            "empty_repository",
            f"{self.shown} has no commit yet. Commit something there first: a run starts "
            "from a commit and leaves its own on top.",
        )

    def _refuse_in_the_way(self, found: str, branch: str) -> None:
        raise RepositoryProblem(
            "branch_in_the_way",
            f"A branch named {found!r} in {self.shown} leaves no room for "
            f"{branch!r}. Rename it: git branch -m {found} {found.replace('/', '-')}-old",
        )

    def _look_around(self, branch: str) -> None:
        """A branch that is to be made: nothing below its name, no unborn checkout of it.

        Only what plain files tell, for it costs nothing; git itself refuses the rest at the end.
        """
        common = self.git().git_dir
        below = common / "refs" / "heads" / branch
        packed = common / "packed-refs"
        prefix = f" refs/heads/{branch}/"
        if below.is_dir() and any(path.is_file() for path in below.rglob("*")):
            found = next(path for path in below.rglob("*") if path.is_file())
            self._refuse_in_the_way(found.relative_to(common / "refs/heads").as_posix(), branch)
        if packed.is_file():
            for line in packed.read_text(encoding="utf-8", errors="replace").splitlines():
                if prefix in line:
                    self._refuse_in_the_way(line.split(" refs/heads/", 1)[1], branch)
        for head in (common / "HEAD", *common.glob("worktrees/*/HEAD")):
            if head.read_text(errors="replace").strip() == f"ref: refs/heads/{branch}":
                raise RepositoryProblem(
                    "branch_checked_out",
                    f"{branch} is checked out (without a commit) in {self.shown}. Check out "
                    "another branch there first.",
                )

    def remote_names(self, *patterns: str) -> dict[str, str]:
        """The commits of a remote's refs by full name, for those that match. Raises
        RepositoryProblem when it cannot be reached."""
        try:
            listing = Git(Path(settings.AUTOPACK_HOME)).call(
                "ls-remote", "--quiet", "--", self.location, *patterns, contained=True
            )
        except GitFailed as failure:
            raise RepositoryProblem(
                "unreachable",
                f"{self.shown} cannot be read: {without_password(failure.stderr)}. Check the "
                "address and that this machine may read it without a password prompt.",
            ) from failure
        lines = listing.stdout.decode(errors="replace").splitlines()
        return {name: commit for commit, _, name in (line.partition("\t") for line in lines)}

    def _start_remote(self, ref: str, branch: str) -> SourceStart:
        # Of an annotated tag, what it points at comes before the tag itself.
        wanted = (
            [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"] if ref else ["HEAD"]
        )
        names = self.remote_names(*wanted, f"refs/heads/{branch}")
        base = next((names[name] for name in wanted if name in names), "")
        if not base:
            raise RepositoryProblem(
                "unknown_ref", f"{self.shown} has no {ref or 'commit'}. Check base_ref."
            )
        return SourceStart(base, names.get(f"refs/heads/{branch}", ""))

    def branch_tip(self, branch: str) -> BranchTip | None:
        """Where `branch` points in a local source, None when it is not there."""
        listing = self.git().text(
            "for-each-ref", "--format=%(worktreepath)%09%(objectname)", f"refs/heads/{branch}"
        )
        if not listing:
            return None
        checkout, _, commit = listing.splitlines()[0].rpartition("\t")
        return BranchTip(commit, checkout)


def _commit_in(answer: bytes) -> str:
    """The commit in an answer of `git cat-file --batch-check`, '' for none."""
    words = answer.split()
    return words[0].decode() if len(words) == 3 and words[1] == b"commit" else ""


def source_open(location: str) -> Source:
    """Look at the repository a project names.

    Raises RepositoryProblem: not there, not git, owned by someone else, shallow.
    """
    if URL.match(location):
        return Source(location, None)
    path = _folder(location)
    if path is None:
        raise RepositoryProblem(
            "not_found", f"{location!r} is not a folder of this machine. Give the path of a git "
            "repository, or its URL."
        )  # fmt: skip
    path = path.resolve()
    head_dir, git_dir = _git_dirs(path)
    if hasattr(os, "getuid") and (owner := git_dir.stat().st_uid) != os.getuid():
        raise RepositoryProblem(
            "owned_by_other",
            f"{path} belongs to another user (uid {owner}, we are {os.getuid()}): its settings "
            "could run commands as us, and files written there would be ours. Run Autopack as "
            "its owner, or clone it to a folder of your own.",
        )
    if (git_dir / "shallow").exists():
        raise RepositoryProblem(
            "shallow",
            f"{path} is a shallow clone, so histories cannot be joined. Complete it first: "
            f"git -C {path} fetch --unshallow",
        )
    return Source(str(path), git_dir, head_dir)


def _folder(location: str) -> Path | None:
    try:
        path = Path(location).expanduser()
        return path if location.strip() and path.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None  # too long for a path, the home of nobody, a NUL: no folder, whatever it is


def _git_dirs(path: Path) -> tuple[Path, Path]:
    """The git directories of the checkout (or bare repository) at `path`: its own, the common."""
    for usual in (path / ".git", path):
        # The usual layouts need no process; a file `.git` (a linked worktree) does.
        if all((usual / part).exists() for part in ("HEAD", "objects", "refs")):
            return usual, usual
    found = Git(path / ".git", cwd=path).call(
        "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir",
        expected=(0, 128),
    )  # fmt: skip
    if found.returncode:
        raise RepositoryProblem(
            "not_git",
            f"{path} is not the top of a git repository. Go to its top folder, or make it one: "
            f"git -C {path} init && git -C {path} add -A && git -C {path} commit -m start",
        )
    own, common = found.stdout.decode(errors="surrogateescape").splitlines()[:2]
    return Path(own), Path(common)
