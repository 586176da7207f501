"""The ledger of model calls."""

from django.db import models

from runs.models.attempt import Attempt
from runs.models.run import Run


class ModelCall(models.Model):
    """One call of a model. The five token numbers are disjoint; `usage` is the provider's own."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="model_calls")
    attempt = models.ForeignKey(
        Attempt, on_delete=models.CASCADE, null=True, blank=True, related_name="model_calls"
    )
    role = models.CharField(max_length=20, help_text="builder, auditor or doctor")
    backend = models.CharField(max_length=64)
    model = models.CharField(max_length=128)
    input_tokens = models.PositiveBigIntegerField(default=0, help_text="Fresh input.")
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0, help_text="Visible output.")
    reasoning_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, help_text="Empty when the price is not known."
    )
    usage = models.JSONField(default=dict, help_text="As the provider wrote it.")
    seconds = models.FloatField(default=0.0)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["run", "role"], name="model_call_by_run")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.role} {self.model}"

    @property
    def total_tokens(self) -> int:
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.output_tokens
            + self.reasoning_tokens
        )
