"""One execution of a structured plan."""

from django.db import models
from django.db.models.functions import Lower

from runs.models.choices import choices_of, one_of
from runs.models.project import Project
from runs.states import FailureKind, RunState, Trigger

BRANCH_PREFIX = "autopack/"


class Run(models.Model):
    run_id = models.CharField(max_length=64, help_text="A slug, unique without case.")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(
        max_length=20, choices=choices_of(RunState), default=RunState.PENDING.value
    )
    failure_kind = models.CharField(
        max_length=24, choices=choices_of(FailureKind), blank=True, default=""
    )
    explanation = models.TextField(blank=True, default="", help_text="Why it is where it is.")
    trigger = models.CharField(
        max_length=12, choices=choices_of(Trigger), default=Trigger.CLI.value
    )
    goal = models.TextField(blank=True, default="")
    structured_plan = models.JSONField()
    writes = models.JSONField(
        default=list, help_text="Patterns of all that its phases may write; empty: anywhere."
    )
    raw_plan = models.TextField(blank=True, default="")
    plan_normalization = models.JSONField(
        default=dict,
        blank=True,
        help_text="How the raw plan was read: format, confidence, reasons, warnings, decisions.",
    )
    flags = models.JSONField(default=dict, blank=True, help_text="Features it started with.")
    priority = models.IntegerField(default=0, help_text="Higher goes first.")

    token_cap = models.PositiveBigIntegerField(null=True, blank=True)
    cost_cap_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    max_duration_minutes = models.FloatField(default=120.0)
    max_phases = models.PositiveIntegerField(null=True, blank=True)

    base_commit = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Where it started; fixed at the first start.",
    )
    head_commit = models.CharField(
        max_length=64, blank=True, default="", help_text="What it has integrated. The truth."
    )
    published_commit = models.CharField(
        max_length=64, blank=True, default="", help_text="Its branch in the project's repository."
    )

    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    waiting_since = models.DateTimeField(
        null=True, blank=True, help_text="Set while people are waited for."
    )
    waited_seconds = models.FloatField(default=0.0, help_text="Not counted as duration.")

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("run_id"), name="run_id_unique"),
            one_of("state", RunState, name="run_state_known"),
            one_of("failure_kind", FailureKind, name="run_failure_kind_known", blank=True),
        ]
        indexes = [models.Index(fields=["state", "-priority", "id"], name="run_by_state")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.run_id

    @property
    def branch(self) -> str:
        """The branch in the project's repository that holds what this run made."""
        return f"{BRANCH_PREFIX}{self.run_id}"
