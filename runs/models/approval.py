"""A question to a person, with an end to the patience."""

from django.db import models
from django.db.models import Q

from runs.models.choices import choices_of, one_of
from runs.models.phase import Phase
from runs.models.run import Run
from runs.states import ApprovalKind, ApprovalState


class Approval(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="approvals")
    phase = models.ForeignKey(
        Phase, on_delete=models.CASCADE, null=True, blank=True, related_name="approvals"
    )
    kind = models.CharField(max_length=12, choices=choices_of(ApprovalKind))
    state = models.CharField(
        max_length=10, choices=choices_of(ApprovalState), default=ApprovalState.PENDING.value
    )
    question = models.TextField()
    details = models.JSONField(default=dict, blank=True)
    requested_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True, default="")
    note = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            one_of("kind", ApprovalKind, name="approval_kind_known"),
            one_of("state", ApprovalState, name="approval_state_known"),
            # One open question of a kind a phase: asking again is not asking twice.
            models.UniqueConstraint(
                fields=["phase", "kind"],
                condition=Q(state="pending", phase__isnull=False),
                name="approval_open_of_phase",
            ),
            models.UniqueConstraint(
                fields=["run", "kind"],
                condition=Q(state="pending", phase__isnull=True),
                name="approval_open_of_run",
            ),
        ]
        indexes = [models.Index(fields=["state", "expires_at"], name="approval_by_state")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
