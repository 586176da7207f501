"""Rules that the database itself holds, whoever writes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from runs import querysets
from runs.models import Approval, Attempt, Phase, Run, StatusChange
from runs.states import ApprovalState, RunState
from tests.runs.factories import AttemptFactory, PhaseFactory, ProjectFactory, RunFactory

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def refused(write: Callable[[], object]) -> str:
    """What the database says to `write`."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        write()
    return str(error.value)


def test_a_run_id_is_taken_without_regard_to_case() -> None:
    RunFactory.create(run_id="First")
    refused(lambda: RunFactory.create(run_id="fIRST"))


def test_a_project_name_is_taken_without_regard_to_case() -> None:
    ProjectFactory.create(name="Demo")
    refused(lambda: ProjectFactory.create(name="dEMO"))


def test_a_state_that_does_not_exist_cannot_be_stored() -> None:
    run, phase, attempt = RunFactory.create(), PhaseFactory.create(), AttemptFactory.create()
    for rows, values in (
        (Run.objects.filter(pk=run.pk), {"state": "DONE"}),
        (Run.objects.filter(pk=run.pk), {"failure_kind": "bad_luck"}),
        (Phase.objects.filter(pk=phase.pk), {"state": "DONE"}),
        (Attempt.objects.filter(pk=attempt.pk), {"outcome": "won", "ended_at": timezone.now()}),
    ):
        assert "CHECK" in refused(partial(rows.update, **values)).upper()


def test_an_attempt_has_an_outcome_exactly_when_it_has_ended() -> None:
    attempt = AttemptFactory.create()
    rows = Attempt.objects.filter(pk=attempt.pk)
    assert "attempt_ended_with_outcome" in refused(lambda: rows.update(outcome="failed"))
    assert "attempt_ended_with_outcome" in refused(lambda: rows.update(ended_at=timezone.now()))
    rows.update(outcome="failed", ended_at=timezone.now())


def test_a_number_and_a_fence_belong_to_one_attempt_of_a_phase() -> None:
    first = AttemptFactory.create()
    refused(lambda: AttemptFactory.create(phase=first.phase, number=1, fence=2))
    refused(lambda: AttemptFactory.create(phase=first.phase, number=2, fence=1))
    AttemptFactory.create(phase=first.phase, number=2, fence=2)


def test_a_phase_has_one_open_question_of_a_kind() -> None:
    phase = PhaseFactory.create(awaiting_approval=True)

    def ask(state: ApprovalState = ApprovalState.PENDING) -> Approval:
        return Approval.objects.create(
            run=phase.run, phase=phase, kind="phase", state=state.value, question="May it?",
            expires_at=timezone.now(),
        )  # fmt: skip

    ask()
    refused(ask)
    ask(ApprovalState.REJECTED)


def test_a_project_with_runs_cannot_be_deleted() -> None:
    run = RunFactory.create()
    with pytest.raises(ProtectedError):
        run.project.delete()


def test_history_is_not_rewritten() -> None:
    run = RunFactory.create()
    querysets.run_transition(run.pk, RunState.PENDING, RunState.QUEUED, explanation="As it was.")
    change = StatusChange.objects.get()
    change.explanation = "As it should have been."
    with pytest.raises(TypeError, match="append-only"):
        change.save()
    change.refresh_from_db()
    assert change.explanation == "As it was."
