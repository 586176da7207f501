"""Plain frozen values that cross module borders inside runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runs.states import AttemptOutcome, FailureKind, Stage


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who holds a lease. pid and its start time (seconds since the epoch) name a process for good;
    boot_id tells whether the host was restarted since."""

    worker: str
    host: str
    pid: int
    pid_started: float
    boot_id: str


@dataclass(frozen=True, slots=True)
class StageTiming:
    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """How one attempt ended; stored on the Attempt and sent with `attempt_finished`."""

    run_id: str
    phase: str
    attempt: int
    outcome: AttemptOutcome
    failure_kind: FailureKind | None
    explanation: str
    stages: tuple[StageTiming, ...] = ()
    commit: str = ""
    files: tuple[dict[str, Any], ...] = ()
    governance: dict[str, Any] = field(default_factory=dict)
    validation: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    tokens: int = 0
    cost_usd: float = 0.0
    # One a mitigation: runs.execution.mitigations.types.Record.as_json says what is in it.
    mitigations: tuple[dict[str, Any], ...] = ()
    # Mitigations that did away with the failure they were for.
    hardening_hits: int = 0
    # Failures that went green without a Doctor, and what that spared, by an estimate.
    doctor_calls_skipped: int = 0
    tokens_saved_estimate: int = 0
    doctor_called: bool = False
    # What the Doctor said, when it was asked: action, hint, confidence, fix.
    doctor: dict[str, Any] = field(default_factory=dict)
    # What the failed check printed that says why; read again by the miner of patterns.
    failing_section: str = ""

    def as_json(self) -> dict[str, Any]:
        """Its fields as JSON has them. (dataclasses.asdict copies deeply, which costs.)"""
        shallow = {each.name: getattr(self, each.name) for each in fields(self)}
        shallow["stages"] = [
            {"stage": timing.stage.value, "seconds": timing.seconds} for timing in self.stages
        ]
        return shallow
