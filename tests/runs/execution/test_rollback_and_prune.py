"""Taking work back and giving disk back: neither loses what a person could want again."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from runs import services
from runs.execution.driver import Drive, run_drive
from runs.execution.pruning import Pruned, worktrees_prune
from runs.models import Run, StatusChange
from runs.querysets import phase_claim
from runs.rollback import run_rollback
from runs.serving import supervisor
from runs.states import PhaseState, RunState, Trigger
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.by_hand import opened
from tests.runs.execution.driving import drive, outcomes, phase_of
from tests.runs.execution.other_process import process
from tests.runs.execution.plans import add_line, phase, sh, write

if TYPE_CHECKING:
    from runs.execution.worktrees import Workspace
    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


def mirror_of(home: Path) -> GitRepository:
    (path,) = (home / "repositories").glob("*.git")
    return GitRepository(path)


def half_done(make_run: MakeRun, folder: Path, run_id: str = "first") -> Run:
    """A FAILED run: phases a and b are integrated, c fails until folder/mended exists."""
    run = make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), after=("a",)),
        phase("c", add_line(2), checks=[sh('test -e "$1"', folder / "mended")], after=("b",),
              limits={"max_attempts": 1}),
        run_id=run_id,
    )  # fmt: skip
    drive(run)
    assert run.state == RunState.FAILED
    return run


def states(run: Run) -> dict[str, str]:
    return {each.key: each.state for each in run.phases.order_by("position")}


# --- Rollback ---------------------------------------------------------------------------------


def test_the_last_phase_is_taken_back_and_the_run_can_go_on_from_there(
    make_run: MakeRun, repository: GitRepository, home: Path, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    left = run.head_commit
    before = snapshot(repository.folder)
    (taken,) = run_rollback(run, whole=False, trigger=Trigger.CLI)
    assert taken.key == "b"
    assert states(run)["a"] == PhaseState.COMPLETE
    assert states(run)["b"] == PhaseState.PENDING
    assert repository.subjects("autopack/first") == ["Phase a"]
    assert snapshot(repository.folder) == before
    kept = mirror_of(home).git("for-each-ref", "--contains", left, "refs/autopack/rolled-back")
    assert left in kept
    change = StatusChange.objects.filter(phase__key="b", to_state="PENDING").last()
    assert change is not None
    assert change.from_state == "COMPLETE"
    assert left[:12] in change.explanation

    (tmp_path / "mended").touch()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert outcomes(run) == {
        "a": ["succeeded"], "b": ["succeeded", "succeeded"], "c": ["failed", "succeeded"]
    }  # fmt: skip
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b", "Phase c"]


def test_a_whole_run_is_taken_back_and_can_be_done_again(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    run_rollback(run, whole=True, trigger=Trigger.CLI)
    assert run.head_commit == run.base_commit
    assert repository.tip("autopack/first") in ("", run.base_commit)
    (tmp_path / "mended").touch()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b", "Phase c"]


def test_heads_that_were_left_one_after_the_other_are_all_kept(
    make_run: MakeRun, home: Path, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    heads = []
    for _ in range(2):
        heads.append(run.head_commit)
        run_rollback(run, whole=False, trigger=Trigger.CLI)
    refs = mirror_of(home).git(
        "for-each-ref", "--format=%(objectname)", "refs/autopack/rolled-back"
    )
    assert set(refs.splitlines()) == set(heads)


def test_nothing_is_taken_back_while_a_phase_is_executed_or_when_there_is_nothing(
    make_run: MakeRun,
) -> None:
    from runs.execution.leases import worker_identity

    run = make_run(phase("a", add_line(0)))
    with pytest.raises(services.RunConflict, match="no integrated phase"):
        run_rollback(run, whole=True, trigger=Trigger.CLI)
    opened(run)
    assert phase_claim(phase_of(run, "a"), worker_identity(), lease_seconds=60)
    with pytest.raises(services.RunConflict, match="Cancel the run first"):
        run_rollback(run, whole=True, trigger=Trigger.CLI)


@pytest.mark.parametrize("obstacle", ["checked out", "moved"])
def test_a_branch_that_cannot_be_moved_back_is_found_before_anything_is_changed(
    obstacle: str, make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    if obstacle == "checked out":
        repository.git("checkout", "-q", "autopack/first")
    else:
        repository.git("branch", "-q", "-f", "autopack/first", "main")
    before = (
        Run.objects.values().get(pk=run.pk), states(run), repository.tip("autopack/first"),
        StatusChange.objects.count(), snapshot(repository.folder),
    )  # fmt: skip
    with pytest.raises(services.RunConflict, match="autopack/first"):
        run_rollback(run, whole=False, trigger=Trigger.CLI)
    assert before == (
        Run.objects.values().get(pk=run.pk), states(run), repository.tip("autopack/first"),
        StatusChange.objects.count(), snapshot(repository.folder),
    )  # fmt: skip


def test_a_rollback_of_a_run_whose_branch_was_deleted_leaves_it_deleted_or_made_again(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    repository.git("branch", "-q", "-D", "autopack/first")
    run_rollback(run, whole=False, trigger=Trigger.CLI)
    assert repository.tip("autopack/first") in ("", run.head_commit)
    assert states(run)["b"] == PhaseState.PENDING


# --- Pruning ----------------------------------------------------------------------------------


def prune(**options: object) -> Pruned:
    chosen = {"is_dry_run": False, "keep_days": 30, "collect": True, **options}
    return worktrees_prune(**chosen)  # type: ignore[arg-type]  # a test's own options


def trees(folder: Path) -> list[Path]:
    return sorted(folder.glob("worktrees/*/*/w*/tree"))


def long_ago(run: Run, home: Path) -> None:
    """Have a run ended 100 days ago, and everything in the mirror be as old."""
    Run.objects.filter(pk=run.pk).update(ended_at=timezone.now() - timedelta(days=100))
    old = time.time() - 100 * 86_400
    for path in (home / "repositories").rglob("*"):
        if path.is_file():
            os.utime(path, (old, old))


def test_idle_worktrees_go_and_the_next_run_makes_new_ones(
    make_run: MakeRun, repository: GitRepository, home: Path, tmp_path: Path
) -> None:
    drive(make_run(phase("a", add_line(0))))
    before = snapshot(repository.folder)
    (tree,) = trees(tmp_path)
    pruned = prune()
    assert pruned.worktrees == [tree]
    assert pruned.freed_bytes > 0
    assert trees(tmp_path) == []
    assert mirror_of(home).git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert snapshot(repository.folder) == before
    second = make_run(phase("a", add_line(0)), run_id="second")
    drive(second)
    assert second.state == RunState.SUCCEEDED


def test_a_dry_run_says_what_would_go_and_removes_nothing(
    make_run: MakeRun, home: Path, tmp_path: Path
) -> None:
    run = make_run(phase("a", add_line(0)))
    drive(run)
    long_ago(run, home)
    refs = mirror_of(home).git("for-each-ref")
    pruned = prune(is_dry_run=True)
    assert pruned.worktrees == trees(tmp_path) != []
    assert pruned.refs == 1
    assert mirror_of(home).git("for-each-ref") == refs


def test_a_worktree_in_use_is_passed_over(make_run: MakeRun, home: Path, tmp_path: Path) -> None:
    from runs.execution.repository.mirrors import mirror_open
    from runs.execution.repository.sources import source_open
    from runs.execution.worktrees import workspace_acquire

    run = make_run(phase("a", add_line(0)))
    drive(run)
    mirror = mirror_open(run.project.name, source_open(run.project.source))
    held: Workspace = workspace_acquire(mirror, run.base_commit)
    assert prune().in_use == 1
    assert trees(tmp_path) == [held.tree]
    assert (held.tree / "f0.txt").exists()
    held.release()
    assert prune().worktrees == [held.tree]
    assert home.exists()


LEAVE = """
import sys, time
import django
django.setup()
from runs.execution.repository.mirrors import mirror_open
from runs.execution.repository.sources import source_open
from runs.execution.worktrees import workspace_acquire
workspace = workspace_acquire(mirror_open(sys.argv[1], source_open(sys.argv[2])), sys.argv[3])
(workspace.tree / "work.txt").write_text("uncommitted")
print("there", flush=True)
time.sleep(60)
"""


def test_what_a_killed_worker_left_is_kept_before_its_worktree_goes(
    make_run: MakeRun, home: Path, tmp_path: Path
) -> None:
    run = make_run(phase("a", add_line(0)))
    drive(run)
    worker = process(LEAVE, run.project.name, run.project.source, run.base_commit)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "there\n"
    worker.kill()
    worker.communicate()
    (kept,) = prune().rescued
    assert trees(tmp_path) == []
    assert mirror_of(home).git("show", f"{kept}:work.txt") == "uncommitted"
    prune()
    assert mirror_of(home).git("show", f"{kept}:work.txt") == "uncommitted", "nor later"


def attempt_refs(home: Path) -> set[str]:
    listing = mirror_of(home).git("for-each-ref", "--format=%(refname)", "refs/autopack/attempts/")
    return {name.removeprefix("refs/autopack/attempts/") for name in listing.splitlines()}


def test_the_ends_of_attempts_go_when_their_run_ended_long_ago_and_not_before(
    make_run: MakeRun, home: Path
) -> None:
    old = make_run(
        phase("a", write("x.txt", "1\n", attempts=[1]), write("x.txt", "2\n", attempts=[2]),
              checks=["grep -qx 2 x.txt"]),
        run_id="old",
    )  # fmt: skip
    drive(old)
    drive(make_run(phase("a", add_line(0)), run_id="young"))
    long_ago(old, home)
    assert attempt_refs(home) == {"old/a/1", "old/a/2", "young/a/1"}
    pruned = prune()
    assert attempt_refs(home) == {"young/a/1"}
    assert pruned.refs == 2


def test_a_run_that_could_still_be_retried_goes_on_after_all_was_pruned(
    make_run: MakeRun, repository: GitRepository, home: Path, tmp_path: Path
) -> None:
    run = half_done(make_run, tmp_path)
    long_ago(run, home)
    prune(keep_days=0)
    (tmp_path / "mended").touch()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b", "Phase c"]


def test_work_that_could_not_be_delivered_is_kept_however_old_it_is(
    make_run: MakeRun, repository: GitRepository, home: Path, tmp_path: Path
) -> None:
    run = make_run(
        phase("a", add_line(0), checks=[sh('cp -r "$1" "$2"', *_in_the_way(repository))])
    )
    drive(run)
    assert run.state == RunState.FAILED, "the branch could not be made"
    long_ago(run, home)
    prune(keep_days=0)
    assert mirror_of(home).git("cat-file", "-t", run.head_commit) == "commit"
    repository.git("branch", "-D", "-q", "autopack/first")
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.subjects("autopack/first") == ["Phase a"]
    assert tmp_path.exists()


def _in_the_way(repository: GitRepository) -> tuple[Path, Path]:
    """What to copy where so that a branch of the run's name appears while it works."""
    (repository.folder / ".git/refs/heads/autopack").mkdir()
    heads = repository.folder / ".git/refs/heads"
    return heads / "main", heads / "autopack/first"


