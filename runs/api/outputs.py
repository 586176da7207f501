"""What calls give. The shapes themselves are made by runs.selectors and runs.reports; these are
their description, which the tests hold them against."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from runs.states import (
    ApprovalKind,
    ApprovalState,
    ArtifactKind,
    FailureKind,
    OverlapPolicy,
    PhaseState,
    RefusalPolicy,
    RunState,
    Trigger,
)


def _choice(values: Any, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=[each.value for each in values], **options)


def _time() -> serializers.DateTimeField:
    return serializers.DateTimeField(allow_null=True)


class BudgetsShown(serializers.Serializer[Any]):
    token_cap = serializers.IntegerField(allow_null=True)
    cost_cap_usd = serializers.FloatField(allow_null=True)
    max_duration_minutes = serializers.FloatField()
    max_phases = serializers.IntegerField(allow_null=True)


class RunShown(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    project = serializers.CharField()
    state = _choice(RunState)
    failure_kind = serializers.ChoiceField(choices=["", *(kind.value for kind in FailureKind)])
    explanation = serializers.CharField()
    goal = serializers.CharField()
    trigger = _choice(Trigger)
    priority = serializers.IntegerField()
    flags = serializers.DictField(child=serializers.BooleanField())
    budgets = BudgetsShown()
    branch = serializers.CharField()
    base_commit = serializers.CharField()
    head_commit = serializers.CharField()
    published_commit = serializers.CharField()
    cancel_requested_at = _time()
    created_at = serializers.DateTimeField()
    started_at = _time()
    ended_at = _time()


class PhaseStatus(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField()
    tier = serializers.IntegerField()
    state = _choice(PhaseState)
    explanation = serializers.CharField()
    attempt = serializers.IntegerField(help_text="The latest one's number; 0: none yet.")
    tries = serializers.IntegerField(help_text="Attempts that failed or errored.")
    max_tries = serializers.IntegerField()
    commit = serializers.CharField()
    started_at = _time()
    ended_at = _time()


class RunStatus(RunShown):
    current_phase = serializers.CharField(allow_null=True)
    phases_complete = serializers.IntegerField()
    phases_total = serializers.IntegerField()
    tokens_used = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    unpriced_calls = serializers.IntegerField(help_text="Calls that cost_usd does not contain.")
    phases = PhaseStatus(many=True)


class AttemptFactsShown(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    outcome = serializers.CharField()
    failure_kind = serializers.CharField()
    explanation = serializers.CharField()
    seconds = serializers.FloatField()
    commit = serializers.CharField()
    tokens = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    hardening_hits = serializers.IntegerField()
    flaky = serializers.ListField(child=serializers.CharField())
    known_failures = serializers.ListField(child=serializers.CharField())
    new_failures = serializers.ListField(child=serializers.CharField())
    weakened_tests = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())


class PhaseFactsShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField()
    state = _choice(PhaseState)
    explanation = serializers.CharField()
    seconds = serializers.FloatField()
    commit = serializers.CharField()
    attempts = AttemptFactsShown(many=True)


class RunDetail(RunShown):
    """A run with all that reports say of it."""

    source = serializers.CharField(  # type: ignore[assignment]  # a field, not Field's own
        help_text="The project's repository."
    )
    seconds = serializers.FloatField(help_text="Active, without waiting for people.")
    tokens_used = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    unpriced_calls = serializers.IntegerField()
    phases = PhaseFactsShown(many=True)


class RunPlan(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    structured_plan = serializers.DictField()


class EventShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    phase = serializers.CharField(allow_null=True)
    attempt = serializers.IntegerField(allow_null=True)
    from_state = serializers.CharField()
    to_state = serializers.CharField()
    explanation = serializers.CharField()
    trigger = _choice(Trigger)


class ArtifactShown(serializers.Serializer[Any]):
    phase = serializers.CharField()
    attempt = serializers.IntegerField()
    kind = _choice(ArtifactKind)
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()


class ProjectShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field, not Field's own
    base_ref = serializers.CharField()
    validation_commands = serializers.ListField()
    placed_files = serializers.ListField()
    port_names = serializers.ListField()
    protected_paths = serializers.ListField()
    overlapping_runs = _choice(OverlapPolicy)
    refused_diffs = _choice(RefusalPolicy)
    created_at = serializers.DateTimeField()


class ApprovalShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    run_id = serializers.CharField()
    phase = serializers.CharField(allow_null=True)
    kind = _choice(ApprovalKind)
    state = _choice(ApprovalState)
    question = serializers.CharField()
    details = serializers.DictField()
    requested_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    decided_at = _time()
    decided_by = serializers.CharField()
    note = serializers.CharField()


class RolledBack(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    state = _choice(RunState)
    phases = serializers.ListField(child=serializers.CharField(), help_text="PENDING again.")
    explanation = serializers.CharField()


class Normalized(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    error = serializers.CharField(allow_null=True)
    format = serializers.CharField()
    confidence = serializers.FloatField()
    confidence_reasons = serializers.ListField()
    warnings = serializers.ListField()
    requires_confirmation = serializers.BooleanField()
    decisions = serializers.ListField()
    structured_plan = serializers.DictField(allow_null=True)


class PatternShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField()
    family = serializers.CharField()
    priority = serializers.IntegerField(help_text="1 is looked at first.")
    enabled = serializers.BooleanField()
    mode = serializers.ChoiceField(choices=["suggest", "apply"])
    cool_down_seconds = serializers.IntegerField()
    is_builtin = serializers.BooleanField()
    is_proposal = serializers.BooleanField()
    action = serializers.CharField(help_text="Empty: decided for each failure.")
    advice = serializers.CharField()
    hits = serializers.IntegerField()
    tried = serializers.IntegerField()
    fixed = serializers.IntegerField()
    failed_differently = serializers.IntegerField()
    fix_rate = serializers.FloatField(allow_null=True, help_text="0 to 1; null: never tried.")
    tokens_saved_estimate = serializers.IntegerField()
    last_hit_at = _time()
