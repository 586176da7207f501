"""A `serve` or `worker` process: a supervisor and the workers below it, on one host."""

from django.db import models


class WorkerNode(models.Model):
    name = models.CharField(max_length=120, unique=True, help_text="host:pid of its supervisor.")
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    pid_started = models.FloatField(help_text="Names the pid for good; see ProcessIdentity.")
    boot_id = models.CharField(max_length=64, blank=True, default="")
    home = models.CharField(
        max_length=32, blank=True, default="", help_text="Which AUTOPACK_HOME it works in."
    )
    workers = models.PositiveIntegerField()
    restarts = models.PositiveIntegerField(default=0, help_text="Of its cluster.")
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(help_text="When it was last heard of.")
    draining_at = models.DateTimeField(
        null=True, blank=True, help_text="Set: it claims nothing more."
    )
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
