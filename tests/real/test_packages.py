"""Real input: runs on published packages at once, validated by the packages' own test suites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.models import Attempt, Run
from runs.states import RunState
from tests.real.packages import PACKAGES, Package, RegistryUnreachable, downloaded
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.driving import Background, in_background, outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

RUN_SECONDS = 280


@pytest.fixture
def repositories(tmp_path: Path) -> list[GitRepository]:
    """Each package's source distribution, put under git as it is."""
    folder = tmp_path / "packages"
    folder.mkdir()
    try:
        with ThreadPoolExecutor(len(PACKAGES)) as pool:
            roots = list(pool.map(lambda package: downloaded(package, folder), PACKAGES))
    except RegistryUnreachable as unreachable:
        pytest.skip(f"no package registry can be reached: {unreachable}")
    made = []
    for root in roots:
        repository = GitRepository(root)
        repository.git("init", "-q", "-b", "main")
        repository.commit("as published")
        made.append(repository)
    return made


def started(package: Package, repository: GitRepository) -> Run:
    project = services.project_create(name=package.name, source=str(repository.folder))
    plan = package.plan(repository.folder)
    return services.run_create(project=project, structured_plan=plan, run_id=f"on-{package.name}")


def test_three_published_packages_are_changed_at_once_and_their_own_tests_decide(
    repositories: list[GitRepository], home: Path, settings: Settings
) -> None:
    settings.AUTOPACK_SANDBOX = "auto"
    before = [snapshot(repository.folder) for repository in repositories]
    runs = [started(*pair) for pair in zip(PACKAGES, repositories, strict=True)]
    with ExitStack() as stack:
        drivers: list[Background] = [stack.enter_context(in_background(run)) for run in runs]
        for driver in drivers:
            driver(within=RUN_SECONDS)
    for package, run, repository in zip(PACKAGES, runs, repositories, strict=True):
        assert run.state == RunState.SUCCEEDED, f"{run}: {run.explanation}"
        assert_the_wrong_test_was_found(package, run)
        assert_the_branch_holds_the_right_commits(package, run, repository)
        log = (home / "runs" / run.run_id / "tests" / "1" / "attempt.log").read_text()
        assert "test" in log
    assert [snapshot(repository.folder) for repository in repositories] == before


def assert_the_wrong_test_was_found(package: Package, run: Run) -> None:
    """The package's suite ran: it refused the tests of the first attempt by their name."""
    assert outcomes(run) == {
        "code": ["succeeded"], "words": ["succeeded"], "tests": ["failed", "succeeded"]
    }  # fmt: skip
    refused = Attempt.objects.get(phase__run=run, phase__key="tests", number=1)
    assert refused.report["failure_kind"] == "validation"
    assert any("test_" in name for name in refused.report["validation"]["new_failures"]), package
    for attempt in Attempt.objects.filter(phase__run=run):
        checks = attempt.report["validation"]["checks"]
        assert checks, "the toolchain found the package's tests"
        assert all("pytest" in check["name"] for check in checks)
        assert attempt.report["environment"], "in an environment of its own"


def assert_the_branch_holds_the_right_commits(
    package: Package, run: Run, repository: GitRepository
) -> None:
    branch = run.branch
    assert repository.tip(branch) == run.head_commit
    subjects = {"Add the function", "Tell people of it", "Test the function"}
    assert set(repository.subjects(branch)) == subjects
    trailers = repository.trailers(branch)
    assert {each["Autopack-Phase"] for each in trailers} == {"code", "words", "tests"}
    assert {each["Autopack-Run"] for each in trailers} == {run.run_id}
    changed = repository.git("diff", "--name-only", "main", branch).splitlines()
    edits = (package.code, package.tests, package.words)
    assert sorted(changed) == sorted(edit.path for edit in edits)
    for edit in edits:
        assert edit.new.strip() in repository.show(branch, edit.path)
