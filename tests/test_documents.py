"""The plans that the documents show are plans that work."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runs import services
from runs.execution.driver import Drive, run_drive
from runs.planning.schema import json_schema
from runs.states import RunState
from tests.repositories import GitRepository

if TYPE_CHECKING:
    from runs.models import Run

ROOT = Path(__file__).parents[1]
PLAN_PAGE = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")

runs_python3 = pytest.mark.skipif(sys.platform == "win32", reason="the plans say python3")


def plan_in(document: str) -> dict[str, Any]:
    """The one plan in a document's fenced JSON."""
    text = (ROOT / document).read_text(encoding="utf-8")
    (block,) = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    plan: dict[str, Any] = json.loads(block)
    return plan


def driven(plan: dict[str, Any], folder: Path) -> Run:
    repository = GitRepository.create(folder, README__md="# Demo\n")
    project = services.project_ensure(source=str(repository.folder))
    run = services.run_create(project=project, structured_plan=plan)
    state = run_drive(Drive(run=run))
    assert (state, run.failure_kind) == (RunState.SUCCEEDED, ""), run.explanation
    return run


@runs_python3
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("home")
def test_the_plan_of_the_readme_works(tmp_path: Path) -> None:
    run = driven(plan_in("README.md"), tmp_path / "project")
    assert run.branch == "autopack/greet-people-by-name", "the README says where to look"


@runs_python3
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("home")
def test_the_plan_of_the_plan_page_works_as_it_says(tmp_path: Path) -> None:
    run = driven(plan_in("docs/plan.md"), tmp_path / "project")
    outcomes = {
        phase.key: [attempt.outcome for attempt in phase.attempts.order_by("number")]
        for phase in run.phases.all()
    }
    assert outcomes == {
        "words": ["succeeded"],
        "letters": ["failed", "succeeded"],
        "readme": ["succeeded"],
    }


def documented_keys(heading: str) -> set[str]:
    """The names in the first column of the table under a heading of the plan page."""
    section = PLAN_PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    columns = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    return {name for column in columns for name in re.findall(r"`(\w+)`", column)} - {"key"}


def test_the_plan_page_has_every_key_of_the_schema_and_no_other() -> None:
    schema = json_schema()
    phase = schema["$defs"]["phase"]["properties"]
    assert documented_keys("## The plan") == set(schema["properties"])
    assert documented_keys("## A phase") == set(phase)
    assert documented_keys("### Limits") == set(phase["limits"]["properties"])
    steps = PLAN_PAGE.split("\n### Steps of a recipe\n", 1)[1]
    assert set(re.findall(r"`(\w+)`", steps)) >= set(schema["$defs"]["step"]["properties"])
    assert set(schema["properties"]["budgets"]["properties"]) <= set(
        re.findall(r"`(\w+)`", PLAN_PAGE)
    )
