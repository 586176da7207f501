"""Logs and diffs: whole, in part, and as they grow."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.db import connection

from runs.api import files
from runs.models import Attempt
from tests.runs.api.conftest import Caller, caller_of
from tests.runs.execution.processes import eventually
from tests.runs.factories import AttemptFactory, PhaseFactory, RunFactory

if TYPE_CHECKING:
    from pathlib import Path

LOG = b"0123456789" * 3


def attempt_of(home: Path, *, log: bytes | None = LOG, **columns: Any) -> tuple[Attempt, Path]:
    """The second attempt of phase `a` of run `First`, and its folder."""
    phase = PhaseFactory.create(
        run=RunFactory.create(run_id="First", running=True), key="a", running=True
    )
    AttemptFactory.create(phase=phase, number=1, fence=1, failed=True)
    attempt = AttemptFactory.create(phase=phase, number=2, fence=2, **columns)
    folder = home / "runs" / "First" / "a" / "2"
    folder.mkdir(parents=True)
    if log is not None:
        (folder / "attempt.log").write_bytes(log)
    return attempt, folder


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.mark.django_db
def test_the_latest_attempts_log_is_given_whole(reader: Caller, home: Path):
    attempt_of(home)
    answer = reader.get("/runs/first/phases/a/log")
    assert (answer.status_code, body(answer)) == (200, LOG)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert (answer["Accept-Ranges"], answer["Content-Length"]) == ("bytes", "30")
    assert reader.get("/runs/first/phases/a/log?attempt=2").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-4", 0, 5), ("bytes=25-", 25, 30), ("bytes=-3", 27, 30), ("bytes=28-99", 28, 30),
     ("bytes=-99", 0, 30), ("bytes=29-29", 29, 30)],
)  # fmt: skip
def test_a_part_of_it_is_given(reader: Caller, home: Path, asked: str, start: int, end: int):
    attempt_of(home)
    answer = reader.get("/runs/first/phases/a/log", Range=asked)
    assert (answer.status_code, body(answer)) == (206, LOG[start:end])
    assert answer["Content-Range"] == f"bytes {start}-{end - 1}/30"
    assert answer["Content-Length"] == str(end - start)


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["bytes=30-", "bytes=99-100", "bytes=-0"])
def test_a_part_that_is_not_there_is_416(reader: Caller, home: Path, asked: str):
    attempt_of(home)
    answer = reader.get("/runs/first/phases/a/log", Range=asked)
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */30")
    assert answer.json()["error"]["code"] == "range_not_satisfiable"


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=5-2", "lines=1-2", "bytes=0-1,4-5"])
def test_a_range_of_another_kind_is_passed_over(reader: Caller, home: Path, asked: str):
    attempt_of(home)
    answer = reader.get("/runs/first/phases/a/log", Range=asked)
    assert (answer.status_code, body(answer)) == (200, LOG)


@pytest.mark.django_db
def test_an_empty_log_is_a_log(reader: Caller, home: Path):
    attempt_of(home, log=b"")
    assert body(reader.get("/runs/first/phases/a/log")) == b""
    assert reader.get("/runs/first/phases/a/log", Range="bytes=0-").status_code == 416


@pytest.mark.django_db
def test_what_is_not_there_is_404_and_says_what(reader: Caller, home: Path):
    attempt_of(home, log=None)
    for path, said in (
        ("/runs/first/phases/b/log", "Phase 'b'"),
        ("/runs/first/phases/a/log?attempt=3", "no attempt 3"),
        ("/runs/first/phases/a/log", "not on this machine"),
        ("/runs/first/phases/a/diff", "not on this machine"),
    ):
        answer = reader.get(path)
        assert answer.status_code == 404
        assert said in answer.json()["error"]["message"]


@pytest.mark.django_db
def test_the_diff_is_given_as_a_patch(reader: Caller, home: Path):
    _, folder = attempt_of(home)
    (folder / "diff.patch").write_bytes(b"--- a\n+++ b\n")
    assert body(reader.get("/runs/first/phases/a/diff")) == b"--- a\n+++ b\n"


# --- Following, on a real server --------------------------------------------------------------


def log_url(server: str) -> str:
    return f"{server}/runs/first/phases/a/log?follow=1"


def authorized(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.key}"}


def test_a_log_is_followed_until_its_attempt_ends(server: str, home: Path):
    attempt, folder = attempt_of(home, log=b"first\n")
    log = folder / "attempt.log"
    headers = authorized(caller_of("read"))
    with httpx.stream("GET", log_url(server), headers=headers, timeout=20) as answer:
        assert answer.status_code == 200
        parts = answer.iter_bytes()
        assert next(parts) == b"first\n"
        with log.open("ab") as file:
            file.write(b"second\n")
        assert next(parts) == b"second\n"
        with log.open("ab") as file:
            file.write(b"the last\n")
        end(attempt)
        assert b"".join(parts) == b"the last\n"
    assert files.followers.count == 0


def test_a_log_that_does_not_exist_yet_is_waited_for(server: str, home: Path):
    attempt, folder = attempt_of(home, log=None)
    headers = authorized(caller_of("read"))
    with httpx.stream("GET", log_url(server), headers=headers, timeout=20) as answer:
        assert eventually(lambda: files.followers.count == 1)
        (folder / "attempt.log").write_bytes(b"here\n")
        end(attempt)
        assert answer.read() == b"here\n"


def test_following_goes_on_from_where_one_was(server: str, home: Path):
    attempt_of(home, succeeded=True)
    headers = authorized(caller_of("read"))
    for asked, expected in (("bytes=20-", LOG[20:]), (f"bytes={len(LOG)}-", b"")):
        answer = httpx.get(log_url(server), headers={**headers, "Range": asked}, timeout=20)
        assert (answer.status_code, answer.content) == (200, expected)


def test_who_stops_following_is_forgotten(server: str, home: Path):
    attempt_of(home)
    with httpx.stream("GET", log_url(server), headers=authorized(caller_of("read"))) as answer:
        parts = answer.iter_bytes()  # kept: who lets it go, hangs up
        assert next(parts) == LOG
        assert files.followers.count == 1
    assert eventually(lambda: files.followers.count == 0)


def test_many_follow_without_taking_the_threads_that_answer(
    server: str, home: Path, monkeypatch: pytest.MonkeyPatch
):
    attempt, _ = attempt_of(home)
    monkeypatch.setattr(files, "MAX_FOLLOWERS", 12)
    headers = authorized(caller_of("read"))
    got: list[bytes] = []

    def follow() -> None:
        got.append(httpx.get(log_url(server), headers=headers, timeout=30).content)

    threads = [threading.Thread(target=follow) for _ in range(12)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: files.followers.count == 12)
    assert httpx.get(f"{server}/runs", headers=headers).status_code == 200
    refused = httpx.get(log_url(server), headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_followers")
    end(attempt)
    for thread in threads:
        thread.join(30)
    assert got == [LOG] * 12


def end(attempt: Attempt) -> None:
    from django.utils import timezone

    Attempt.objects.filter(pk=attempt.pk).update(outcome="succeeded", ended_at=timezone.now())
    connection.close()
