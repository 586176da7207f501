"""The link that makes the first administrator: where it points, what it says when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model

from runs.serving.setup_link import server_url, setup_url

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import Settings

FORM = {"username": "ada", "password1": "correct-horse-7", "password2": "correct-horse-7"}


@pytest.fixture
def link(home: Path) -> str:
    """The path of an open link."""
    assert home.exists()
    return setup_url("")


@pytest.mark.django_db
def test_the_link_makes_an_administrator_who_is_logged_in(client: Client, link: str) -> None:
    done = client.post(link, FORM, follow=True)
    assert done.redirect_chain == [("/admin/", 302)]
    assert get_user_model().objects.get().is_superuser


@pytest.mark.django_db
def test_a_form_that_is_wrong_says_so_and_makes_nobody(client: Client, link: str) -> None:
    wrong = client.post(link, {**FORM, "password2": "another-horse-7"})
    assert (wrong.status_code, get_user_model().objects.count()) == (400, 0)
    assert "match." in wrong.content.decode()


@pytest.mark.django_db
def test_a_link_that_is_over_tells_a_person_what_to_do(client: Client, link: str) -> None:
    client.post(link, FORM)
    client.logout()
    used, invented = client.get(link), client.get("/setup/invented")
    assert used.status_code == invented.status_code == 404
    assert used.content == invented.content, "nobody can tell a used link from an invented one"
    assert 'href="/admin/login/?next=/admin/"' in used.content.decode()
    assert "<form" not in used.content.decode()


@pytest.mark.django_db
def test_a_newer_link_ends_the_older_one(client: Client, link: str) -> None:
    newer = setup_url("")
    assert client.get(link).status_code == 404
    assert client.get(newer).status_code == 200


@pytest.mark.parametrize(
    ("host", "allowed", "is_behind_tls", "url"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1"], False, "http://127.0.0.1:8000"),
        ("::1", ["localhost"], False, "http://[::1]:8000"),
        ("0.0.0.0", ["localhost", "127.0.0.1"], False, "http://localhost:8000"),  # noqa: S104
        ("0.0.0.0", [".example.org"], False, "http://example.org:8000"),  # noqa: S104
        ("::", ["*"], False, "http://localhost:8000"),
        ("127.0.0.1", ["127.0.0.1", "a.example.org"], True, "https://a.example.org"),
        ("127.0.0.1", ["localhost"], True, "https://localhost"),
    ],
)
def test_the_link_has_a_name_that_the_server_answers_to(
    settings: Settings, host: str, allowed: list[str], *, is_behind_tls: bool, url: str
) -> None:
    settings.ALLOWED_HOSTS, settings.AUTOPACK_BEHIND_TLS = allowed, is_behind_tls
    assert server_url(host, 8000) == url
