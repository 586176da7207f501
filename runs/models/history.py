"""What happened to a run and its phases: append-only, and the truth behind every status."""

from typing import Any

from django.db import models

from runs.models.choices import choices_of
from runs.models.phase import Phase
from runs.models.run import Run
from runs.states import Trigger


class StatusChange(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="status_changes")
    phase = models.ForeignKey(
        Phase, on_delete=models.CASCADE, null=True, blank=True, related_name="status_changes"
    )
    attempt_number = models.PositiveIntegerField(null=True, blank=True)
    from_state = models.CharField(max_length=20, blank=True, default="")
    to_state = models.CharField(max_length=20)
    explanation = models.TextField(help_text="For people: what happened and why.")
    trigger = models.CharField(max_length=12, choices=choices_of(Trigger))
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="status_change_by_run")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_state or 'new'} > {self.to_state}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; raises TypeError for a row that exists: history is not rewritten."""
        if not self._state.adding:
            raise TypeError("A StatusChange is append-only; write a new one.")
        super().save(*args, **kwargs)
