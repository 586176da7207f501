"""Tasks of a plan: ticked ones are not done again, and none passes for done unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs.states import FailureKind, RunState
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import add_line, phase

if TYPE_CHECKING:
    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


def test_work_that_the_plan_ticks_is_not_done_again(make_run: MakeRun) -> None:
    run = make_run(
        phase("old", add_line(0), tasks=[{"id": "t1", "text": "Was done", "done": True}]),
        phase("new", add_line(1), after=("old",)),
    )
    drive(run)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert [phase.state for phase in run.phases.order_by("position")] == ["SKIPPED", "COMPLETE"]


def test_a_phase_whose_tasks_nobody_can_do_does_not_pass_for_done(make_run: MakeRun) -> None:
    run = make_run(phase("a", tasks=[{"id": "t1", "text": "Write a poem"}]))
    drive(run)
    run.refresh_from_db()
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.REQUIRES_HUMAN_REVIEW)
    assert "builder.backend" in run.explanation
