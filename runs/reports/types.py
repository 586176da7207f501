"""What a report of several runs holds. Its JSON form has the same names: `report_json`.

Times are seconds, money is US dollars. Empty text means: none, or not known.
"""

from __future__ import annotations

from dataclasses import dataclass

# Grows when a name goes or changes its meaning; new names alone do not change it.
REPORT_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class MitigationFacts:
    """One mitigation of failure hardening. `outcome` is one of hardening's MitigationOutcome;
    `tokens_saved` is an estimate, from `tokens_source` (run, installation or default)."""

    pattern: str
    action: str
    outcome: str
    seconds: float = 0.0
    stage: str = ""
    step: str = ""
    text: str = ""
    evidence: str = ""
    before: str = ""
    after: str = ""
    why: str = ""
    doctor_skipped: bool = False
    tokens_saved: int = 0
    tokens_source: str = ""


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """`known_failures` fail at the base commit as well; `flaky` went green when run once more."""

    number: int
    outcome: str
    failure_kind: str = ""
    explanation: str = ""
    seconds: float = 0.0
    commit: str = ""
    tokens: int = 0
    cost_usd: float = 0.0
    hardening_hits: int = 0
    flaky: tuple[str, ...] = ()
    known_failures: tuple[str, ...] = ()
    new_failures: tuple[str, ...] = ()
    weakened_tests: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    mitigations: tuple[MitigationFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseFacts:
    """`seconds` are those of its attempts together."""

    id: str
    title: str
    state: str
    explanation: str = ""
    seconds: float = 0.0
    commit: str = ""
    attempts: tuple[AttemptFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """`seconds`: from its start to its end, without the time that people were waited for.

    `commit` is where the branch points; empty when nothing was delivered. `unpriced_calls` are
    model calls that `cost_usd` does not contain.
    """

    run_id: str
    state: str
    failure_kind: str = ""
    explanation: str = ""
    goal: str = ""
    project: str = ""
    source: str = ""
    branch: str = ""
    base_commit: str = ""
    commit: str = ""
    tokens: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    seconds: float = 0.0
    started_at: str = ""
    ended_at: str = ""
    phases: tuple[PhaseFacts, ...] = ()

    @property
    def phases_complete(self) -> int:
        return sum(phase.state == "COMPLETE" for phase in self.phases)

    @property
    def attempts(self) -> int:
        return sum(len(phase.attempts) for phase in self.phases)

    @property
    def hardening_hits(self) -> int:
        return sum(a.hardening_hits for phase in self.phases for a in phase.attempts)


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run, and how its job went: `outcome` is one of runs.fleet.types.Outcome, `message` and
    `output` say more when it is not a good one; `job_seconds` are those of this fleet's job."""

    run: RunFacts
    outcome: str
    is_good: bool
    message: str = ""
    output: str = ""
    job_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FleetReport:
    executor: str
    generated_at: str
    seconds: float
    runs: tuple[RunReport, ...]
    is_simulated: bool = False

    @property
    def is_good(self) -> bool:
        return all(run.is_good for run in self.runs)
