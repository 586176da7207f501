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
from tests.runs.texts_of_plans import CLEAR, NO_PLAN, VAGUE

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


def test_a_text_becomes_a_run_and_is_told_how_it_was_read(plan: Path, repository: GitRepository):
    plan.write_text(CLEAR)
    made = call("run_create", plan, "--project", repository.folder)
    assert made.code == 0, made.errors
    assert made.output.startswith("Read as ")
    assert "confidence 0." in made.output
    assert "manage.py execute_run number-the-lines" in made.output
    assert Run.objects.get().raw_plan == CLEAR


def test_a_doubtful_text_says_how_to_confirm_it_and_does_not_start(
    plan: Path, repository: GitRepository
):
    plan.write_text(VAGUE)
    made = call("run_create", plan, "--project", repository.folder, "--start", "--run-id", "vague")
    assert made.code == 1
    approval = Run.objects.get().approvals.get()
    assert f"manage.py approval_decide {approval.pk} approve" in made.output
    assert Run.objects.get().state == "PENDING"
    for name, *options in (("execute_run",), ("run_parallel", "--executor", "cli")):
        refused = call(name, "vague", *options)
        assert refused.code == 1, name
        assert "must confirm the plan" in refused.errors
    assert call("approval_decide", approval.pk, "approve").code == 0
    # Nothing to build it with: but it may start.
    assert "vague: phase" in call("execute_run", "vague").output


def test_json_of_another_tool_is_a_text_like_any_other(plan: Path, repository: GitRepository):
    tasks = [{"id": 1, "title": "Number f0.txt", "status": "pending", "dependencies": []}]
    plan.write_text(json.dumps({"master": {"tasks": tasks}}))
    made = call("run_create", plan, "--project", repository.folder)
    assert made.code == 0, made.errors
    assert made.output.startswith("Read as ")


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
    text, binary = tmp_path / "plan.md", tmp_path / "plan.bin"
    text.write_text(NO_PLAN)
    binary.write_bytes(b"\xff\xfe\xff")
    assert call("run_create", plan, "--project", repository.folder, "--run-id", "one").code == 0
    for arguments, said in (
        ([text, "--project", repository.folder], "is no plan"),
        ([binary, "--project", repository.folder], "is not UTF-8"),
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
