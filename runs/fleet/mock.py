"""The mock executor: a deterministic simulation that touches neither git, nor models, nor the
database. What it tells depends on nothing but the run's id."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runs.fleet.types import JobEnd, Outcome, Progress
from runs.reports.types import AttemptFacts, PhaseFacts, RunFacts
from runs.states import AttemptOutcome, FailureKind, PhaseState, RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runs.execution.process import Cancellation

# Long enough for a display to be seen changing, short enough for a thousand runs.
STEP_SECONDS = 0.002
FAILING_SUFFIX = "-fail"
EXPLANATION = "Simulated by the mock executor: nothing was executed."


@dataclass(slots=True)
class MockExecutor:
    """Succeeds always, but for ids that end in `-fail`."""

    _progress: dict[str, Progress] = field(default_factory=dict)
    _cancelled: set[str] = field(default_factory=set)

    def execute(self, run_id: str, cancellation: Cancellation) -> JobEnd:
        facts = simulated_run(run_id)
        pause = threading.Event()
        for done, phase in enumerate(facts.phases):
            if cancellation.is_requested or run_id in self._cancelled:
                return JobEnd(Outcome.CANCELLED, f"Cancelled. {EXPLANATION}")
            self._progress[run_id] = Progress(
                RunState.RUNNING.value, done, len(facts.phases), phase.id, 1, 0, "simulated"
            )
            pause.wait(STEP_SECONDS)
        self._progress[run_id] = Progress(
            facts.state, facts.phases_complete, len(facts.phases), message="simulated"
        )
        is_good = facts.state == RunState.SUCCEEDED.value
        return JobEnd(Outcome.SUCCEEDED if is_good else Outcome.FAILED, facts.explanation)

    def progress(self, run_ids: Iterable[str]) -> Mapping[str, Progress]:
        return {run_id: self._progress[run_id] for run_id in run_ids if run_id in self._progress}

    def cancel(self, run_id: str) -> None:
        self._cancelled.add(run_id)


def simulated_run(run_id: str) -> RunFacts:
    """What a run of this id is said to have done: the same for the same id, in any case of it."""
    dice = hashlib.sha256(run_id.lower().encode()).digest()
    fails = run_id.lower().endswith(FAILING_SUFFIX)
    count = 2 + dice[0] % 4
    phases = tuple(
        _simulated_phase(number, dice, fails=fails and number == count)
        for number in range(1, count + 1)
    )
    return RunFacts(
        run_id=run_id,
        state=(RunState.FAILED if fails else RunState.SUCCEEDED).value,
        failure_kind=FailureKind.VALIDATION.value if fails else "",
        explanation=EXPLANATION,
        goal="A simulated run",
        seconds=round(sum(phase.seconds for phase in phases), 1),
        phases=phases,
    )


def _simulated_phase(number: int, dice: bytes, *, fails: bool) -> PhaseFacts:
    seconds = round(1 + dice[number] / 8, 1)
    is_retried = dice[number + 8] % 4 == 0
    tries = 3 if fails else 2 if is_retried else 1
    attempts = []
    for attempt in range(1, tries + 1):
        is_last_good = attempt == tries and not fails
        outcome = AttemptOutcome.SUCCEEDED if is_last_good else AttemptOutcome.FAILED
        attempts.append(
            AttemptFacts(
                number=attempt,
                outcome=outcome.value,
                failure_kind="" if is_last_good else FailureKind.VALIDATION.value,
                explanation=EXPLANATION,
                seconds=round(seconds / tries, 2),
            )
        )
    return PhaseFacts(
        id=f"phase-{number}",
        title=f"Simulated phase {number}",
        state=(PhaseState.FAILED if fails else PhaseState.COMPLETE).value,
        explanation=EXPLANATION,
        seconds=seconds,
        attempts=tuple(attempts),
    )
