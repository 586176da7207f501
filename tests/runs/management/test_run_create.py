"""run_create: a run of a plan file."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from runs.models import Project, Run
from tests.runs.execution.plans import add_line, phase
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repositories import GitRepository


@pytest.fixture
def plan(tmp_path: Path, transactional_db: None, home: Path) -> Path:
    del transactional_db, home
    return written(tmp_path / "plan.json", phase("a", add_line(0)))


def written(path: Path, *phases: dict[str, Any], **more: Any) -> Path:
    document = {"schema_version": 1, "goal": "Add a line", "phases": list(phases), **more}
    path.write_text(json.dumps(document))
    return path


def test_a_new_repository_is_registered_and_the_run_waits(plan: Path, repository: GitRepository):
    made = call(
        "run_create", plan, "--project", repository.folder, "--token-cap", 1000,
        "--cost-cap-usd", "1.50", "--max-duration-minutes", 30, "--max-phases", 5,
        "--priority", 7,
    )  # fmt: skip
    assert made.code == 0, made.errors
    assert "manage.py execute_run add-a-line" in made.output
    run = Run.objects.get()
    assert (run.state, run.priority, run.project.name) == ("PENDING", 7, "repository")
    budgets = (run.token_cap, run.cost_cap_usd, run.max_duration_minutes, run.max_phases)
    assert budgets == (1000, Decimal("1.5"), 30.0, 5)

    # By its name the project is found again, whatever the case.
    assert call("run_create", plan, "--project", "Repository", "--run-id", "second").code == 0
    assert Project.objects.count() == 1


def test_a_plan_from_stdin_is_executed_at_once(
    plan: Path, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(plan.read_bytes())))
    made = call("run_create", "-", "--project", repository.folder, "--start", "--run-id", "now")
    assert made.code == 0, made.errors
    assert "now: phase a, attempt 1 succeeded" in made.output
    assert repository.show("autopack/now", "f0.txt") == "line 0\nmore"


def test_a_run_that_fails_at_once_is_exit_code_1(
    plan: Path, repository: GitRepository, tmp_path: Path
):
    del plan
    bad = written(tmp_path / "bad.json", phase("a", checks=["false"]))
    assert call("run_create", bad, "--project", repository.folder, "--start").code == 1
    assert Run.objects.get().state == "FAILED"


def test_every_fault_of_a_plan_is_on_a_line_of_its_own(plan: Path, repository: GitRepository):
    written(plan, {"id": "a", "depends_on": ["b"]}, {"id": "a"}, colour="red")
    refused = call("run_create", plan, "--project", repository.folder)
    assert refused.code == 1
    lines = refused.errors.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{plan}: ") for line in lines)
    assert any("phases[0].depends_on[0]" in line for line in lines)
    assert not Project.objects.exists()


def test_what_cannot_be_made_says_what_to_do(plan: Path, repository: GitRepository, tmp_path: Path):
    text = tmp_path / "plan.md"
    text.write_text("# Do it\n")
    assert call("run_create", plan, "--project", repository.folder, "--run-id", "one").code == 0
    for arguments, said in (
        ([text, "--project", repository.folder], "come with the normalizer"),
        ([tmp_path / "none.json", "--project", "."], "cannot be read"),
        ([plan, "--project", "repositori"], "There are repository."),
        ([plan, "--project", tmp_path], "is not the top of a git repository"),
        ([plan, "--project", repository.folder, "--run-id", "ONE"], "choose another id"),
        ([plan, "--project", repository.folder, "--run-id", "a/b"], "is no identifier"),
    ):
        refused = call("run_create", *arguments)
        assert refused.code == 1
        assert said in refused.errors
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--token-cap", "-1"), ("--cost-cap-usd", "NaN"), ("--max-duration-minutes", "inf")],
)
def test_a_budget_is_a_number_above_0(option: str, value: str, plan: Path):
    refused = call("run_create", plan, "--project", "x", option, value)
    assert refused.code == 1
    assert f"argument {option}" in refused.errors
