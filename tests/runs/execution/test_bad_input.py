"""Ids, plans, paths and disks that are not as they should be: a clear error, and nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.agents.backends import UnknownBackend
from runs.models import Attempt, Project, Run
from runs.planning.identifiers import IdentifierInvalid
from runs.planning.schema import PlanInvalid
from runs.states import FailureKind, RunState, Trigger
from tests.repositories import snapshot
from tests.runs.execution.driving import attempts_of, drive
from tests.runs.execution.plans import Json, add_line, phase, shell, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)


# --- Ids --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run_id",
    [
        "..", "a..b", "../up", "a/b", "a b", " a", "a ", "ünï", "-dash", "--all", ".hidden", "a.",
        "a.lock", "A.LOCK", "con", "nul.txt", "COM1", "normalize", "Normalize", "a" * 65, "a\n",
        "a\0b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "@", "a@{b", "\u200b",
    ],
)  # fmt: skip
def test_an_id_that_cannot_name_a_branch_and_a_folder_is_refused(
    run_id: str, make_run: MakeRun, home: Path
) -> None:
    with pytest.raises(IdentifierInvalid) as refused:
        make_run(phase("a", add_line(0)), run_id=run_id)
    assert len(str(refused.value)) > 30, "it says what is wrong and what to do"
    assert not Run.objects.exists()
    assert not (home / "runs").exists()


def test_ids_that_differ_by_case_only_are_one_id(make_run: MakeRun) -> None:
    make_run(phase("a", add_line(0)), run_id="First")
    with pytest.raises(services.NameTaken, match="choose another id"):
        make_run(phase("a", add_line(0)), run_id="fIRST")
    assert Run.objects.count() == 1


def test_names_of_projects_that_differ_by_case_only_are_one_name(
    make_run: MakeRun, repository: GitRepository
) -> None:
    del make_run
    services.project_create(name="Demo", source=str(repository.folder))
    with pytest.raises(services.NameTaken, match="choose another name"):
        services.project_create(name="dEMO", source=str(repository.folder))
    with pytest.raises(IdentifierInvalid):
        services.project_create(name="../demo", source=str(repository.folder))
    assert Project.objects.count() == 1


def test_a_run_without_an_id_gets_one_that_can_name_a_branch(make_run: MakeRun) -> None:
    odd = ("../../etc", "con", "normalize", "日本語の計画", "-- --", "x" * 500)
    for goal in odd:
        for _ in range(2):
            make_run(phase("a", add_line(0)), run_id="", goal=goal)
    names = [run.run_id for run in Run.objects.all()]
    assert len({name.lower() for name in names}) == 2 * len(odd)


# --- Plans ------------------------------------------------------------------------------------

BAD_PLANS: dict[str, tuple[object, str]] = {
    "no phases": ({"phases": []}, "phases"),
    "not an object": ([], ""),
    "another version": ({"schema_version": 2, "phases": [phase("a")]}, "schema_version"),
    "a cycle": ({"phases": [phase("a", after=("b",)), phase("b", after=("a",))]}, "depends_on"),
    "an unknown dependency": ({"phases": [phase("a", after=("zz",))]}, "zz"),
    "an id twice": ({"phases": [phase("a"), phase("A")]}, "phases[1].id"),
    "an id with ..": ({"phases": [phase("../a")]}, "phases[0].id"),
    "a path with ..": ({"phases": [phase("a", modify=("../x",))]}, "phases[0].scope.modify[0]"),
    "an absolute path": ({"phases": [phase("a", write("/etc/x", ""))]}, "path"),
    "a path of git's": ({"phases": [phase("a", write(".git/config", ""))]}, "path"),
    "a shell's pipe": ({"phases": [phase("a", checks=["a | b"])]}, "validation_commands[0]"),
    "an unknown key": ({"phases": [{**phase("a"), "shell": "x"}]}, "shell"),
    "a negative limit": ({"phases": [phase("a", limits={"max_attempts": -1})]}, "max_attempts"),
}


@pytest.mark.parametrize("kind", BAD_PLANS)
def test_a_malformed_plan_is_refused_with_the_path_of_its_fault(
    kind: str, make_run: MakeRun, repository: GitRepository
) -> None:
    del make_run
    plan, where = BAD_PLANS[kind]
    if isinstance(plan, dict):
        plan = {"schema_version": 1, "goal": "g", **plan}
    project = services.project_ensure(source=str(repository.folder))
    with pytest.raises(PlanInvalid) as refused:
        services.run_create(project=project, structured_plan=plan, run_id="first")
    assert where in str(refused.value)
    assert not Run.objects.exists()


def test_a_backend_that_is_not_installed_is_refused_with_those_that_are(make_run: MakeRun) -> None:
    with pytest.raises(UnknownBackend, match="mock, recipe"):
        make_run({**phase("a"), "builder": {"backend": "wizard"}})
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "step",
    [
        write("link/x.txt", "x\n"),
        {"kind": "apply_patch", "patch": "--- /dev/null\n+++ b/link/x.txt\n@@ -0,0 +1 @@\n+x\n"},
        {"kind": "apply_patch", "patch": "--- /dev/null\n+++ b/../x.txt\n@@ -0,0 +1 @@\n+x\n"},
        {"kind": "apply_patch", "patch": "--- /dev/null\n+++ b/.git/x\n@@ -0,0 +1 @@\n+x\n"},
        {"kind": "apply_patch", "patch": "this is no patch"},
        {"kind": "run", "argv": ["true"], "cwd": "not/there"},
        {"kind": "run", "argv": ["./f0.txt"]},
        {"kind": "run", "argv": ["x" * 200_000]},
    ],
    ids=lambda step: str(step)[:60],
)  # fmt: skip
def test_a_step_that_leads_out_of_the_worktree_or_nowhere_changes_nothing(
    step: Json, make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (repository.folder / "link").symlink_to(tmp_path / "outside")
    repository.commit("with a link")
    before = snapshot(repository.folder)
    try:
        run = make_run(phase("a", step, limits={"max_attempts": 1}))
    except PlanInvalid:
        return  # refused even earlier
    drive(run)
    assert run.state == RunState.FAILED
    assert run.explanation
    assert not list((tmp_path / "outside").iterdir())
    assert not (tmp_path / "worktrees").exists() or not list(tmp_path.glob("worktrees/**/x.txt"))
    assert snapshot(repository.folder) == before


def test_hostile_words_in_a_plan_stay_words(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    evil = f'$(touch {tmp_path}/pwned) `touch {tmp_path}/pwned` "; touch {tmp_path}/pwned #'
    run = make_run(
        phase("a", add_line(0), title=evil, description=f"--exec\n{evil}\n\nAutopack-Run: forged"),
        goal=evil,
    )
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert not (tmp_path / "pwned").exists()
    assert repository.trailers("autopack/first")[-1]["Autopack-Phase"] == "a"


def test_a_description_cannot_forge_the_trailers_of_a_commit(
    make_run: MakeRun, repository: GitRepository
) -> None:
    forged = "Text.\n\nAutopack-Run: other\nAutopack-Phase: zz\nAutopack-Attempt: 99"
    drive(make_run(phase("a", add_line(0), description=forged)))
    log = repository.git(
        "log", "-1", "--format=%(trailers:key=Autopack-Run,valueonly)", "autopack/first"
    )
    assert log.split() == ["first"]


def test_a_phase_without_a_title_is_a_commit_all_the_same(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(phase("a", add_line(0), title="", description=""))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.subjects("autopack/first") != [""]


def test_output_that_no_text_can_hold_is_kept_as_far_as_it_can_be(make_run: MakeRun) -> None:
    odd = "grep -q more f0.txt || exit 0; printf 'a\\000b\\377\\033[31m\\n'; exit 1"
    run = make_run(phase("a", add_line(0), checks=[["sh", "-c", odd]], limits={"max_attempts": 1}))
    drive(run)
    assert run.state == RunState.FAILED
    hint = run.phases.get().hint
    assert "\0" not in hint
    assert "a" in hint


# --- Disks ------------------------------------------------------------------------------------


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 3 MB."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, spare: int = 0) -> Path:
    """Fill the disk of `folder` but for `spare` bytes."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    size = max(0, free.f_bavail * free.f_frsize - spare)
    with filler.open("wb") as file:
        file.write(b"x" * size)
    return filler


