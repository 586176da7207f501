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
from tests.runs.texts_of_plans import NO_PLAN, VAGUE

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.runs.fleet.manage import Manage


@pytest.fixture
def called(transactional_db: None, home: Path, settings: Settings) -> None:
    """The command is called in this process, on the test's own database and home."""
    del transactional_db, home
    children_use_test_database(settings)


RUNS = ("abbreviations", "command-line", "keywords", "readability")


def test_on_a_machine_that_has_nothing_and_once_more(fresh: Manage, tmp_path: Path):
    for number in (1, 2):
        done = fresh("quickstart")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "# Autopack: 4 of 4 runs succeeded" in done.stdout
        sample = GitRepository(tmp_path / "fresh" / "quickstart" / f"sample-{number}")
        for run in RUNS:
            branch = f"autopack/quickstart-{number}-{run}"
            assert branch in done.stdout
            assert sample.git("branch", "--list", branch)
        # The commands that it tells work as they stand.
        told = [line.strip() for line in done.stdout.splitlines() if line.startswith("  git -C")]
        assert len(told) == 4
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


def test_a_declared_package_that_is_missing_is_installed_and_the_report_says_so(called: None):
    for number in (1, 2):
        done = call("quickstart")
        assert done.code == 0, done.output + done.errors
        run = Run.objects.get(run_id=f"quickstart-{number}-keywords")
        (report,) = [attempt.report for attempt in attempts_of(run, "keywords")]
        (mitigation,) = report["mitigations"]
        assert mitigation["outcome"] == "fixed"
        assert report["doctor_calls_skipped"] == 1
        said = " ".join(done.output.split())
        assert "pattern `python_missing_dep`, action `install_package` fixed it in" in said
        assert "Doctor skipped" in said
    others = Run.objects.exclude(run_id__endswith="keywords")
    assert not any(run.flags["failure_hardening"] for run in others)


def test_plans_of_ones_own_on_a_repository_of_ones_own(
    called: None, repository: GitRepository, tmp_path: Path
):
    plan = {"schema_version": 1, "goal": "Add a line", "phases": [phase("a", add_line(0))]}
    good, faulty = tmp_path / "good.json", tmp_path / "faulty.json"
    good.write_text(json.dumps(plan))
    faulty.write_text(json.dumps({**plan, "phases": [{"id": "a", "depends_on": ["b"]}]}))
    before = repository.snapshot()

    refused = call("quickstart", "--project", repository.folder, "--plan", good, faulty)
    assert refused.code == 1
    assert "phases[0].depends_on[0]" in refused.errors
    assert not Run.objects.exists()

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


def test_texts_are_normalized_and_one_that_leaves_doubts_waits(
    called: None, repository: GitRepository, tmp_path: Path
):
    letter, vague, good = tmp_path / "a.md", tmp_path / "b.md", tmp_path / "good.json"
    letter.write_text(NO_PLAN)
    vague.write_text(VAGUE)
    plan = {"schema_version": 1, "goal": "Add a line", "phases": [phase("a", add_line(0))]}
    good.write_text(json.dumps(plan))

    refused = call("quickstart", "--project", repository.folder, "--plan", good, letter)
    assert refused.code == 1
    assert f"{letter}: The text is no plan" in refused.errors
    assert not Run.objects.exists()

    waits = call("quickstart", "--project", repository.folder, "--plan", vague, good)
    assert waits.code == 1
    assert "must confirm the plan of better-sums" in waits.errors
    assert dict(Run.objects.values_list("run_id", "state")) == {
        "better-sums": "PENDING",
        "add-a-line": "SUCCEEDED",
    }


def test_a_project_without_a_plan_is_refused():
    refused = call("quickstart", "--project", ".")
    assert refused.code == 1
    assert "--project and --plan go together" in refused.errors
