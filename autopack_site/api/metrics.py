"""Figures for Prometheus: what is active, by indexed queries whose cost does not grow with history,
and how requests were answered by this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from runs import selectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponseBase

registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)
requests_answered = Counter(
    "autopack_requests",
    "Requests answered by this process.",
    ("method", "status"),
    registry=registry,
)


class Work(Collector):
    """Asked anew at each look."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        work = selectors.work_counts()
        for name, text, counts in (
            ("autopack_runs_active", "Runs that have not ended, by state.", work.runs),
            ("autopack_phases_active", "Phases in progress, by state.", work.phases),
        ):
            family = GaugeMetricFamily(name, text, labels=["state"])
            for state, count in counts.items():
                family.add_metric([state], count)
            yield family
        yield GaugeMetricFamily(
            "autopack_approvals_pending", "Questions that wait for people.", value=work.approvals
        )
        waits = (timezone.now() - work.oldest_queued_at).total_seconds() if (
            work.oldest_queued_at
        ) else 0.0  # fmt: skip
        yield GaugeMetricFamily(
            "autopack_oldest_queued_run_seconds", "Age of the oldest QUEUED run.", value=waits
        )


registry.register(Work())


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def note_answer(request: HttpRequest | None, response: HttpResponseBase) -> None:
    """Count it. What a client calls its method is not taken for a label unless it is one."""
    method = request.method if request is not None and request.method in METHODS else "other"
    requests_answered.labels(method, str(response.status_code)).inc()


def metrics_text() -> bytes:
    return generate_latest(registry)
