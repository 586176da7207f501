"""What an attempt wrote and what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs import selectors
from runs.api import inputs
from runs.api.calls import Call, Problem
from runs.api.endpoint import Endpoint
from runs.api.files import file_response, file_size, follow_response, span_asked
from runs.api.finding import run_pk_of
from runs.api_keys import Scope
from runs.execution.session import run_folder

if TYPE_CHECKING:
    from pathlib import Path

    from django.http import StreamingHttpResponse
    from rest_framework.request import Request

    from runs.selectors import AttemptSeen

TEXT = "text/plain; charset=utf-8"


def _attempt(run_id: str, phase: str, number: int | None) -> tuple[AttemptSeen, Path]:
    """An attempt and its folder, by names that are in the database: no path is a client's."""
    pk, written_id = run_pk_of(run_id)
    attempt = selectors.attempt_find(pk, phase, number)
    if attempt is None:
        which = "no attempt" if number is None else f"no attempt {number}"
        raise Problem(404, "not_found", f"Phase {phase!r} of {written_id} has had {which}.")
    return attempt, run_folder(written_id) / phase / str(attempt.number)


def _start(asked: str, path: Path) -> int:
    """Where a Range header has a follower start; the very end is a place too: what comes next."""
    if not asked:
        return 0
    size = file_size(path)
    if asked.strip() == f"bytes={size}-":
        return size
    span = span_asked(asked, size)
    return span.start if span else 0


class LogView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "An attempt's log: whole, a part of it (Range), or as it grows",
            query=inputs.LogQuery, media_type="text/plain", also=(206,), refuses=(416,),
            headers=("Range",),
        )
    }  # fmt: skip

    def get(self, request: Request, run_id: str, phase: str) -> StreamingHttpResponse:
        given = self.parameters()
        attempt, folder = _attempt(run_id, phase, given.get("attempt"))
        path = folder / "attempt.log"
        asked = request.META.get("HTTP_RANGE", "")
        if given["follow"] == "0" or request.method == "HEAD":
            return file_response(path, asked, TEXT)
        start = _start(asked, path)
        if not attempt.is_running:
            file_size(path)  # what is not there will not come
        return follow_response(path, start, attempt.pk, TEXT)


class DiffView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "What an attempt changed, as a patch (Range gives a part of it)",
            query=inputs.OfAttempt, media_type="text/plain", also=(206,), refuses=(416,),
            headers=("Range",),
        )
    }  # fmt: skip

    def get(self, request: Request, run_id: str, phase: str) -> StreamingHttpResponse:
        given = self.parameters()
        _, folder = _attempt(run_id, phase, given.get("attempt"))
        return file_response(folder / "diff.patch", request.META.get("HTTP_RANGE", ""), TEXT)
