"""From places to a verdict: which hits are believed, what they say, which pattern is first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.endings import is_survived
from hardening.expressions import compiled
from hardening.planning import actions_for
from hardening.quoting import is_quoted
from hardening.types import Evidence, Match, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hardening.endings import Ending
    from hardening.specs import Hit, PatternSpec
    from hardening.types import FailureContext

EVIDENCE_CHARS = 400
EVIDENCE_KEPT = 5
ALTERNATIVES_KEPT = 5
# A cause that was seen to happen, not read about.
KNOWN_SCORE = 1.0

# A hit that is believed, and what it says.
Reading = tuple["Hit", dict[str, str]]
Finding = tuple["PatternSpec", list[Reading]]


def believed(
    spec: PatternSpec, hits: list[Hit], context: FailureContext, ending: Ending
) -> list[Reading]:
    """The hits that are errors and this cause, with what they say."""
    # What once did no harm does none another time.
    harmless = {hit.matched for hit in hits if ending.overtakes(spec, hit)}
    readings = []
    for hit in hits:
        if hit.matched in harmless or is_survived(spec.family, hit):
            continue
        if _is_ruled_out(spec, hit, ending):
            continue
        specifics: Mapping[str, str] | None = hit.groups
        if spec.refine is not None:
            specifics = spec.refine(hit, context)
        if specifics is not None:
            readings.append((hit, {**spec.fixed, **specifics}))
    return readings


def _is_ruled_out(spec: PatternSpec, hit: Hit, ending: Ending) -> bool:
    line = hit.line.encode("utf-8", "replace")
    if any(compiled(veto, ignore_case=spec.ignore_case).search(line) for veto in spec.unless):
        return True
    return is_quoted(hit, spec.reading, is_report=ending.is_report)


def judge(findings: Iterable[Finding], context: FailureContext) -> Verdict:
    matches = [_match_of(spec, readings, context) for spec, readings in findings]
    matches.sort(
        key=lambda match: (match.priority, -len(match.specifics), -match.score, match.pattern_id)
    )
    if not matches:
        return Verdict(best=None)
    return Verdict(best=matches[0], alternatives=tuple(matches[1 : 1 + ALTERNATIVES_KEPT]))


def _match_of(spec: PatternSpec, readings: list[Reading], context: FailureContext) -> Match:
    if not readings:
        return Match(
            pattern_id=spec.id,
            family=spec.family,
            priority=spec.priority,
            score=KNOWN_SCORE,
            evidence=(),
            specifics=dict(spec.fixed),
            actions=actions_for(spec, spec.fixed, context),
        )
    hit, specifics = readings[0]
    specifics = dict(specifics)
    others = {said["module"] for _, said in readings[1:] if "module" in said}
    if also := sorted(others - {specifics.get("module")}):
        specifics["modules_also"] = " ".join(also[:20])
    return Match(
        pattern_id=spec.id,
        family=spec.family,
        priority=spec.priority,
        score=_score(hit, specifics, len(readings), context),
        evidence=tuple(_evidence(seen) for seen, _ in readings[:EVIDENCE_KEPT]),
        specifics=specifics,
        actions=actions_for(spec, specifics, context),
    )


def _score(hit: Hit, specifics: Mapping[str, str], times: int, context: FailureContext) -> float:
    """0.6 for a believed line; more for facts taken from it, for an exit code that agrees, and for
    a message that stands alone instead of among many."""
    score = 0.6
    score += 0.15 if specifics else 0.0
    score += 0.1 if context.exit_code else 0.0
    score += 0.1 if times == 1 else 0.0
    score += 0.05 if not hit.lead.strip() else 0.0
    return round(min(score, 1.0), 2)


def _evidence(hit: Hit) -> Evidence:
    start = max(0, hit.column - EVIDENCE_CHARS // 2) if hit.column > EVIDENCE_CHARS // 2 else 0
    text = hit.line[start : start + EVIDENCE_CHARS]
    begin = hit.column - start
    first = hit.matched.split("\n", 1)[0]
    return Evidence(
        line=hit.line_number, start=begin, end=min(begin + len(first), len(text)), text=text
    )
