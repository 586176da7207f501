"""approval_decide: people answer, and their answer has effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.models import Approval
from tests.runs.execution.driving import drive, phase_of
from tests.runs.execution.plans import add_line, phase
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from runs.models import Run
    from tests.conftest import MakeRun


def waiting(make_run: MakeRun) -> tuple[Run, Approval]:
    run = make_run(phase("a", add_line(0), requires_approval=True))
    drive(run)
    assert run.state == "AWAITING_APPROVAL"
    return run, Approval.objects.get()


def test_an_approved_phase_goes_on(make_run: MakeRun):
    run, approval = waiting(make_run)
    listed = call("approval_decide").output
    assert listed.startswith(f"{approval.pk}: first: May phase a")
    done = call("approval_decide", approval.pk, "approve", "--note", "looks right")
    assert done.code == 0, done.errors
    assert "approved. Go on with: manage.py execute_run first" in done.output
    approval.refresh_from_db()
    assert (approval.state, approval.note) == ("approved", "looks right")
    assert approval.decided_by
    drive(run)
    assert run.state == "SUCCEEDED"
    assert call("approval_decide").output == "No approval is open.\n"


def test_a_rejected_phase_fails_and_is_not_decided_twice(make_run: MakeRun):
    run, approval = waiting(make_run)
    assert call("approval_decide", approval.pk, "reject").code == 0
    assert phase_of(run, "a").state == "FAILED"
    again = call("approval_decide", approval.pk, "approve")
    assert again.code == 1
    assert "is rejected already" in again.errors


def test_an_unknown_approval_and_a_missing_decision_are_told(make_run: MakeRun):
    _, approval = waiting(make_run)
    assert call("approval_decide", approval.pk + 1, "approve").code == 2
    missing = call("approval_decide", approval.pk)
    assert missing.code == 1
    assert "approve (or reject)" in missing.errors