def test_pruning_while_runs_are_executed_disturbs_none_of_them(
    make_run: MakeRun, repository: GitRepository
) -> None:
    runs = [
        make_run(
            *(phase(f"p{n}", add_line(n), after=(f"p{n - 1}",) if n else ()) for n in range(4)),
            run_id=f"run-{number}",
        )
        for number in range(4)
    ]
    faults: list[BaseException] = []

    def work(run: Run) -> None:
        try:
            run_drive(Drive(run=run))
        except BaseException as fault:  # noqa: BLE001 -- handed to the test's own thread
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            prune(keep_days=0)
    finally:
        for thread in threads:
            thread.join()
    assert not faults, faults
    for run in runs:
        run.refresh_from_db()
        assert run.state == RunState.SUCCEEDED, run.explanation
        assert len(repository.subjects(run.branch)) == 4


def test_pruning_needs_no_source(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    drive(make_run(phase("a", add_line(0))))
    repository.folder.rename(tmp_path / "moved")
    assert len(prune().worktrees) == 1


def test_pruning_a_home_without_a_repository_is_nothing(home: Path, make_run: MakeRun) -> None:
    del make_run
    assert prune() == Pruned()
    assert not (home / "repositories").exists() or not list((home / "repositories").iterdir())


def test_what_a_server_prunes_by_itself_leaves_the_warm_worktrees(
    make_run: MakeRun, home: Path
) -> None:
    run = make_run(phase("a", add_line(0)))
    drive(run)
    Run.objects.filter(pk=run.pk).update(ended_at=timezone.now() - timedelta(days=400))
    slots = sorted(Path(settings.AUTOPACK_WORKTREE_BASE).rglob("w*/tree"))
    assert slots
    supervisor._prune()
    assert all(slot.is_dir() for slot in slots)
    assert mirror_of(home).git("for-each-ref", "refs/autopack/attempts/") == ""
