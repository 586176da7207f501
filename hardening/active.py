"""The patterns that are in force: built-ins as operators have them, and operators' own.

Compiled once a process, and again when any row has changed: each match asks the database for one
sum over the rows' revisions (drawn anew with every change). So an edit holds from the next match
on, in every process, without a message to any of them.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import OperationalError, ProgrammingError
from django.db.models import Count, Max, Sum
from django.utils import timezone

from hardening.expressions import ExpressionRefused, compiled
from hardening.matching import Matcher
from hardening.models import FailurePattern, MitigationEvent
from hardening.outcomes import TRIED
from hardening.patterns import builtin
from hardening.rows import chosen, own_spec, values_of
from hardening.types import Risk, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hardening.specs import PatternSpec
    from hardening.types import FailureContext, Match

log = logging.getLogger(__name__)

# Rows, and the sum of their revisions.
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PatternSet:
    """`specs` are the enabled patterns by priority, compiled in `matcher`; `cool_downs` are
    seconds by pattern id, where there are any."""

    version: Version
    specs: tuple[PatternSpec, ...]
    matcher: Matcher
    cool_downs: Mapping[str, int]


_lock = threading.Lock()
_held: PatternSet | None = None


def pattern_set() -> PatternSet:
    """The patterns in force now. One query when nothing has changed, else two and some tenths of
    a second."""
    global _held  # noqa: PLW0603 - one compiled set a process is the purpose
    # Asked before the rows are read: rows that change in between are read again next time.
    version = _version_now()
    held = _held
    if held is not None and held.version == version:
        return held
    with _lock:
        if _held is None or _held.version != version:
            _held = _compiled(version)
        return _held


def matcher_anywhere() -> Matcher:
    """That of the patterns in force; where the database has no tables yet, of the built-ins as they
    were reviewed. For commands that are of use before anything is set up."""
    try:
        return pattern_set().matcher
    except (OperationalError, ProgrammingError) as error:
        if "failurepattern" not in str(error).lower():
            raise
        return set_of(spec for spec in builtin() if spec.enabled)


def list_patterns() -> list[str]:
    """Ids of the patterns in force, first priority first."""
    return [spec.id for spec in pattern_set().specs]


def failure_match(context: FailureContext, *, project_id: int | None = None) -> Verdict:
    """What is known about a failure, and what would be done. A pattern within its cool-down in
    this project only suggests; cool-downs are not looked at without one.

    Raises OSError when the log's file cannot be read."""
    active = pattern_set()
    verdict = active.matcher.match(context)
    if verdict.best is None or project_id is None:
        return verdict
    found = (verdict.best, *verdict.alternatives)
    waits = {
        match.pattern_id: seconds
        for match in found
        if (seconds := active.cool_downs.get(match.pattern_id, 0))
    }
    resting = _resting(waits, project_id)
    if not resting:
        return verdict
    best, *others = (_lowered(match) if match.pattern_id in resting else match for match in found)
    return Verdict(best=best, alternatives=tuple(others))


def set_of(specs: Iterable[PatternSpec]) -> Matcher:
    """A matcher of these, without those that do not compile (said in the log): one bad row must
    not take the others down."""
    whole = []
    for spec in specs:
        try:
            for expression in (*spec.expressions, *spec.unless):
                compiled(expression, ignore_case=spec.ignore_case)
        except ExpressionRefused as refusal:
            log.warning("Pattern %s is passed over: %s", spec.id, refusal)
        else:
            whole.append(spec)
    return Matcher(whole)


def specs_of(rows: Iterable[FailurePattern]) -> list[PatternSpec]:
    """Every pattern there is, enabled or not, by priority and id. Built-ins without a row are as
    reviewed; an operator's own takes precedence over a built-in that came later with its id."""
    found = {spec.id: spec for spec in builtin()}
    for row in rows:
        try:
            if not row.is_builtin:
                found[row.slug] = own_spec(row.slug, values_of(row))
            elif row.slug in found:
                found[row.slug] = chosen(found[row.slug], row)
        except ValueError as error:
            if row.enabled:
                log.warning("Pattern %s is passed over: %s", row.slug, error)
            found.pop(row.slug, None)
    return sorted(found.values(), key=lambda spec: (spec.priority, spec.id))


def _version_now() -> Version:
    row = FailurePattern.objects.aggregate(rows=Count("pk"), revisions=Sum("revision"))
    return row["rows"], row["revisions"] or 0


def _compiled(version: Version) -> PatternSet:
    rows = list(FailurePattern.objects.all())
    matcher = set_of(spec for spec in specs_of(rows) if spec.enabled)
    return PatternSet(
        version=version,
        specs=matcher.specs,
        matcher=matcher,
        cool_downs={row.slug: row.cool_down_seconds for row in rows if row.cool_down_seconds},
    )


def _resting(waits: Mapping[str, int], project_id: int) -> set[str]:
    """Those of `waits` (pattern: seconds) that were tried in the project less than so long ago.
    What was only suggested or asked does not count, or a cool-down would never end."""
    if not waits:
        return set()
    tried = MitigationEvent.objects.filter(
        project_id=project_id, pattern_slug__in=waits, outcome__in=[one.value for one in TRIED]
    )
    now = timezone.now()
    last = tried.order_by().values_list("pattern_slug").annotate(Max("at"))
    return {slug for slug, at in last if at > now - timedelta(seconds=waits[slug])}


def _lowered(match: Match) -> Match:
    actions = tuple(replace(action, risk=Risk.SUGGEST) for action in match.actions)
    return replace(match, actions=actions)
