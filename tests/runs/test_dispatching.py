"""Which run comes next, how many phases run at once, and runs that touch the same files."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from runs import dispatching, querysets, scheduling
from runs.models import Phase, Project, Run
from runs.scheduling import Limits, Place, room_for, runs_overlapping
from runs.states import OverlapPolicy, RunState
from runs.types import WorkerIdentity
from tests.runs.execution.driving import drive, in_background
from tests.runs.execution.plans import add_line, phase, sh
from tests.runs.execution.processes import eventually
from tests.runs.factories import PhaseFactory, ProjectFactory, RunFactory
from tests.runs.rows import at_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db

SPEC = {"id": "a", "title": "A", "builder": {"backend": "recipe", "steps": []}}


def queued_run(*, priority: int = 0, **columns: Any) -> Run:
    run = RunFactory.create(queued=True, priority=priority, **columns)
    PhaseFactory.create(run=run, spec=SPEC)
    return run


# --- Limits -----------------------------------------------------------------------------------

HERE = Place(run_pk=1, project_pk=1, backend="recipe")
SAME_RUN = Place(1, 1, "claude")
SAME_PROJECT = Place(2, 1, "claude")
SAME_BACKEND = Place(3, 2, "recipe")


@pytest.mark.parametrize(
    ("limits", "waits_for"),
    [
        (Limits(), ""),
        (Limits(total=4, per_project=3, per_run=2, per_backend={"recipe": 2}), ""),
        (Limits(total=3), "3 phases run,"),
        (Limits(per_project=2), "2 phases of this project"),
        (Limits(per_run=1), "1 phases of this run"),
        (Limits(per_backend={"recipe": 1}), "1 phases run on recipe"),
        (Limits(per_backend={"claude": 1}), ""),
    ],
)
def test_a_phase_waits_for_room_and_says_for_which(limits: Limits, waits_for: str) -> None:
    said = room_for(limits, [SAME_RUN, SAME_PROJECT, SAME_BACKEND], HERE)
    assert bool(said) is bool(waits_for)
    assert waits_for in said


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_do_not_get_past_a_limit(settings: Settings) -> None:
    settings.AUTOPACK_MAX_PHASES = 2
    run = RunFactory.create(running=True)
    phases = [PhaseFactory.create(run=run, queued=True, spec=SPEC) for _ in range(6)]

    def claim(number: int, row: Phase) -> object:
        return querysets.phase_claim(
            row,
            WorkerIdentity(f"worker-{number}", "host", 100 + number, 1.0, "boot"),
            lease_seconds=60,
            waits_for=dispatching.room_checker(run, "recipe"),
        )

    won = at_once([partial(claim, number, row) for number, row in enumerate(phases)])
    assert sum(attempt is not None for attempt in won) == 2
    assert Phase.objects.filter(state="RUNNING").count() == 2


def test_without_limits_nothing_is_counted() -> None:
    assert dispatching.room_checker(RunFactory.create(), "recipe") is None


def test_what_runs_is_counted_with_its_project_and_backend(settings: Settings) -> None:
    settings.AUTOPACK_BACKEND_LIMITS = {"recipe": 1}
    working = PhaseFactory.create(running=True, spec=SPEC)
    PhaseFactory.create(queued=True, spec=SPEC)
    run = working.run
    assert dispatching.places_running() == [Place(run.pk, run.project_id, "recipe")]
    for backend, waits in (("recipe", True), ("claude", False)):
        asks = dispatching.room_checker(run, backend)
        assert asks is not None
        assert bool(asks()) is waits


# --- Which run is next ------------------------------------------------------------------------


def test_the_highest_priority_is_next_then_the_oldest() -> None:
    queued_run(priority=1)
    first, second = queued_run(priority=5), queued_run(priority=5)
    assert dispatching.run_next() == first
    assert dispatching.run_next([first.pk]) == second


def test_what_cannot_start_is_passed_over() -> None:
    later = queued_run(priority=9)
    later.phases.update(not_before=timezone.now() + timedelta(hours=1))
    RunFactory.create(priority=9)  # PENDING: nobody asked for it
    asked = RunFactory.create(awaiting_approval=True, priority=9)
    PhaseFactory.create(run=asked, awaiting_approval=True, spec=SPEC)
    could = queued_run()
    assert dispatching.run_next() is not None
    assert dispatching.run_next([later.pk]) == could


def test_a_phase_that_waits_its_time_holds_nobody_else_back() -> None:
    run = RunFactory.create(running=True, state=RunState.QUEUED.value)
    PhaseFactory.create(run=run, spec=SPEC, not_before=timezone.now() + timedelta(hours=1))
    assert dispatching.run_next() is None
    run.phases.update(not_before=timezone.now() - timedelta(seconds=1))
    assert dispatching.run_next() == run


def test_a_running_run_is_next_when_a_phase_of_it_waits() -> None:
    run = RunFactory.create(running=True)
    PhaseFactory.create(run=run, running=True, spec=SPEC)
    assert dispatching.run_next() is None
    PhaseFactory.create(
        run=run, queued=True, spec={**SPEC, "id": "b", "scope": {"modify": ["src/other.py"]}}
    )
    assert dispatching.run_next() is None, "the first one may write anywhere"
    run.phases.filter(state="RUNNING").update(spec={**SPEC, "scope": {"modify": ["src/this.py"]}})
    assert dispatching.run_next() == run


def test_many_that_cannot_start_do_not_hide_one_that_can() -> None:
    project = ProjectFactory.create(overlapping_runs=OverlapPolicy.WAIT.value)
    RunFactory.create(running=True, project=project, writes=[])
    for _ in range(dispatching.PAGE + 5):
        queued_run(project=project, priority=5)
    could = queued_run()
    assert dispatching.run_next() == could


# --- Runs that touch the same files -----------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "overlap"),
    [
        (["src/"], ["src/a.py"], True),
        (["src/a.py"], ["docs/a.md"], False),
        (["docs/*.md"], ["docs/index.md"], True),
        ([], ["docs/"], True),  # anywhere
        (["docs/"], [], True),
    ],
)
def test_scopes_of_runs_are_compared(ours: list[str], theirs: list[str], *, overlap: bool) -> None:
    assert runs_overlapping(ours, [("other", theirs)]) == (("other",) if overlap else ())


def test_only_started_active_runs_of_the_same_project_overlap() -> None:
    run = queued_run()
    started = RunFactory.create(running=True, project=run.project)
    RunFactory.create(queued=True, project=run.project)
    RunFactory.create(succeeded=True, project=run.project)
    RunFactory.create(running=True)
    assert dispatching.overlapping(run) == (started.run_id,)


Pair = tuple["Run", "Run"]


@pytest.fixture
def pair(make_run: MakeRun, tmp_path: Path) -> Callable[[OverlapPolicy], Pair]:
    """Two runs of one project and one file, the first of which waits for tmp_path/go."""

    def make(policy: OverlapPolicy) -> Pair:
        wait = 'i=0; while [ ! -e "$1" ] && [ $i -lt 3000 ]; do i=$((i+1)); sleep 0.01; done'
        held = phase("a", add_line(0), checks=[sh(wait, tmp_path / "go")], modify=("f0.txt",))
        first = make_run(held)
        second = make_run(phase("a", add_line(0), modify=("f0.txt",)), run_id="second")
        Project.objects.update(overlapping_runs=policy.value)
        return Run.objects.get(pk=first.pk), Run.objects.get(pk=second.pk)

    return make


def starts(run: Run) -> bool:
    return eventually(lambda: Phase.objects.filter(run=run, state="RUNNING").exists(), 20.0)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_overlaps_is_warned_about_and_starts(
    pair: Callable[[OverlapPolicy], Pair], tmp_path: Path
) -> None:
    first, second = pair(OverlapPolicy.WARN)
    with in_background(first) as finish:
        assert starts(first)
        drive(second)
        assert second.state == RunState.SUCCEEDED
        (started,) = second.status_changes.filter(
            phase=None, from_state="QUEUED", to_state="RUNNING"
        )
        assert "first can touch the same files" in started.explanation
        (tmp_path / "go").touch()
        finish()
    assert first.state == RunState.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_a_run_that_overlaps_waits_where_the_project_says_so(
    pair: Callable[[OverlapPolicy], Pair], tmp_path: Path
) -> None:
    first, second = pair(OverlapPolicy.WAIT)
    with in_background(first) as finish:
        assert starts(first)
        with in_background(second) as finish_second:

            def waits() -> bool:
                second.refresh_from_db()
                return "Waits for first" in second.explanation

            assert eventually(waits, 20.0)
            assert (second.state, second.base_commit) == (RunState.QUEUED, "")
            assert dispatching.run_next() is None
            (tmp_path / "go").touch()
            finish()
            finish_second()
    assert (first.state, second.state) == (RunState.SUCCEEDED, RunState.SUCCEEDED)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert second.started_at >= first.ended_at


@pytest.mark.django_db(transaction=True)
def test_of_runs_that_start_at_once_one_waits() -> None:
    project = ProjectFactory.create(overlapping_runs=OverlapPolicy.WAIT.value)
    runs = [queued_run(project=project) for _ in range(4)]

    def start(run: Run) -> str:
        def held() -> str:
            return ", ".join(dispatching.overlapping(run))

        return querysets.run_start(run, "1" * 40, held_by=held)

    held = at_once([partial(start, run) for run in runs])
    assert sum(not each for each in held) == 1
    assert Run.objects.filter(state="RUNNING").count() == 1


def test_done_phases_are_none_to_start_but_their_run_is_to_end() -> None:
    run = RunFactory.create(running=True, state=RunState.QUEUED.value)
    PhaseFactory.create(run=run, complete=True, spec=SPEC)
    assert dispatching.run_next() == run
    assert scheduling.phases_ready(list(run.phases.all())) == []
