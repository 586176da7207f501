"""The admin shows every row with a fixed number of queries, changes none, and acts by services."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from runs.models import (
    ApiKey,
    Approval,
    Artifact,
    IdempotencyRecord,
    ModelCall,
    Project,
    Run,
    StatusChange,
    WorkerNode,
)
from runs.states import PhaseState
from tests.runs.factories import AttemptFactory, PhaseFactory, ProjectFactory, RunFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import Model
    from django.test import Client

pytestmark = pytest.mark.django_db

# As urls.py does; commands start without it.
admin.autodiscover()

MODELS = sorted(
    (model for model in admin.site._registry if model._meta.app_label == "runs"),
    key=lambda model: model.__name__,
)


def page(model: type[Model], name: str, *arguments: object) -> str:
    return reverse(f"admin:runs_{model.__name__.lower()}_{name}", args=arguments)


def one_of_each() -> None:
    attempt = AttemptFactory.create()
    run, phase = attempt.phase.run, attempt.phase
    Artifact.objects.create(attempt=attempt, kind="log", name="attempt.log", path="x")
    ModelCall.objects.create(run=run, attempt=attempt, role="builder", backend="b", model="m")
    Approval.objects.create(
        run=run, phase=phase, kind="phase", question="May it?", expires_at=timezone.now()
    )
    StatusChange.objects.create(
        run=run, phase=phase, to_state="RUNNING", explanation="x" * 500, trigger="cli",
        at=timezone.now(),
    )  # fmt: skip
    node_of(f"node-{run.pk}")
    number = ApiKey.objects.count()
    ApiKey.objects.create(name="ci", prefix=f"prefix-{number}", scopes=["read"])
    IdempotencyRecord.objects.create(caller="key:1", key=str(number), status_code=201, answer={})


def node_of(name: str, **columns: Any) -> WorkerNode:
    return WorkerNode.objects.create(
        name=name, host="host", pid=1, pid_started=1.0, workers=2, beat_at=timezone.now(), **columns
    )


def use(client: Client, model: type[Model], action: str, *rows: Model) -> str:
    """Run an action on rows; returns the page that follows."""
    answer = client.post(
        page(model, "changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows]},
        follow=True,
    )
    return answer.content.decode()


def test_every_model_of_runs_is_there() -> None:
    assert set(MODELS) == set(apps.get_app_config("runs").get_models())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_costs_the_same_for_many_rows_as_for_one(
    admin_client: Client, model: type[Model]
) -> None:
    one_of_each()
    admin_client.get(page(model, "changelist"))  # what is remembered for a process is now
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert admin_client.get(page(model, "changelist")).status_code == 200
    for _ in range(7):
        one_of_each()
    with CaptureQueriesContext(connection) as many:
        answer = admin_client.get(page(model, "changelist"))
    assert len(many) == len(few) <= 10
    assert answer.context["cl"].result_count == 8


# Keys are made in the admin as well: tests/runs/api/test_keys.py.
LOOKED_AT = [model for model in MODELS if model not in (Project, ApiKey)]


@pytest.mark.parametrize("model", LOOKED_AT, ids=lambda model: model.__name__)
def test_rows_are_looked_at_and_not_typed_over(admin_client: Client, model: type[Model]) -> None:
    one_of_each()
    row = model._default_manager.get()
    shown = admin_client.get(page(model, "change", row.pk))
    assert shown.status_code == 200
    assert b'name="_save"' not in shown.content
    assert admin_client.post(page(model, "change", row.pk), {}).status_code == 403
    assert admin_client.get(page(model, "add")).status_code == 403
    assert admin_client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.count() == 1


def test_how_a_project_is_prepared_can_be_changed_and_what_it_is_cannot(
    admin_client: Client,
) -> None:
    project = ProjectFactory.create()
    form = {
        "name": "another", "source": "/elsewhere", "base_ref": "main",
        "validation_commands": "[]", "placed_files": '[".env"]', "port_names": '["PORT"]',
        "protected_paths": "[]", "overlapping_runs": "wait",
        "refused_diffs": "ask",
    }  # fmt: skip
    assert admin_client.post(page(Project, "change", project.pk), form).status_code == 302
    changed = Project.objects.get()
    assert changed.overlapping_runs == "wait"
    assert (changed.base_ref, changed.placed_files, changed.port_names) == (
        "main", [".env"], ["PORT"]
    )  # fmt: skip
    assert (changed.name, changed.source) == (project.name, project.source)
    assert admin_client.get(page(Project, "add")).status_code == 403
    assert (
        admin_client.post(page(Project, "delete", project.pk), {"post": "yes"}).status_code == 403
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_can_be_searched(admin_client: Client, model: type[Model]) -> None:
    one_of_each()
    found = admin_client.get(page(model, "changelist"), {"q": "no such thing"})
    assert found.context["cl"].result_count == 0


def test_cancelling_goes_through_the_service_and_passes_over_what_ended(
    admin_client: Client,
) -> None:
    waiting, running, over = (
        RunFactory.create(queued=True),
        PhaseFactory.create(running=True).run,
        RunFactory.create(succeeded=True),
    )
    said = use(admin_client, Run, "runs_cancel", waiting, running, over)
    assert "Asked for the end of 2 runs." in said
    for run in (waiting, running, over):
        run.refresh_from_db()
    assert waiting.state == "CANCELLED"
    assert (running.state, running.cancel_requested_at is None) == ("RUNNING", False)
    assert (over.state, over.cancel_requested_at) == ("SUCCEEDED", None)
    assert StatusChange.objects.get(run=waiting).trigger == "admin"


def test_retrying_queues_what_failed_and_nothing_else(admin_client: Client) -> None:
    phase = PhaseFactory.create(failed=True, run__failed=True)
    succeeded = RunFactory.create(succeeded=True)
    assert "Queued 1 runs again." in use(admin_client, Run, "runs_retry", phase.run, succeeded)
    phase.refresh_from_db()
    assert (phase.run.state, phase.state, phase.tries) == ("QUEUED", "PENDING", 0)
    succeeded.refresh_from_db()
    assert succeeded.state == "SUCCEEDED"


@pytest.mark.parametrize(
    ("action", "state", "leads_to"),
    [
        ("approvals_approve", "approved", PhaseState.QUEUED),
        ("approvals_reject", "rejected", PhaseState.FAILED),
    ],
)
def test_a_decision_is_made_in_the_name_of_who_made_it(
    admin_client: Client, admin_user: User, action: str, state: str, leads_to: PhaseState
) -> None:
    phase = PhaseFactory.create(awaiting_approval=True)
    approval = Approval.objects.create(
        run=phase.run, phase=phase, kind="phase", question="May it?",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    use(admin_client, Approval, action, approval)
    approval.refresh_from_db()
    phase.refresh_from_db()
    assert (approval.state, approval.decided_by) == (state, admin_user.get_username())
    assert phase.state == leads_to.value


def test_a_decision_that_comes_too_late_is_said(admin_client: Client) -> None:
    phase = PhaseFactory.create(awaiting_approval=True)
    approval = Approval.objects.create(
        run=phase.run, phase=phase, kind="phase", question="May it?", expires_at=timezone.now()
    )
    said = use(admin_client, Approval, "approvals_approve", approval)
    assert "expired" in said
    assert "Approved: 0." in said


def test_who_may_only_look_has_no_actions(client: Client, django_user_model: type[User]) -> None:
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(user)
    run = RunFactory.create(queued=True)
    assert client.get(page(Run, "changelist")).status_code == 200
    use(client, Run, "runs_cancel", run)
    run.refresh_from_db()
    assert run.state == "QUEUED"


def test_nodes_are_drained_and_work_again(admin_client: Client) -> None:
    node, gone = node_of("there"), node_of("gone", stopped_at=timezone.now())
    assert "1 nodes drain" in use(admin_client, WorkerNode, "nodes_drain", node, gone)
    node.refresh_from_db()
    gone.refresh_from_db()
    assert node.draining_at is not None
    assert gone.draining_at is None
    assert "1 nodes work again" in use(admin_client, WorkerNode, "nodes_resume", node, gone)
    node.refresh_from_db()
    assert node.draining_at is None
