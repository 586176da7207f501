"""Projects, which name paths of the server, and approvals, which people answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from runs.models import Approval, Project
from tests.runs.api.conftest import Caller, caller_of
from tests.runs.factories import PhaseFactory, ProjectFactory, RunFactory

if TYPE_CHECKING:
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db


def test_a_repository_is_registered_and_looked_at(
    admin: Caller, runner: Caller, repository: GitRepository
):
    body = {"name": "Demo", "source": str(repository.folder), "port_names": ["PORT"]}
    assert runner.post("/projects", body).status_code == 403
    answer = admin.post("/projects", body)
    assert answer.status_code == 201
    assert answer["Location"] == "/projects/Demo"
    assert runner.get("/projects/dEMO").json() == answer.json()
    assert runner.get("/projects").json()["results"] == [answer.json()]
    assert answer.json()["port_names"] == ["PORT"]
    assert admin.post("/projects", {**body, "name": "demo"}).status_code == 409
    assert runner.get("/projects/none").status_code == 404


@pytest.mark.parametrize("source", ["/nowhere", "~nobody-here/x", "x" * 1000, ".", " "])
def test_what_is_no_repository_is_refused(admin: Caller, source: str):
    answer = admin.post("/projects", {"name": "demo", "source": source})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "repository_problem")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"base_ref": "release"}, 200),
        ({"validation_commands": ["make test", ["python", "-m", "unittest"]]}, 200),
        ({"protected_paths": ["docs/**"], "placed_files": [".env"]}, 200),
        ({}, 200),
        ({"base_ref": "--upload-pack=evil"}, 422),
        ({"validation_commands": ["rm -rf $HOME"]}, 422),
        ({"validation_commands": [5]}, 400),
        ({"validation_commands": [[]]}, 400),
        ({"placed_files": ["../secret"]}, 422),
        ({"placed_files": ["/etc/passwd"]}, 422),
        ({"port_names": ["A-B"]}, 422),
        ({"name": "other"}, 400),
        ({"source": "/"}, 400),
    ],
)
def test_settings_of_a_project_are_checked_before_they_are_kept(
    admin: Caller, change: dict[str, Any], status: int
):
    ProjectFactory.create(name="demo")
    before = Project.objects.values().get()
    answer = admin.patch("/projects/demo", change)
    assert answer.status_code == status, answer.content
    expected = {**before, **change} if status == 200 else before
    assert Project.objects.values().get() == expected


def asked(**columns: Any) -> Approval:
    phase = PhaseFactory.create(
        run=RunFactory.create(run_id="first", awaiting_approval=True), awaiting_approval=True
    )
    return Approval.objects.create(
        **{
            "run": phase.run, "phase": phase, "kind": "phase", "question": "May it?",
            "expires_at": timezone.now() + timedelta(hours=1), **columns,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "state", "phase_state"),
    [("approve", "approved", "QUEUED"), ("reject", "rejected", "FAILED")],
)
def test_a_question_is_answered_once_by_who_may(decision: str, state: str, phase_state: str):
    approval = asked()
    phase = approval.phase
    assert phase is not None
    approver = caller_of("approve")
    (listed,) = approver.get("/approvals?state=pending").json()["results"]
    assert (listed["id"], listed["run_id"], listed["phase"]) == (
        approval.pk, "first", phase.key,
    )  # fmt: skip
    path = f"/approvals/{approval.pk}/decide"
    assert caller_of("run").post(path, {"decision": decision}).status_code == 403
    answer = approver.post(path, {"decision": decision, "note": "I looked."})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["decided_by"], told["note"]) == (state, "approve", "I looked.")
    phase.refresh_from_db()
    assert phase.state == phase_state
    assert approver.post(path, {"decision": decision}).status_code == 409
    assert approver.get("/approvals?state=pending").json()["results"] == []
    assert len(approver.get("/approvals?run_id=FIRST").json()["results"]) == 1
    assert approver.get("/approvals?run_id=other").json()["results"] == []


def test_a_question_is_not_answered_by_something_else_nor_too_late():
    approval = asked(expires_at=timezone.now() - timedelta(seconds=1))
    approver = caller_of("approve")
    path = f"/approvals/{approval.pk}/decide"
    assert approver.post(path, {"decision": "maybe"}).status_code == 400
    assert approver.post(path, {}).status_code == 400
    assert approver.post("/approvals/0/decide", {"decision": "approve"}).status_code == 404
    late = approver.post(path, {"decision": "approve"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conflict")
    assert "expired" in late.json()["error"]["message"]
