"""Rows to facts: what a report says of each run. Four queries for each two hundred runs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Q, Sum

from runs import selectors
from runs.models import Attempt, ModelCall, Phase, Run
from runs.reports.types import (
    REPORT_SCHEMA_VERSION,
    AttemptFacts,
    FleetReport,
    MitigationFacts,
    PhaseFacts,
    RunFacts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

CHUNK = 200


def runs_facts(run_ids: Iterable[str]) -> dict[str, RunFacts]:
    """The facts of these runs, by id; those that do not exist are left out."""
    wanted = list(run_ids)
    facts: dict[str, RunFacts] = {}
    for start in range(0, len(wanted), CHUNK):
        runs = list(
            Run.objects.filter(run_id__in=wanted[start : start + CHUNK])
            .select_related("project")
            .defer("structured_plan", "raw_plan")
        )
        pks = [run.pk for run in runs]
        phases = _phases_by_run(pks)
        spent = _spent_by_run(pks)
        for run in runs:
            facts[run.run_id] = run_facts(run, phases.get(run.pk, ()), spent.get(run.pk, {}))
    return facts


def _phases_by_run(pks: Sequence[int]) -> Mapping[int, list[PhaseFacts]]:
    attempts: dict[int, list[AttemptFacts]] = defaultdict(list)
    rows = Attempt.objects.filter(phase__run_id__in=pks).order_by("phase_id", "number")
    for attempt in rows:
        attempts[attempt.phase_id].append(attempt_facts(attempt))
    found: dict[int, list[PhaseFacts]] = defaultdict(list)
    for phase in Phase.objects.filter(run_id__in=pks).defer("spec", "hint").order_by("position"):
        found[phase.run_id].append(phase_facts(phase, attempts.get(phase.pk, ())))
    return found


def _spent_by_run(pks: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = (
        ModelCall.objects.filter(run_id__in=pks)
        .order_by()
        .values("run_id")
        .annotate(
            tokens=Sum(
                F("input_tokens")
                + F("cache_read_tokens")
                + F("cache_write_tokens")
                + F("output_tokens")
                + F("reasoning_tokens")
            ),
            cost=Sum("cost_usd"),
            unpriced=Count("id", filter=Q(cost_usd=None)),
        )
    )
    return {row["run_id"]: dict(row) for row in rows}


def run_facts(run: Run, phases: Sequence[PhaseFacts], spent: Mapping[str, Any]) -> RunFacts:
    """Pure: `spent` has `tokens`, `cost` and `unpriced`, or nothing."""
    return RunFacts(
        run_id=run.run_id,
        state=run.state,
        failure_kind=run.failure_kind,
        explanation=run.explanation,
        goal=run.goal,
        project=run.project.name,
        source=run.project.source,
        branch=run.branch,
        base_commit=run.base_commit,
        commit=run.published_commit,
        tokens=spent.get("tokens") or 0,
        cost_usd=float(spent.get("cost") or 0),
        unpriced_calls=spent.get("unpriced") or 0,
        seconds=round(selectors.run_active_seconds(run), 3),
        started_at=_time(run.started_at),
        ended_at=_time(run.ended_at),
        phases=tuple(phases),
    )


def phase_facts(phase: Phase, attempts: Sequence[AttemptFacts]) -> PhaseFacts:
    return PhaseFacts(
        id=phase.key,
        title=phase.title,
        state=phase.state,
        explanation=phase.explanation,
        seconds=round(sum(attempt.seconds for attempt in attempts), 3),
        commit=phase.commit,
        attempts=tuple(attempts),
    )


def attempt_facts(attempt: Attempt) -> AttemptFacts:
    """An attempt that never reported (abandoned) has what its row knows and nothing more."""
    report = attempt.report
    validation = report.get("validation") or {}
    ended = attempt.ended_at
    return AttemptFacts(
        number=attempt.number,
        outcome=attempt.outcome or "running",
        failure_kind=attempt.failure_kind,
        explanation=attempt.explanation,
        seconds=round((ended - attempt.started_at).total_seconds(), 3) if ended else 0.0,
        commit=attempt.commit,
        tokens=report.get("tokens") or 0,
        cost_usd=report.get("cost_usd") or 0.0,
        hardening_hits=report.get("hardening_hits") or 0,
        flaky=_texts(validation.get("flaky")),
        known_failures=_texts(validation.get("known_failures")),
        new_failures=_texts(validation.get("new_failures")),
        weakened_tests=tuple(_weakened(w) for w in validation.get("weakened_tests") or ()),
        warnings=_texts(report.get("warnings")),
        mitigations=tuple(_mitigation(each) for each in report.get("mitigations") or ()),
    )


def _mitigation(each: Mapping[str, Any]) -> MitigationFacts:
    names = (
        "pattern", "action", "outcome", "stage", "step", "text", "evidence", "before", "after",
        "why",
    )  # fmt: skip
    return MitigationFacts(
        **{name: str(each.get(name) or "") for name in names},
        seconds=each.get("seconds") or 0.0,
        doctor_skipped=bool(each.get("doctor_skipped")),
        tokens_saved=each.get("tokens_saved_estimate") or 0,
        tokens_source=str(each.get("tokens_saved_source") or ""),
    )


def _texts(values: Iterable[object] | None) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())


def _weakened(weak: Mapping[str, Any]) -> str:
    line = f":{weak['line']}" if weak.get("line") else ""
    return f"{weak.get('path')}{line}: {weak.get('kind')}: {weak.get('detail')}"


def _time(value: datetime | None) -> str:
    return value.isoformat(timespec="seconds") if value else ""


def report_json(report: FleetReport) -> dict[str, Any]:
    """The report as JSON: the facts, and what they come to for each run and for all."""
    return {
        "schema_version": REPORT_SCHEMA_VERSION,
        "generated_at": report.generated_at,
        "executor": report.executor,
        "simulated": report.is_simulated,
        "ok": report.is_good,
        "seconds": report.seconds,
        "totals": report_totals(report),
        "runs": [
            {
                **asdict(each.run),
                "phases_complete": each.run.phases_complete,
                "phases_total": len(each.run.phases),
                "attempts": each.run.attempts,
                "hardening_hits": each.run.hardening_hits,
                "outcome": each.outcome,
                "ok": each.is_good,
                "message": each.message,
                "output": each.output,
                "job_seconds": each.job_seconds,
            }
            for each in report.runs
        ],
    }


def report_totals(report: FleetReport) -> dict[str, Any]:
    runs = [each.run for each in report.runs]
    return {
        "runs": len(runs),
        "ok": sum(each.is_good for each in report.runs),
        "phases": sum(len(run.phases) for run in runs),
        "phases_complete": sum(run.phases_complete for run in runs),
        "attempts": sum(run.attempts for run in runs),
        "tokens": sum(run.tokens for run in runs),
        "cost_usd": round(sum(run.cost_usd for run in runs), 6),
        "hardening_hits": sum(run.hardening_hits for run in runs),
        "run_seconds": round(sum(run.seconds for run in runs), 3),
    }
