"""What a mitigation did is kept, counted, and rested from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hardening.models import MitigationEvent
from hardening.outcomes import TRIED, CheckResult, MitigationOutcome, Savings
from hardening.patterns import builtin
from hardening.selectors import (
    PatternFigures,
    pattern_figures,
    patterns_list,
    run_figures,
    run_mitigations,
)
from hardening.services import failure_match, pattern_delete, savings_estimate
from hardening.types import DoctorBaseline, Evidence, FailureContext, Risk
from tests.hardening.rows import BASELINE, LOG, match_of, mitigated, own_pattern, wait
from tests.runs.factories import AttemptFactory, PhaseFactory, ProjectFactory

if TYPE_CHECKING:
    from runs.models import Attempt

pytestmark = pytest.mark.django_db

FIXED, UNDONE = MitigationOutcome.FIXED, MitigationOutcome.UNDONE
DIFFERENT = MitigationOutcome.FAILED_DIFFERENTLY


def attempt_in(project: Any) -> Attempt:
    return AttemptFactory.create(phase=PhaseFactory.create(run__project=project, running=True))


# --- One event ----------------------------------------------------------------------------------


def test_an_event_says_what_was_seen_done_and_achieved() -> None:
    pattern = own_pattern()
    event = mitigated(FIXED)
    event = MitigationEvent.objects.get(pk=event.pk)
    assert (event.pattern, event.pattern_slug) == (pattern, "no_seat_left")
    assert (event.evidence_line, event.evidence_text) == (2, "quartermaster: no seat left")
    assert (event.action, event.risk) == ("wait_and_retry", "apply")
    assert event.parameters == {"delay_seconds": "5", "attempts": "3"}
    assert (event.exit_code_before, event.exit_code_after) == (3, 0)
    assert (event.result_before, event.seconds) == ("no seat left", 5.25)
    assert event.project == event.attempt.phase.run.project


def test_a_fix_skips_the_doctor_and_saves_what_one_call_costs_here() -> None:
    event = mitigated(FIXED)
    assert event.doctor_skipped
    assert event.tokens_saved_estimate == 1_800
    assert (event.baseline_source, event.baseline_sample_size) == ("installation", 41)


@pytest.mark.parametrize("outcome", set(MitigationOutcome) - {FIXED})
def test_what_fixed_nothing_saved_nothing(outcome: MitigationOutcome) -> None:
    event = mitigated(outcome)
    assert not event.doctor_skipped
    assert (event.tokens_saved_estimate, event.baseline_source) == (0, "")


def test_a_fix_that_spared_no_call_saved_nothing() -> None:
    event = mitigated(FIXED, baseline=None)
    assert (event.doctor_skipped, event.tokens_saved_estimate) == (False, 0)


def test_savings_say_where_they_come_from() -> None:
    assert savings_estimate(BASELINE) == Savings(1_800, "installation", 41)
    assert savings_estimate(DoctorBaseline(2_500, "default", 0)) == Savings(2_500, "default", 0)
    assert savings_estimate(None) == Savings(0, "", 0)


def test_texts_of_logs_are_cut_and_made_storable() -> None:
    hostile = "\x00\ud800<b>" + "x" * 9_000
    action = wait()
    event = mitigated(
        UNDONE,
        match=match_of(evidence=(Evidence(1, 0, 1, hostile),)),
        action=replace(action, parameters={**action.parameters, "attempts": hostile}),
        before=CheckResult(1, hostile),
        check_name=hostile,
        signature=hostile,
    )
    event.refresh_from_db()
    assert (len(event.evidence_text), len(event.result_before)) == (400, 500)
    assert (len(event.check_name), len(event.signature)) == (200, 400)
    assert len(event.parameters["attempts"]) == 1_000
    assert event.evidence_text.startswith("\N{REPLACEMENT CHARACTER}?<b>x")


def test_events_outlive_their_pattern() -> None:
    own_pattern()
    event = mitigated(FIXED)
    pattern_delete("no_seat_left", by="ada")
    event.refresh_from_db()
    assert (event.pattern, event.pattern_slug) == (None, "no_seat_left")


def test_an_event_without_a_line_of_a_log_is_kept() -> None:
    assert mitigated(UNDONE, match=match_of("scope_mismatch", evidence=())).evidence_line == 0


# --- Cool-down ----------------------------------------------------------------------------------


def risks_now(project: Any) -> set[Risk]:
    best = failure_match(FailureContext.of_text(LOG), project_id=project and project.pk).best
    assert best is not None
    return {action.risk for action in best.actions}


@pytest.mark.parametrize("outcome", sorted(TRIED))
def test_a_pattern_that_was_tried_only_suggests_until_it_has_cooled(
    outcome: MitigationOutcome,
) -> None:
    own_pattern(cool_down_seconds=600)
    project = ProjectFactory.create()
    assert Risk.APPLY in risks_now(project)
    event = mitigated(outcome, attempt=attempt_in(project))
    assert risks_now(project) == {Risk.SUGGEST}
    aged(event, 601)
    assert Risk.APPLY in risks_now(project)


@pytest.mark.parametrize("outcome", sorted(set(MitigationOutcome) - TRIED))
def test_what_was_only_said_or_asked_starts_no_cool_down(outcome: MitigationOutcome) -> None:
    own_pattern(cool_down_seconds=600)
    project = ProjectFactory.create()
    mitigated(outcome, attempt=attempt_in(project))
    assert Risk.APPLY in risks_now(project)


def test_each_project_has_its_own_cool_down() -> None:
    own_pattern(cool_down_seconds=600)
    tried, other = ProjectFactory.create_batch(2)
    mitigated(UNDONE, attempt=attempt_in(tried))
    assert risks_now(tried) == {Risk.SUGGEST}
    assert Risk.APPLY in risks_now(other)
    assert Risk.APPLY in risks_now(None)


def test_each_pattern_has_its_own_cool_down() -> None:
    own_pattern(cool_down_seconds=600)
    project = ProjectFactory.create()
    mitigated(UNDONE, attempt=attempt_in(project), match=match_of("another"))
    assert Risk.APPLY in risks_now(project)


def test_without_cool_downs_no_event_is_read() -> None:
    own_pattern()
    project = ProjectFactory.create()
    risks_now(project)
    with CaptureQueriesContext(connection) as queries:
        risks_now(project)
    assert len(queries) == 1


def aged(event: MitigationEvent, seconds: int) -> None:
    at = timezone.now() - timedelta(seconds=seconds)
    MitigationEvent.objects.filter(pk=event.pk).update(at=at)


# --- Reads --------------------------------------------------------------------------------------


def test_patterns_are_listed_with_what_they_achieved() -> None:
    own_pattern(priority=1)
    for outcome in (FIXED, FIXED, UNDONE, DIFFERENT, MitigationOutcome.SUGGESTED):
        mitigated(outcome)
    aged(mitigated(FIXED), 91 * 24 * 3600)
    listed = {row.id: row for row in patterns_list()}
    assert listed.keys() == {"no_seat_left", *(spec.id for spec in builtin())}
    figures = listed["no_seat_left"].figures
    assert (figures.hits, figures.tried, figures.fixed) == (5, 4, 2)
    assert (figures.failed_differently, figures.fix_rate) == (1, 0.5)
    assert figures.tokens_saved_estimate == 3_600
    shown = listed["no_seat_left"].as_json()
    assert (shown["priority"], shown["family"], shown["action"]) == (
        1, "resource_locked", "wait_and_retry"
    )  # fmt: skip
    assert (shown["hits"], shown["fix_rate"], shown["is_builtin"]) == (5, 0.5, False)
    never = listed["python_missing_dep"].as_json()
    assert (never["hits"], never["fix_rate"], never["last_hit_at"]) == (0, None, None)
    assert never["is_builtin"] is True


def test_patterns_are_listed_by_priority_with_two_queries() -> None:
    for number in range(5):
        own_pattern(f"pattern_{number}", priority=number + 1)
        mitigated(FIXED, match=match_of(f"pattern_{number}"))
    with CaptureQueriesContext(connection) as queries:
        listed = patterns_list()
    assert len(queries) == 2
    order = [(row.priority, row.id) for row in listed]
    assert order == sorted(order)


def test_disabled_patterns_are_listed_as_such() -> None:
    own_pattern(enabled=False)
    listed = {row.id: row for row in patterns_list()}
    assert listed["no_seat_left"].enabled is False


def test_a_runs_mitigations_are_its_own_and_in_order() -> None:
    own_pattern()
    attempt = AttemptFactory.create()
    made = [mitigated(outcome, attempt=attempt) for outcome in (DIFFERENT, FIXED)]
    mitigated(FIXED)
    with CaptureQueriesContext(connection) as queries:
        events = run_mitigations(attempt.phase.run_id)
        assert [event.attempt.phase.key for event in events] == [attempt.phase.key] * 2
    assert len(queries) == 1
    assert events == made
    assert run_mitigations(attempt.phase.run_id, limit=1) == made[1:]
    figures = run_figures(attempt.phase.run_id)
    assert (figures.hits, figures.fixed, figures.tokens_saved_estimate) == (2, 1, 1_800)
    assert run_figures(0) == PatternFigures()


def test_figures_of_some_patterns_only() -> None:
    mitigated(FIXED)
    mitigated(FIXED, match=match_of("another"))
    assert pattern_figures(["another"]).keys() == {"another"}
