"""Questions to people that an attempt comes to: it ends, and the next does what they allow."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from runs.execution.diffs.governance_types import Violation
from runs.models import Approval
from runs.states import ApprovalKind, ApprovalState, RefusalPolicy

if TYPE_CHECKING:
    from runs.execution.trial import Trial

# What a person may let pass. The rest is dangerous whoever says yes.
ALLOWABLE = frozenset(
    {
        Violation.OUT_OF_SCOPE, Violation.PROTECTED, Violation.LOCK_FILE, Violation.TOO_LARGE,
        Violation.TOO_MANY_DELETIONS, Violation.SUBMODULE,
    }
)  # fmt: skip


class PersonNeeded(Exception):
    """A person decides first. `details` are kept with the question, `hint` with the phase."""

    def __init__(
        self, kind: ApprovalKind, question: str, details: dict[str, Any], hint: str
    ) -> None:
        self.kind, self.question, self.details, self.hint = kind, question, details, hint
        super().__init__(question)


def diff_is_allowed(trial: Trial) -> bool:
    """Whether a person has let exactly this refused diff pass; asks when the project wants that
    and nobody was asked about it. Raises PersonNeeded."""
    verdict = trial.verdict
    if verdict is None or trial.session.run.project.refused_diffs != RefusalPolicy.ASK.value:
        return False
    violations = {*verdict.violations, *(v for file in verdict.files for v in file.violations)}
    if verdict.ok or not violations <= ALLOWABLE:
        return False
    digest = hashlib.sha256(b"".join(change.patch for change in trial.changes)).hexdigest()
    asked = Approval.objects.filter(
        phase_id=trial.phase.pk, kind=ApprovalKind.GOVERNANCE.value
    ).order_by("-pk")
    states = [each.state for each in asked if each.details.get("diff_sha256") == digest]
    if states[:1] == [ApprovalState.APPROVED.value]:
        trial.warnings.append("A person let the diff pass, which governance had refused.")
        return True
    if not states or states[0] == ApprovalState.PENDING.value:
        raise PersonNeeded(
            ApprovalKind.GOVERNANCE,
            f"May phase {trial.phase.key} keep this diff? {verdict.explanation}",
            {
                "diff_sha256": digest,
                "commit": trial.commit,
                "attempt": trial.attempt.number,
                "refused": [
                    {"path": file.path, "explanation": file.explanation}
                    for file in verdict.files
                    if not file.allowed
                ][:200],
            },
            verdict.explanation,
        )
    return False
