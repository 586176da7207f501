"""Rows of hardening: patterns and their history, and what mitigations did.

Built-in patterns are reviewed code. Their rows hold what an operator chose about them and nothing
else, so a new version of the code reaches every installation and overwrites no choice.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q
from django.db.models.functions import Lower

from hardening.outcomes import MitigationOutcome, PatternTrigger
from hardening.specs import Reading
from hardening.types import ActionKind, Mode

if TYPE_CHECKING:
    from enum import StrEnum

PRIORITY_FIRST, PRIORITY_LAST = 1, 10
COOL_DOWN_LAST = 7 * 24 * 3600  # seconds
BASELINE_SOURCES = ("run", "installation", "default")


def _choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(value.value, value.value.replace("_", " ")) for value in values]


def _one_of(column: str, values: type[StrEnum], *, name: str) -> CheckConstraint:
    known = [value.value for value in values]
    return CheckConstraint(condition=Q(**{f"{column}__in": known}), name=name)


def revision_new() -> int:
    """Drawn anew with every change, so that sums of them tell sets of rows apart: a counter would
    come to the same number again after a rollback."""
    return secrets.randbits(40)


class FailurePattern(models.Model):
    """A pattern as operators see it. Only `hardening.services` writes them: it checks and keeps
    the history."""

    slug = models.SlugField(
        "id", max_length=64, help_text="Lower case, digits and _: what reports and the API call it."
    )
    title = models.CharField(max_length=120)
    # No list of families in the database: built-ins bring new ones without a migration.
    family = models.CharField(
        max_length=40,
        blank=True,
        default="",
        help_text="The cause it finds. May be empty while the pattern is not enabled.",
    )
    priority = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(PRIORITY_FIRST), MaxValueValidator(PRIORITY_LAST)],
        help_text="1 (first) to 10.",
    )
    enabled = models.BooleanField(default=False)
    mode = models.CharField(
        max_length=8,
        choices=_choices(Mode),
        default=Mode.SUGGEST.value,
        help_text="Suggest: say what would be done. Apply: do it, as far as its risk allows.",
    )
    cool_down_seconds = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(COOL_DOWN_LAST)],
        help_text="After it was tried in a project, it only suggests there for so long.",
    )
    is_builtin = models.BooleanField(default=False, editable=False)

    # An operator's own pattern; empty for built-ins, whose code has all of this.
    expressions = models.JSONField(
        default=list, blank=True, help_text="RE2, one a line, any of which may match."
    )
    ignore_case = models.BooleanField(default=False)
    unless = models.JSONField(
        "not when the line has",
        default=list,
        blank=True,
        help_text="RE2, one a line: a line in which one of these matches is no hit.",
    )
    reading = models.CharField(
        max_length=8,
        choices=_choices(Reading),
        default=Reading.STRICT.value,
        help_text="Strict: errors only. Warning: warnings too. Loose: inside of quotes too.",
    )
    action = models.CharField(
        max_length=32, choices=_choices(ActionKind), default=ActionKind.SUGGEST_ONLY.value
    )
    parameters = models.JSONField(
        default=dict,
        blank=True,
        help_text="name = value, one a line. What is not here comes from the named groups.",
    )
    advice = models.TextField(
        blank=True, default="", help_text="A sentence for people: what is wrong and what to do."
    )
    must_match = models.JSONField(default=list, blank=True)
    must_not_match = models.JSONField(default=list, blank=True)
    proposal = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What mining saw; empty: not mined."
    )

    revision = models.BigIntegerField(default=revision_new, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "pattern"
        constraints = [
            models.UniqueConstraint(
                Lower("slug"),
                name="pattern_slug_unique",
                violation_error_message="There is a pattern with this id. Choose another.",
            ),
            CheckConstraint(condition=~Q(slug=""), name="pattern_slug_given"),
            CheckConstraint(
                condition=Q(priority__gte=PRIORITY_FIRST, priority__lte=PRIORITY_LAST),
                name="pattern_priority_1_to_10",
            ),
            CheckConstraint(
                condition=Q(cool_down_seconds__lte=COOL_DOWN_LAST), name="pattern_cool_down_short"
            ),
            _one_of("mode", Mode, name="pattern_mode_known"),
            _one_of("reading", Reading, name="pattern_reading_known"),
            _one_of("action", ActionKind, name="pattern_action_known"),
            CheckConstraint(
                condition=Q(enabled=False) | ~Q(family=""), name="pattern_enabled_has_family"
            ),
            CheckConstraint(
                condition=Q(is_builtin=True, expressions=[], must_match=[], advice="")
                | (Q(is_builtin=False) & ~Q(expressions=[]) & ~Q(must_match=[]) & ~Q(advice="")),
                name="pattern_own_is_whole",
            ),
        ]
        ordering = ["priority", "slug"]

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever saves, processes that have the patterns compiled notice."""
        self.revision = revision_new()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "revision"}
        super().save(*args, **kwargs)


