"""Before a run starts: its repository, its branch and its base are looked at, and said if wrong."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from django.conf import settings

from runs import dispatching, services
from runs.execution import troubles
from runs.execution.engine import MACHINERY
from runs.execution.repository.git import GitMissing
from runs.execution.repository.sources import RepositoryProblem
from runs.execution.sandbox import SandboxUnavailable
from runs.execution.session import Session, session_open
from runs.querysets import run_refresh, run_start
from runs.states import FailureKind, OverlapPolicy, PhaseState, RunState

if TYPE_CHECKING:
    from runs.models import Run

logger = logging.getLogger(__name__)

# Their messages are made for people.
SAID_WELL = (RepositoryProblem, GitMissing, SandboxUnavailable)


def run_open(run: Run) -> Session | None:
    """Make ready to drive `run`; None when it had to be failed or waits for another run, with an
    explanation that helps."""
    try:
        session = session_open(run)
        base = _base(session, run)
        session.mirror.fetch(base, run.project.base_ref)
        if run.head_commit and not session.mirror.has(run.head_commit):
            # What it had integrated may be in the project's repository only by now.
            session.mirror.fetch(run.head_commit, run.branch)
        _check_lfs(session, base)
    except (*SAID_WELL, *MACHINERY) as problem:
        said = str(problem) if isinstance(problem, SAID_WELL) else troubles.explain(problem)
        logger.warning("The run cannot start: %s", said)
        services.run_stop(
            run, RunState.FAILED, PhaseState.SKIPPED,
            explanation=said, failure_kind=_kind(run, problem),
        )  # fmt: skip
        return None
    if run.project.overlapping_runs == OverlapPolicy.WAIT.value and not run.base_commit:
        held = run_start(run, base, held_by=lambda: _overlap(run))
    else:
        held = run_start(run, base, note=_overlap(run))
    return None if held else session


def _overlap(run: Run) -> str:
    others = dispatching.overlapping(run)
    return dispatching.overlap_sentence(run, others) if others else ""


def _kind(run: Run, problem: Exception) -> FailureKind:
    """A branch of this run that somebody else uses is a conflict; the rest is where we are."""
    is_ours = isinstance(problem, RepositoryProblem) and problem.code.startswith("branch_")
    return FailureKind.CONFLICT if is_ours and run.published_commit else FailureKind.ENVIRONMENT


def _base(session: Session, run: Run) -> str:
    source = session.mirror.source
    now = session.mirror.source_start(run.project.base_ref, run.branch)
    if not _is_ours(now.branch_tip, run):
        # Another worker may have put it there since we read the row.
        run_refresh(run)
    if not _is_ours(now.branch_tip, run):
        raise RepositoryProblem(
            "branch_exists",
            f"{source.shown} has a branch {run.branch} already, at {now.branch_tip[:12]}, where "
            "this run did not put it. Delete or rename it, or create the run under another id.",
        )
    if now.branch_tip and source.is_local:
        checked_out = source.branch_tip(run.branch)
        if checked_out and checked_out.checked_out_at:
            raise RepositoryProblem(
                "branch_checked_out",
                f"{run.branch} is checked out in {checked_out.checked_out_at}; moving it would "
                "make the files there look changed. Check out another branch there, then retry.",
            )
    session.base_now = now.base
    if run.base_commit and run.base_commit != now.base:
        logger.warning(
            "The base has moved from %s to %s since this run started; it goes on from where it "
            "started.", run.base_commit[:12], now.base[:12],
        )  # fmt: skip
    return run.base_commit or now.base


def _is_ours(branch_tip: str, run: Run) -> bool:
    return branch_tip in ("", run.published_commit, run.head_commit)


def _check_lfs(session: Session, base: str) -> None:
    """A tree whose large files are pointers is not the project: they must be made real."""
    if session.mirror.is_lfs_ready or not session.mirror.wants_lfs(base):
        return
    if not shutil.which("git-lfs", path=settings.AUTOPACK_CHILD_ENVIRONMENT.get("PATH")):
        raise RepositoryProblem(
            "lfs_missing",
            f"{session.mirror.source.shown} keeps files in Git LFS, and git-lfs is not on PATH. "
            "Install it (Debian: apt install git-lfs; macOS: brew install git-lfs), then retry.",
        )
    session.mirror.enable_lfs()
