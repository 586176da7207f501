"""A ratchet: queries of each list are counted, do not grow with the rows, and never rise.

The counts are in tests/query_counts.json. When one falls, write the lower one down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.api.endpoint import Endpoint
from runs.models import Approval, Artifact, ModelCall, StatusChange
from tests.runs.factories import AttemptFactory, PhaseFactory, ProjectFactory, RunFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runs.api.conftest import Caller

pytestmark = pytest.mark.django_db
COUNTS: dict[str, int] = json.loads(
    (Path(__file__).parents[2] / "query_counts.json").read_text(encoding="utf-8")
)


def rows_make(count: int) -> None:
    """So many of everything, below the run `first`, and so many runs beside it."""
    first = RunFactory.create(run_id="first", running=True)
    for number in range(count):
        ProjectFactory.create()
        RunFactory.create()
        phase = PhaseFactory.create(run=first, position=number, running=True)
        attempt = AttemptFactory.create(phase=phase)
        Artifact.objects.create(attempt=attempt, kind="log", name="attempt.log", path="x")
        ModelCall.objects.create(run=first, attempt=attempt, role="builder", backend="b", model="m")
        Approval.objects.create(
            run=first, phase=phase, kind="phase", question="?", expires_at=timezone.now()
        )
        StatusChange.objects.create(
            run=first, phase=phase, to_state="RUNNING", explanation="x", trigger="api",
            at=timezone.now(),
        )  # fmt: skip


def queries(caller: Caller, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = caller.get(path)
    assert answer.status_code == 200, answer.content
    return len(captured)


@pytest.mark.parametrize("path", sorted(COUNTS))
@pytest.mark.parametrize("count", [1, 12])
def test_a_list_takes_no_more_queries_than_it_did(reader: Caller, path: str, count: int):
    rows_make(count)
    caller_path = path.replace("{run_id}", "first")
    reader.get(caller_path)  # notes the key's use
    assert queries(reader, caller_path) == COUNTS[path], (
        "fewer: write the lower count down; more: find out why"
    )


def endpoints() -> Any:
    from drf_spectacular.generators import EndpointEnumerator

    enumerator: Any = EndpointEnumerator()
    return enumerator.get_api_endpoints()


def lists() -> Iterator[str]:
    for path, _, method, callback in endpoints():
        if issubclass(callback.cls, Endpoint) and method == "GET":
            call = callback.cls.calls.get("GET")
            if call and (call.is_page or "status" in path or path == "/runs/{run_id}"):
                yield path


def test_every_list_is_counted():
    assert set(lists()) == set(COUNTS)
