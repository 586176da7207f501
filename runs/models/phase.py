"""A step of a run: what one builder does and one validation proves."""

from django.db import models

from runs.models.choices import choices_of, one_of
from runs.models.run import Run
from runs.states import PhaseState


class Phase(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="phases")
    key = models.CharField(max_length=64, help_text="The phase's id in the plan.")
    position = models.PositiveIntegerField(help_text="Its place in the plan, from 0.")
    tier = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=500, blank=True, default="")
    spec = models.JSONField(help_text="The phase as the structured plan has it.")
    depends_on = models.ManyToManyField("self", symmetrical=False, related_name="dependents")
    requires_approval = models.BooleanField(default=False)

    state = models.CharField(
        max_length=20, choices=choices_of(PhaseState), default=PhaseState.PENDING.value
    )
    explanation = models.TextField(blank=True, default="")
    fence = models.PositiveIntegerField(
        default=0, help_text="Grows with each claim; a writer with an older one is refused."
    )
    tries = models.PositiveIntegerField(default=0, help_text="Attempts that failed or errored.")
    max_tries = models.PositiveIntegerField(default=3)
    crashes = models.PositiveIntegerField(default=0, help_text="Leases lost.")
    not_before = models.DateTimeField(null=True, blank=True)
    hint = models.TextField(
        blank=True, default="", help_text="The failing section of the last attempt, for the next."
    )
    parent_commit = models.CharField(
        max_length=64, blank=True, default="", help_text="The run's head before it was integrated."
    )
    commit = models.CharField(
        max_length=64, blank=True, default="", help_text="The run's head after it was integrated."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    # The keys of the phases it depends on, set by selectors.run_phases.
    needs: frozenset[int] = frozenset()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="phase_key_unique"),
            models.UniqueConstraint(fields=["run", "position"], name="phase_position_unique"),
            one_of("state", PhaseState, name="phase_state_known"),
        ]
        indexes = [models.Index(fields=["state", "not_before"], name="phase_by_state")]
        ordering = ["run", "position"]

    def __str__(self) -> str:
        return self.key