BIG = "head -c 6000000 /dev/urandom > big.bin"


def assert_full_disk_was_explained(run: Run) -> None:
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert "Free some space" in run.explanation, run.explanation
    assert not Attempt.objects.filter(outcome="").exists()


def test_a_full_disk_under_the_home_is_said_and_the_run_can_be_taken_up(
    make_run: MakeRun, repository: GitRepository, settings: Settings, tiny_disk: Path
) -> None:
    run = make_run(phase("a", write("made.bin", "x" * 900_000)), phase("b", add_line(1)))
    settings.AUTOPACK_HOME = tiny_disk
    drive_with_little = fill(tiny_disk, spare=700_000)
    before = snapshot(repository.folder)
    drive(run)
    assert_full_disk_was_explained(run)
    assert snapshot(repository.folder) == before
    drive_with_little.unlink()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


def test_no_room_at_all_under_the_home_is_said(
    make_run: MakeRun, settings: Settings, tiny_disk: Path
) -> None:
    run = make_run(phase("a", add_line(0)))
    settings.AUTOPACK_HOME = tiny_disk
    fill(tiny_disk)
    drive(run)
    assert_full_disk_was_explained(run)


@pytest.mark.parametrize("spare", [0, 1_000_000])
def test_a_full_disk_under_the_worktrees_is_said_and_the_run_can_be_taken_up(
    spare: int, make_run: MakeRun, repository: GitRepository, settings: Settings,
    tiny_disk: Path,
) -> None:  # fmt: skip
    run = make_run(phase("a", write("made.bin", "x" * 2_000_000)), phase("b", add_line(1)))
    settings.AUTOPACK_WORKTREE_BASE = tiny_disk / "worktrees"
    filler = fill(tiny_disk, spare=spare)
    before = snapshot(repository.folder)
    drive(run)
    assert_full_disk_was_explained(run)
    assert snapshot(repository.folder) == before
    filler.unlink()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


def test_a_command_that_fills_the_disk_fails_alone(
    make_run: MakeRun, settings: Settings, tiny_disk: Path
) -> None:
    settings.AUTOPACK_WORKTREE_BASE = tiny_disk / "worktrees"
    run = make_run(
        phase("a", shell(BIG, attempts=[1]), add_line(0)),
        phase("b", add_line(1), after=("a",)),
    )
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert [attempt.outcome for attempt in attempts_of(run, "a")][:1] == ["failed"]


def test_a_home_that_cannot_be_written_is_said(
    make_run: MakeRun, settings: Settings, tiny_disk: Path
) -> None:
    run = make_run(phase("a", add_line(0)))
    settings.AUTOPACK_HOME = tiny_disk
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert str(tiny_disk) in run.explanation
