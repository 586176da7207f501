"""What calls take: bodies and parameters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from runs.api.fields import (
    MAX_INT32,
    MAX_INTEGER,
    MIN_INT32,
    Identifier,
    Moment,
    Number,
    Strict,
    Text,
    Whole,
    WholeText,
    YesNo,
)
from runs.selectors import PAGE_MAX
from runs.states import ApprovalState, OverlapPolicy, RefusalPolicy, RunState

# Below which normalizing is quick; more is no plan that anyone wrote.
RAW_PLAN_CHARS = 1_000_000
FLAGS = ("intention_context", "failure_hardening", "telemetry_db")


class Budgets(Strict):
    token_cap = Whole(min_value=1, max_value=MAX_INTEGER, required=False, allow_null=True)
    cost_cap_usd = Number(min_value=0.000001, max_value=999_999, required=False, allow_null=True)
    max_duration_minutes = Number(min_value=0.001, max_value=1_000_000, required=False)


class NewBudgets(Budgets):
    max_phases = Whole(min_value=1, max_value=MAX_INT32, required=False, allow_null=True)


class Flags(Strict):
    """Features of this one run; what is not named is as the server has it."""

    intention_context = YesNo(required=False)
    failure_hardening = YesNo(required=False)
    telemetry_db = YesNo(required=False)


class NewRun(Strict):
    """Either a structured_plan or a raw_plan."""

    project = Text(min_length=1, max_length=64)
    run_id = Text(
        required=False, min_length=1, max_length=64, help_text="A slug; made of the goal without."
    )
    structured_plan = serializers.DictField(
        required=False, help_text="Its schema: manage.py export_plan_schema"
    )
    raw_plan = Text(required=False, min_length=1, max_length=RAW_PLAN_CHARS)
    flags = Flags(required=False)
    budgets = NewBudgets(required=False)
    priority = Whole(min_value=MIN_INT32, max_value=MAX_INT32, required=False)


class RawPlan(Strict):
    project = Text(min_length=1, max_length=64)
    raw_plan = Text(min_length=1, max_length=RAW_PLAN_CHARS)


class RunChange(Strict):
    budgets = Budgets(required=False)
    priority = Whole(min_value=MIN_INT32, max_value=MAX_INT32, required=False)


class Rollback(Strict):
    all = YesNo(required=False, default=False, help_text="Every phase, not the last one only.")


class Decision(Strict):
    decision = serializers.ChoiceField(choices=["approve", "reject"])
    note = Text(required=False, default="", allow_blank=True, max_length=2000)


class _Texts(serializers.ListField):
    child = Text(min_length=1, max_length=500)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": 4000},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 200},
        ],
        "description": "A command line without shell features, or program and arguments.",
    }
)
class CommandText(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        words = data if isinstance(data, list) else [data]
        if not 0 < len(words) <= 200 or not all(isinstance(word, str) for word in words):
            self.fail("invalid")
        if isinstance(data, str) and not 0 < len(data) <= 4000:
            self.fail("invalid")
        return data


class ProjectChange(Strict):
    base_ref = Text(required=False, allow_blank=True, max_length=200)
    validation_commands = serializers.ListField(child=CommandText(), required=False, max_length=100)
    placed_files = _Texts(required=False, max_length=100)
    port_names = _Texts(required=False, max_length=100)
    protected_paths = _Texts(required=False, max_length=1000)
    overlapping_runs = serializers.ChoiceField(
        choices=[policy.value for policy in OverlapPolicy], required=False
    )
    refused_diffs = serializers.ChoiceField(
        choices=[policy.value for policy in RefusalPolicy], required=False
    )


class NewProject(ProjectChange):
    name = Text(min_length=1, max_length=64)
    source = Text(  # type: ignore[assignment]  # a field, not Field's own
        min_length=1, max_length=1000, help_text="A path on the server, or a URL, of a repository."
    )


# --- Parameters: texts, as URLs have them -----------------------------------------------------


class Paging(Strict):
    cursor = WholeText(
        required=False, min_value=0, max_value=MAX_INTEGER, help_text="next_cursor of a page."
    )
    limit = WholeText(required=False, default=50, min_value=1, max_value=PAGE_MAX)


class RunFilter(Paging):
    state = serializers.ChoiceField(choices=[state.value for state in RunState], required=False)
    project = Identifier(required=False)
    created_after = Moment(required=False)
    created_before = Moment(required=False)


class ApprovalFilter(Paging):
    state = serializers.ChoiceField(
        choices=[state.value for state in ApprovalState], required=False
    )
    run_id = Identifier(required=False)


class OfAttempt(Strict):
    attempt = WholeText(
        required=False, min_value=1, max_value=MAX_INT32, help_text="Its number; the latest one."
    )


class LogQuery(OfAttempt):
    follow = serializers.ChoiceField(
        choices=["0", "1"], required=False, default="0", help_text="1: until the attempt ends."
    )
