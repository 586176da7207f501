"""Changing the candidate: what a mitigation does to the tree is committed and governed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.execution import stages
from runs.execution.mitigations.types import NotPossible
from runs.execution.repository.git import GitFailed
from runs.execution.repository.worktree_state import forget_git_state
from runs.execution.trial import AttemptFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.execution.trial import Trial
    from runs.execution.worktrees import Workspace


def tree_restore(workspace: Workspace, commit: str) -> None:
    """Make the tracked files and the index those of `commit`, whatever commands did to them; what
    is untracked (installed packages, placed files) stays. Raises GitFailed."""
    if workspace.tampered:
        forget_git_state(workspace.git.git_dir)
        workspace.point_head(commit)
        workspace.tampered = False
    workspace.switch(commit)


def candidate_change(
    trial: Trial, change: Callable[[], None], *, makes: tuple[str, ...] = ()
) -> Callable[[], None]:
    """Let `change` put something into the index of a clean candidate, commit it in the candidate's
    place, and govern that. Returns the undo. `makes` are paths that are ours to change although
    the phase's scope does not name them.

    Raises NotPossible, with nothing changed, when nothing came of it or governance refuses it.
    """
    before, placed = trial.commit, trial.placed_paths
    workspace = trial.bench.workspace

    def undo() -> None:
        trial.placed_paths = placed
        candidate_set(trial, before)

    trial.placed_paths = (*placed, *makes)
    tree_restore(workspace, before)
    try:
        change()
        trial.commit = stages.commit_candidate(trial)
        _refuse_nothing(trial, before)
        stages.diff_judge(trial)
    except NotPossible:
        undo()
        raise
    except (GitFailed, OSError) as error:
        undo()
        raise NotPossible(f"It could not be done: {error}") from error
    except AttemptFailed as refused:
        undo()
        raise NotPossible(f"Governance refuses it: {refused.explanation}") from refused
    # The index is the new candidate's, and so are the tracked files.
    workspace.pristine = False
    return undo


def candidate_set(trial: Trial, commit: str) -> None:
    """Make `commit` the candidate (again), in the tree too."""
    trial.commit = commit
    tree_restore(trial.bench.workspace, commit)
    reference = f"refs/autopack/attempts/{trial.session.run.run_id}/{trial.phase.key}"
    trial.bench.workspace.keep(f"{reference}/{trial.attempt.number}", commit)
    try:
        stages.diff_judge(trial)
    except AttemptFailed:
        # It is the candidate that governance refused before: the verdict says so again.
        return


def _refuse_nothing(trial: Trial, before: str) -> None:
    if _tree(trial, trial.commit) == _tree(trial, before):
        raise NotPossible("It would change nothing.")


def _tree(trial: Trial, commit: str) -> str:
    return trial.session.mirror.git.text("rev-parse", f"{commit}^{{tree}}")
