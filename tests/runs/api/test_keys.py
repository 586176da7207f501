"""Who may do what: keys, scopes, sessions. Nobody may, unless a call says so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from rest_framework.views import APIView

from autopack_site.api.permissions import HasScope
from runs.api_keys import KeyRefused, Scope, api_key_check, api_key_create, api_key_revoke
from runs.models import ApiKey
from tests.runs.api.conftest import Caller, caller_of
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


def test_a_key_is_kept_as_a_digest_and_shown_by_its_prefix_only():
    row, key = api_key_create(name="ci", scopes=["read"])
    columns = ApiKey.objects.values().get()
    assert row.prefix in key
    assert key.removeprefix(f"autopack_{row.prefix}_") not in str(columns)
    assert api_key_check(key).name == "ci"


@pytest.mark.parametrize("spoil", [lambda key: key[:-1] + "?", lambda key: key[:-1], str.upper])
def test_a_key_that_is_nearly_right_is_unknown(spoil):
    _, key = api_key_create(name="ci", scopes=["read"])
    with pytest.raises(KeyRefused) as refused:
        api_key_check(spoil(key))
    assert refused.value.code == "key_unknown"


def test_a_key_with_the_right_prefix_and_another_secret_is_unknown():
    row, key = api_key_create(name="ci", scopes=["read"])
    other = f"autopack_{row.prefix}_{'A' * 43}"
    assert len(other) == len(key)
    with pytest.raises(KeyRefused, match="no such API key"):
        api_key_check(other)


def test_both_headers_take_a_key(reader: Caller):
    for headers in (
        {"Authorization": f"Bearer {reader.key}"},
        {"Authorization": f"bearer  {reader.key} "},
        {"X-API-Key": reader.key},
    ):
        assert Client(headers=headers).get("/runs").status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authenticated"),
        ({"Authorization": "Bearer nonsense"}, "key_unknown"),
        ({"Authorization": "Bearer "}, "key_unknown"),
        ({"X-API-Key": "\u00e9" * 50}, "key_unknown"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "not_authenticated"),
    ],
)
def test_without_a_key_that_opens_something_it_is_401_and_says_why(headers, code: str):
    answer = Client(headers=headers).get("/runs")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_key_and_a_revoked_one_are_401_and_say_which():
    expired, gone = caller_of("read", expires_days=1), caller_of("read")
    assert expired.get("/runs").status_code == 200
    ApiKey.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
    assert expired.get("/runs").json()["error"]["code"] == "key_expired"
    assert api_key_revoke(gone.key.split("_")[1])
    assert gone.get("/runs").status_code == 401
    assert gone.get("/runs").json()["error"]["code"] == "key_revoked"


def test_the_last_use_is_written_once_a_minute(django_assert_num_queries: DjangoAssertNumQueries):
    _, key = api_key_create(name="ci", scopes=["read"])
    with django_assert_num_queries(2):
        api_key_check(key)
    first = ApiKey.objects.get().last_used_at
    with django_assert_num_queries(1):
        api_key_check(key)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    api_key_check(key)
    again = ApiKey.objects.get().last_used_at
    assert first is not None
    assert again is not None
    assert again >= first


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read", {"read"}),
        ("run", {"read", "run"}),
        ("approve", {"read", "approve"}),
        ("admin", {"read", "run", "approve", "admin"}),
    ],
)
def test_a_scope_opens_its_calls_and_no_other(scope: str, allowed: set[str]):
    caller = caller_of(scope)
    answers = {
        "read": caller.get("/runs"),
        "run": caller.post("/runs/none/execute"),
        "approve": caller.post("/approvals/1/decide", {"decision": "approve"}),
        "admin": caller.post("/projects", {"name": "x", "source": "/nowhere"}),
    }
    assert {name for name, answer in answers.items() if answer.status_code != 403} == allowed
    refused = {name: a.json()["error"] for name, a in answers.items() if a.status_code == 403}
    assert all(error["code"] == "scope_missing" for error in refused.values())
    assert all(error["details"]["needs"] == name for name, error in refused.items())


def test_a_view_that_does_not_say_who_may_is_nobodys(rf):
    assert HasScope().has_permission(rf.get("/"), APIView()) is False


def test_many_requests_of_one_key_are_throttled_and_others_are_not(settings: Settings):
    settings.AUTOPACK_API_RATE = 3
    busy, calm = caller_of("read"), caller_of("read")
    assert [busy.get("/runs").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = busy.get("/runs")
    assert 1 <= int(answer["Retry-After"]) <= 20
    assert answer.json()["error"]["code"] == "throttled"
    assert calm.get("/runs").status_code == 200


# --- People -----------------------------------------------------------------------------------


def person(*permissions: str, **options: Any) -> Client:
    user = User.objects.create_user(f"user-{User.objects.count()}", **options)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def test_people_may_what_djangos_permissions_say():
    assert person().get("/runs").status_code == 403
    assert person(is_staff=True).get("/runs").status_code == 200
    assert person("view_run").get("/runs").status_code == 200


def test_what_people_write_needs_the_csrf_token():
    client = person("change_run")
    refused = client.post("/runs/none/execute", content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["error"]["message"]
    client.get("/docs")  # sets the cookie
    token = client.cookies["csrftoken"].value
    allowed = client.post(
        "/runs/none/execute", content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert allowed.status_code == 404
    approving = client.post(
        "/approvals/1/decide", content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert approving.json()["error"]["code"] == "scope_missing"


# --- The command ------------------------------------------------------------------------------


def test_create_api_key_prints_the_key_alone_and_once():
    made = call(
        "create_api_key", "--name", "ci", "--scopes", "read,approve", "--expires-days", "30"
    )
    assert made.code == 0
    caller = api_key_check(made.output.strip())
    assert caller.scopes == {Scope.READ, Scope.APPROVE}
    row = ApiKey.objects.get()
    assert row.expires_at is not None
    assert timedelta(days=29) < row.expires_at - timezone.now() < timedelta(days=31)
    assert made.output.strip() not in call("create_api_key", "--list").output


def test_create_api_key_lists_and_revokes():
    key = call("create_api_key", "--name", "ci").output.strip()
    prefix = ApiKey.objects.get().prefix
    assert (
        f"{prefix}: ci: read,run: open, last used never" in call("create_api_key", "--list").output
    )
    assert call("create_api_key", "--revoke", prefix).code == 0
    assert ": revoked" in call("create_api_key", "--list").output
    with pytest.raises(KeyRefused, match="revoked"):
        api_key_check(key)
    assert call("create_api_key", "--revoke", prefix).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", ""], "needs a name"),
        (["--name", "x", "--scopes", "root"], "no scope 'root'"),
        (["--name", "x", "--scopes", ","], "Say what the key may do"),
        (["--name", "x", "--expires-days", "40000"], "at most 36500 days"),
        ([], "one of the arguments"),
    ],
)
def test_create_api_key_says_what_is_wrong(arguments: list[str], said: str):
    refused = call("create_api_key", *arguments)
    assert refused.code != 0
    assert said in refused.errors
    assert not ApiKey.objects.exists()


# --- The admin --------------------------------------------------------------------------------


def test_the_admin_makes_a_key_shows_it_once_and_revokes_it(admin_client: Client):
    form = {"name": "made here", "scopes": ["read", "run"], "expires_days": "7"}
    page = admin_client.post("/admin/runs/apikey/add/", form, follow=True).content.decode()
    row = ApiKey.objects.get()
    assert (row.name, row.scopes, row.created_by) == ("made here", ["read", "run"], "admin")
    key = page.split("shown this once: ", 1)[1].split("<", 1)[0].strip()
    assert api_key_check(key).name == "made here"
    for path in ("/admin/runs/apikey/", f"/admin/runs/apikey/{row.pk}/change/"):
        seen = admin_client.get(path).content.decode()
        assert row.prefix in seen
        assert key not in seen
        assert row.digest not in seen
    chosen = {"action": "keys_revoke", "_selected_action": [row.pk]}
    admin_client.post("/admin/runs/apikey/", chosen)
    with pytest.raises(KeyRefused, match="revoked"):
        api_key_check(key)


def test_the_admin_refuses_a_key_without_scopes(admin_client: Client):
    page = admin_client.post("/admin/runs/apikey/add/", {"name": "x"})
    assert "This field is required" in page.content.decode()
    assert not ApiKey.objects.exists()
