"""A diff that governance refuses may be let pass by a person, when the project wants that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runs import services
from runs.models import Approval
from runs.states import FailureKind, RefusalPolicy, RunState
from tests.runs.execution.driving import drive, outcomes
from tests.runs.execution.plans import phase, shell, write

if TYPE_CHECKING:
    from runs.models import Run
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)
TOO_FAR = write("other.txt", "not in scope\n")


def asking(make_run: MakeRun, *steps: dict[str, Any]) -> Run:
    run = make_run(phase("a", *steps, modify=("f0.txt",), limits={"max_attempts": 1}))
    run.project.refused_diffs = RefusalPolicy.ASK.value
    run.project.save()
    return run


def state_of(run: Run) -> tuple[str, str]:
    run.refresh_from_db()
    return run.state, run.failure_kind


def test_an_allowed_diff_goes_in_with_the_next_attempt(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = asking(make_run, TOO_FAR)
    drive(run)
    assert state_of(run)[0] == RunState.AWAITING_APPROVAL
    question = Approval.objects.get(run=run)
    assert question.kind == "governance"
    assert question.details["refused"][0]["path"] == "other.txt"
    services.approval_decide(question, approve=True, decided_by="boss")
    drive(run)
    assert state_of(run)[0] == RunState.SUCCEEDED
    assert outcomes(run)["a"] == ["failed", "succeeded"]
    assert repository.git("show", f"{run.branch}:other.txt") == "not in scope"


def test_a_diff_that_is_not_allowed_fails_the_run_for_a_person_said_so(make_run: MakeRun) -> None:
    run = asking(make_run, TOO_FAR)
    drive(run)
    services.approval_decide(Approval.objects.get(run=run), approve=False, decided_by="boss")
    drive(run)
    assert state_of(run) == (RunState.FAILED, FailureKind.REQUIRES_HUMAN_REVIEW)


def test_the_word_holds_for_the_very_diff_only(make_run: MakeRun) -> None:
    changing: dict[str, Any] = {
        "kind": "run",
        "argv": ["sh", "-c", 'echo "$AUTOPACK_ATTEMPT" > other.txt'],
    }
    run = asking(make_run, changing)
    drive(run)
    services.approval_decide(Approval.objects.get(run=run), approve=True, decided_by="boss")
    drive(run)
    assert state_of(run)[0] == RunState.AWAITING_APPROVAL
    assert Approval.objects.filter(run=run).count() == 2


def test_what_is_dangerous_is_not_asked_about(make_run: MakeRun) -> None:
    run = asking(make_run, shell("ln -sf /etc/passwd f0.txt"))
    drive(run)
    assert state_of(run) == (RunState.FAILED, FailureKind.POLICY_VIOLATION)
    assert not Approval.objects.filter(run=run).exists()
