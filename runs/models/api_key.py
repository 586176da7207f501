"""Keys of programs that use the API, and the answers that a repeated request gets again."""

from django.db import models


class ApiKey(models.Model):
    """A key is shown once, when it is made; here is what recognises it."""

    name = models.CharField(max_length=100, help_text="Who or what uses it.")
    prefix = models.CharField(
        max_length=8, unique=True, help_text="The part of the key that may be shown."
    )
    digest = models.CharField(
        max_length=64, help_text="SHA-256 of the whole key; its 256 random bits need no slower one."
    )
    scopes = models.JSONField(default=list, help_text="Of read, run, approve, admin.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it does not.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")

    class Meta:
        verbose_name = "API key"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class IdempotencyRecord(models.Model):
    """The answer to a request that named an Idempotency-Key, written with what it made."""

    caller = models.CharField(max_length=40, help_text="key:ID or user:ID")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request's body.")
    status_code = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="idempotency_key_unique")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_age")]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.key
