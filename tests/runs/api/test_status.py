"""The status of a run: whole, quick, and nothing when nothing is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs.models import Run
from tests.runs.factories import PhaseFactory, RunFactory

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.runs.api.conftest import Caller

pytestmark = pytest.mark.django_db


def run_with(phases: int) -> Run:
    run = RunFactory.create(run_id="First", running=True, cost_cap_usd=2)
    for number in range(phases):
        PhaseFactory.create(run=run, key=f"p{number}", position=number, complete=number == 0,
                            running=number == 1)  # fmt: skip
    for cost in (0.25, None):
        run.model_calls.create(
            role="builder", backend="b", model="m", cost_usd=cost, input_tokens=1,
            cache_read_tokens=2, cache_write_tokens=4, output_tokens=8, reasoning_tokens=16,
        )  # fmt: skip
    return run


def test_it_tells_where_a_run_is(reader: Caller):
    run = run_with(3)
    told = reader.get("/runs/fIRST/status").json()
    assert told["run_id"] == "First"
    assert (told["state"], told["failure_kind"]) == ("RUNNING", "")
    assert told["branch"] == "autopack/First"
    assert (told["tokens_used"], told["cost_usd"], told["unpriced_calls"]) == (62, 0.25, 1)
    assert told["budgets"]["cost_cap_usd"] == 2.0
    assert told["current_phase"] == "p1"
    assert (told["phases_complete"], told["phases_total"]) == (1, 3)
    assert [(p["id"], p["state"]) for p in told["phases"]] == [
        ("p0", "COMPLETE"), ("p1", "RUNNING"), ("p2", "PENDING"),
    ]  # fmt: skip
    assert run.started_at is not None
    assert told["started_at"].startswith(run.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
    assert told["ended_at"] is None


@pytest.mark.parametrize("phases", [0, 1, 25])
def test_it_takes_the_same_few_queries_whatever_the_size(
    reader: Caller, django_assert_num_queries: DjangoAssertNumQueries, phases: int
):
    run_with(phases)
    reader.get("/runs/first/status")  # notes the key's use
    with django_assert_num_queries(4):  # the key, the run, its calls, its phases
        reader.get("/runs/first/status")


def test_what_was_seen_already_is_not_sent_again_until_something_changes(reader: Caller):
    run_with(2)
    first = reader.get("/runs/first/status")
    tag = first["ETag"]
    for header in (tag, f'W/"x", {tag}'):
        again = reader.get("/runs/first/status", **{"If-None-Match": header})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    Run.objects.update(explanation="Something new.")
    assert reader.get("/runs/first/status", **{"If-None-Match": tag}).status_code == 200


def test_a_run_without_anything_has_a_status_too(reader: Caller):
    RunFactory.create(run_id="bare")
    told = reader.get("/runs/bare/status").json()
    assert (told["phases"], told["current_phase"], told["tokens_used"]) == ([], None, 0)
    assert (told["cost_usd"], told["started_at"]) == (0.0, None)
