"""run_parallel in one call: admit, drive, report. `quickstart` uses it as well."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from runs.fleet.admission import Admitted, fleet_admit
from runs.fleet.defaults import DEFAULT_CONCURRENT, DEFAULT_TIMEOUT_SECONDS
from runs.fleet.fleet import CLEAN_END_SECONDS, Fleet
from runs.fleet.interrupts import Interrupts
from runs.fleet.types import Outcome, RemoteRuns
from runs.reports.types import FleetReport, RunFacts, RunReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runs.fleet.types import Display, Executor, JobResult

# Beside a run's patience and its clean end: what its process may take to start and to die.
_SLACK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """What to drive and how. `run_ids` are collapsed already (admission.ids_collapse).

    `source_repo`: the project that all runs must belong to, '' for any. `is_cleaned`: what a
    process that died left in its worktrees is kept under a ref and the worktrees removed; otherwise
    they stay as they are until they are used again. Idle worktrees are pooled either way.
    """

    run_ids: tuple[str, ...]
    executor: str = "cli"
    max_concurrent: int = DEFAULT_CONCURRENT
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    source_repo: str = ""
    worktree_base: Path = field(default_factory=lambda: settings.AUTOPACK_WORKTREE_BASE)
    is_cleaned: bool = True


def fleet_run(request: FleetRequest, display: Display) -> FleetReport:
    """Drive all runs of `request` and report. Raises FleetRefused before anything starts."""
    executor = _executor(request)
    admitted = _admit(request, executor)
    started = time.monotonic()
    fleet = Fleet(
        executor,
        display,
        max_concurrent=request.max_concurrent,
        timeout_seconds=request.timeout_seconds,
    )
    try:
        with Interrupts(fleet.request_stop):
            results = fleet.go(admitted.run_ids, admitted.done)
    finally:
        display.close()
    if request.is_cleaned and any(result.outcome is Outcome.CRASHED for result in results):
        _clean(request.worktree_base)
    return fleet_report(request.executor, executor, results, time.monotonic() - started)


def _executor(request: FleetRequest) -> Executor:
    if request.executor == "mock":
        from runs.fleet.mock import MockExecutor

        return MockExecutor()
    if request.executor == "cli":
        from runs.fleet.executors import CliExecutor

        wall = request.timeout_seconds + CLEAN_END_SECONDS + _SLACK_SECONDS
        return CliExecutor(wall, request.worktree_base)
    from runs.fleet.api_executor import ApiExecutor
    from runs.fleet.remote import Remote

    remote = Remote(settings.AUTOPACK_API_URL, settings.AUTOPACK_API_KEY)
    return ApiExecutor(remote, settings.AUTOPACK_API_POLL_SECONDS)


def _clean(worktree_base: Path) -> None:
    from runs.execution.pruning import worktrees_prune

    if worktree_base == settings.AUTOPACK_WORKTREE_BASE:  # the one that is looked at there
        worktrees_prune(is_dry_run=False, keep_days=settings.AUTOPACK_RETENTION_DAYS, collect=False)


def _admit(request: FleetRequest, executor: Executor) -> Admitted:
    if request.executor == "mock":
        return Admitted(request.run_ids)
    if isinstance(executor, RemoteRuns):
        return executor.admit(request.run_ids, request.source_repo)
    return fleet_admit(request.run_ids, source_repo=request.source_repo)


def fleet_report(
    name: str, executor: Executor, results: Sequence[JobResult], seconds: float
) -> FleetReport:
    facts = _facts(name, executor, [result.run_id for result in results])
    return FleetReport(
        executor=name,
        generated_at=timezone.now().isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        is_simulated=name == "mock",
        runs=tuple(
            RunReport(
                run=facts.get(result.run_id) or RunFacts(result.run_id, ""),
                outcome=result.outcome.value,
                is_good=result.is_good,
                message=result.explanation,
                output=result.output,
                job_seconds=result.seconds,
            )
            for result in results
        ),
    )


def _facts(name: str, executor: Executor, run_ids: Sequence[str]) -> Mapping[str, RunFacts]:
    if isinstance(executor, RemoteRuns):
        return executor.facts(run_ids)
    if name == "mock":
        from runs.fleet.mock import simulated_run

        return {run_id: simulated_run(run_id) for run_id in run_ids}
    from runs.reports.build import runs_facts

    return runs_facts(run_ids)
