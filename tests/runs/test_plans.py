"""Raw plans become runs: at once when they are clear, after a person's word when they are not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from runs import services
from runs.execution.driver import Drive, run_drive
from runs.execution.repository.trees import trees_forget
from runs.models import Approval, Project, Run
from runs.plans import NotAPlan, plan_normalize
from runs.services import ConfirmationRequired, RunConflict
from runs.states import ApprovalKind, Trigger
from tests.runs.texts_of_plans import CLEAR, NO_PLAN, VAGUE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.repositories import GitRepository


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    yield
    trees_forget()


@pytest.fixture
def project(transactional_db: None, home: Path, repository: GitRepository) -> Project:
    del transactional_db, home
    return services.project_ensure(source=str(repository.folder))


def created(project: Project, text: str, **more: object) -> Run:
    return services.run_create(project=project, raw_plan=text, **more)  # type: ignore[arg-type]


def asked(run: Run) -> Approval:
    return run.approvals.get(kind=ApprovalKind.PLAN.value)


# --- Normalizing ------------------------------------------------------------------------------


def test_a_plan_is_read_against_the_projects_commit(project: Project, repository: GitRepository):
    repository.write("f9.txt", "not committed")
    normalized = plan_normalize(raw_plan=CLEAR.replace("f3.txt", "f9.txt"), project=project)
    assert normalized.ok
    assert normalized.structured_plan is not None
    first, second = normalized.structured_plan.phases
    assert (first.scope.modify, first.scope.create) == (("f0.txt", "f1.txt"), ("numbers.md",))
    assert "f9.txt" not in second.scope.modify


def test_the_same_text_gives_the_same_bytes_and_makes_nothing(project: Project):
    first = plan_normalize(raw_plan=CLEAR, project=project).as_bytes()
    trees_forget()
    assert plan_normalize(raw_plan=CLEAR, project=project).as_bytes() == first
    assert plan_normalize(raw_plan=CLEAR, source=project.source).as_bytes() == first
    assert not Run.objects.exists()


def test_a_plan_can_be_read_without_any_repository(home: Path):
    del home
    assert plan_normalize(raw_plan=CLEAR).ok


def test_what_normalizing_gives_can_be_posted_unchanged(project: Project):
    document = plan_normalize(raw_plan=CLEAR, project=project).as_json()["structured_plan"]
    run = services.run_create(project=project, structured_plan=document)
    assert run.structured_plan == document
    assert run.plan_normalization == {}


# --- Creating ---------------------------------------------------------------------------------


def test_a_clear_plan_becomes_a_run_that_may_start(project: Project):
    run = created(project, CLEAR, file_name="tasks.md")
    assert (run.state, run.raw_plan, run.phases.count()) == ("PENDING", CLEAR, 2)
    kept = run.plan_normalization
    assert kept["confidence"] >= 0.7
    assert kept["requires_confirmation"] is False
    assert {"format", "confidence_reasons", "warnings", "decisions"} <= set(kept)
    assert "structured_plan" not in kept
    assert not run.approvals.exists()
    services.run_queue(run, trigger=Trigger.CLI)
    run.refresh_from_db()
    assert run.state == "QUEUED"


def test_a_text_that_is_no_plan_makes_nothing_and_says_why(project: Project):
    with pytest.raises(NotAPlan, match="no plan") as refused:
        created(project, NO_PLAN)
    assert not refused.value.normalized.ok
    assert not Run.objects.exists()


def test_a_doubtful_plan_waits_for_a_person_whoever_wants_to_execute_it(project: Project):
    run = created(project, VAGUE)
    approval = asked(run)
    assert run.plan_normalization["confidence"] < 0.7
    assert f"approval {approval.pk}" in run.explanation
    assert approval.details["confidence_reasons"]
    with pytest.raises(ConfirmationRequired, match=f"approval_decide {approval.pk} approve"):
        services.run_queue(run, trigger=Trigger.CLI)
    with pytest.raises(ConfirmationRequired):
        services.run_execute(run, trigger=Trigger.API)
    with pytest.raises(ConfirmationRequired):
        run_drive(Drive(run))
    run.refresh_from_db()
    assert run.state == "PENDING"


def test_a_confirmed_plan_may_start(project: Project):
    run = created(project, VAGUE)
    services.approval_decide(asked(run), approve=True, decided_by="ada")
    run.refresh_from_db()
    assert (run.state, run.explanation) == (
        "PENDING", "Its plan was confirmed by ada; not started yet.",
    )  # fmt: skip
    services.run_queue(run, trigger=Trigger.CLI)
    run.refresh_from_db()
    assert run.state == "QUEUED"


def test_a_refused_plan_ends_its_run_for_good(project: Project):
    run = created(project, VAGUE)
    services.approval_decide(asked(run), approve=False, decided_by="ada", note="too vague")
    run.refresh_from_db()
    assert run.state == "CANCELLED"
    assert run.explanation == "Its plan was not confirmed: rejected by ada. too vague"
    assert {phase.state for phase in run.phases.all()} == {"CANCELLED"}
    with pytest.raises(RunConflict):
        services.run_queue(run, trigger=Trigger.CLI)
    # No way around the question.
    with pytest.raises(ConfirmationRequired, match="create another run"):
        services.run_retry(run, trigger=Trigger.CLI)


def test_a_run_that_was_cancelled_before_the_answer_stays_unconfirmed(project: Project):
    run = created(project, VAGUE)
    services.run_cancel(run, trigger=Trigger.CLI)
    assert asked(run).state == "expired"
    with pytest.raises(ConfirmationRequired):
        services.run_retry(run, trigger=Trigger.CLI)


def test_an_answer_that_comes_too_late_counts_as_none(project: Project):
    run = created(project, VAGUE)
    approval = asked(run)
    Approval.objects.filter(pk=approval.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(RunConflict, match="create the run"):
        services.approval_decide(approval, approve=True, decided_by="ada")
    run.refresh_from_db()
    assert (run.state, run.failure_kind) == ("FAILED", "requires_human_review")
    assert "nobody in time" in run.explanation


def test_questions_that_nobody_answered_end_their_runs(project: Project):
    run = created(project, VAGUE)
    assert services.approvals_expire(run) == 0
    run.approvals.update(expires_at=timezone.now() - timedelta(hours=1))
    assert services.approvals_expire(run) == 1
    run.refresh_from_db()
    assert (run.state, run.failure_kind) == ("FAILED", "requires_human_review")
