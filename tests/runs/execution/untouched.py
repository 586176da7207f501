"""The promise to the user: every byte of their repository is as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.states import FailureKind, RunState
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.driving import drive, outcomes

if TYPE_CHECKING:
    from runs.models import Run


def refs(repository: GitRepository) -> dict[str, str]:
    """All refs but those of runs."""
    listing = repository.git("for-each-ref", "--format=%(refname) %(objectname)")
    pairs = (line.split(" ") for line in listing.splitlines())
    return {name: commit for name, commit in pairs if not name.startswith("refs/heads/autopack/")}


def assert_untouched_by(run: Run, repository: GitRepository) -> None:
    """Drive `run` to its success, which leaves every byte of the user's as it was."""
    before = (snapshot(repository.folder), refs(repository))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    after = (snapshot(repository.folder), refs(repository))
    assert after[0].keys() == before[0].keys()
    assert after == before
    assert repository.tip(run.branch) == run.head_commit
    fsck = ("-c", "core.fsmonitor=false", "fsck", "--strict", "--no-dangling")
    assert repository.git(*fsck) == ""


def refused_before_anything(run: Run, repository: GitRepository, *said: str) -> None:
    before = (snapshot(repository.folder), refs(repository))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert (snapshot(repository.folder), refs(repository)) == before
    for each in said:
        assert each in run.explanation
    assert outcomes(run) == {"a": []}, "no attempt was made"
