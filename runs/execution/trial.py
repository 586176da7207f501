"""One attempt while it runs: what it was given, and what it has found out so far."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runs.execution.bench import AttemptCancelled
from runs.types import StageTiming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.agents.types import Diagnosis
    from runs.execution.bench import Bench
    from runs.execution.diffs.diff import FileChange
    from runs.execution.governance import Verdict
    from runs.execution.mitigation import Mitigator
    from runs.execution.session import Session
    from runs.execution.validation import ValidationReport
    from runs.models import Attempt, Phase
    from runs.planning.schema import PhasePlan
    from runs.states import FailureKind, Stage
    from runs.toolchains.types import Detection


class AttemptFailed(Exception):
    """The work said no: the reason, its kind, and what the next attempt should be told."""

    def __init__(self, kind: FailureKind, explanation: str, hint: str = "") -> None:
        self.kind, self.explanation, self.hint = kind, explanation, hint or explanation
        super().__init__(explanation)


@dataclass(slots=True)
class Trial:
    """One attempt while it runs: what it has found out so far."""

    session: Session
    phase: Phase
    plan: PhasePlan
    attempt: Attempt
    bench: Bench
    base: str
    commit: str = ""
    detections: tuple[Detection, ...] = ()
    changes: tuple[FileChange, ...] = ()
    verdict: Verdict | None = None
    # Why there is no diff to give a verdict on.
    refusal: str = ""
    validation: ValidationReport | None = None
    stages: list[StageTiming] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # What the Doctor said of the failure, and what it was shown.
    diagnosis: Diagnosis | None = None
    failing_section: str = ""
    ports: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    # Set when the run's failures are hardened.
    mitigator: Mitigator | None = None
    # Paths that a mitigation changed, in scope or not.
    placed_paths: tuple[str, ...] = ()

    _current: tuple[Stage, float] | None = None

    @contextlib.contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Time what is inside. Raises AttemptCancelled instead of beginning a stage in vain."""
        if self.bench.cancellation.is_requested:
            raise AttemptCancelled(self.bench.cancellation.reason)
        self._current = (stage, time.monotonic())
        self.bench.note(f"=== {stage}")
        try:
            yield
        finally:
            self.stages = list(self.timings())
            self._current = None

    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far, with the one under way."""
        if self._current is None:
            return tuple(self.stages)
        stage, started = self._current
        return (*self.stages, StageTiming(stage, round(time.monotonic() - started, 4)))


def commit_message(trial: Trial) -> str:
    """Title and text of a phase's commit, and the trailers that lead back to the attempt."""
    title = " ".join((trial.plan.title or trial.phase.key).split())[:72]
    text = f"{trial.plan.description.strip()}\n\n" if trial.plan.description.strip() else ""
    return (
        f"{title}\n\n{text}"
        f"Autopack-Run: {trial.session.run.run_id}\n"
        f"Autopack-Phase: {trial.phase.key}\n"
        f"Autopack-Attempt: {trial.attempt.number}\n"
    )
