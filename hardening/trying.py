"""What patterns make of a pasted log, ready to be shown: nothing is done, nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hardening.active import pattern_set, set_of, specs_of
from hardening.models import FailurePattern
from hardening.types import FailureContext, Output, Risk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hardening.matching import Matcher
    from hardening.types import Action, Evidence, Match

WHAT_HAPPENS = {
    Risk.APPLY: "would be done",
    Risk.ASK: "a person would be asked",
    Risk.SUGGEST: "would only be said",
}


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """A line in three parts: `marked` is what matched."""

    line: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True)
class ShownAction:
    kind: str
    risk: str
    happens: str
    text: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ShownMatch:
    pattern_id: str
    family: str
    priority: int
    score: float
    evidence: tuple[ShownEvidence, ...]
    specifics: tuple[tuple[str, str], ...]
    actions: tuple[ShownAction, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """`best` is what would be acted on (None: nothing would), `patterns` how many were tried."""

    best: ShownMatch | None
    alternatives: tuple[ShownMatch, ...]
    patterns: int


def patterns_try(
    log: str,
    *,
    exit_code: int | None = None,
    declared: Iterable[str] = (),
    is_disabled_too: bool = False,
) -> Trial:
    """Match a pasted log as a failed step's output. Of disabled patterns, those without a family
    (proposals nobody has looked at) are left out."""
    names = frozenset(declared)
    context = FailureContext(
        output=Output(head=log),
        exit_code=exit_code,
        declared={"python": names} if names else None,
    )
    matcher = _all_patterns() if is_disabled_too else pattern_set().matcher
    verdict = matcher.match(context)
    return Trial(
        best=_shown(verdict.best) if verdict.best else None,
        alternatives=tuple(_shown(match) for match in verdict.alternatives),
        patterns=len(matcher.specs),
    )


def _all_patterns() -> Matcher:
    specs = specs_of(FailurePattern.objects.all())
    return set_of(replace(spec, enabled=True) for spec in specs)


def _shown(match: Match) -> ShownMatch:
    return ShownMatch(
        pattern_id=match.pattern_id,
        family=match.family.value,
        priority=match.priority,
        score=match.score,
        evidence=tuple(_evidence(evidence) for evidence in match.evidence),
        specifics=_pairs(match.specifics),
        actions=tuple(_action(action) for action in match.actions),
    )


def _evidence(evidence: Evidence) -> ShownEvidence:
    text = visible(evidence.text)
    return ShownEvidence(
        line=evidence.line,
        before=text[: evidence.start],
        marked=text[evidence.start : evidence.end],
        after=text[evidence.end :],
    )


def _action(action: Action) -> ShownAction:
    return ShownAction(
        kind=action.kind.value,
        risk=action.risk.value,
        happens=WHAT_HAPPENS[action.risk],
        text=visible(action.text),
        parameters=_pairs(action.parameters),
    )


def _pairs(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, visible(value)) for name, value in values.items())


def visible(text: str) -> str:
    """The same length, without what moves, hides or turns what stands around it: characters that
    are neither printable nor space."""
    return "".join(
        char if char.isprintable() or char.isspace() else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
