"""Phases that run side by side become one branch, one by one, or the later one starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs import selectors
from runs.models import Attempt, Phase, Run, StatusChange
from runs.querysets import HeadMoved, LeaseLost, attempt_abandon, attempt_finish, phase_claim
from runs.states import AttemptOutcome, FailureKind, PhaseState, RunState
from runs.types import AttemptReport
from tests.runs.execution.by_hand import execute, gated, opened
from tests.runs.execution.driving import attempts_of, drive, outcomes, phase_of
from tests.runs.execution.plans import Json, add_line, phase, sh, shell, write

if TYPE_CHECKING:
    from pathlib import Path

    from runs.execution.session import Session
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)

# Waits (10 s at most) until its twin is there too: it ends only when both run at the same time.
MEET = """
touch "$1/$2"; i=0
while [ ! -e "$1/$3" ]; do i=$((i+1)); [ $i -gt 1000 ] && exit 1; sleep 0.01; done
pwd > "$1/$2.cwd"
"""


def side_by_side(make_run: MakeRun, one: Json, other: Json, **more: object) -> tuple[Run, Session]:
    """A run of two phases a and b that no edge orders, opened; the steps are theirs."""
    run = make_run(phase("a", one, **more), phase("b", other, **more))  # type: ignore[arg-type]  # a test's own options
    return run, opened(run)


def integrate_in_order(session: Session, run: Run) -> list[AttemptReport | None]:
    """Both phases are validated at the base; then a is integrated, then b."""
    phases = selectors.run_phases(run.pk)
    with gated(session, *phases) as (gate, attempts):
        reports = []
        for each, attempt in zip(phases, attempts, strict=True):
            gate.let_go(each.key)
            reports.append(attempt())
    return reports


# --- Side by side -----------------------------------------------------------------------------


def test_phases_with_scopes_apart_run_at_the_same_time_in_worktrees_of_their_own(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    run = make_run(
        phase("a", add_line(0), modify=("f0.txt",), checks=[sh(MEET, tmp_path, "a", "b")]),
        phase("b", add_line(1), modify=("f1.txt",), checks=[sh(MEET, tmp_path, "b", "a")]),
        phase("c", add_line(2), after=("a", "b"),
              checks=["grep -q more f0.txt", "grep -q more f1.txt"]),
    )  # fmt: skip
    drive(run, parallel=2)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert (tmp_path / "a.cwd").read_text() != (tmp_path / "b.cwd").read_text()
    assert set(repository.subjects("autopack/first")) == {"Phase a", "Phase b", "Phase c"}
    merges = repository.git("rev-list", "--merges", "autopack/first")
    assert merges == "", "one line of commits, a phase each"


def test_phases_that_may_touch_the_same_file_run_one_after_the_other(
    make_run: MakeRun, tmp_path: Path
) -> None:
    alone = shell('mkdir "$1/lock" && sleep 0.2 && rmdir "$1/lock"', tmp_path)
    run = make_run(
        phase("a", add_line(0), alone, modify=("f*.txt",)),
        phase("b", add_line(1), alone, modify=("f1.txt",)),
        phase("c", add_line(2), alone),
    )
    drive(run, parallel=3)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {key: ["succeeded"] for key in "abc"}


def test_no_more_phases_run_at_once_than_the_driver_was_given(
    make_run: MakeRun, tmp_path: Path
) -> None:
    alone = shell('mkdir "$1/lock" && sleep 0.1 && rmdir "$1/lock"', tmp_path)
    run = make_run(*(phase(f"p{n}", add_line(n), alone, modify=(f"f{n}.txt",)) for n in range(4)))
    drive(run, parallel=1)
    assert outcomes(run) == {f"p{n}": ["succeeded"] for n in range(4)}


# --- The later one ----------------------------------------------------------------------------


def test_a_phase_that_was_overtaken_is_merged_onto_the_new_head_and_validated_there(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    check = sh('cat f0.txt f1.txt | tr "\\n" " " >> "$1"; echo >> "$1"', trace)
    run, session = side_by_side(make_run, add_line(0), add_line(1), checks=[check])
    first, second = integrate_in_order(session, run)
    assert first is not None
    assert second is not None
    assert (first.outcome, second.outcome) == ("succeeded", "succeeded")
    assert trace.read_text().splitlines()[-1].strip() == "line 0 more line 1 more"
    assert len(trace.read_text().splitlines()) == 3, "each alone, then both together"
    run.refresh_from_db()
    git_dir = f"--git-dir={session.mirror.path}"
    assert repository.git(git_dir, "log", "--reverse", "--format=%s", run.head_commit).splitlines()[
        1:
    ] == ["Phase a", "Phase b"]
    a, b = phase_of(run, "a"), phase_of(run, "b")
    assert (a.parent_commit, a.commit) == (run.base_commit, b.parent_commit)
    assert b.commit == run.head_commit == second.commit
    assert "Autopack-Phase: b" in repository.git(git_dir, "log", "-1", "--format=%B", b.commit)


def test_two_changes_that_are_right_apart_and_wrong_together_are_not_integrated(
    make_run: MakeRun, repository: GitRepository
) -> None:
    not_both = sh("! { grep -q more f0.txt && grep -q more f1.txt; }")
    run, session = side_by_side(make_run, add_line(0), add_line(1), checks=[not_both])
    first, second = integrate_in_order(session, run)
    assert first is not None
    assert second is not None
    assert (first.outcome, second.outcome) == ("succeeded", "failed")
    assert second.failure_kind is FailureKind.VALIDATION
    run.refresh_from_db()
    assert run.head_commit == first.commit
    assert phase_of(run, "b").state == PhaseState.QUEUED, "it starts again from what a made"


def conflicts() -> dict[str, tuple[Json, Json]]:
    binary = 'printf "\\000\\001%s" "$1" > data.bin'
    return {
        "content": (add_line(0, "mine"), add_line(0, "yours")),
        "binary": (shell(binary, "mine"), shell(binary, "yours")),
        "both added": (write("new.txt", "mine\n"), write("new.txt", "yours\n")),
        "deleted and changed": (shell("rm f0.txt"), add_line(0)),
        "renamed to two names": (shell("mv f0.txt x.txt"), shell("mv f0.txt y.txt")),
        "file and folder": (write("new", "a file\n"), write("new/deep.txt", "in a folder\n")),
        "a name that is no UTF-8": (
            shell("printf mine > \"$(printf 'caf\\351')\""),
            shell("printf yours > \"$(printf 'caf\\351')\""),
        ),
    }


@pytest.mark.parametrize("kind", conflicts())
def test_a_conflict_moves_nothing_and_sends_the_later_phase_back_onto_the_new_head(
    kind: str, make_run: MakeRun
) -> None:
    one, other = conflicts()[kind]
    run, session = side_by_side(make_run, one, other)
    first, second = integrate_in_order(session, run)
    assert first is not None
    assert second is not None
    assert second.outcome == "failed", second.explanation
    assert second.failure_kind is FailureKind.CONFLICT
    run.refresh_from_db()
    assert run.head_commit == first.commit
    b = phase_of(run, "b")
    assert (b.state, b.tries) == (PhaseState.QUEUED, 0), "being overtaken is nobody's fault"

    execute(session, b)
    assert attempts_of(run, "b")[1].base_commit == first.commit


def test_a_rename_beside_a_change_of_the_same_file_keeps_both(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(long__txt="".join(f"line {n}\n" for n in range(50)))
    run, session = side_by_side(
        make_run, shell("mv long.txt renamed.txt"), shell("sed -i 's/line 7$/seven/' long.txt")
    )
    integrate_in_order(session, run)
    run.refresh_from_db()
    git_dir = f"--git-dir={session.mirror.path}"
    assert "\nseven\n" in repository.git(git_dir, "show", f"{run.head_commit}:renamed.txt")
    assert "long.txt" not in repository.git(git_dir, "ls-tree", "--name-only", run.head_commit)


def test_a_run_whose_phases_collided_goes_on_from_where_the_first_was_integrated(
    make_run: MakeRun, repository: GitRepository
) -> None:
    log = 'echo "$1" >> shared.log'
    run = make_run(phase("a", shell(log, "a")), phase("b", shell(log, "b")))
    session = opened(run)
    integrate_in_order(session, run)
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert repository.show("autopack/first", "shared.log").split() == ["a", "b"]
    assert outcomes(run) == {"a": ["succeeded"], "b": ["failed", "succeeded"]}


# --- The head and the fence -------------------------------------------------------------------


def finished(run: Run, claimed: Phase, number: int) -> AttemptReport:
    return AttemptReport(
        run.run_id, claimed.key, number, AttemptOutcome.SUCCEEDED, None, "Done.", commit="c" * 40
    )


def written(run: Run) -> tuple[object, ...]:
    """All that an attempt's end writes."""
    return (
        Run.objects.values_list("head_commit", "state").get(pk=run.pk),
        list(Phase.objects.filter(run=run).values_list("state", "commit", "explanation")),
        list(Attempt.objects.filter(phase__run=run).values_list("outcome", "commit", "ended_at")),
        StatusChange.objects.filter(run=run).count(),
    )


