"""quickstart: from nothing to branches, twice, and on a repository of one's own."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from runs.models import Run
from tests.repositories import GitRepository
from tests.runs.execution.driving import attempts_of, outcomes
from tests.runs.execution.plans import add_line, phase
from tests.runs.fleet.manage import children_use_test_database
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.runs.fleet.manage import Manage


@pytest.fixture
def called(transactional_db: None, home: Path, settings: Settings) -> None:
    """The command is called in this process, on the test's own database and home."""
    del transactional_db, home
    children_use_test_database(settings)


RUNS = ("abbreviations", "command-line", "readability")


def test_on_a_machine_that_has_nothing_and_once_more(fresh: Manage, tmp_path: Path):
    for number in (1, 2):
        done = fresh("quickstart")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "# Autopack: 3 of 3 runs succeeded" in done.stdout
        sample = GitRepository(tmp_path / "fresh" / "quickstart" / f"sample-{number}")
        for run in RUNS:
            branch = f"autopack/quickstart-{number}-{run}"
            assert branch in done.stdout
            assert sample.git("branch", "--list", branch)
        # The commands that it tells work as they stand.
        told = [line.strip() for line in done.stdout.splitlines() if line.startswith("  git -C")]
        assert len(told) == 3
        for command in told:
            shown = subprocess.run(shlex.split(command), capture_output=True, text=True)
            assert "Autopack-Phase:" in shown.stdout
        assert sample.git("status", "--porcelain") == ""
    assert ("The database is ready" in done.stdout) is False
    assert len(sample.subjects("autopack/quickstart-2-command-line")) == 3
    # The branch is what it says: its own tests pass there.
    sample.git("checkout", "-q", "autopack/quickstart-2-abbreviations")
    assert "ellipses" in (sample.folder / "CHANGELOG.md").read_text()


def test_two_phases_run_side_by_side_and_one_attempt_is_retried(called: None):
    done = call("quickstart")
    assert done.code == 0, done.output + done.errors
    runs = {run.run_id.removeprefix("quickstart-1-"): run for run in Run.objects.all()}
    assert outcomes(runs["abbreviations"]) == {
        "sentences": ["failed", "succeeded"],
        "changelog": ["succeeded"],
    }
    frequency = attempts_of(runs["command-line"], "frequency")[0]
    reading = attempts_of(runs["command-line"], "reading-time")[0]
    assert frequency.ended_at is not None
    assert reading.ended_at is not None
    assert frequency.started_at < reading.ended_at
    assert reading.started_at < frequency.ended_at
    assert "test_abbreviations_end_no_sentence" in done.output


def test_plans_of_ones_own_on_a_repository_of_ones_own(
    called: None, repository: GitRepository, tmp_path: Path
):
    plan = {"schema_version": 1, "goal": "Add a line", "phases": [phase("a", add_line(0))]}
    good, faulty, text = tmp_path / "good.json", tmp_path / "faulty.json", tmp_path / "plan.md"
    good.write_text(json.dumps(plan))
    faulty.write_text(json.dumps({**plan, "phases": [{"id": "a", "depends_on": ["b"]}]}))
    text.write_text("1. Do something good\n")
    before = repository.snapshot()

    refused = call("quickstart", "--project", repository.folder, "--plan", good, faulty)
    assert refused.code == 1
    assert "phases[0].depends_on[0]" in refused.errors
    assert not Run.objects.exists()

    raw = call("quickstart", "--project", repository.folder, "--plan", text)
    assert "come with the normalizer" in raw.errors

    kept = call(
        "quickstart", "--project", repository.folder, "--plan", good, faulty, "--keep-going"
    )
    assert kept.code == 1
    assert repository.show("autopack/add-a-line", "f0.txt") == "line 0\nmore"
    assert repository.snapshot() == before

    # Run again, it works again: under another id.
    again = call("quickstart", "--project", repository.folder, "--plan", good)
    assert again.code == 0, again.errors
    assert Run.objects.count() == 2


def test_a_project_without_a_plan_is_refused():
    refused = call("quickstart", "--project", ".")
    assert refused.code == 1
    assert "--project and --plan go together" in refused.errors
