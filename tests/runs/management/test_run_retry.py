"""run_retry: an ended run goes back to the queue, with larger budgets if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.runs.execution.plans import phase
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from tests.conftest import MakeRun


def test_a_cancelled_run_is_queued_again_with_its_new_budget(make_run: MakeRun):
    run = make_run(phase("a"))
    call("run_cancel", "first")
    done = call("run_retry", "first", "--max-duration-minutes", "240", "--token-cap", "5")
    assert done.code == 0, done.errors
    assert "first: QUEUED. Execute it with: manage.py execute_run first" in done.output
    run.refresh_from_db()
    assert (run.state, run.max_duration_minutes, run.token_cap) == ("QUEUED", 240.0, 5)


def test_a_run_that_has_not_ended_is_refused_and_keeps_its_budgets(make_run: MakeRun):
    run = make_run(phase("a"))
    refused = call("run_retry", "first", "--token-cap", "5")
    assert refused.code == 1
    assert "is PENDING; only a FAILED, TIMEOUT or CANCELLED one is retried" in refused.errors
    run.refresh_from_db()
    assert run.token_cap is None
