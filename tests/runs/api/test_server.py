"""The ASGI application under a real server: bodies, streams, threads, static files."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.runs.api.conftest import caller_of
from tests.runs.factories import RunFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import Settings


def said(server: str, *parts: bytes) -> bytes:
    """What the server answers to bytes that no client library would send."""
    where = urlsplit(server)
    with socket.create_connection((where.hostname, where.port), 10) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while b"\r\n\r\n" not in answer:
            received = connection.recv(65536)
            if not received:
                break
            answer += received
        return answer


def test_a_body_that_is_too_large_is_refused_before_it_is_read_to_its_end(
    server: str, settings: Settings
):
    settings.AUTOPACK_API_BODY_BYTES = 10_000
    headers = {"Authorization": f"Bearer {caller_of('run').key}"}
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 5000
            yield b"x" * 5000

    try:
        answer = httpx.post(f"{server}/runs", content=endless(), headers=headers, timeout=20)
    except httpx.HTTPError:
        pass  # the server hung up while we were still sending: just as well
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert sent < 40_000_000
    assert httpx.get(f"{server}/health").status_code == 200


def test_a_client_that_leaves_in_the_middle_of_a_body_does_no_harm(server: str):
    head = b"POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
    where = urlsplit(server)
    with socket.create_connection((where.hostname, where.port), 10) as connection:
        connection.sendall(head)
    assert httpx.get(f"{server}/health").status_code == 200


@pytest.mark.parametrize(
    "target", [b"/runs/%ff", b"/%00", b"/runs?limit=%ff", b"//evil/x", b"/\x7f"]
)
def test_odd_paths_are_answered_and_not_stumbled_over(server: str, target: bytes):
    answer = said(server, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4"), answer


def test_static_files_come_without_any_preparation(server: str):
    page = httpx.get(f"{server}/docs").text
    script = page.split('<script src="', 1)[1].split('"', 1)[0]
    answer = httpx.get(f"{server}{script}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert len(answer.content) == int(answer.headers["Content-Length"]) > 100_000
    assert httpx.get(f"{server}/static/admin/css/base.css").status_code == 200
    assert httpx.get(f"{server}/static/../manage.py").status_code == 404


def test_people_log_in_to_the_admin(server: str):
    answer = httpx.get(f"{server}/admin/", follow_redirects=True)
    assert answer.status_code == 200
    assert "csrfmiddlewaretoken" in answer.text


def test_a_status_is_given_over_the_wire_and_then_only_its_tag(server: str):
    RunFactory.create(run_id="first")
    headers = {"Authorization": f"Bearer {caller_of('read').key}"}
    with httpx.Client(base_url=server, headers=headers) as client:
        first = client.get("/runs/first/status")
        again = client.get("/runs/first/status", headers={"If-None-Match": first.headers["ETag"]})
    assert first.json()["state"] == "PENDING"
    assert (again.status_code, again.content) == (304, b"")


def test_a_head_has_no_body(server: str):
    answer = httpx.head(f"{server}/health")
    assert (answer.status_code, answer.content) == (200, b"")