class PatternChange(models.Model):
    """Who changed what of a pattern, and when. Append-only; outlives the pattern."""

    pattern = models.ForeignKey(
        FailurePattern, on_delete=models.SET_NULL, null=True, related_name="changes"
    )
    slug = models.CharField("pattern id", max_length=64)
    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField("who", max_length=150, blank=True, help_text="Empty: Autopack itself.")
    trigger = models.CharField(max_length=8, choices=_choices(PatternTrigger))
    before = models.JSONField(null=True, help_text="What was changed, as it was; null: created.")
    after = models.JSONField(null=True, help_text="As it became; null: deleted.")

    class Meta:
        constraints = [
            _one_of("trigger", PatternTrigger, name="pattern_change_trigger_known"),
            CheckConstraint(
                condition=Q(before__isnull=False) | Q(after__isnull=False),
                name="pattern_change_says_what",
            ),
        ]
        indexes = [models.Index(fields=["slug", "-id"], name="pattern_change_by_slug")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.slug} by {self.by or 'Autopack'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; raises TypeError for a row that exists: history is not rewritten."""
        if not self._state.adding:
            raise TypeError("A PatternChange is append-only; write a new one.")
        super().save(*args, **kwargs)


class MitigationEvent(models.Model):
    """One mitigation of an attempt: what was seen, what was done, what came of it. Append-only."""

    attempt = models.ForeignKey(
        "runs.Attempt", on_delete=models.CASCADE, related_name="mitigations"
    )
    # The attempt's own, kept beside it: cool-downs count by project.
    project = models.ForeignKey("runs.Project", on_delete=models.CASCADE, related_name="+")
    pattern = models.ForeignKey(
        FailurePattern, on_delete=models.SET_NULL, null=True, related_name="events"
    )
    pattern_slug = models.CharField("pattern id", max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    check_name = models.CharField(max_length=200)
    signature = models.CharField(
        max_length=400, help_text="Of the failure: like failures share it."
    )
    evidence_line = models.PositiveBigIntegerField(help_text="From 1; 0: no line of a log.")
    evidence_text = models.CharField(max_length=400)
    action = models.CharField(max_length=32)
    parameters = models.JSONField(default=dict)
    risk = models.CharField(max_length=8)
    exit_code_before = models.IntegerField(null=True)
    exit_code_after = models.IntegerField(null=True)
    result_before = models.CharField(max_length=500, blank=True)
    result_after = models.CharField(max_length=500, blank=True)
    seconds = models.FloatField()
    outcome = models.CharField(max_length=20, choices=_choices(MitigationOutcome))

    doctor_skipped = models.BooleanField(default=False)
    tokens_saved_estimate = models.PositiveBigIntegerField(
        default=0, help_text="An estimate from the baseline, not a measurement."
    )
    baseline_source = models.CharField(max_length=12, blank=True)
    baseline_sample_size = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            _one_of("outcome", MitigationOutcome, name="mitigation_outcome_known"),
            CheckConstraint(condition=Q(seconds__gte=0), name="mitigation_seconds_positive"),
            CheckConstraint(
                condition=Q(doctor_skipped=False) | Q(outcome=MitigationOutcome.FIXED.value),
                name="mitigation_skips_when_fixed",
            ),
            CheckConstraint(
                condition=Q(
                    doctor_skipped=False, tokens_saved_estimate=0, baseline_source=""
                ) | Q(doctor_skipped=True, baseline_source__in=BASELINE_SOURCES),
                name="mitigation_savings_explained",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["project", "pattern_slug", "-at"], name="mitigation_cool_down"),
            models.Index(fields=["at", "pattern_slug", "outcome"], name="mitigation_by_age"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.pattern_slug}: {self.outcome}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; raises TypeError for a row that exists: history is not rewritten."""
        if not self._state.adding:
            raise TypeError("A MitigationEvent is append-only; write a new one.")
        super().save(*args, **kwargs)
