"""Fixtures for the tests of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from autopack_site.api.throttling import buckets
from runs.api_keys import api_key_create
from tests.runs.api.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator


class Caller:
    """A program with a key: `caller.get("/runs")`, `caller.post("/runs", {...})`."""

    def __init__(self, key: str) -> None:
        self.key = key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = Client(headers=headers, raise_request_exception=False)

    def get(self, path: str, **headers: str) -> Any:
        return self._client.get(path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._client.post(
            path, {} if body is None else body, content_type="application/json", headers=headers
        )

    def patch(self, path: str, body: Any) -> Any:
        return self._client.patch(path, body, content_type="application/json")


def caller_of(*scopes: str, **options: Any) -> Caller:
    return Caller(api_key_create(name="-".join(scopes), scopes=scopes, **options)[1])


@pytest.fixture(autouse=True)
def _fresh_buckets() -> None:
    buckets.forget()


@pytest.fixture
def anonymous(db: None) -> Caller:
    del db
    return Caller("")


@pytest.fixture
def reader(db: None) -> Caller:
    del db
    return caller_of("read")


@pytest.fixture
def runner(db: None) -> Caller:
    del db
    return caller_of("run")


@pytest.fixture
def admin(db: None) -> Caller:
    del db
    return caller_of("admin")


@pytest.fixture
def server(transactional_db: None, home: object) -> Iterator[str]:
    """The address of a real server on the test's database."""
    del transactional_db, home
    with served() as url:
        yield url
