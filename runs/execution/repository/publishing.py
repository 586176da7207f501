"""Giving the project's repository the branch of a run: objects first, then the ref, by
compare-and-set. Nothing else of it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.execution.repository.git import NO_COMMIT, Git, GitFailed
from runs.execution.repository.large_files import large_files_give
from runs.execution.repository.sources import RepositoryProblem, Source
from runs.execution.troubles import without_password

if TYPE_CHECKING:
    from runs.execution.repository.mirrors import Mirror


def branch_publish(mirror: Mirror, branch: str, new: str, old: str, base: str) -> None:
    """Give the source its branch, from `old` ('' for none) to `new`, which stands on `base`.

    Raises RepositoryProblem, with everything kept in the mirror.
    """
    if mirror.is_lfs_ready:
        large_files_give(mirror, new, base)
    if mirror.source.is_local:
        _publish_local(mirror.source, mirror, branch, new, old, base)
    else:
        _publish_remote(mirror.source, mirror, branch, new, old)


def branch_withdraw(mirror: Mirror, branch: str, old: str) -> None:
    """Remove the source's branch, if it still is at `old`. Raises RepositoryProblem."""
    if mirror.source.is_local:
        _withdraw_local(mirror.source, branch, old)
    else:
        _publish_remote(mirror.source, mirror, branch, "", old)


def _publish_local(
    source: Source, mirror: Mirror, branch: str, new: str, old: str, base: str
) -> None:
    """Point `branch` of a local source from `old` ('' when it is not there) at `new`.

    Objects arrive first, as one pack; then the ref moves by compare-and-set. Raises
    RepositoryProblem when the branch is checked out, or is not where we left it.
    """
    target = source.git()
    # A branch that is to be made cannot be checked out anywhere; the move itself checks the rest.
    tip = source.branch_tip(branch) if old else None
    if tip and tip.commit == new:
        return
    if tip is None:
        old = ""  # deleted or renamed meanwhile: it is made anew
    if tip and tip.checked_out_at:
        raise RepositoryProblem(
            "branch_checked_out",
            f"{branch} is checked out in {tip.checked_out_at}; moving it would make the files "
            "there look changed. Check out another branch there, then retry the run.",
        )
    _copy_objects(mirror, target, new, base)
    if not mirror.move_in_source(f"refs/heads/{branch}", new, old or NO_COMMIT):
        _explain_refused_move(source, branch, new, old)


def _explain_refused_move(source: Source, branch: str, new: str, old: str) -> None:
    tip = source.branch_tip(branch)
    found = tip.commit if tip else ""
    if found == new:
        return  # another driver of the same run was here first
    if found == old:
        raise RepositoryProblem(
            "branch_refused",
            f"{branch} could not be moved in {source.shown}. Is a lock left there "
            f"(refs/heads/{branch}.lock), or a branch below that name? Remove it, then retry.",
        )
    raise RepositoryProblem(
        "branch_moved",
        f"{branch} is at {found[:12] or 'no commit'}, not at {old[:12] or 'no commit'} where "
        "this run left it: someone else has used it. Rename or delete it, then retry the "
        "run; the commits of both are kept.",
    )


def _withdraw_local(source: Source, branch: str, old: str) -> None:
    """Remove `branch` of a local source, which must be at `old` and checked out nowhere."""
    tip = source.branch_tip(branch)
    if tip is None:
        return
    if tip.checked_out_at or tip.commit != old:
        raise RepositoryProblem(
            "branch_moved",
            f"{branch} is at {tip.commit[:12]}"
            + (f" and checked out in {tip.checked_out_at}" if tip.checked_out_at else "")
            + f", not free at {old[:12]}; it is left as it is.",
        )
    source.git().call("update-ref", "-d", f"refs/heads/{branch}", old)


def _copy_objects(mirror: Mirror, target: Git, new: str, base: str) -> None:
    """Give `target` every object between `base` and `new`."""
    loose = target.git_dir / "objects" / base[:2] / base[2:]
    if not loose.exists() and target.call("cat-file", "-e", base, expected=(0, 1, 128)).returncode:
        raise RepositoryProblem(
            "base_gone",
            f"{target.git_dir} no longer has {base[:12]}, where this run started. Bring it back "
            f"with: git --git-dir={target.git_dir} fetch {mirror.path} "
            f"refs/autopack/*:refs/autopack/* and retry the run.",
        )
    mirror.objects.give(target.git_dir / "objects", new, base)


def _publish_remote(source: Source, mirror: Mirror, branch: str, new: str, old: str) -> None:
    """Push `new` ('' removes it) to `branch` of a remote source, where it must be at `old`."""
    name = f"refs/heads/{branch}"
    found = source.remote_names(name).get(name, "")
    if found == new:
        return
    if found and found != old:
        raise RepositoryProblem(
            "branch_moved",
            f"{branch} is at {found[:12]} on {source.shown}, where this run did not put it: "
            "someone else has used it. Rename or delete it, then retry the run; the commits of "
            "both are kept.",
        )
    try:
        # One that is gone meanwhile is made anew; the lease holds against the rest.
        mirror.git.call(
            "push", "--quiet", "--no-verify", f"--force-with-lease={name}:{found}",
            "--", source.location, f"{new}:{name}",
            contained=True, wall_seconds=3600.0,
        )  # fmt: skip
    except GitFailed as failure:
        raise RepositoryProblem(
            "push_refused",
            f"{source.shown} refused {branch}: {without_password(failure.stderr)}. The commits are "
            "kept here; put right what it complains of and retry the run.",
        ) from failure
