"""A server's answers to facts: the same report, of runs that are elsewhere.

What a server sends is read with care: a name that is missing or of another kind counts as nothing.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runs.reports.types import AttemptFacts, PhaseFacts, RunFacts

if TYPE_CHECKING:
    from collections.abc import Mapping


def facts_of_detail(detail: Mapping[str, Any]) -> RunFacts:
    """Of GET /runs/{id}."""
    return RunFacts(
        **_plain(RunFacts, detail) | {name: _time(detail, name) for name in _TIMES},
        commit=_text(detail, "published_commit"),
        tokens=_number(detail, "tokens_used"),
        phases=tuple(_phase(phase) for phase in _objects(detail, "phases")),
    )


def facts_of_status(run_id: str, status: Mapping[str, Any]) -> RunFacts:
    """Of GET /runs/{id}/status, which knows no attempts; of nothing: a run that nobody saw."""
    return facts_of_detail({**status, "run_id": run_id, "state": _text(status, "state")})


def _phase(phase: Mapping[str, Any]) -> PhaseFacts:
    attempts = tuple(_attempt(attempt) for attempt in _objects(phase, "attempts"))
    return PhaseFacts(**_plain(PhaseFacts, phase), attempts=attempts)


def _attempt(attempt: Mapping[str, Any]) -> AttemptFacts:
    lists: dict[str, Any] = {
        each.name: tuple(str(item) for item in attempt[each.name])
        for each in fields(AttemptFacts)
        if isinstance(attempt.get(each.name), list)
    }
    return AttemptFacts(**_plain(AttemptFacts, attempt), **lists)


_TIMES = ("started_at", "ended_at")
# Names that are told otherwise in the API's answers.
_OTHERWISE = {"commit", "tokens", "phases"}


def _plain(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The texts and numbers of `found` that `kind` has fields for."""
    values: dict[str, Any] = {}
    for each in fields(kind):
        if kind is RunFacts and each.name in _OTHERWISE:
            continue
        if each.type == "str":
            values[each.name] = _text(found, each.name)
        elif each.type in ("int", "float"):
            values[each.name] = _number(found, each.name)
    return values


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _time(found: Mapping[str, Any], name: str) -> str:
    """As reports write times: to the second."""
    try:
        return datetime.fromisoformat(_text(found, name)).isoformat(timespec="seconds")
    except ValueError:
        return ""


def _number(found: Mapping[str, Any], name: str) -> Any:
    value = found.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _objects(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = found.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
