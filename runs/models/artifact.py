"""A file that an attempt left: its log, its diff, its test report."""

from django.db import models

from runs.models.attempt import Attempt
from runs.models.choices import choices_of
from runs.states import ArtifactKind


class Artifact(models.Model):
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="artifacts")
    kind = models.CharField(max_length=12, choices=choices_of(ArtifactKind))
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=500, help_text="Relative to AUTOPACK_HOME.")
    size_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "name"], name="artifact_name_unique")
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name
