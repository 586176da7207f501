"""Whatever goes wrong, wherever, is told in one shape; and bodies cannot do harm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError
from django.test import Client

from runs import selectors
from runs.models import Run
from tests.runs.factories import ProjectFactory

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.runs.api.conftest import Caller

pytestmark = pytest.mark.django_db
JSON = "application/json"


def error_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The error in an answer, whose shape is the one that there is."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == JSON
    told = answer.json()
    assert set(told) == {"error"}
    error: dict[str, Any] = told["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == code
    assert error["message"]
    assert isinstance(error["details"], dict)
    return error


def raw(caller: Caller, body: bytes, content_type: str = JSON, path: str = "/runs") -> Any:
    client = Client(headers={"Authorization": f"Bearer {caller.key}"})
    return client.generic("POST", path, body, content_type)


@pytest.mark.parametrize("path", ["/nowhere", "/runs/", "/runs/a/b/c", "/runs/%00", "/runs/a%2fb",
                                  "/runs/..", "/runs/a b/status", f"/runs/{'x' * 65}",
                                  "/approvals/x/decide", "/runs/first/status/"])  # fmt: skip
def test_a_path_that_leads_nowhere(reader: Caller, path: str):
    error_of(reader.get(path), 404, "not_found")


def test_a_method_that_is_not_there_is_405_before_anybody_is_asked_who_they_are(anonymous: Caller):
    client = Client()
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "ODD"):
        answer = client.generic(method, "/runs")
        error_of(answer, 405, "method_not_allowed")
        assert answer["Allow"] == "GET, POST"
    error_of(anonymous.get("/runs"), 401, "not_authenticated")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid"),
        (b"{", 400, "bad_request"),
        (b"[]", 400, "invalid"),
        (b"null", 400, "invalid"),
        (b'"text"', 400, "invalid"),
        (b"NaN", 400, "bad_request"),
        (b'{"project": Infinity}', 400, "bad_request"),
        (b"\xff\xfe{}", 400, "bad_request"),
        (b'{"project": "\xe9"}', 400, "bad_request"),
        (b'\xef\xbb\xbf{"project": "x"}', 400, "bad_request"),
        (b"[" * 100_000, 400, "bad_request"),
        (b"[" * 500 + b"]" * 500, 400, "bad_request"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, 400, "bad_request"),
        (b'{"priority": ' + b"9" * 5000 + b"}", 400, "bad_request"),
        (b'{"priority": ' + b"9" * 400 + b"}", 400, "invalid"),
        (b'{"budgets": {"cost_cap_usd": 1e999}}', 400, "invalid"),
        (b'{"project": "\\u0000"}', 422, "text_invalid"),
        (b'{"project": "\\ud800"}', 422, "text_invalid"),
        (b'{"\\ud800": 1}', 422, "text_invalid"),
    ],
)
def test_bodies_that_are_no_request(runner: Caller, body: bytes, status: int, code: str):
    error_of(raw(runner, body), status, code)
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
             "application/xml", "", "nonsense", "application/json-patch+json"],
)  # fmt: skip
def test_bodies_of_another_kind(runner: Caller, kind: str):
    error_of(raw(runner, b"{}", kind), 415, "unsupported_media_type")


def test_a_body_that_says_its_charset_is_json(runner: Caller):
    error_of(raw(runner, b"{}", "Application/JSON; charset=utf-8"), 400, "invalid")


def test_a_body_that_is_too_large(runner: Caller, settings: Settings):
    settings.AUTOPACK_API_BODY_BYTES = 1000
    error_of(raw(runner, b'{"goal": "' + b"x" * 1000 + b'"}'), 413, "too_large")
    error_of(raw(runner, b'{"goal": "' + b"x" * 900 + b'"}'), 400, "invalid")


def test_a_plan_with_numbers_that_no_database_keeps_is_refused(runner: Caller):
    ProjectFactory.create(name="demo")
    for budgets in ({"token_cap": 10**30}, {"max_phases": 10**12}, {"cost_cap_usd": 1e300}):
        plan = {"schema_version": 1, "goal": "x", "phases": [{"id": "a"}], "budgets": budgets}
        body = json.dumps({"project": "demo", "structured_plan": plan}).encode()
        error_of(raw(runner, body), 422, "plan_invalid")


def test_a_host_that_is_not_ours(anonymous: Caller):
    error_of(anonymous.get("/runs", Host="evil.example"), 400, "bad_request")


def test_a_fault_of_ours_tells_nothing_of_our_insides(
    reader: Caller, monkeypatch: pytest.MonkeyPatch
):
    def broken(_run_id: str) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(selectors, "run_status", broken)
    answer = reader.get("/runs/first/status")
    error_of(answer, 500, "internal")
    assert b"secret" not in answer.content


def test_a_database_that_is_busy_is_503_and_says_when_to_try_again(
    reader: Caller, monkeypatch: pytest.MonkeyPatch
):
    def busy(_run_id: str) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(selectors, "run_status", busy)
    answer = reader.get("/runs/first/status")
    error_of(answer, 503, "database_unavailable")
    assert answer["Retry-After"] == "5"


def test_pages_for_people_keep_their_own_answers():
    answer = Client().get("/admin/nowhere/")
    assert answer["Content-Type"].startswith("text/html")


def test_nobody_lands_at_a_dead_end():
    client = Client()
    assert client.get("/", follow=True).status_code == 200
    assert client.get("/docs").status_code == 200
    document = client.get("/schema").json()
    assert document["openapi"].startswith("3.1")
    assert "/runs/{run_id}/status" in document["paths"]
    assert "https://" not in client.get("/docs").content.decode(), "nothing comes from a CDN"
