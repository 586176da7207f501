"""What is written down of an attempt: its AttemptReport and its artifacts."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings

from runs import selectors
from runs.execution import preparation
from runs.states import ArtifactKind
from runs.types import AttemptReport

if TYPE_CHECKING:
    from runs.agents.types import Diagnosis
    from runs.execution.governance import Verdict
    from runs.execution.trial import Trial
    from runs.execution.validation import ValidationReport
    from runs.states import AttemptOutcome, FailureKind

# Lists in a report are for people: longer ones are cut here, and whole in the log.
SHOWN = 200
# Outcomes of mitigations that did away with the failure that they were for.
HITS = frozenset({"fixed", "failed_differently"})


def attempt_artifacts(trial: Trial) -> list[dict[str, Any]]:
    """The columns of an Artifact for each file in the attempt's folder."""
    trial.bench.flush_notes()
    folder = trial.bench.folder
    if not folder.is_dir():
        return []
    kinds = {".log": ArtifactKind.LOG, ".patch": ArtifactKind.DIFF}
    below_home = folder.relative_to(settings.AUTOPACK_HOME).as_posix()
    with os.scandir(folder) as entries:
        found = [
            {
                "kind": kinds.get(PurePath(entry.name).suffix, ArtifactKind.JUNIT).value,
                "name": entry.name,
                "path": f"{below_home}/{entry.name}",
                "size_bytes": entry.stat(follow_symlinks=False).st_size,
            }
            for entry in entries
            if entry.is_file(follow_symlinks=False)
        ]
    return sorted(found, key=lambda columns: columns["name"])


def attempt_report(
    trial: Trial,
    outcome: AttemptOutcome,
    kind: FailureKind | None,
    explanation: str,
    commit: str,
) -> AttemptReport:
    spent = selectors.attempt_spent(trial.attempt.pk) if trial.plan.builder.model else None
    mitigations = (
        tuple(record.as_json() for record in trial.mitigator.records) if trial.mitigator else ()
    )
    return AttemptReport(
        run_id=trial.session.run.run_id,
        phase=trial.phase.key,
        attempt=trial.attempt.number,
        outcome=outcome,
        failure_kind=kind,
        explanation=explanation,
        stages=trial.timings(),
        commit=commit,
        files=tuple(
            {
                "path": c.path,
                "kind": str(c.kind),
                "added": c.added_lines,
                "deleted": c.deleted_lines,
            }
            for c in trial.changes[:SHOWN]
        ),
        governance=_governance_facts(trial.verdict, trial.refusal),
        validation=_validation_facts(trial.validation),
        environment=preparation.environment_facts(trial.bench.environment),
        warnings=tuple(trial.warnings),
        tokens=spent.tokens if spent else 0,
        cost_usd=float(spent.cost_usd) if spent else 0.0,
        doctor_called=bool(trial.diagnosis and trial.diagnosis.is_called),
        doctor=_doctor_facts(trial.diagnosis),
        failing_section=trial.failing_section,
        mitigations=mitigations,
        hardening_hits=sum(each["outcome"] in HITS for each in mitigations),
        doctor_calls_skipped=sum(each["doctor_skipped"] for each in mitigations),
        tokens_saved_estimate=sum(each["tokens_saved_estimate"] for each in mitigations),
    )


def _doctor_facts(diagnosis: Diagnosis | None) -> dict[str, Any]:
    if diagnosis is None or not diagnosis.is_called:
        return {}
    return {
        "action": str(diagnosis.action),
        "hint": diagnosis.hint,
        "confidence": diagnosis.confidence,
        "fix": diagnosis.fix,
    }


def _governance_facts(verdict: Verdict | None, refusal: str) -> dict[str, Any]:
    if refusal:
        return {"ok": False, "explanation": refusal, "violations": ["submodule"], "files": []}
    if verdict is None:
        return {}
    refused = [file for file in verdict.files if not file.allowed]
    return {
        "ok": verdict.ok,
        "explanation": verdict.explanation,
        "violations": [str(violation) for violation in verdict.violations],
        "files": [
            {"path": file.path, "allowed": file.allowed, "explanation": file.explanation}
            for file in (refused or verdict.files)[:SHOWN]
        ],
    }


def _validation_facts(report: ValidationReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    return {
        "ok": report.ok,
        "explanation": report.explanation,
        "checks": [
            {
                "name": result.check.name,
                "status": str(result.status),
                "seconds": round(result.seconds, 3),
                "exit_code": result.exit_code,
                "explanation": result.explanation,
            }
            for result in report.checks
        ],
        "flaky": list(report.flaky[:SHOWN]),
        "known_failures": list(report.known_failures[:SHOWN]),
        "new_failures": list(report.new_failures[:SHOWN]),
        "missing_deliverables": list(report.missing_deliverables[:SHOWN]),
        "weakened_tests": [asdict(weak) for weak in report.weakened_tests[:SHOWN]],
    }
