"""Files of attempts over HTTP: byte ranges, and following one that still grows."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import close_old_connections
from django.http import StreamingHttpResponse

from runs import selectors
from runs.api.calls import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

CHUNK_BYTES = 64 * 1024
# How often a growing file is looked at, and how often it is asked whether its attempt has ended.
LOOK_SECONDS = 0.2
ASK_SECONDS = 1.0
# Nobody follows longer than this in one request; who is still interested asks again, from where
# they are.
FOLLOW_SECONDS = 3600.0
MAX_FOLLOWERS = 64

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` up to (and without) `end` of a file."""

    start: int
    end: int


def span_asked(header: str, size: int) -> Span | None:
    """The part that a Range header asks for; None for the whole file: also for a header of another
    kind, which a server may pass over. Raises Problem (416) for a part that is not there."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        end = min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or start >= end:
        raise Problem(
            416, "range_not_satisfiable", f"The file has {size} bytes, so there is no such part.",
            {"size_bytes": size}, {"Content-Range": f"bytes */{size}"},
        )  # fmt: skip
    return Span(start, end)


def file_response(path: Path, range_header: str, media_type: str) -> StreamingHttpResponse:
    """The file, or the part asked for. Raises Problem: 404 when it is gone, 416."""
    size = file_size(path)
    span = span_asked(range_header, size) if range_header else None
    headers = {"Accept-Ranges": "bytes"}
    whole = span or Span(0, size)
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    headers["Content-Length"] = str(whole.end - whole.start)
    return StreamingHttpResponse(
        _read(path, whole), status=206 if span else 200, headers=headers, content_type=media_type
    )


def file_size(path: Path) -> int:
    """In bytes. Raises Problem (404)."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise Problem(
            404, "not_found", "The file is not on this machine (any more).", {"file": path.name}
        ) from error


def _read(path: Path, span: Span) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(span.start)
        left = span.end - span.start
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


# --- Following --------------------------------------------------------------------------------


class Followers:
    """How many follow a file right now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, number: int) -> None:
        with self._lock:
            self.count += number


followers = Followers()


def follow_response(
    path: Path, start: int, attempt_pk: int, media_type: str
) -> StreamingHttpResponse:
    """The file from `start` on, and what is written to it, until its attempt has ended.

    Raises Problem (429) when too many follow already.
    """
    if followers.count >= MAX_FOLLOWERS:
        raise Problem(
            429, "too_many_followers", f"{MAX_FOLLOWERS} logs are followed already; try later.",
            headers={"Retry-After": "10"},
        )  # fmt: skip
    return StreamingHttpResponse(
        _followed(path, start, attempt_pk),
        content_type=media_type,
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )


async def _followed(path: Path, start: int, attempt_pk: int) -> AsyncIterator[bytes]:
    """No thread waits with it: between two looks there is only a timer."""
    followers.add(1)
    try:
        position, asked, has_ended = start, -ASK_SECONDS, False
        began = time.monotonic()
        while True:
            now = time.monotonic()
            if now - asked >= ASK_SECONDS:
                asked = now
                has_ended = not await asyncio.to_thread(_is_running, attempt_pk)
            # What was written before the end was known is read after it.
            while chunk := await asyncio.to_thread(_chunk, path, position):
                position += len(chunk)
                yield chunk
            if has_ended or now - began > FOLLOW_SECONDS:
                return
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        followers.add(-1)


def _is_running(attempt_pk: int) -> bool:
    # This thread is no request's, so nobody else gives stale connections up.
    close_old_connections()
    try:
        return bool(selectors.attempts_running([attempt_pk]))
    finally:
        close_old_connections()


def _chunk(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return b""
