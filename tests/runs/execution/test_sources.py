"""The user's repository: given one branch, and otherwise left exactly as it was."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.execution.git import git_program
from runs.execution.sources import RepositoryProblem
from runs.states import FailureKind, RunState, Trigger
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.driving import attempts_of, drive, outcomes, phase_of
from tests.runs.execution.plans import add_line, phase, sh, shell, write

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from runs.models import Run
    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


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


# --- What files may be like -------------------------------------------------------------------

ODD_NAMES = (
    "mit leer.txt", "ünï.txt", "-dash.txt", "--all", "quote'.txt", 'double".txt', "tab\t.txt",
    "#hash", "~tilde", "$HOME", "*star*", "[class]", "folder with space/-x.txt", "100%.txt",
    ":(exclude)x", "new\nline.txt",
)  # fmt: skip


def test_files_with_odd_names_arrive_under_their_names(
    make_run: MakeRun, repository: GitRepository
) -> None:
    for name in ODD_NAMES:
        repository.write(name, f"base of {name}\n")
    repository.commit("odd")
    change = 'for name; do mkdir -p "$(dirname -- "./$name")"; echo changed >> "./$name"; done'
    added = [f"added/{name}" for name in ODD_NAMES]
    # Windows could not check these names out; that rule has tests of its own.
    fine = [name for name in added if not set(name) & set('"*:\t\n') and not name.endswith(" ")]
    run = make_run(phase("a", shell(change, *ODD_NAMES, *fine)))
    assert_untouched_by(run, repository)
    assert repository.files("autopack/first") == repository.files("main") | set(fine)
    for name in ODD_NAMES:
        assert repository.show("autopack/first", name).endswith("\nchanged")


def test_a_name_that_is_no_utf8_is_carried_through(
    make_run: MakeRun, repository: GitRepository
) -> None:
    odd = repository.folder / os.fsdecode(b"caf\xe9.txt")
    odd.write_text("base\n")
    repository.commit("odd")
    run = make_run(phase("a", shell("for f in caf*; do echo changed >> $f; done")))
    assert_untouched_by(run, repository)
    assert repository.show("autopack/first", odd.name) == "base\nchanged"


def test_a_refused_file_whose_name_is_no_utf8_is_explained(make_run: MakeRun) -> None:
    make = shell("touch \"$(printf 'caf\\351.txt')\"")
    run = make_run(phase("a", make, modify=("f0.txt",), limits={"max_attempts": 1}))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.POLICY_VIOLATION)
    assert "caf" in run.explanation


def test_line_ends_arrive_as_they_were_written(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("config", "core.autocrlf", "true")
    repository.git("-c", "core.autocrlf=false", "commit", "-q", "--allow-empty", "-m", "x")
    run = make_run(
        phase("a", write("unix.txt", "a\nb\n"), write("dos.txt", "a\r\nb\r\n")),
        phase("b", shell("printf 'c\\r\\n' >> dos.txt"), after=("a",)),
    )
    assert_untouched_by(run, repository)
    assert repository.git("cat-file", "blob", "autopack/first:unix.txt") == "a\nb"
    assert repository.git("cat-file", "blob", "autopack/first:dos.txt") == "a\r\nb\r\nc\r"


def test_attributes_of_the_repository_hold_for_line_ends(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(**{".gitattributes": "*.txt text eol=crlf\n"})
    run = make_run(
        phase("a", write("new.txt", "a\r\nb\r\n"), checks=[sh("grep -q $(printf 'a\\r') new.txt")]),
        phase("b", add_line(0), after=("a",), checks=[sh("grep -c . f0.txt")]),
    )
    drive(run)
    assert repository.git("cat-file", "blob", "autopack/first:new.txt") == "a\nb"


def test_links_modes_and_large_binaries_arrive_as_they_are(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase(
            "a", shell("ln -s f0.txt link; chmod +x f1.txt; head -c 3000000 /dev/urandom > big.bin")
        ),
        phase("b", shell("chmod -x f1.txt; chmod +x f2.txt"), modify=("f1.txt", "f2.txt"),
              after=("a",)),
    )  # fmt: skip
    assert_untouched_by(run, repository)
    listing = repository.git("ls-tree", "-l", "autopack/first")
    kinds = {line.split("\t")[1]: line.split()[0] for line in listing.splitlines()}
    assert (kinds["link"], kinds["f1.txt"], kinds["f2.txt"]) == ("120000", "100644", "100755")
    assert re.search(r" 3000000\tbig\.bin$", listing, re.MULTILINE)
    first = attempts_of(run, "b")[0].report["files"]
    assert {each["path"] for each in first} == {"f1.txt", "f2.txt"}, "modes alone are a change"


# --- The branch -------------------------------------------------------------------------------


def refused_before_anything(run: Run, repository: GitRepository, *said: str) -> None:
    before = (snapshot(repository.folder), refs(repository))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert (snapshot(repository.folder), refs(repository)) == before
    for each in said:
        assert each in run.explanation
    assert outcomes(run) == {"a": []}, "no attempt was made"


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
