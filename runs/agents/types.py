"""What a run asks of its builders, its auditor and its doctor: Protocols and plain values.

Backends know nothing of rows, worktree pools or sandboxes: they are handed what they may do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from runs.execution.process import CommandResult
    from runs.planning.schema import PhasePlan
    from runs.states import FailureKind


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """One call of a model, for the ledger. Five disjoint numbers of tokens; cost None: unknown."""

    role: str
    backend: str
    model: str
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal | None = None
    seconds: float = 0.0
    usage: dict[str, Any] = field(default_factory=dict)


class Workbench(Protocol):
    """What a builder may do to the world: everything goes through the engine's rules."""

    @property
    def tree(self) -> Path:
        """The worktree. Files in it may be read and written."""
        ...

    def run(self, argv: tuple[str, ...], *, cwd: str = ".", network: bool = False) -> CommandResult:
        """Run a command in the worktree, sandboxed, with the attempt's environment and limits."""
        ...

    def apply_patch(self, patch: str) -> None:
        """Apply a unified diff to the tree and the index. Raises PatchRefused."""
        ...

    def record(self, usage: ModelUsage) -> None:
        """Write a model call to the ledger, when its answer arrives and before it is parsed."""
        ...


class PatchRefused(Exception):
    """A patch does not apply; the message is git's."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """`hint` is the failing section of the last attempt's output; `intention` what to stay true
    to; both may be empty. `attempt` counts from 1 the tries that were worth something."""

    run_id: str
    goal: str
    phase: PhasePlan
    attempt: int
    hint: str = ""
    intention: str = ""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """`is_staged`: every change is in the index already, so that it need not be searched for."""

    ok: bool
    explanation: str
    output: str = ""
    failure_kind: FailureKind | None = None
    is_staged: bool = False


class Builder(Protocol):
    def build(self, request: BuildRequest, bench: Workbench) -> BuildResult:
        """Change the tree so that the phase's tasks are done. Its word is not believed: the diff
        is governed and validated whatever it says."""
        ...


@dataclass(frozen=True, slots=True)
class AuditResult:
    ok: bool
    explanation: str = ""


class Auditor(Protocol):
    def audit(self, request: BuildRequest, diff: bytes, bench: Workbench) -> AuditResult:
        """Look at a diff that was governed and validated, before it is integrated."""
        ...


class DoctorAction(StrEnum):
    RETRY_WITH_FIX = "retry_with_fix"
    REPLAN = "replan"
    SKIP_PHASE = "skip_phase"
    MARK_FATAL = "mark_fatal"
    ROLLBACK_RUN = "rollback_run"
    EXECUTE_FIX = "execute_fix"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    action: DoctorAction
    hint: str
    confidence: float
    is_called: bool
    # execute_fix: an action of hardening's list, as {"kind", "parameters"}.
    fix: dict[str, Any] | None = None


class Doctor(Protocol):
    def diagnose(self, request: BuildRequest, failing_section: str, bench: Workbench) -> Diagnosis:
        """Say what to do about a failed attempt."""
        ...


class NullAuditor:
    """Nobody looks: what was governed and validated is integrated."""

    def audit(self, request: BuildRequest, diff: bytes, bench: Workbench) -> AuditResult:
        del request, diff, bench
        return AuditResult(ok=True)


class NullDoctor:
    """Nobody is asked: the next attempt gets the failing section as it is."""

    def diagnose(self, request: BuildRequest, failing_section: str, bench: Workbench) -> Diagnosis:
        del request, bench
        return Diagnosis(
            DoctorAction.RETRY_WITH_FIX, failing_section, confidence=0.0, is_called=False
        )
