"""One attempt after another: what ends a phase well, what sends it back, what ends it for good."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from runs import services
from runs.models import Artifact, Attempt, StatusChange
from runs.signals import attempt_finished
from runs.states import FailureKind, PhaseState, RunState, Trigger
from tests.runs.execution.driving import attempts_of, drive, outcomes, phase_of
from tests.runs.execution.plans import add_line, patch, phase, py, sh, shell, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)

BAD_THEN_GOOD = (
    write("answer.txt", "41\n", attempts=[1]),
    write("answer.txt", "42\n", attempts=[2]),
)


# --- Success ----------------------------------------------------------------------------------


def test_a_chain_of_phases_becomes_one_commit_each_on_the_runs_branch(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase("a", add_line(0), modify=("f0.txt",), title="Do the first"),
        phase("b", write("new.txt", "new\n"), create=("new.txt",), after=("a",)),
        phase("c", add_line(1), after=("b",), checks=["grep -q more f0.txt", "test -f new.txt"]),
    )
    reports = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert [report.phase for report in reports] == ["a", "b", "c"]
    assert repository.subjects("autopack/first") == ["Do the first", "Phase b", "Phase c"]
    assert repository.show("autopack/first", "f0.txt") == "line 0\nmore"
    assert repository.tip("autopack/first") == run.head_commit == run.published_commit


def test_each_commit_says_which_run_phase_and_attempt_made_it(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase("a", add_line(0), description="Because it is needed."),
        phase("b", *BAD_THEN_GOOD, checks=["grep -qx 42 answer.txt"], after=("a",)),
    )
    drive(run)
    assert repository.trailers("autopack/first") == [
        {"Autopack-Run": "first", "Autopack-Phase": "a", "Autopack-Attempt": "1"},
        {"Autopack-Run": "first", "Autopack-Phase": "b", "Autopack-Attempt": "2"},
    ]
    assert "Because it is needed." in repository.git("log", "--format=%b", "autopack/first")


def test_a_run_that_changes_nothing_succeeds_and_leaves_no_branch_with_other_content(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(phase("a", shell("true")))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert report.warnings == ("The phase changed nothing.",)
    assert repository.git("diff", "main", run.head_commit) == ""


def test_every_change_of_state_is_kept_with_an_explanation(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    drive(run)
    changes = StatusChange.objects.filter(run=run)
    assert all(change.explanation for change in changes)
    assert [c.to_state for c in changes if c.phase_id is None] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert [c.to_state for c in changes if c.phase_id] == ["QUEUED", "RUNNING", "COMPLETE"]


def test_the_log_and_the_diff_of_an_attempt_are_files_that_its_rows_point_at(
    make_run: MakeRun, home: Path
) -> None:
    run = make_run(phase("a", add_line(0, "found in the diff"), checks=["echo found in the log"]))
    drive(run)
    artifacts = {each.kind: each for each in Artifact.objects.filter(attempt__phase__run=run)}
    assert set(artifacts) == {"log", "diff"}
    log = (home / artifacts["log"].path).read_text()
    diff = (home / artifacts["diff"].path).read_text()
    assert "\nfound in the log\n" in log
    assert "\n+found in the diff\n" in diff
    assert artifacts["diff"].size_bytes == len(diff)


def test_the_report_on_the_row_is_the_one_that_was_handed_out(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    (report,) = drive(run)
    (attempt,) = attempts_of(run, "a")
    assert attempt.report == json.loads(json.dumps(report.as_json()))
    assert attempt.commit == report.commit == phase_of(run, "a").commit == run.head_commit
    assert attempt.base_commit == run.base_commit
    assert [str(timing.stage) for timing in report.stages] == [
        "prepare", "build", "commit", "govern", "validate", "integrate"
    ]  # fmt: skip


# --- Retries ----------------------------------------------------------------------------------


def test_a_failed_attempt_is_followed_by_one_that_is_told_what_failed(
    make_run: MakeRun, repository: GitRepository
) -> None:
    check = py(
        "answer = open('answer.txt').read().strip()\n"
        "assert answer == '42', f'the answer is {answer}, it should be 42'"
    )
    run = make_run(phase("a", *BAD_THEN_GOOD, checks=[check]))
    hints: list[str] = []

    def note_hint(**_signal: Any) -> None:
        hints.append(phase_of(run, "a").hint)

    attempt_finished.connect(note_hint)
    try:
        drive(run)
    finally:
        attempt_finished.disconnect(note_hint)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": ["failed", "succeeded"]}
    assert "the answer is 41, it should be 42" in hints[0]
    assert hints[1] == ""
    assert repository.show("autopack/first", "answer.txt") == "42"


def test_three_failures_end_the_phase_and_the_run_as_a_validation_failure(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase("a", add_line(0)),
        phase("b", write("answer.txt", "41\n"), checks=["grep -qx 42 answer.txt"], after=("a",)),
        phase("c", add_line(1), after=("b",)),
    )
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.VALIDATION)
    assert outcomes(run) == {"a": ["succeeded"], "b": ["failed"] * 3, "c": []}
    assert phase_of(run, "b").state == PhaseState.FAILED
    assert phase_of(run, "c").state == PhaseState.SKIPPED
    assert run.explanation.startswith("Phase b: `grep -qx 42 answer.txt`")
    assert repository.subjects("autopack/first") == ["Phase a"], "what is COMPLETE is kept"


def test_max_attempts_of_a_phase_is_what_it_gets(make_run: MakeRun) -> None:
    run = make_run(
        phase("a", add_line(0), checks=["false"], limits={"max_attempts": 1}),
    )
    drive(run)
    assert outcomes(run) == {"a": ["failed"]}
    assert run.state == RunState.FAILED


def test_the_ends_of_failed_attempts_are_kept_under_refs_of_ours(
    make_run: MakeRun, repository: GitRepository, home: Path
) -> None:
    run = make_run(phase("a", *BAD_THEN_GOOD, checks=["grep -qx 42 answer.txt"]))
    drive(run)
    (mirror,) = (home / "repositories").glob("*.git")
    kept = repository.git(
        f"--git-dir={mirror}", "show", "refs/autopack/attempts/first/a/1:answer.txt"
    )
    assert kept == "41"
    assert [a.commit for a in attempts_of(run, "a")] == [
        repository.git(f"--git-dir={mirror}", "rev-parse", f"refs/autopack/attempts/first/a/{n}")
        for n in (1, 2)
    ]
    assert not repository.git("for-each-ref", "refs/autopack"), "in the user's own there are none"


def test_a_build_that_fails_half_way_is_kept_as_far_as_it_went(
    make_run: MakeRun, repository: GitRepository, home: Path
) -> None:
    run = make_run(
        phase(
            "a", write("half.txt", "half\n"), shell("echo no more >&2; exit 3"),
            limits={"max_attempts": 1},
        )
    )  # fmt: skip
    (report,) = drive(run)
    assert (report.outcome, report.failure_kind) == ("failed", FailureKind.VALIDATION)
    assert "step 2 of 2 (run)" in report.explanation
    assert "no more" in phase_of(run, "a").hint
    (mirror,) = (home / "repositories").glob("*.git")
    git_dir = f"--git-dir={mirror}"
    assert repository.git(git_dir, "show", f"{report.commit}:half.txt") == "half"


def test_a_patch_that_does_not_apply_is_a_conflict_that_names_the_file(make_run: MakeRun) -> None:
    bad = patch("--- a/f0.txt\n+++ b/f0.txt\n@@ -1 +1 @@\n-something else\n+more\n")
    run = make_run(phase("a", bad, limits={"max_attempts": 1}))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.CONFLICT)
    assert "f0.txt" in run.explanation


def test_what_our_machinery_breaks_is_an_error_and_not_the_works_failure(
    make_run: MakeRun, home: Path
) -> None:
    run = make_run(phase("a", add_line(0)), phase("b", add_line(1), after=("a",)))
    # Where the logs of phase b belong, a file is in the way: nothing the plan could help.
    (home / "runs" / "first" / "b").mkdir(parents=True)
    (home / "runs" / "first" / "b" / "1").write_text("in the way")
    drive(run)
    assert outcomes(run)["a"] == ["succeeded"]
    assert attempts_of(run, "b")[0].outcome == "errored"
    assert run.state == RunState.SUCCEEDED, run.explanation


def test_a_run_whose_logs_cannot_be_written_fails_for_its_environment_and_leaves_nothing_open(
    make_run: MakeRun, home: Path
) -> None:
    run = make_run(phase("a", add_line(0)))
    (home / "runs").write_text("a file where a folder belongs")
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.ENVIRONMENT)
    assert not Attempt.objects.filter(outcome="").exists()
    assert phase_of(run, "a").state != PhaseState.RUNNING


# --- The signal -------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[list[dict[str, Any]]]:
    """What receivers of attempt_finished saw, together with the row as it was at that moment."""
    seen: list[dict[str, Any]] = []

    def note(**signal: Any) -> None:
        row = Attempt.objects.get(pk=signal["attempt_pk"])
        seen.append({**signal, "row": row, "in_transaction": connection.in_atomic_block})

    def trip(**_signal: Any) -> None:
        raise ValueError("a receiver with a fault")

    attempt_finished.connect(trip)
    attempt_finished.connect(note)
    yield seen
    attempt_finished.disconnect(trip)
    attempt_finished.disconnect(note)


def test_the_signal_comes_after_the_outcome_is_committed_and_a_raising_receiver_fails_nothing(
    make_run: MakeRun, receiver: list[dict[str, Any]]
) -> None:
    run = make_run(phase("a", *BAD_THEN_GOOD, checks=["grep -qx 42 answer.txt"]))
    reports = drive(run)
    assert run.state == RunState.SUCCEEDED
    assert [each["row"].outcome for each in receiver] == ["failed", "succeeded"]
    assert not any(each["in_transaction"] for each in receiver)
    assert [each["report"] for each in receiver] == reports
    assert {(each["run_pk"], each["phase_pk"]) for each in receiver} == {
        (run.pk, phase_of(run, "a").pk)
    }


# --- Taking a run up again --------------------------------------------------------------------


def test_a_retried_run_does_not_repeat_what_is_complete(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    marker = tmp_path / "mended"
    run = make_run(
        phase("a", add_line(0), checks=[sh('echo a >> "$1"', trace)]),
        phase("b", add_line(1), checks=[sh('echo b >> "$1"; test -e "$2"', trace, marker)],
              after=("a",), limits={"max_attempts": 1}),
    )  # fmt: skip
    drive(run)
    assert run.state == RunState.FAILED
    marker.touch()
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": ["succeeded"], "b": ["failed", "succeeded"]}
    assert trace.read_text().split().count("a") == 1
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]


def test_a_retried_run_gives_its_phases_all_their_attempts_anew(
    make_run: MakeRun, tmp_path: Path
) -> None:
    mended = tmp_path / "mended"
    run = make_run(phase("a", add_line(0), checks=[sh('test -e "$1"', mended)]))
    drive(run)
    assert outcomes(run) == {"a": ["failed"] * 3}

    def mend(**_signal: Any) -> None:
        mended.touch()

    services.run_retry(run, trigger=Trigger.CLI)
    attempt_finished.connect(mend)
    try:
        drive(run)
    finally:
        attempt_finished.disconnect(mend)
    assert outcomes(run) == {"a": [*["failed"] * 4, "succeeded"]}
    assert run.state == RunState.SUCCEEDED


def test_a_finished_run_is_not_driven_again(make_run: MakeRun, repository: GitRepository) -> None:
    run = make_run(phase("a", add_line(0)))
    drive(run)
    tip = repository.tip("autopack/first")
    with pytest.raises(services.RunConflict, match="SUCCEEDED already"):
        drive(run)
    assert repository.tip("autopack/first") == tip


def test_commands_know_which_attempt_they_belong_to(make_run: MakeRun) -> None:
    check = sh('test "$AUTOPACK_RUN/$AUTOPACK_PHASE/$AUTOPACK_ATTEMPT" = first/a/1')
    run = make_run(phase("a", add_line(0), checks=[check]))
    drive(run)
    assert run.state == RunState.SUCCEEDED


def test_the_engine_leaves_the_process_as_it_was(make_run: MakeRun) -> None:
    before = (os.getcwd(), dict(os.environ))  # noqa: PTH109 -- the process's own, unresolved
    drive(make_run(phase("a", add_line(0))))
    assert (os.getcwd(), dict(os.environ)) == before  # noqa: PTH109 -- as above
