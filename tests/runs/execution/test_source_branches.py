"""The branch that a run leaves, and the commit it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.execution.opening import run_open
from runs.models import Run
from runs.states import FailureKind, RunState, Trigger
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.driving import drive, outcomes, phase_of
from tests.runs.execution.plans import add_line, phase, sh
from tests.runs.execution.untouched import assert_untouched_by, refused_before_anything

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


# --- The branch -------------------------------------------------------------------------------


def test_a_branch_of_the_runs_name_that_exists_is_found_before_anything(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("branch", "autopack/first")
    tip = repository.tip("autopack/first")
    run = make_run(phase("a", add_line(0)))
    refused_before_anything(run, repository, "autopack/first already", "Delete or rename it")
    assert repository.tip("autopack/first") == tip


def test_the_branch_being_checked_out_is_found_before_anything(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    repository.git("worktree", "add", "-q", "-b", "autopack/first", str(tmp_path / "theirs"))
    run = make_run(phase("a", add_line(0)))
    refused_before_anything(run, repository, "autopack/first already", "Delete or rename it")


def test_the_branch_being_checked_out_unborn_is_found_before_anything(
    make_run: MakeRun, repository: GitRepository
) -> None:
    # An orphan branch exists in HEAD alone: creating it would make the checkout look all changed.
    repository.git("checkout", "-q", "--orphan", "autopack/first")
    project = services.project_create(name="orphan", source=str(repository.folder), base_ref="main")
    run = make_run(phase("a", add_line(0)), project=project)
    refused_before_anything(run, repository, "autopack/first")


def test_a_branch_called_autopack_leaves_no_room_and_is_found_before_anything(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("branch", "autopack")
    run = make_run(phase("a", add_line(0)))
    refused_before_anything(run, repository, "git branch -m autopack autopack-old")


def test_a_branch_below_the_runs_name_leaves_no_room_and_is_found_before_anything(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("branch", "autopack/first/deeper")
    run = make_run(phase("a", add_line(0)))
    refused_before_anything(run, repository, "autopack/first/deeper")


def half_done(make_run: MakeRun, tmp_path: Path) -> Run:
    """A run whose phase a is published and whose phase b fails until tmp_path/mended exists."""
    check = sh('test -e "$1"', tmp_path / "mended")
    run = make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), checks=[check], after=("a",), limits={"max_attempts": 1}),
    )
    drive(run)
    assert run.state == RunState.FAILED
    assert run.published_commit == phase_of(run, "a").commit
    (tmp_path / "mended").touch()
    services.run_retry(run, trigger=Trigger.CLI)
    return run


def test_a_branch_that_the_user_went_on_with_is_not_moved(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    theirs = repository.git("commit-tree", "-p", "autopack/first", "-m", "mine", "main^{tree}")
    repository.git("branch", "-f", "autopack/first", theirs)
    drive(run)
    assert run.state == RunState.FAILED
    assert "where this run did not put it" in run.explanation
    assert repository.tip("autopack/first") == theirs
    assert outcomes(run) == {"a": ["succeeded"], "b": ["failed"]}, "found before any more work"


def test_a_branch_that_the_user_moves_while_the_run_works_is_not_moved_back(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    git = ["git", "-C", repository.folder, "update-ref", "refs/heads/autopack/first", "main"]
    meddle = sh('exec "$@"', *git)
    spec = phase_of(run, "b").spec
    run.phases.filter(key="b").update(spec={**spec, "validation_commands": [meddle]})
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.CONFLICT)
    assert "someone else has used it" in run.explanation
    assert repository.tip("autopack/first") == repository.tip("main")
    assert phase_of(run, "b").state == "COMPLETE", "the work is done and kept"


@pytest.mark.parametrize("way_out", [["branch", "-m", "autopack/first", "mine"],
                                     ["branch", "-q", "-D", "autopack/first"]])  # fmt: skip
def test_a_branch_that_was_renamed_or_deleted_as_advised_is_made_again_by_a_retry(
    way_out: list[str], make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    theirs = repository.git("commit-tree", "-p", "autopack/first", "-m", "mine", "main^{tree}")
    repository.git("branch", "-f", "autopack/first", theirs)
    drive(run)
    repository.git(*way_out)
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]


def test_a_branch_that_the_user_has_checked_out_since_is_not_moved_under_them(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    tip = repository.tip("autopack/first")
    repository.git("checkout", "-q", "autopack/first")
    before = snapshot(repository.folder)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.CONFLICT)
    assert "Check out another branch there" in run.explanation
    assert (repository.tip("autopack/first"), snapshot(repository.folder)) == (tip, before)

    repository.git("checkout", "-q", "main")
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]


def test_a_base_that_has_moved_since_does_not_move_a_run_that_has_started(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    base = run.base_commit
    moved = repository.commit("moved on", f3__txt="moved\n")
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert run.base_commit == base != moved
    assert repository.git("merge-base", "main", "autopack/first") == base
    assert repository.show("autopack/first", "f3.txt") == "line 3"


def test_a_new_run_starts_from_where_the_repository_is_now(
    make_run: MakeRun, repository: GitRepository
) -> None:
    drive(make_run(phase("a", add_line(0))))
    moved = repository.commit("moved on", f3__txt="moved\n")
    second = make_run(phase("a", add_line(0)), run_id="second")
    assert_untouched_by(second, repository)
    assert second.base_commit == moved


def test_a_project_may_name_the_branch_tag_or_commit_that_its_runs_start_from(
    make_run: MakeRun, repository: GitRepository
) -> None:
    old = repository.head
    repository.git("tag", "-a", "-m", "annotated", "v1")
    repository.git("branch", "old")
    repository.commit("newer", f3__txt="newer\n")
    for number, ref in enumerate(("v1", "old", old, "main~1")):
        project = services.project_create(
            name=f"p{number}", source=str(repository.folder), base_ref=ref
        )
        run = make_run(phase("a", add_line(0)), project=project, run_id=f"run{number}")
        drive(run)
        assert (run.state, run.base_commit) == (RunState.SUCCEEDED, old), (ref, run.explanation)


def test_a_run_may_start_from_the_branch_of_another_run(
    make_run: MakeRun, repository: GitRepository
) -> None:
    # Made by another Autopack, say, whose objects are not ours.
    tip = repository.git("commit-tree", "-p", "main", "-m", "theirs", "main^{tree}")
    repository.git("branch", "autopack/theirs", tip)
    project = services.project_create(
        name="on-top", source=str(repository.folder), base_ref="autopack/theirs"
    )
    run = make_run(phase("a", add_line(0)), project=project)
    assert_untouched_by(run, repository)
    assert repository.git("rev-parse", "autopack/first^") == tip


def test_a_base_that_the_user_has_thrown_away_meanwhile_is_said_with_the_way_back(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit("to be amended", f3__txt="amended\n")
    throw_away = (
        'export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; cd "$1"; '
        "git commit -q --amend -m amended && git reflog expire --expire=now --all && "
        "git gc -q --prune=now"
    )
    run = make_run(phase("a", add_line(0), checks=[sh(throw_away, repository.folder)]))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.CONFLICT)
    assert repository.tip("autopack/first") == ""
    way_back = run.explanation.partition("with: ")[2].partition(" and retry")[0].split()
    assert way_back[:1] == ["git"], run.explanation
    repository.git(*way_back[1:])
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.git("fsck", "--strict", "--no-dangling") == ""
    assert repository.git("rev-parse", "autopack/first^") == run.base_commit


def test_a_base_that_moves_while_the_run_goes_on_is_said_at_its_end(
    make_run: MakeRun, repository: GitRepository
) -> None:
    start = repository.tip("main")
    checkout, other = repository.folder, "main-moves.txt"
    moves = sh(
        'git -C "$1" -c user.name=a -c user.email=a@b commit -q --allow-empty -m "$2"',
        checkout,
        other,
    )
    run = make_run(phase("a", add_line(0), validation_commands=[moves]))
    drive(run)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert f"moved meanwhile, from {start[:12]} to {repository.tip('main')[:12]}" in run.explanation


def test_a_base_that_stays_is_not_spoken_of(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    drive(run)
    run.refresh_from_db()
    assert "moved" not in run.explanation


def test_a_branch_that_another_worker_has_just_published_is_the_runs_own(
    make_run: MakeRun,
) -> None:
    run = make_run(phase("a", add_line(0)))
    # What a worker knows that read the row before the other one drove the run to its end.
    stale = Run.objects.select_related("project").get(pk=run.pk)
    drive(run)
    assert run_open(stale) is not None
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
