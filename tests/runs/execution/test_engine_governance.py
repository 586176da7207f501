"""What a diff may hold, and what was promised: judged whatever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs.states import FailureKind, RunState
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import Json, add_line, phase, shell, write

if TYPE_CHECKING:
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)


# --- Governance -------------------------------------------------------------------------------

SCOPED = {"modify": ("f0.txt",), "create": ("made/",)}
VIOLATIONS: dict[str, tuple[Json, Json]] = {
    "out_of_scope": (shell("echo x >> f1.txt"), SCOPED),
    "protected": (write(".github/workflows/ci.yml", "on: push\n"), {}),
    "lock_file": (write("poetry.lock", "[[package]]\n"), {}),
    "too_large": (shell("head -c 6000000 /dev/urandom > made.bin"), {}),
    "too_many_deletions": (shell("rm f0.txt f1.txt"), {"limits": {"max_deleted_files": 1}}),
    "symlink_escape": (shell("ln -s /etc/passwd link"), {}),
    "secret": (write("config.py", f'KEY = "AKIA{"Q7ZK3M5T" * 2}"\n'), {}),
    "submodule": (
        shell("git init -q sub && git -C sub -c user.name=a -c user.email=a@b commit -q "
              "--allow-empty -m x"), SCOPED,
    ),
    "case_collision": (shell("echo x > F0.txt"), {}),
    "windows_name": (write("aux.txt", "x\n"), {}),
}  # fmt: skip


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_change_that_the_rules_forbid_never_reaches_the_branch(
    violation: str, make_run: MakeRun, repository: GitRepository
) -> None:
    step, more = VIOLATIONS[violation]
    limits = {"max_attempts": 1, **more.get("limits", {})}
    run = make_run(phase("a", step, **{**more, "limits": limits}))
    (report,) = drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.POLICY_VIOLATION)
    assert report.outcome == "failed"
    assert len(report.explanation) > 60, "it says what is wrong and what to do"
    assert repository.tip("autopack/first") == ""


def test_a_refused_attempt_is_told_why_and_the_next_one_may_do_better(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase("a", add_line(0), write("stray.txt", "x\n", attempts=[1]), modify=("f0.txt",))
    )
    first, second = drive(run)
    assert first.failure_kind is FailureKind.POLICY_VIOLATION
    assert "stray.txt" in first.explanation
    assert second.outcome == "succeeded"
    assert repository.files("autopack/first") == repository.files("main")


def test_a_rename_by_case_only_is_no_collision(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(phase("a", shell("mv f0.txt F0.txt")))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert "F0.txt" in repository.files("autopack/first")
    assert "f0.txt" not in repository.files("autopack/first")


def test_a_repository_in_a_folder_that_git_ignores_is_nobodys_business(
    make_run: MakeRun, repository: GitRepository
) -> None:
    # What CMake's FetchContent and `pip install -e git+...` leave in a build folder.
    repository.commit(**{".gitignore": "build/\n"})
    fetch = shell(
        "mkdir -p build && git init -q build/dep && git -C build/dep -c user.name=a "
        "-c user.email=a@b commit -q --allow-empty -m x && echo x >> f0.txt"
    )
    run = make_run(phase("a", fetch, checks=["test -d build/dep"], limits={"max_attempts": 1}))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.files("autopack/first") == repository.files("main")


# --- Deliverables -----------------------------------------------------------------------------


def test_a_promised_file_that_is_not_there_fails_the_attempt(make_run: MakeRun) -> None:
    run = make_run(
        phase("a", add_line(0), deliverables=["docs/guide.md"], limits={"max_attempts": 1})
    )
    (report,) = drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.VALIDATION)
    assert report.validation["missing_deliverables"] == ["docs/guide.md"]
    assert "docs/guide.md" in run.explanation


def test_a_promised_pattern_is_kept_by_any_file_that_matches_it(make_run: MakeRun) -> None:
    run = make_run(phase("a", write("docs/guide.md", "x\n"), deliverables=["docs/*.md", "docs/"]))
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


def test_a_promised_file_that_git_ignores_is_missing_because_no_branch_can_hold_it(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(**{".gitignore": "build/\n"})
    run = make_run(
        phase(
            "a", write("build/out.txt", "x\n"), deliverables=["build/out.txt"],
            limits={"max_attempts": 1},
        )
    )  # fmt: skip
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert report.validation["missing_deliverables"] == ["build/out.txt"]
