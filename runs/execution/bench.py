"""The workbench of an attempt: the one way in which commands reach a worktree.

Everything a builder, an install or a check runs goes through `execute`: sandboxed when there is a
sandbox, with a scrubbed environment, limits, and the whole output in the attempt's log.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.conf import settings

from runs.agents.types import PatchRefused
from runs.execution.environments import SandboxNeeds
from runs.execution.process import Command, CommandLimits, Ending, run
from runs.execution.repository.git import GitFailed
from runs.execution.sandbox import SandboxMode, sandbox_wrap, worktree_policy
from runs.execution.troubles import is_disk_full
from runs.models import ModelCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runs.agents.types import ModelUsage
    from runs.execution.environments import Environment
    from runs.execution.process import Cancellation, CommandResult
    from runs.execution.worktrees import Workspace
    from runs.models import Attempt

logger = logging.getLogger(__name__)

# Where packages come from: told to installs and to steps that may use the network, to nothing else.
PACKAGE_SOURCES = (
    "PIP_", "UV_", "NPM_CONFIG_", "GOPROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


def package_sources() -> dict[str, str]:
    """The machine's settings for package indexes and proxies."""
    return {
        name: value
        for name, value in settings.AUTOPACK_CHILD_ENVIRONMENT.items()
        if name.startswith(PACKAGE_SOURCES)
    }


@dataclass(frozen=True, slots=True)
class BuilderCommand:
    """A command of a builder, and how it ended."""

    argv: tuple[str, ...]
    cwd: str
    has_network: bool
    result: CommandResult


class AttemptCancelled(Exception):
    """The attempt must stop: its cancellation was requested. The message is the reason."""


@dataclass(slots=True)
class Bench:
    """One attempt's workbench."""

    attempt: Attempt
    run_pk: int
    workspace: Workspace
    folder: Path
    mode: SandboxMode
    limits: CommandLimits
    cancellation: Cancellation
    environment: Environment | None = None
    allows_network: bool = False
    extra_env: dict[str, str] = field(default_factory=dict)
    # Asked about a builder's command that failed; gives the result that the builder gets.
    heal: Callable[[BuilderCommand], CommandResult] | None = None
    # Where the last command's output begins in the log; kept up only when somebody wants to know.
    log_start: int | None = None
    _notes: list[str] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        return self.workspace.tree

    @property
    def log_path(self) -> Path:
        return self.folder / "attempt.log"

    def base_environment(self) -> dict[str, str]:
        """What every command of an attempt sees: programs, a private home, and no secret."""
        home = self.workspace.folder / "home"
        environment = {
            name: value
            for name, value in settings.AUTOPACK_CHILD_ENVIRONMENT.items()
            if not name.startswith(PACKAGE_SOURCES)
        }
        if self.mode is SandboxMode.NONE:
            home.mkdir(exist_ok=True)
            environment |= {"HOME": str(home), "TMPDIR": str(home)}
        return environment | {
            # Byte code beside the sources would be a change of the tree.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "CI": "true",
            "GIT_TERMINAL_PROMPT": "0",
            **self.extra_env,
        }

    def execute(self, command: Command, needs: SandboxNeeds) -> CommandResult:
        """Run `command`; its output goes to the attempt's log. Raises AttemptCancelled."""
        workspace = self.workspace
        if self.mode is not SandboxMode.NONE:
            policy = worktree_policy(workspace.tree, (workspace.mirror.path,))
            policy = replace(
                policy,
                writable=(*policy.writable, *needs.writable),
                readable=(*policy.readable, *needs.readable),
                network=needs.network,
            )
            command = sandbox_wrap(command, policy, self.mode)
        result = self._run_watched(command)
        if result.ending is Ending.CANCELLED:
            raise AttemptCancelled(self.cancellation.reason)
        return result

    def _run_watched(self, command: Command) -> CommandResult:
        """Run it, and have it noticed whether it left anything in the worktree."""
        self.flush_notes()
        if self.log_start is not None:
            self.log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        workspace = self.workspace
        if sys.platform == "win32":
            # There are no runners there to look for us.
            with workspace.watched():
                return run(command, log_path=self.log_path, cancellation=self.cancellation)
        # A tree that is not pristine is cleaned whatever comes; git's own files matter always.
        tree = str(workspace.tree) if workspace.pristine else ""
        command = replace(command, watch=(tree, str(workspace.git.git_dir)))
        changes: tuple[bool | None, ...] = (None, None)
        try:
            result = run(command, log_path=self.log_path, cancellation=self.cancellation)
            is_started = result.ending is not Ending.NOT_STARTED
            changes = result.changes if is_started else (False, False)
        finally:
            workspace.footprints(has_tree=changes[0], has_state=changes[1])
        return result

    def command(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str = ".",
        network: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run `argv` in the worktree with the attempt's environment."""
        environment = self.base_environment()
        writable: tuple[Path, ...] = (self.folder,)
        readable: tuple[Path, ...] = ()
        if self.environment is not None:
            environment |= self.environment.env
            writable = (*writable, *self.environment.writable)
            readable = self.environment.readable
        if network:
            environment |= package_sources()
        environment |= env or {}
        self.note(f"$ {' '.join(argv)}")
        return self.execute(
            Command(argv=argv, cwd=self.tree / cwd, env=environment, limits=self.limits),
            SandboxNeeds(writable=writable, readable=readable, network=network),
        )

    # --- What builders see (runs.agents.types.Workbench) --------------------------------------

    def run(self, argv: tuple[str, ...], *, cwd: str = ".", network: bool = False) -> CommandResult:
        network = network or self.allows_network
        result = self.command(argv, cwd=cwd, network=network)
        if self.heal is not None and not result.ok:
            return self.heal(BuilderCommand(argv, cwd, network, result))
        return result

    def apply_patch(self, patch: str) -> None:
        try:
            self.workspace.git.call("apply", "--index", "--whitespace=nowarn", stdin=patch.encode())
        except GitFailed as failure:
            if is_disk_full(failure):
                raise
            raise PatchRefused(failure.stderr) from failure

    def record(self, usage: ModelUsage) -> None:
        ModelCall.objects.create(
            run_id=self.run_pk,
            attempt=self.attempt,
            **{name: getattr(usage, name) for name in usage.__slots__},
        )

    def note(self, line: str) -> None:
        """Put a line of ours into the attempt's log, before the output of the next command."""
        self._notes.append(f"{line}\n")

    def flush_notes(self) -> None:
        """Write the lines noted so far; a full disk costs the lines, not the run."""
        if not self._notes:
            return
        text = "".join(self._notes)
        self._notes.clear()
        try:
            with self.log_path.open("ab", buffering=0) as log:
                log.write(text.encode(errors="replace"))
        except OSError as error:
            logger.warning("The log %s cannot be written: %s", self.log_path, error)
