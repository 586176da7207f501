"""What the user has lying around, and how a repository is kept: left exactly as it was."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.execution.repository.git import git_program
from runs.execution.repository.sources import RepositoryProblem
from runs.states import FailureKind, RunState
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.driving import drive, outcomes
from tests.runs.execution.plans import add_line, phase
from tests.runs.execution.untouched import assert_untouched_by, refused_before_anything

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


# --- What the user has lying around -----------------------------------------------------------


def test_staged_unstaged_untracked_and_ignored_files_stay_as_they_are(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(**{".gitignore": "ignored/\n"})
    repository.write("f0.txt", "staged\n")
    repository.git("add", "f0.txt")
    repository.write("f0.txt", "staged, then changed\n")
    repository.write("f1.txt", "changed\n")
    repository.git("rm", "-q", "--cached", "f2.txt")
    (repository.folder / "f3.txt").unlink()
    repository.write("untracked.txt", "untracked\n")
    repository.write("ignored/made.txt", "ignored\n")
    repository.git("config", "user.name", "Somebody Else")
    repository.git("stash", "list")
    status = repository.git("--no-optional-locks", "status", "--porcelain", "--ignored")
    run = make_run(phase("a", add_line(0)), phase("b", add_line(1), after=("a",)))
    assert_untouched_by(run, repository)
    assert repository.show("autopack/first", "f0.txt") == "line 0\nmore", "from the commit"
    assert repository.git("--no-optional-locks", "status", "--porcelain", "--ignored") == status


def test_no_hook_of_the_user_runs(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    hooks = (
        "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout",
        "reference-transaction", "pre-receive", "update", "post-receive", "post-update",
        "pre-push", "post-merge", "fsmonitor-watchman", "post-index-change", "pre-auto-gc",
    )  # fmt: skip
    ran = tmp_path / "ran"
    for name in hooks:
        hook = repository.write(f".git/hooks/{name}", f'#!/bin/sh\necho {name} >> "{ran}"\n')
        hook.chmod(0o755)
    hooked = repository.write("hooked", f'#!/bin/sh\necho fsmonitor >> "{ran}"\n')
    hooked.chmod(0o755)
    repository.git("-c", "core.hooksPath=/dev/null", "config", "core.fsmonitor", str(hooked))
    assert_untouched_by(make_run(phase("a", add_line(0))), repository)
    assert not ran.exists(), ran.read_text()


def test_a_lock_on_the_index_hinders_nobody_and_stays(
    make_run: MakeRun, repository: GitRepository
) -> None:
    lock = repository.write(".git/index.lock", "held by an editor")
    assert_untouched_by(make_run(phase("a", add_line(0))), repository)
    assert lock.read_text() == "held by an editor"


def test_a_detached_head_is_where_the_run_starts_and_stays_detached(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("checkout", "-q", "--detach")
    commit = repository.commit("detached", f0__txt="line 0\n", only__txt="here\n")
    run = make_run(phase("a", add_line(0), checks=["test -f only.txt"]))
    assert_untouched_by(run, repository)
    assert run.base_commit == commit
    assert repository.git("rev-parse", "autopack/first^") == commit


def test_a_linked_worktree_is_a_source_whose_branch_arrives_in_the_common_repository(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = GitRepository(tmp_path / "side")
    commit = side.commit("on the side", side__txt="side\n")
    project = services.project_create(name="side", source=str(side.folder))
    run = make_run(phase("a", add_line(0), checks=["test -f side.txt"]), project=project)
    before = snapshot(side.folder)
    assert_untouched_by(run, repository)
    assert snapshot(side.folder) == before
    assert run.base_commit == commit, "the HEAD of that worktree, not of the main one"


@pytest.mark.parametrize(
    "prepare",
    [
        ["pack-refs", "--all"],
        ["gc", "-q"],
        ["config", "core.autocrlf", "true"],
        ["config", "core.logAllRefUpdates", "always"],
        ["config", "gc.auto", "1"],
        ["config", "transfer.fsckObjects", "true"],
        ["sparse-checkout", "set", "--no-cone", "/f0.txt"],
        ["config", "core.bare", "false"],
        ["tag", "-a", "-m", "annotated", "v1"],
    ],
    ids=" ".join,
)
def test_a_repository_may_be_kept_in_any_way(
    prepare: list[str], make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git(*prepare)
    assert_untouched_by(make_run(phase("a", add_line(0))), repository)


def test_a_bare_repository_is_a_source(make_run: MakeRun, repository: GitRepository) -> None:
    bare = repository.folder.with_name("bare.git")
    repository.git("clone", "-q", "--bare", ".", str(bare))
    project = services.project_create(name="bare", source=str(bare))
    run = make_run(phase("a", add_line(0)), project=project)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert GitRepository(bare).tip("autopack/first") == run.head_commit


def test_a_file_called_HEAD_makes_a_checkout_no_bare_repository(  # noqa: N802 -- its name
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(HEAD="a file of the project\n")
    assert_untouched_by(make_run(phase("a", add_line(0))), repository)


def test_without_a_user_name_the_commits_are_ours(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("config", "user.useConfigOnly", "true")
    assert_untouched_by(make_run(phase("a", add_line(0))), repository)
    authors = repository.git("log", "-1", "--format=%an %ae %cn", "autopack/first")
    assert authors == "Autopack autopack@localhost Autopack"


@pytest.mark.parametrize(
    "name",
    ["mit leer zeichen", "ünï-ço∂é", "-dash", "quote'and\"", "a$HOME", "dots..and~tilde", "end "],
)
def test_the_name_of_a_repositorys_folder_may_be_any(
    name: str, make_run: MakeRun, repository: GitRepository
) -> None:
    folder = repository.folder.rename(repository.folder.with_name(name))
    moved = GitRepository(folder)
    project = services.project_create(name="odd", source=str(folder))
    run = make_run(phase("a", add_line(0)), project=project)
    assert_untouched_by(run, moved)


# --- Repositories that cannot be used as they are ---------------------------------------------


def test_a_repository_without_a_commit_is_refused_with_what_to_do(
    make_run: MakeRun, tmp_path: Path
) -> None:
    empty = GitRepository.create(tmp_path / "empty")
    project = services.project_create(name="empty", source=str(empty.folder))
    run = make_run(phase("a", add_line(0)), project=project)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert "Commit something there first" in run.explanation


def test_a_base_that_nobody_knows_is_refused(make_run: MakeRun, repository: GitRepository) -> None:
    project = services.project_create(
        name="lost", source=str(repository.folder), base_ref="--upload-pack=touch"
    )
    run = make_run(phase("a", add_line(0)), project=project)
    refused_before_anything(run, repository, "no branch, tag or commit '--upload-pack=touch'")


def problem_of(location: Path | str) -> RepositoryProblem:
    with pytest.raises(RepositoryProblem) as problem:
        services.project_ensure(source=str(location))
    return problem.value


def test_a_shallow_clone_is_refused_with_what_to_do(
    home: Path, repository: GitRepository, tmp_path: Path
) -> None:
    del home
    repository.commit("second")
    repository.git("clone", "-q", "--depth=1", repository.folder.as_uri(), str(tmp_path / "thin"))
    problem = problem_of(tmp_path / "thin")
    assert problem.code == "shallow"
    assert "fetch --unshallow" in str(problem)


def test_what_is_no_repository_is_refused_with_what_to_do(home: Path, tmp_path: Path) -> None:
    del home
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / ".git").write_text("gitdir: /nowhere\n")
    assert problem_of(tmp_path / "plain").code == "not_git"
    assert "git -C" in str(problem_of(tmp_path / "plain"))
    assert problem_of(tmp_path / "broken").code == "not_git"
    assert problem_of(tmp_path / "file").code == "not_found"
    assert problem_of(tmp_path / "nowhere").code == "not_found"


def test_no_path_at_all_is_not_the_folder_that_we_happen_to_be_in(
    home: Path, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.chdir(repository.folder)
    assert problem_of("").code == "not_found"


def test_a_folder_inside_of_a_repository_is_not_taken_for_its_top(
    home: Path, repository: GitRepository
) -> None:
    del home
    repository.write("deep/er/x.txt", "x\n")
    assert problem_of(repository.folder / "deep").code == "not_git"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root, to chown")
def test_a_repository_of_someone_else_is_refused_before_its_settings_could_do_anything(
    home: Path, repository: GitRepository, tmp_path: Path
) -> None:
    del home
    ran = tmp_path / "ran"
    repository.git("config", "core.fsmonitor", f"touch {ran}")
    for path in (repository.folder / ".git").rglob("*"):
        os.chown(path, 12345, 12345)
    os.chown(repository.folder / ".git", 12345, 12345)
    problem = problem_of(repository.folder)
    assert problem.code == "owned_by_other"
    assert "12345" in str(problem)
    assert not ran.exists()


def test_a_repository_that_vanished_ends_its_run_with_an_explanation(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(phase("a", add_line(0)))
    repository.folder.rename(repository.folder.with_name("moved"))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert "not a folder of this machine" in run.explanation


def test_a_repository_of_another_hash_is_refused_before_anything(
    make_run: MakeRun, tmp_path: Path
) -> None:
    other = GitRepository.create(tmp_path / "sha256", "--object-format=sha256", f0__txt="line 0\n")
    before = snapshot(other.folder)
    run = make_run(
        phase("a", add_line(0)),
        project=services.project_create(name="sha256", source=str(other.folder)),
    )
    drive(run)
    if run.state == RunState.SUCCEEDED:
        assert other.tip("autopack/first") == run.head_commit
    else:
        assert "sha256" in run.explanation.lower().replace("-", "")
        assert outcomes(run) == {"a": []}
    assert snapshot(other.folder) == before


def test_a_git_that_vanishes_fails_the_run_with_what_to_do(
    make_run: MakeRun, home: Path, settings: Settings
) -> None:
    run = make_run(phase("a", add_line(0)))
    environment = settings.AUTOPACK_CHILD_ENVIRONMENT
    settings.AUTOPACK_CHILD_ENVIRONMENT = {**environment, "PATH": str(home)}
    git_program.cache_clear()
    try:
        drive(run)
    finally:
        git_program.cache_clear()
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert "git is not on PATH" in run.explanation
