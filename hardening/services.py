"""The verbs of hardening: match a failure, change patterns, keep what a mitigation did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from hardening.active import PatternSet, failure_match, list_patterns, pattern_set
from hardening.admission import PatternInvalid, PatternRefused, choices_admit, own_admit
from hardening.models import FailurePattern, MitigationEvent, PatternChange, revision_new
from hardening.outcomes import Mitigation, MitigationOutcome, PatternTrigger, Savings
from hardening.patterns import builtin
from hardening.rows import OWN, choices_reviewed, title_of, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.types import DoctorBaseline

__all__ = [
    "PatternChanged", "PatternInvalid", "PatternRefused", "PatternSet", "PatternUnknown",
    "failure_match", "list_patterns", "mitigation_record", "pattern_change", "pattern_create",
    "pattern_delete", "pattern_set", "savings_estimate",
]  # fmt: skip

EVIDENCE_CHARS = 400
RESULT_CHARS = 500
NAME_CHARS = 200
PARAMETER_CHARS = 1_000
# Tries at a change while others change the same pattern.
TRIES = 5


class PatternUnknown(PatternRefused):
    """There is no pattern of this id."""


class PatternChanged(PatternRefused):
    """Others changed the pattern again and again at the same time."""


def pattern_create(
    values: Mapping[str, Any],
    *,
    slug: str,
    by: str,
    trigger: PatternTrigger = PatternTrigger.ADMIN,
    proposal: Mapping[str, Any] | None = None,
) -> FailurePattern:
    """An operator's own pattern. What `values` does not name is as the model has it (not enabled,
    mode suggest). Raises PatternInvalid; costs up to a second of CPU before it writes."""
    if slug in {spec.id for spec in builtin()}:
        raise PatternInvalid({"slug": ["A built-in pattern has this id. Choose another."]})
    whole = values_of(FailurePattern(slug=slug))
    _known_only(values, OWN)
    whole |= values
    own_admit(slug, whole)
    try:
        with transaction.atomic():
            row = FailurePattern.objects.create(slug=slug, proposal=dict(proposal or {}), **whole)
            _note(row, by=by, trigger=trigger, before=None, after=whole)
    except IntegrityError as error:
        if not FailurePattern.objects.filter(slug=slug).exists():
            raise
        taken = "There is a pattern with this id. Choose another."
        raise PatternInvalid({"slug": [taken]}) from error
    return row


def pattern_change(
    slug: str,
    changes: Mapping[str, Any],
    *,
    by: str,
    trigger: PatternTrigger = PatternTrigger.ADMIN,
) -> FailurePattern:
    """Change some values of a pattern (of a built-in: priority, enabled, mode, cool-down) and keep
    who did. Values that are so already are not written, nor is there history of them.

    Raises PatternUnknown, PatternInvalid (what would come of it is no pattern), PatternChanged."""
    for _ in range(TRIES):
        row = _row_of(slug)
        held = values_of(row)
        _known_only(changes, tuple(held))
        new = {name: value for name, value in changes.items() if value != held[name]}
        if not new:
            return row
        # Checked before the transaction: it takes its time, and others may write meanwhile.
        _admit(row, held | new)
        with transaction.atomic():
            # Nothing got changed: another was first, so its values are looked at once more.
            if FailurePattern.objects.filter(pk=row.pk, revision=row.revision).update(
                revision=revision_new(), **new
            ):
                before = {name: held[name] for name in new}
                _note(row, by=by, trigger=trigger, before=before, after=new)
                row.refresh_from_db()
                return row
    raise PatternChanged(f"Others keep changing the pattern {slug}. Try again in a moment.")


def pattern_delete(slug: str, *, by: str, trigger: PatternTrigger = PatternTrigger.ADMIN) -> None:
    """Delete an operator's own pattern; its history and events stay. Raises PatternUnknown, and
    PatternRefused for a built-in one."""
    with transaction.atomic():
        row = FailurePattern.objects.select_for_update().filter(slug=slug).first()
        if row is None:
            raise PatternUnknown(f"There is no pattern {slug!r}: it may have been deleted.")
        if row.is_builtin and slug in {spec.id for spec in builtin()}:
            raise PatternRefused(f"{slug} is built in: it cannot be deleted, but disabled.")
        _note(row, by=by, trigger=trigger, before=values_of(row), after=None)
        row.delete()


def _row_of(slug: str) -> FailurePattern:
    row = FailurePattern.objects.filter(slug=slug).first()
    if row is not None:
        return row
    spec = next((spec for spec in builtin() if spec.id == slug), None)
    if spec is None:
        raise PatternUnknown(f"There is no pattern {slug!r}: it may have been deleted.")
    # A built-in whose row no migration has made yet.
    row, _ = FailurePattern.objects.get_or_create(
        slug=slug,
        defaults={
            "title": title_of(slug), "family": spec.family.value, "is_builtin": True,
            **choices_reviewed(spec),
        },
    )  # fmt: skip
    return row


def _known_only(values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if foreign := set(values) - set(known):
        what = ", ".join(sorted(foreign))
        raise PatternInvalid(
            {name: [f"{what} cannot be set; what can is: {', '.join(known)}."] for name in foreign}
        )


def _admit(row: FailurePattern, values: Mapping[str, Any]) -> None:
    if row.is_builtin:
        choices_admit(values)
    else:
        own_admit(row.slug, values)


def _note(
    row: FailurePattern,
    *,
    by: str,
    trigger: PatternTrigger,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    PatternChange.objects.create(
        pattern=row, slug=row.slug, by=by, trigger=trigger.value, before=before, after=after
    )


def savings_estimate(baseline: DoctorBaseline | None) -> Savings:
    """What a fix saved when a Doctor call costs `baseline`; nothing without one."""
    if baseline is None:
        return Savings()
    return Savings(max(baseline.tokens, 0), baseline.source, max(baseline.sample_size, 0))


def mitigation_record(
    mitigation: Mitigation, *, attempt_id: int, project_id: int
) -> MitigationEvent:
    """Keep what a mitigation did. The Doctor counts as skipped when the check was fixed and a
    baseline says what a call would have cost. Texts of logs are cut and made storable."""
    match, action = mitigation.match, mitigation.action
    after = mitigation.after
    is_skipped = mitigation.outcome is MitigationOutcome.FIXED and mitigation.baseline is not None
    savings = savings_estimate(mitigation.baseline if is_skipped else None)
    evidence = match.evidence[0] if match.evidence else None
    row = FailurePattern.objects.filter(slug=match.pattern_id).only("pk").first()
    event = MitigationEvent(
        attempt_id=attempt_id,
        project_id=project_id,
        pattern=row,
        pattern_slug=match.pattern_id,
        check_name=storable(mitigation.check_name, NAME_CHARS),
        signature=storable(mitigation.signature, EVIDENCE_CHARS),
        evidence_line=evidence.line if evidence else 0,
        evidence_text=storable(evidence.text, EVIDENCE_CHARS) if evidence else "",
        action=action.kind.value,
        parameters={
            name: storable(value, PARAMETER_CHARS) for name, value in action.parameters.items()
        },
        risk=action.risk.value,
        exit_code_before=mitigation.before.exit_code,
        exit_code_after=after.exit_code if after else None,
        result_before=storable(mitigation.before.summary, RESULT_CHARS),
        result_after=storable(after.summary, RESULT_CHARS) if after else "",
        seconds=max(mitigation.seconds, 0.0),
        outcome=mitigation.outcome.value,
        doctor_skipped=is_skipped,
        tokens_saved_estimate=savings.tokens,
        baseline_source=savings.source,
        baseline_sample_size=savings.sample_size,
    )
    event.save()
    return event


def storable(text: str, limit: int) -> str:
    """At most `limit` characters that every database takes: no null, no half of a pair."""
    cut = text[:limit].encode("utf-8", "replace").decode("utf-8")
    return cut.replace("\x00", "\N{REPLACEMENT CHARACTER}")
