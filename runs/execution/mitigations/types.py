"""What is mitigated and what comes of it: values shared by the loop and by the actions."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runs.execution.bench import AttemptCancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.outcomes import Mitigation
    from hardening.types import Output
    from runs.execution.trial import Trial
    from runs.states import Stage

# One installation or one lock file; what takes longer is no quick fix.
ACTION_SECONDS = 600.0


class NotPossible(Exception):
    """An action cannot be applied here; the message says which precondition does not hold."""


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step's failure as it came out. `signature` is the same for the same failure: without
    times, folders and addresses; `summary` is a sentence."""

    signature: str
    output: Output
    summary: str
    exit_code: int | None = None
    timed_out: bool = False
    out_of_scope: tuple[str, ...] = ()
    # Where its output begins in the attempt's log.
    log_start: int = 0


@dataclass(slots=True)
class Step:
    """What failed, how it is run again, and what an action may change of it.

    `run` executes the step as `argv`, `cwd` and `env` are now and gives its failure, None when it
    is green. Steps that are no command (an installation, a diff) have no argv.
    """

    trial: Trial
    stage: Stage
    name: str
    run: Callable[[Step], FailedStep | None]
    argv: tuple[str, ...] = ()
    cwd: str = "."
    env: dict[str, str] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        """Wait, unless the attempt is cancelled meanwhile. Raises AttemptCancelled."""
        cancellation = self.trial.bench.cancellation
        stopped = threading.Event()
        with cancellation.notifies(stopped.set):
            if stopped.wait(seconds):
                raise AttemptCancelled(cancellation.reason)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an action has done. `before` and `after` say it in a few words; `undo` takes it back
    (None: there is nothing to take back); `pauses` are seconds to wait before each
    time that the step is run again."""

    before: str
    after: str
    undo: Callable[[], None] | None = None
    pauses: tuple[float, ...] = (0.0,)


@dataclass(frozen=True, slots=True)
class Record:
    """One mitigation with where it happened; `why` says more when nothing was done."""

    mitigation: Mitigation
    stage: Stage
    family: str
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """What an AttemptReport keeps of it."""
        it, after, saved = self.mitigation, self.mitigation.after, self.mitigation.baseline
        evidence = it.match.evidence[0] if it.match.evidence else None
        return {
            "pattern": it.match.pattern_id,
            "family": self.family,
            "evidence": evidence.text if evidence else "",
            "evidence_line": evidence.line if evidence else None,
            **it.action.as_json(),
            "action": str(it.action.kind),
            "stage": self.stage.value,
            "step": it.check_name,
            "outcome": it.outcome.value,
            "before": it.before.summary,
            "after": after.summary if after else "",
            "why": self.why,
            "seconds": it.seconds,
            "doctor_skipped": saved is not None,
            "tokens_saved_estimate": saved.tokens if saved else 0,
            "tokens_saved_source": saved.source if saved else "",
            "tokens_saved_sample": saved.sample_size if saved else 0,
        }
