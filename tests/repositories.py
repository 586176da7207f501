"""A user's git repository, made for a test: written to as a person does, and looked at whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

PERSON = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
# What a run may add to a user's repository: its objects, its branch and that branch's log.
ADDED_BY_RUNS = (".git/objects/", ".git/refs/heads/autopack", ".git/logs/refs/heads/autopack")


class GitRepository:
    """A repository at `folder` with one commit ("base") of a few small files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, *init: str, **files: str) -> GitRepository:
        """`files` are by name; a name's `__` stands for its dot."""
        folder.mkdir(parents=True)
        repository = cls(folder)
        repository.git("init", "-q", "-b", "main", *init)
        for name, content in files.items():
            repository.write(name.replace("__", "."), content)
        if files:
            repository.commit()
        return repository

    def git(self, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
        """What git prints, as a person would have it; raises CalledProcessError."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env={**PERSON, **(env or {})}, input=stdin,
            capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout.decode(errors="surrogateescape").rstrip("\n")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, message: str = "base", **files: str) -> str:
        """Commit everything; the new commit's id."""
        for name, content in files.items():
            self.write(name.replace("__", "."), content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def tip(self, branch: str) -> str:
        """Where a branch points, "" when it does not exist."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def show(self, branch: str, path: str) -> str:
        """A file's content on a branch, without the line ends at its end."""
        return self.git("show", f"{branch}:{path}")

    def files(self, branch: str) -> set[str]:
        listing = self.git("ls-tree", "-r", "-z", "--name-only", branch)
        return {name for name in listing.split("\0") if name}

    def subjects(self, branch: str) -> list[str]:
        """The titles of what `branch` adds to main, oldest first."""
        return self.git("log", "--reverse", "--format=%s", f"main..{branch}").splitlines()

    def trailers(self, branch: str) -> list[dict[str, str]]:
        """The trailers of what `branch` adds to main, a commit each, oldest first."""
        log = self.git(
            "log", "--reverse", "--format=%(trailers:only,unfold)%x00", f"main..{branch}"
        )
        return [
            dict(line.split(": ", 1) for line in part.strip().splitlines())
            for part in log.split("\0")[:-1]
        ]

    def snapshot(self) -> dict[str, str]:
        """Every file with its content, kind and mode, but for what a run may add."""
        return snapshot(self.folder)


def snapshot(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            if relative.startswith(ADDED_BY_RUNS):
                continue
            found[relative] = _described(path)
    return found


def _described(path: Path) -> str:
    mode = f"{path.lstat().st_mode:o}"
    if path.is_symlink():
        return f"{mode} -> {path.readlink()}"
    if not path.is_file():
        return mode  # a folder, a fifo, a socket
    return f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def copied(template: Path, folder: Path) -> GitRepository:
    shutil.copytree(template, folder, symlinks=True)
    return GitRepository(folder)
