"""What preparing an environment asks of its caller, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runs.execution.processes.command import Command, CommandResult

INSTALL_SECONDS = 1800.0
"""The wall-clock limit of one installation; building a large package from source takes minutes."""


class EnvironmentFailed(Exception):
    """The environment could not be prepared: our side of the work, not the change under test.

    `explanation` says what is wrong and what to do; `output` is what the installer printed;
    `is_unresolvable`: the declared packages contradict each other or do not exist.
    """

    def __init__(
        self, explanation: str, output: str = "", *, is_unresolvable: bool = False
    ) -> None:
        self.explanation, self.output = explanation, output
        self.is_unresolvable = is_unresolvable
        super().__init__(explanation)


@dataclass(frozen=True, slots=True)
class SandboxNeeds:
    """What a command must reach beyond the system's own programs."""

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    network: bool = False


class Execute(Protocol):
    """Runs a command, sandboxed where that can be; a cancelled attempt stops it."""

    def __call__(self, command: Command, needs: SandboxNeeds, /) -> CommandResult: ...


@dataclass(frozen=True, slots=True)
class Installing:
    """What all installations of one preparation share."""

    execute: Execute
    env: Mapping[str, str]
    downloads: Path
    """The installers' own download caches; one folder a toolchain."""
    log_path: Path | None = None


_NETWORK_SIGNS = (
    "failed to fetch", "name resolution", "connection refused", "newconnectionerror", "dns error",
    "network is unreachable", "tcp connect error", "enotfound", "eai_again", "dial tcp",
    "could not resolve", "etimedout", "error sending request", "connection timed out",
)  # fmt: skip
_RESOLUTION_SIGNS = (
    "no solution found", "resolutionimpossible", "no matching distribution", "eresolve",
    "not found in the package registry", "could not find a version",
)  # fmt: skip


def failure_explained(what: str, result: CommandResult) -> EnvironmentFailed:
    """An EnvironmentFailed for a command that did not succeed, with what its output points to."""
    output = result.output
    lowered = output.lower()
    is_unresolvable = any(sign in lowered for sign in _RESOLUTION_SIGNS)
    if is_unresolvable:
        advice = "the declared packages cannot be had together: correct the versions they ask for"
    elif any(sign in lowered for sign in _NETWORK_SIGNS):
        advice = (
            "a package index could not be reached: the first preparation needs the network, so"
            " check the connection, the proxy and the index that the project names"
        )
    else:
        advice = "see the output for what it misses"
    explanation = f"{what} failed ({result.explanation}); {advice}"
    return EnvironmentFailed(explanation, output, is_unresolvable=is_unresolvable)
