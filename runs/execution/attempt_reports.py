"""What is written down of an attempt: its AttemptReport and its artifacts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings

from runs import selectors
from runs.execution import preparation
from runs.states import ArtifactKind
from runs.types import AttemptReport

if TYPE_CHECKING:
    from runs.execution.governance import Verdict
    from runs.execution.trial import Trial
    from runs.execution.validation import ValidationReport
    from runs.states import AttemptOutcome, FailureKind

# Lists in a report are for people: longer ones are cut here, and whole in the log.
SHOWN = 200


def attempt_artifacts(trial: Trial) -> list[dict[str, Any]]:
    kinds = {".log": ArtifactKind.LOG, ".patch": ArtifactKind.DIFF}
    found: list[dict[str, Any]] = []
    if not trial.bench.folder.is_dir():
        return found
    for entry in sorted(trial.bench.folder.iterdir()):
        kind = kinds.get(entry.suffix, ArtifactKind.JUNIT)
        if entry.is_symlink() or not entry.is_file():
            continue
        found.append(
            {
                "kind": kind.value,
                "name": entry.name,
                "path": entry.relative_to(settings.AUTOPACK_HOME).as_posix(),
                "size_bytes": entry.stat().st_size,
            }
        )
    return found


def attempt_report(
    trial: Trial,
    outcome: AttemptOutcome,
    kind: FailureKind | None,
    explanation: str,
    commit: str,
) -> AttemptReport:
    spent = selectors.attempt_spent(trial.attempt.pk) if trial.plan.builder.model else None
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
    )


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
