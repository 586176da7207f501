"""One try of a phase, and the lease under which it is made."""

from django.db import models
from django.db.models import Q

from runs.models.choices import choices_of, one_of
from runs.models.phase import Phase
from runs.states import AttemptOutcome, FailureKind


class Attempt(models.Model):
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    fence = models.PositiveIntegerField()
    outcome = models.CharField(
        max_length=12,
        choices=choices_of(AttemptOutcome),
        blank=True,
        default="",
        help_text="Empty while it runs.",
    )
    failure_kind = models.CharField(
        max_length=24, choices=choices_of(FailureKind), blank=True, default=""
    )
    explanation = models.TextField(blank=True, default="")

    # The lease: who works on it, provably alive or not.
    worker = models.CharField(max_length=100)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    pid_started = models.FloatField(help_text="Seconds since the epoch: a pid alone is reused.")
    boot_id = models.CharField(max_length=64)
    lease_expires_at = models.DateTimeField()

    base_commit = models.CharField(max_length=64, blank=True, default="")
    commit = models.CharField(
        max_length=64, blank=True, default="", help_text="Its end, whatever the outcome."
    )
    report = models.JSONField(default=dict, blank=True, help_text="The AttemptReport.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["phase", "number"], name="attempt_number_unique"),
            models.UniqueConstraint(fields=["phase", "fence"], name="attempt_fence_unique"),
            one_of("outcome", AttemptOutcome, name="attempt_outcome_known", blank=True),
            models.CheckConstraint(
                condition=Q(outcome="", ended_at=None)
                | (~Q(outcome="") & Q(ended_at__isnull=False)),
                name="attempt_ended_with_outcome",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_expires_at"], name="attempt_running", condition=Q(outcome="")
            )
        ]
        ordering = ["phase", "number"]

    def __str__(self) -> str:
        return f"{self.phase_id}/{self.number}"
