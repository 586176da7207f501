"""Our git: always with an explicit GIT_DIR, never with a repository's hooks, fsmonitor or pager.

A worktree's `.git` file is never believed: an agent may have pointed it at a repository of its own
whose configuration runs commands. Configuration that matters is given by the environment, which
overrides whatever a repository says.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from runs.execution.process import Captured, capture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runs.execution.process import Cancellation

NO_COMMIT = "0" * 40
AUTHOR, AUTHOR_EMAIL = "Autopack", "autopack@localhost"

# Enforced for every call. Values of a repository's own configuration lose against these.
ENFORCED = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.quotePath": "false",
    "core.longPaths": "true",
    # Fetched objects appear as one pack, all or none: a fetch that is killed leaves nothing half.
    "transfer.unpackLimit": "1",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "advice.detachedHead": "false",
    "protocol.ext.allow": "never",
    "credential.interactive": "false",
    # A local source serves us: it may give any commit we name, not only tips of branches.
    "uploadpack.allowAnySHA1InWant": "true",
    "diff.external": "",
    "user.useConfigOnly": "false",
    # We look at the owner ourselves, with a message that says what to do.
    "safe.directory": "*",
}

INSTALL_GIT = "git is not on PATH. Install it (Debian: apt install git; macOS: xcode-select \
--install; Windows: https://git-scm.com), or add its folder to PATH."


class GitMissing(Exception):
    """There is no git program on PATH."""


class GitFailed(Exception):
    """A git call ended with an unexpected exit code; `stderr` is what it said."""

    def __init__(self, args: tuple[str, ...], returncode: int, stderr: str) -> None:
        self.arguments, self.returncode, self.stderr = args, returncode, stderr.strip()
        super().__init__(f"git {' '.join(args[:4])} ended with {returncode}: {self.stderr[-2000:]}")


@cache
def git_program() -> str:
    """The git on PATH, resolved once. Raises GitMissing."""
    found = shutil.which("git", path=settings.AUTOPACK_CHILD_ENVIRONMENT.get("PATH"))
    if not found:
        raise GitMissing(INSTALL_GIT)
    return found


@cache
def git_environment() -> dict[str, str]:
    """What every git call of ours sees: no user's configuration, ours enforced."""
    base = settings.AUTOPACK_CHILD_ENVIRONMENT
    kept = (
        "PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "SSL_CERT_FILE",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    )  # fmt: skip
    environment = {name: base[name] for name in kept if name in base}
    environment |= {
        "LC_ALL": "C.UTF-8",
        "HOME": str(settings.AUTOPACK_HOME),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": AUTHOR_EMAIL,
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": AUTHOR_EMAIL,
        "GIT_CONFIG_COUNT": str(len(ENFORCED)),
    }
    for position, (key, value) in enumerate(ENFORCED.items()):
        environment[f"GIT_CONFIG_KEY_{position}"] = key
        environment[f"GIT_CONFIG_VALUE_{position}"] = value
    return environment


@dataclass(frozen=True, slots=True)
class Git:
    """Calls of git on one repository, and on one worktree when `work_tree` is given."""

    git_dir: Path
    work_tree: Path | None = None
    cwd: Path | None = None

    def environment(self) -> dict[str, str]:
        environment = {**git_environment(), "GIT_DIR": str(self.git_dir)}
        if self.work_tree is not None:
            environment["GIT_WORK_TREE"] = str(self.work_tree)
        return environment

    def call(
        self,
        *args: str,
        stdin: bytes = b"",
        expected: tuple[int, ...] = (0,),
        wall_seconds: float = 300.0,
        contained: bool = False,
        cancellation: Cancellation | None = None,
        extra_env: Mapping[str, str] | None = None,
    ) -> Captured:
        """Run git with `args`. `contained` for what talks to a network or may take long.

        Raises GitFailed for an exit code that is not `expected`, GitMissing without a git.
        """
        environment = self.environment()
        if extra_env:
            environment |= extra_env
        captured = capture(
            (git_program(), *args),
            cwd=self.cwd or self.work_tree or self.git_dir,
            env=environment,
            stdin=stdin,
            wall_seconds=wall_seconds,
            contained=contained,
            cancellation=cancellation,
        )
        if captured.returncode not in expected:
            raise GitFailed(args, captured.returncode, captured.stderr.decode(errors="replace"))
        return captured

    def text(self, *args: str) -> str:
        """The stripped standard output of a call. Raises as `call` does."""
        return self.call(*args).stdout.decode(errors="replace").strip()
