"""A git repository whose plans Autopack runs."""

from django.db import models
from django.db.models.functions import Lower

from runs.models.choices import choices_of
from runs.states import OverlapPolicy, RefusalPolicy


class Project(models.Model):
    name = models.CharField(max_length=64, help_text="A slug, unique without case.")
    source = models.CharField(
        max_length=1000,
        help_text="Path or URL of the git repository. Its checkout is never touched.",
    )
    base_ref = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="Branch, tag or commit that runs start from; empty for what HEAD names.",
    )
    validation_commands = models.JSONField(
        default=list,
        blank=True,
        help_text="Commands that validate a phase when the plan names none (else the toolchain's).",
    )
    placed_files = models.JSONField(
        default=list,
        blank=True,
        help_text="Untracked files of the checkout (.env and the like) given to each worktree.",
    )
    port_names = models.JSONField(
        default=list,
        blank=True,
        help_text="Environment variables that get a free port each, in every worktree.",
    )
    protected_paths = models.JSONField(
        default=list, blank=True, help_text="Patterns no run may change, beside the built-in ones."
    )
    overlapping_runs = models.CharField(
        max_length=8,
        choices=choices_of(OverlapPolicy),
        default=OverlapPolicy.WARN.value,
        help_text="Runs whose scopes can touch the same file: say so, or let the later one wait.",
    )
    refused_diffs = models.CharField(
        max_length=8,
        choices=choices_of(RefusalPolicy),
        default=RefusalPolicy.FAIL.value,
        help_text="Diffs out of scope, too large or of protected files: fail, or ask a person.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="project_name_unique")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
