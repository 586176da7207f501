"""Values of a fleet: jobs, what is seen of them while they run, and how they ended. No ORM."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runs.execution.process import Cancellation
    from runs.fleet.admission import Admitted
    from runs.reports.types import RunFacts


class Outcome(StrEnum):
    """How a job ended, seen from run_parallel. The run's own state says more."""

    SUCCEEDED = "succeeded"
    ALREADY_DONE = "already_done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    AWAITING_APPROVAL = "awaiting_approval"
    # run_parallel's patience (--timeout), not the run's own limit of time.
    TIMED_OUT = "timed_out"
    # The process that executed the run died and left it unfinished.
    CRASHED = "crashed"
    NOT_STARTED = "not_started"
    # The server that executes the run could not be asked to the end.
    LOST = "lost"


GOOD = frozenset({Outcome.SUCCEEDED, Outcome.ALREADY_DONE})


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as a look at it shows it. `phase` and `attempt` are what runs now ('' and 0: nothing),
    `others` how many phases run beside it; `message` is the last thing that was said of it."""

    state: str
    phases_done: int
    phases_total: int
    phase: str = ""
    attempt: int = 0
    others: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How an executor left a run. `output` is the end of what its process wrote, if it has one."""

    outcome: Outcome
    explanation: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class JobResult:
    """A run of the fleet when all is over; `seconds` are those of its job, here and now."""

    run_id: str
    outcome: Outcome
    explanation: str
    seconds: float = 0.0
    output: str = ""

    @property
    def is_good(self) -> bool:
        return self.outcome in GOOD


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the display. `progress` is None for a run that has not been looked at yet."""

    run_id: str
    status: str
    elapsed_seconds: float
    progress: Progress | None = None


class Executor(Protocol):
    """How run_parallel drives a run: one method that blocks, two that do not."""

    def execute(self, run_id: str, cancellation: Cancellation) -> JobEnd:
        """Drive the run to its end; called in a thread of its own. `cancellation` means at once:
        whoever can wait calls `cancel` before."""
        ...

    def progress(self, run_ids: Iterable[str]) -> Mapping[str, Progress]:
        """A look at these runs, in a bounded number of queries."""
        ...

    def cancel(self, run_id: str) -> None:
        """Ask for the clean end of a run; `execute` returns soon after."""
        ...


@runtime_checkable
class RemoteRuns(Protocol):
    """What an executor has besides when its runs are in another machine's database."""

    def admit(self, run_ids: Sequence[str], source_repo: str) -> Admitted:
        """Look all ids up. Raises FleetRefused."""
        ...

    def facts(self, run_ids: Sequence[str]) -> Mapping[str, RunFacts]:
        """What the report says of each."""
        ...


class Display(Protocol):
    """Where progress is shown."""

    def update(self, rows: Iterable[Row]) -> None: ...

    def say(self, text: str) -> None: ...

    def close(self) -> None: ...
