"""The project's own files and ports: given to its commands, and kept out of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.states import FailureKind, RunState
from tests.runs.execution.driving import attempts_of, drive
from tests.runs.execution.plans import add_line, phase, sh, shell, write

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from runs.models import Project
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "TOKEN=hidden-from-git"


def project_of(repository: GitRepository, **more: object) -> Project:
    return services.project_create(name="own", source=str(repository.folder), **more)


def objects_with(text: str, *repositories: GitRepository) -> list[str]:
    """The blobs of the repositories' databases (reachable or not) that hold `text`."""
    found = []
    for repository in repositories:
        listing = repository.git("cat-file", "--batch-check", "--batch-all-objects")
        for line in listing.splitlines():
            name, kind, _size = line.split()
            if kind == "blob" and text in repository.git("cat-file", "blob", name):
                found.append(name)
    return found


@pytest.mark.parametrize("ignored", ["ignored", "not ignored"])
def test_a_projects_own_file_is_there_for_commands_and_in_no_object_of_git(
    ignored: str, make_run: MakeRun, repository: GitRepository, home: Path
) -> None:
    repository.commit(**{".gitignore": ".env\n" if ignored == "ignored" else "other\n"})
    repository.write(".env", SECRET)
    project = project_of(repository, placed_files=[".env", "not/there.ini"])
    look = "grep -q TOKEN .env"
    run = make_run(
        phase("a", shell(look), write("new.txt", "new\n"), checks=[look]),
        phase("b", shell(look), add_line(1), checks=[look, "false"], after=("a",),
              limits={"max_attempts": 2}),
        project=project,
    )  # fmt: skip
    drive(run)
    assert [a.outcome for a in attempts_of(run, "a")] == ["succeeded"], run.explanation
    assert [a.outcome for a in attempts_of(run, "b")] == ["failed", "failed"]
    assert repository.files("autopack/first") == repository.files("main") | {"new.txt"}
    (mirror,) = (home / "repositories").glob("*.git")
    assert objects_with("hidden-from-git", repository, type(repository)(mirror)) == []
    assert (repository.folder / ".env").read_text() == SECRET


def test_a_commands_change_of_a_placed_file_reaches_neither_the_branch_nor_the_checkout(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.write(".env", SECRET)
    project = project_of(repository, placed_files=[".env"])
    run = make_run(phase("a", shell("echo changed > .env"), add_line(0)), project=project)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.files("autopack/first") == repository.files("main")
    assert (repository.folder / ".env").read_text() == SECRET


def test_a_placed_file_is_not_there_for_a_project_that_was_not_given_it(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.write(".env", SECRET)
    with_it = project_of(repository, placed_files=[".env"])
    drive(make_run(phase("a", add_line(0)), project=with_it))
    with_it.placed_files = []
    with_it.save()
    look = sh("test ! -e .env")
    later = make_run(phase("a", shell("test ! -e .env"), checks=[look]), project=with_it,
                     run_id="later")  # fmt: skip
    drive(later)
    assert later.state == RunState.SUCCEEDED, later.explanation


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/passwd", ".git/config", "link"])
def test_a_file_that_must_not_be_given_ends_the_run_with_its_name(
    name: str, make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "outside.txt").write_text("outside")
    (repository.folder / "link").symlink_to("/etc/passwd")
    run = make_run(phase("a", add_line(0)), project=project_of(repository, placed_files=[name]))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert repr(name) in run.explanation


def test_a_file_with_the_name_of_a_placed_one_that_the_project_tracks_is_the_projects(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.write("f0.txt", "changed in the checkout\n")
    project = project_of(repository, placed_files=["f0.txt"])
    run = make_run(phase("a", add_line(0), checks=["grep -qx 'line 0' f0.txt"]), project=project)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.show("autopack/first", "f0.txt") == "line 0\nmore"


def test_every_attempt_gets_free_ports_and_no_two_at_once_the_same(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    project = project_of(repository, port_names=["PORT", "DB_PORT"])
    # Each has its ports while the other has its own.
    meet = """
    echo "$2 $PORT" >> "$1/ports"; echo "$2 $DB_PORT" >> "$1/ports"; touch "$1/$2"
    i=0; while [ ! -e "$1/$3" ]; do i=$((i+1)); [ $i -gt 1000 ] && exit 1; sleep 0.01; done
    """
    run = make_run(
        phase("a", add_line(0), checks=[sh(meet, tmp_path, "a", "b")], modify=("f0.txt",)),
        phase("b", add_line(1), checks=[sh(meet, tmp_path, "b", "a")], modify=("f1.txt",)),
        project=project,
    )
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    # The phase that is integrated second is validated once more, with the ports that it has.
    given = {tuple(line.split()) for line in (tmp_path / "ports").read_text().splitlines()}
    ports = {port for _phase, port in given}
    assert len(given) == len(ports) == 4
    assert all(1024 < int(port) < 65536 for port in ports)


def test_a_slots_private_home_is_empty_for_the_next_run(
    make_run: MakeRun, settings: Settings
) -> None:
    assert settings.AUTOPACK_SANDBOX == "none"
    drive(make_run(phase("a", add_line(0), checks=[sh('echo secret > "$HOME/.netrc"')])))
    later = make_run(
        phase("a", add_line(0), checks=[sh('test -d "$HOME" && test ! -e "$HOME/.netrc"')]),
        run_id="later",
    )
    drive(later)
    assert later.state == RunState.SUCCEEDED, later.explanation
