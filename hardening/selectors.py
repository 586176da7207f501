"""Reads of patterns and mitigations for the API, the admin and reports: plain values, each with a
fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max, Q, Sum
from django.utils import timezone

from hardening.active import specs_of
from hardening.models import FailurePattern, MitigationEvent, PatternChange
from hardening.outcomes import TRIED, MitigationOutcome
from hardening.rows import title_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

# Figures of patterns are of events so young: they are counted by age, and the table only grows.
WINDOW_DAYS = 90
EVENTS_SHOWN = 500
CHANGES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class PatternFigures:
    """Events of one pattern in a window of time. `tried` are those in which something was done and
    the check ran again; `fixed`, `failed_differently` and the rest are parts of it."""

    hits: int = 0
    tried: int = 0
    fixed: int = 0
    failed_differently: int = 0
    tokens_saved_estimate: int = 0
    last_hit_at: datetime | None = None

    @property
    def fix_rate(self) -> float | None:
        """Fixed among tried, 0 to 1; None: never tried."""
        return self.fixed / self.tried if self.tried else None


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A pattern as the API lists it. `cool_down_seconds` is 0 where there is none."""

    id: str
    title: str
    family: str
    priority: int
    enabled: bool
    mode: str
    cool_down_seconds: int
    is_builtin: bool
    is_proposal: bool
    action: str
    advice: str
    figures: PatternFigures

    def as_json(self) -> dict[str, object]:
        """`fix_rate` is null when it was never tried; figures are of the last `WINDOW_DAYS`."""
        figures = self.figures
        return {
            "id": self.id, "title": self.title, "family": self.family, "priority": self.priority,
            "enabled": self.enabled, "mode": self.mode,
            "cool_down_seconds": self.cool_down_seconds, "is_builtin": self.is_builtin,
            "is_proposal": self.is_proposal, "action": self.action, "advice": self.advice,
            "hits": figures.hits, "tried": figures.tried, "fixed": figures.fixed,
            "failed_differently": figures.failed_differently, "fix_rate": figures.fix_rate,
            "tokens_saved_estimate": figures.tokens_saved_estimate,
            "last_hit_at": figures.last_hit_at.isoformat() if figures.last_hit_at else None,
        }  # fmt: skip


def patterns_list(*, days: int = WINDOW_DAYS) -> list[PatternRow]:
    """Every pattern, enabled or not, by priority and id, with its figures of the last `days`.
    Two queries. There are hundreds of them at most: no pages."""
    rows = {row.slug: row for row in FailurePattern.objects.all()}
    figures = pattern_figures(days=days)
    found = []
    for spec in specs_of(rows.values()):
        row = rows.get(spec.id)
        found.append(
            PatternRow(
                id=spec.id,
                title=row.title if row else title_of(spec.id),
                family=spec.family.value,
                priority=spec.priority,
                enabled=spec.enabled,
                mode=spec.mode.value,
                cool_down_seconds=row.cool_down_seconds if row else 0,
                is_builtin=spec.is_builtin or (row is not None and row.is_builtin),
                is_proposal=bool(row and row.proposal),
                # What a built-in does depends on the failure.
                action="" if spec.plan else spec.action.value,
                advice=spec.advice,
                figures=figures.get(spec.id, PatternFigures()),
            )
        )
    return found


def pattern_figures(
    slugs: Iterable[str] | None = None, *, days: int = WINDOW_DAYS
) -> dict[str, PatternFigures]:
    """By pattern id, of those (or all) that have events in the last `days`. One query."""
    events = MitigationEvent.objects.filter(at__gt=timezone.now() - timedelta(days=days))
    if slugs is not None:
        events = events.filter(pattern_slug__in=list(slugs))
    counted = (
        events.order_by()
        .values("pattern_slug")
        .annotate(
            hits=Count("pk"),
            tried=_count_of(*TRIED),
            fixed=_count_of(MitigationOutcome.FIXED),
            failed_differently=_count_of(MitigationOutcome.FAILED_DIFFERENTLY),
            tokens_saved_estimate=Sum("tokens_saved_estimate"),
            last_hit_at=Max("at"),
        )
    )
    found = {}
    for row in counted:
        values: dict[str, Any] = {**row}
        slug = values.pop("pattern_slug")
        found[slug] = PatternFigures(**values)
    return found


def run_mitigations(run_pk: int, *, limit: int = EVENTS_SHOWN) -> list[MitigationEvent]:
    """What was done in a run, oldest first, with attempt and phase; the last `limit`. One query."""
    events = (
        MitigationEvent.objects.filter(attempt__phase__run_id=run_pk)
        .select_related("attempt__phase")
        .order_by("-id")[:limit]
    )
    return list(reversed(events))


def run_figures(run_pk: int) -> PatternFigures:
    """The whole run as one: hits, fixed, tokens saved (estimated). One query."""
    row: dict[str, Any] = MitigationEvent.objects.filter(attempt__phase__run_id=run_pk).aggregate(
        hits=Count("pk"),
        tried=_count_of(*TRIED),
        fixed=_count_of(MitigationOutcome.FIXED),
        failed_differently=_count_of(MitigationOutcome.FAILED_DIFFERENTLY),
        tokens_saved_estimate=Sum("tokens_saved_estimate", default=0),
        last_hit_at=Max("at"),
    )
    return PatternFigures(**row)


def pattern_history(slug: str, *, limit: int = CHANGES_SHOWN) -> list[PatternChange]:
    """Changes of a pattern, newest first, those before it was deleted and made again too."""
    return list(PatternChange.objects.filter(slug=slug)[:limit])


def slugs_known() -> set[str]:
    """Ids that are or were in use: of rows, and of patterns that were deleted."""
    return set(FailurePattern.objects.values_list("slug", flat=True)) | set(
        PatternChange.objects.order_by().values_list("slug", flat=True).distinct()
    )


def _count_of(*outcomes: MitigationOutcome) -> Count:
    return Count("pk", filter=Q(outcome__in=[outcome.value for outcome in outcomes]))
