"""The bare repository that we keep of a source: fetched into, never in the way, safe to share."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from runs import services
from runs.execution.repository import mirrors
from runs.execution.repository.coprocess import CoprocessFailed
from runs.execution.repository.mirrors import Mirror, mirror_open
from runs.execution.repository.sources import RepositoryProblem, source_open
from runs.states import FailureKind, RunState, Trigger
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.driving import drive, outcomes
from tests.runs.execution.other_process import process
from tests.runs.execution.plans import add_line, phase, sh

if TYPE_CHECKING:
    from runs.models import Run
    from tests.conftest import MakeRun


def open_mirror(repository: GitRepository, name: str = "demo") -> Mirror:
    return mirror_open(name, source_open(str(repository.folder)))


@pytest.fixture
def mirror(home: Path, repository: GitRepository) -> Mirror:
    del home
    return open_mirror(repository)


# --- Fetching ---------------------------------------------------------------------------------


def test_a_fetched_commit_is_there_and_the_source_is_as_it_was(
    mirror: Mirror, repository: GitRepository
) -> None:
    repository.git("tag", "v1")
    before = snapshot(repository.folder)
    assert not mirror.has(repository.head)
    mirror.fetch(repository.head, "")
    assert mirror.has(repository.head)
    assert snapshot(repository.folder) == before


def test_fetching_leaves_what_runs_made_alone(mirror: Mirror, repository: GitRepository) -> None:
    mirror.fetch(repository.head, "")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    ours = mirror.git.text("commit-tree", "-p", repository.head, "-m", "ours", tree)
    mirror.keep({"refs/autopack/attempts/first/a/1": ours})
    repository.git("branch", "-q", "gone")
    mirror.fetch(repository.commit("newer"), "")
    repository.git("branch", "-q", "-D", "gone")
    mirror.fetch(repository.commit("newest"), "")
    assert mirror.git.text("rev-parse", "refs/autopack/attempts/first/a/1") == ours


def test_a_branch_that_became_a_folder_of_branches_does_not_stop_the_fetching(
    mirror: Mirror, repository: GitRepository
) -> None:
    repository.git("branch", "topic")
    mirror.fetch(repository.head, "")
    repository.git("branch", "-D", "-q", "topic")
    repository.git("branch", "topic/one")
    newer = repository.commit("newer")
    mirror.fetch(newer, "")
    assert mirror.has(newer)


def test_a_tag_that_was_moved_does_not_stop_the_fetching(
    mirror: Mirror, repository: GitRepository
) -> None:
    repository.git("tag", "v1")
    mirror.fetch(repository.head, "")
    newer = repository.commit("newer")
    repository.git("tag", "-f", "v1")
    mirror.fetch(newer, "v1")
    assert mirror.has(newer)


def test_a_commit_that_nobody_has_is_refused_with_what_to_do(mirror: Mirror) -> None:
    with pytest.raises(RepositoryProblem) as problem:
        mirror.fetch("1" * 40, "")
    assert problem.value.code in ("commit_gone", "fetch_failed")
    assert "1" * 12 in str(problem.value)


@pytest.mark.parametrize("name", ["x" * 40, "HEAD", "--all", "refs/heads/main", "\n", ""])
def test_what_is_no_commit_is_not_there(name: str, mirror: Mirror) -> None:
    with contextlib.suppress(ValueError, CoprocessFailed):  # refused is as good
        assert not mirror.has(name)
    assert not mirror.has("2" * 40), "and the next question is answered"


def test_a_fetch_that_was_cut_off_is_done_again(mirror: Mirror, repository: GitRepository) -> None:
    # What a kill leaves of it: the commit is written first, its files are not there yet.
    commit = repository.head
    loose = Path("objects", commit[:2], commit[2:])
    (mirror.path / loose).parent.mkdir(exist_ok=True)
    shutil.copy(repository.folder / ".git" / loose, mirror.path / loose)
    mirror.fetch(commit, "")
    mirror.git.call("rev-list", "--objects", "--quiet", commit)
    assert mirror.git.text("show", f"{commit}:f0.txt") == "line 0"


# --- Keeping ----------------------------------------------------------------------------------


def test_refs_are_kept_all_or_none(mirror: Mirror, repository: GitRepository) -> None:
    mirror.fetch(repository.head, "")
    good = {f"refs/autopack/attempts/r/p/{n}": repository.head for n in range(5)}
    mirror.keep(good)
    assert len(mirror.git.text("for-each-ref", "refs/autopack/attempts").splitlines()) == 5
    with pytest.raises(Exception):  # noqa: B017, PT011 -- which one is the backend's affair
        mirror.keep({"refs/autopack/new": repository.head, "refs/autopack/attempts/r": "3" * 40})
    assert not mirror.git.text("for-each-ref", "refs/autopack/new")
    mirror.keep({"refs/autopack/after": repository.head})
    assert mirror.git.text("rev-parse", "refs/autopack/after") == repository.head


def test_keeping_nothing_is_nothing(mirror: Mirror) -> None:
    mirror.keep({})


def test_the_diff_of_a_commit_is_what_git_says(mirror: Mirror, repository: GitRepository) -> None:
    commit = repository.commit("change", f0__txt="changed\n", new__txt="new\n")
    mirror.fetch(commit, "")
    raw = mirror.diff(commit)
    assert b"+changed\n" in raw
    assert b"b/new.txt" in raw
    empty = repository.commit("empty")
    mirror.fetch(empty, "")
    assert mirror.diff(empty) == b""


def test_a_helper_that_was_killed_is_replaced_by_a_new_one(
    mirror: Mirror, repository: GitRepository
) -> None:
    mirror.fetch(repository.head, "")
    mirror.diff(repository.head)
    mirror.keep({"refs/autopack/x": repository.head})
    for child in psutil.Process().children(recursive=True):
        if child.name() == "git" and str(mirror.path) in child.cwd():
            child.kill()
            child.wait(10)
    # The question that finds it dead may fail; the next one may not.
    with contextlib.suppress(CoprocessFailed):
        mirror.has(repository.head)
    assert mirror.has(repository.head)
    with contextlib.suppress(CoprocessFailed):
        mirror.diff(repository.head)
    assert b"line 0" in mirror.diff(repository.head)
    with contextlib.suppress(CoprocessFailed):
        mirror.keep({"refs/autopack/y": repository.head})
    mirror.keep({"refs/autopack/y": repository.head})
    assert mirror.git.text("rev-parse", "refs/autopack/y") == repository.head


def test_many_threads_ask_one_mirror_and_get_their_own_answers(
    mirror: Mirror, repository: GitRepository
) -> None:
    commits = [repository.commit(f"c{n}", f0__txt=f"content {n}\n") for n in range(6)]
    mirror.fetch(commits[-1], "")
    faults: list[object] = []

    def ask(number: int) -> None:
        try:
            for _ in range(10):
                assert f"+content {number}\n".encode() in mirror.diff(commits[number])
                assert mirror.has(commits[number])
                assert not mirror.has(f"{number}" * 40)
                mirror.keep({f"refs/autopack/t/{number}": commits[number]})
        except BaseException as fault:  # noqa: BLE001 -- handed to the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults, faults


# --- Merging ----------------------------------------------------------------------------------


def test_a_merge_touches_no_ref_and_no_worktree(mirror: Mirror, repository: GitRepository) -> None:
    base = repository.head
    mine = repository.commit("mine", f0__txt="mine\n")
    repository.git("checkout", "-q", "--detach", base)
    yours = repository.commit("yours", f1__txt="yours\n")
    repository.git("branch", "yours")
    mirror.fetch(yours, "")
    mirror.fetch(mine, "")
    refs = mirror.git.text("for-each-ref")
    merged, conflicts = mirror.merge(mine, yours, "merged\n")
    assert conflicts == ()
    assert mirror.git.text("rev-parse", f"{merged}^@") == mine, "one parent: a line of commits"
    assert mirror.git.text("show", f"{merged}:f0.txt") == "mine"
    assert mirror.git.text("show", f"{merged}:f1.txt") == "yours"
    assert mirror.git.text("for-each-ref") == refs


# --- Whose it is ------------------------------------------------------------------------------


def test_projects_with_one_name_in_turn_do_not_share_a_mirror(
    home: Path, repository: GitRepository, tmp_path: Path
) -> None:
    del home
    other = GitRepository.create(tmp_path / "other", x__txt="x\n")
    first, second = open_mirror(repository, "Same"), open_mirror(other, "same")
    assert first.path != second.path
    second.fetch(other.head, "")
    assert not first.has(other.head)


OPEN = """
import sys
import django
django.setup()
from runs.execution.repository.mirrors import mirror_open
from runs.execution.repository.sources import source_open
mirror = mirror_open("demo", source_open(sys.argv[1]))
mirror.fetch(sys.argv[2], "")
print(mirror.has(sys.argv[2]))
"""


def test_processes_that_open_a_mirror_for_the_first_time_at_once_all_get_it(
    home: Path, repository: GitRepository
) -> None:
    workers = [process(OPEN, repository.folder, repository.head) for _ in range(4)]
    for worker in workers:
        out, err = worker.communicate(timeout=60)
        assert (worker.returncode, out.strip()) == (0, "True"), err
    assert len(list((home / "repositories").glob("*.git"))) == 1


def test_a_mirror_whose_making_was_cut_off_is_made_again(
    home: Path, repository: GitRepository
) -> None:
    mirror = open_mirror(repository)
    path = mirror.path
    mirror.close()
    mirrors._open.cache_clear()
    shutil.rmtree(path)
    (path / "objects").mkdir(parents=True)
    (path / "HEAD").touch()  # as a power cut leaves a file
    again = open_mirror(repository)
    again.fetch(repository.head, "")
    assert again.has(repository.head)
    assert again.path.is_relative_to(home)


# --- A source that is a URL -------------------------------------------------------------------


@pytest.fixture
def origin(repository: GitRepository, tmp_path: Path) -> GitRepository:
    """A bare repository as one has on a server; `repository` is what it was cloned from."""
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "origin.git"))
    return GitRepository(tmp_path / "origin.git")


def remote_run(make_run: MakeRun, origin: GitRepository, tmp_path: Path, **more: object) -> Run:
    """A run whose phase b fails until tmp_path/mended exists, on a project that is a URL."""
    project = services.project_create(name="far", source=origin.folder.as_uri(), **more)
    return make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), checks=[sh('test -e "$1"', tmp_path / "mended")], after=("a",),
              limits={"max_attempts": 1}),
        project=project,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_runs_branch_is_pushed_to_a_url(
    make_run: MakeRun, origin: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "mended").touch()
    refs = origin.git("for-each-ref", "refs/heads/main")
    run = remote_run(make_run, origin, tmp_path)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert origin.tip("autopack/first") == run.head_commit
    assert origin.subjects("autopack/first") == ["Phase a", "Phase b"]
    assert origin.git("for-each-ref", "refs/heads/main") == refs


@pytest.mark.django_db(transaction=True)
def test_a_branch_on_the_server_that_someone_else_moved_is_not_overwritten(
    make_run: MakeRun, origin: GitRepository, tmp_path: Path
) -> None:
    run = remote_run(make_run, origin, tmp_path)
    drive(run)
    assert run.state == RunState.FAILED
    assert origin.subjects("autopack/first") == ["Phase a"]
    theirs = origin.git("commit-tree", "-p", "autopack/first", "-m", "theirs", "main^{tree}")
    origin.git("update-ref", "refs/heads/autopack/first", theirs)
    (tmp_path / "mended").touch()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.FAILED
    assert origin.tip("autopack/first") == theirs
    assert "autopack/first" in run.explanation

    origin.git("update-ref", "-d", "refs/heads/autopack/first")
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert origin.subjects("autopack/first") == ["Phase a", "Phase b"]


@pytest.mark.django_db(transaction=True)
def test_a_branch_that_is_on_the_server_already_is_found_before_anything(
    make_run: MakeRun, origin: GitRepository, tmp_path: Path
) -> None:
    origin.git("update-ref", "refs/heads/autopack/first", "main")
    run = remote_run(make_run, origin, tmp_path)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert outcomes(run) == {"a": [], "b": []}
    assert "autopack/first" in run.explanation


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ref", ["main", "v1", "light"])
def test_a_run_on_a_url_starts_from_the_commit_that_a_branch_or_tag_names(
    ref: str, make_run: MakeRun, origin: GitRepository, tmp_path: Path
) -> None:
    person = ("-c", "user.name=a", "-c", "user.email=a@b")
    commit = origin.git("rev-parse", "main")
    origin.git(*person, "tag", "-a", "-m", "annotated", "v1")
    origin.git("tag", "light")
    (tmp_path / "mended").touch()
    run = remote_run(make_run, origin, tmp_path, base_ref=ref)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert run.base_commit == commit


@pytest.mark.django_db(transaction=True)
def test_a_url_that_cannot_be_read_fails_the_run_with_what_to_do(
    make_run: MakeRun, tmp_path: Path
) -> None:
    gone = GitRepository(tmp_path / "gone.git")
    run = remote_run(make_run, gone, tmp_path)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert "Check the address" in run.explanation


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("url", ["ext::sh -c touch% /tmp/x", "--upload-pack=touch", "fd::17"])
def test_a_url_that_would_run_a_command_is_none(url: str, make_run: MakeRun) -> None:
    del make_run
    with pytest.raises(RepositoryProblem):
        services.project_create(name="evil", source=url)


@pytest.mark.django_db(transaction=True)
def test_a_password_in_a_url_is_in_no_explanation(make_run: MakeRun) -> None:
    project = services.project_create(
        name="secret", source="https://user:hunter2@127.0.0.1:9/x.git"
    )
    run = make_run(phase("a", add_line(0)), project=project)
    drive(run)
    assert run.state == RunState.FAILED
    assert "hunter2" not in run.explanation
