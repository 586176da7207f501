"""The states, their edges, and which state a summary of several runs shows."""

from __future__ import annotations

import re
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from runs.models.choices import choices_of
from runs.states import (
    PHASE_EDGES,
    PHASE_TERMINAL,
    RUN_ACTIVE,
    RUN_EDGES,
    RUN_RETRIABLE,
    RUN_TERMINAL,
    AttemptOutcome,
    FailureKind,
    PhaseState,
    RunState,
    worst_status,
)

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


def documented_edges(heading: str) -> set[tuple[str, str]]:
    """(from, to) of the table under `heading` in the architecture document."""
    section = ARCHITECTURE.read_text(encoding="utf-8").split(f"### {heading}\n", 1)[1]
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", section.split("\n#", 1)[0], re.MULTILINE)
    return {(frm, to) for frm, targets in rows for to in re.findall(r"`([A-Z_]+)`", targets)}


@pytest.mark.parametrize(
    ("heading", "edges"),
    [("Edges of a run", RUN_EDGES), ("Edges of a phase", PHASE_EDGES)],
    ids=["run", "phase"],
)
def test_every_edge_is_documented_and_no_other_is(
    heading: str, edges: dict[RunState, frozenset[RunState]]
) -> None:
    in_code = {(frm.value, to.value) for frm, targets in edges.items() for to in targets}
    assert documented_edges(heading) == in_code


def test_every_state_has_its_edges_written_down() -> None:
    assert set(RUN_EDGES) == set(RunState)
    assert set(PHASE_EDGES) == set(PhaseState)


def test_a_run_is_new_active_or_at_its_end() -> None:
    assert {RunState.PENDING} | RUN_ACTIVE | RUN_TERMINAL == set(RunState)
    assert not RUN_ACTIVE & RUN_TERMINAL


def test_only_a_retry_leads_out_of_the_end_of_a_run() -> None:
    assert {state for state in RUN_TERMINAL if RUN_EDGES[state]} == RUN_RETRIABLE
    assert all(RUN_EDGES[state] == {RunState.QUEUED} for state in RUN_RETRIABLE)
    assert RUN_EDGES[RunState.SUCCEEDED] == frozenset()


def test_only_a_retry_or_a_rollback_leads_out_of_the_end_of_a_phase() -> None:
    assert all(PHASE_EDGES[state] == {PhaseState.PENDING} for state in PHASE_TERMINAL)
    assert {state for state in PhaseState if PhaseState.PENDING in PHASE_EDGES[state]} == {
        *PHASE_TERMINAL,
        PhaseState.QUEUED,
    }


def test_nothing_starts_but_from_the_queue() -> None:
    assert {state for state in PhaseState if PhaseState.RUNNING in PHASE_EDGES[state]} == {
        PhaseState.QUEUED
    }
    assert {state for state in PhaseState if PhaseState.COMPLETE in PHASE_EDGES[state]} == {
        PhaseState.RUNNING
    }


@pytest.mark.parametrize("state", sorted(RunState))
def test_every_run_can_reach_an_end(state: RunState) -> None:
    reached, frontier = {state}, [state]
    while frontier:
        new = RUN_EDGES[frontier.pop()] - reached
        reached |= new
        frontier += new
    assert reached & RUN_TERMINAL


def test_failed_and_errored_are_different_outcomes() -> None:
    assert {AttemptOutcome.FAILED, AttemptOutcome.ERRORED} <= set(AttemptOutcome)
    assert set(FailureKind) == {
        "validation", "budget_exhausted", "policy_violation", "requires_human_review",
        "environment", "conflict", "stuck", "crash_limit",
    }  # fmt: skip


def test_a_summary_shows_the_worst_of_its_runs() -> None:
    from_best_to_worst = [
        RunState.SUCCEEDED, RunState.PENDING, RunState.QUEUED, RunState.RUNNING,
        RunState.AWAITING_APPROVAL, RunState.CANCELLED, RunState.TIMEOUT, RunState.FAILED,
    ]  # fmt: skip
    assert set(from_best_to_worst) == set(RunState)
    for better, worse in pairwise(from_best_to_worst):
        for order in permutations((RunState.SUCCEEDED, better, worse)):
            assert worst_status(order) is worse


def test_a_summary_of_nothing_is_good() -> None:
    assert worst_status([]) is RunState.SUCCEEDED


def test_choices_are_the_states_in_words() -> None:
    assert ("AWAITING_APPROVAL", "awaiting approval") in choices_of(RunState)
    assert len(choices_of(RunState)) == len(RunState)