def claim(run: Run, key: str = "a") -> tuple[Phase, Attempt]:
    from runs.execution.leases import worker_identity

    claimed = phase_of(run, key)
    attempt = phase_claim(claimed, worker_identity(), lease_seconds=60)
    assert attempt is not None
    return claimed, attempt


def test_a_head_that_has_moved_is_found_and_nothing_is_written(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    opened(run)
    claimed, attempt = claim(run)
    before = written(run)
    with pytest.raises(HeadMoved):
        attempt_finish(
            attempt, claimed, finished(run, claimed, 1), PhaseState.COMPLETE,
            explanation="Done.", head=("0" * 40, "c" * 40),
        )  # fmt: skip
    assert written(run) == before


def test_a_late_writer_is_refused_and_writes_nothing(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    opened(run)
    claimed, attempt = claim(run)
    assert attempt_abandon(attempt, PhaseState.QUEUED, explanation="Its worker is gone.")
    _again, second = claim(run)
    assert second.fence > attempt.fence
    before = written(run)
    for head in (None, (run.base_commit, "c" * 40)):
        with pytest.raises(LeaseLost):
            attempt_finish(
                attempt, claimed, finished(run, claimed, 1), PhaseState.COMPLETE,
                explanation="Done.", head=head,
            )  # fmt: skip
    assert written(run) == before


def test_an_attempt_whose_phase_was_taken_over_ends_without_a_word(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    session = opened(run)
    with gated(session, phase_of(run, "a")) as (gate, (attempting,)):
        (attempt,) = attempts_of(run, "a")
        attempt_abandon(attempt, PhaseState.QUEUED, explanation="Believed dead.")
        before = written(run)
        gate.let_go("a")
        assert attempting() is None
    assert written(run) == before


def test_of_many_workers_that_claim_a_phase_one_gets_it(make_run: MakeRun) -> None:
    import threading

    from django.db import connection

    from runs.execution.leases import worker_identity

    run = make_run(phase("a", add_line(0)))
    opened(run)
    rows = [phase_of(run, "a") for _ in range(8)]
    start, won = threading.Barrier(8), []

    def contend(row: Phase) -> None:
        start.wait(10)
        won.append(phase_claim(row, worker_identity(), lease_seconds=60))
        connection.close()

    threads = [threading.Thread(target=contend, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(won) == 8
    assert sum(attempt is not None for attempt in won) == 1
    assert Attempt.objects.filter(phase__run=run).count() == 1
