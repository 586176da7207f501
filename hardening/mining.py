"""New patterns out of failures that no pattern knew and the Doctor solved again and again.

Failures come in as plain values. Like ones are those with one `failure_signature`. A cluster that
was solved in the same way often enough is proposed as an operator's pattern, disabled, with its
texts as samples: a person gives it a family, reads it, and enables it or deletes it. What was
deleted is not proposed again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hardening.admission import MAX_VALUE_CHARS
from hardening.checking import pattern_check
from hardening.expressions import ExpressionRefused, compiled
from hardening.families import Family
from hardening.signatures import failure_signature
from hardening.sources import without_colours
from hardening.specs import PatternSpec
from hardening.types import REQUIRED, ActionKind, FailureContext, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hardening.types import Verdict

AT_LEAST = 3
# Kept of each cluster, and of each text: the end, which says why.
SAMPLES_KEPT = 5
SAMPLE_CHARS = 4_000
# Texts of other clusters that a proposal must not match, and those of them kept with it.
OTHERS_TRIED = 500
OTHERS_KEPT = 5
LINE_CHARS = (12, 300)
LINES_TRIED = 12

_SPEAKS = (
    r"(?i)error|exception|fatal|fail|panic|denied|refused|not found|cannot|can't|could not|unable"
    r"|missing|no such|timed out|killed|invalid|unknown|unsupported|expired|exceeded"
)
# What changes from run to run within a line, and what stands for it in an expression.
_CHANGING = r"0x[0-9a-fA-F]+|\b[0-9a-f]{7,64}\b|(?:[A-Za-z]:)?(?:[\\/][\w.@+~-]+){2,}[\\/]?|\d+"
_FOR_PATH = r"[^\s:'\"]+"
_FOR_NUMBER = r"[0-9a-fA-Fx]+"


@dataclass(frozen=True, slots=True)
class MinedFailure:
    """A failed check that no pattern knew, and what the Doctor did about it.

    `text` is the failing section. `is_solved`: the check went green after it. `action` and
    `parameters` are the typed action it took (execute_fix), `words` what it said to do.
    """

    text: str
    is_solved: bool = False
    action: ActionKind = ActionKind.SUGGEST_ONLY
    parameters: Mapping[str, str] = field(default_factory=dict)
    words: str = ""

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> MinedFailure:
        """Raises KeyError, TypeError, ValueError or AttributeError for what is none."""
        return cls(
            text=str(row["text"]),
            is_solved=bool(row.get("is_solved", False)),
            action=ActionKind(row.get("action") or ActionKind.SUGGEST_ONLY),
            parameters={str(key): str(val) for key, val in (row.get("parameters") or {}).items()},
            words=str(row.get("words") or ""),
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """`values` are those of `pattern_create`; `seen` is why it is proposed."""

    slug: str
    values: Mapping[str, Any]
    seen: Mapping[str, Any]


@dataclass(slots=True)
class _Cluster:
    failures: int = 0
    samples: list[str] = field(default_factory=list)
    # What solved it: (action, parameters as JSON, or words) and how often.
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    words: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, failure: MinedFailure) -> None:
        self.failures += 1
        text = _plain(failure.text)
        if len(self.samples) < SAMPLES_KEPT and text not in self.samples:
            self.samples.append(text)
        if failure.is_solved and (way := _way_of(failure)):
            self.ways[way] += 1
            self.words.setdefault(way, failure.words.strip())


def patterns_mine(
    failures: Iterable[MinedFailure],
    match: Callable[[FailureContext], Verdict],
    *,
    at_least: int = AT_LEAST,
    known: frozenset[str] = frozenset(),
) -> list[Proposal]:
    """Proposals, the most frequent first. `match` is that of the patterns in force: what one of
    them knows by now is passed over. `known` are ids that were proposed before. Reads `failures`
    once; keeps some texts of each signature."""
    clusters: dict[str, _Cluster] = {}
    for failure in failures:
        signature = failure_signature(failure.text)
        if not signature or _is_known(failure, match):
            continue
        clusters.setdefault(signature, _Cluster()).add(failure)
    proposals = []
    for signature, cluster in clusters.items():
        slug = f"mined_{hashlib.sha256(signature.encode()).hexdigest()[:12]}"
        if slug in known or not cluster.ways or cluster.ways.most_common(1)[0][1] < at_least:
            continue
        others = [its.samples[0] for its in clusters.values() if its is not cluster]
        if proposal := _proposal(slug, signature, cluster, others[:OTHERS_TRIED]):
            proposals.append(proposal)
    return sorted(proposals, key=lambda one: (-one.seen["solved"], one.slug))


def _is_known(failure: MinedFailure, match: Callable[[FailureContext], Verdict]) -> bool:
    return match(FailureContext(Output(head=failure.text), exit_code=1)).best is not None


def _way_of(failure: MinedFailure) -> tuple[str, str] | None:
    """Two solutions are the same when their actions and parameters are; advice, when its words
    are, whatever their case and spaces."""
    if failure.action is ActionKind.SUGGEST_ONLY:
        said = " ".join(failure.words.casefold().split())
        return (failure.action.value, said) if said else None
    whole = set(failure.parameters) == REQUIRED[failure.action]
    short = all(len(value) <= MAX_VALUE_CHARS for value in failure.parameters.values())
    if not whole or not short:
        return None
    return failure.action.value, json.dumps(dict(failure.parameters), sort_keys=True)


def _plain(text: str) -> str:
    data = without_colours(text[-SAMPLE_CHARS:].encode("utf-8", "replace"))
    return data.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}").strip("\n")


def _proposal(slug: str, signature: str, cluster: _Cluster, others: list[str]) -> Proposal | None:
    """None when no line tells this cluster from the others."""
    way, solved = cluster.ways.most_common(1)[0]
    action = ActionKind(way[0])
    for line, expression in _candidates(cluster.samples):
        spec = PatternSpec(
            id=slug, family=next(iter(Family)), priority=10, expressions=(expression,), advice="x",
            must_match=tuple(cluster.samples), must_not_match=tuple(others),
        )  # fmt: skip
        if pattern_check(spec):
            continue
        parameters = {} if action is ActionKind.SUGGEST_ONLY else json.loads(way[1])
        advice = cluster.words.get(way) or f"The Doctor solved this {solved} times: {action.value}."
        return Proposal(
            slug=slug,
            values={
                "title": f"Mined: {line[:100]}",
                "priority": 10,
                "enabled": False,
                "mode": "suggest",
                "expressions": [expression],
                "action": action.value,
                "parameters": parameters,
                "advice": advice[:1_000],
                "must_match": list(cluster.samples),
                "must_not_match": others[:OTHERS_KEPT],
            },
            seen={"signature": signature, "failures": cluster.failures, "solved": solved},
        )
    return None


def _candidates(samples: list[str]) -> list[tuple[str, str]]:
    """Lines of the first sample that all samples have (but for numbers, then also for paths), as
    expressions: those that speak of an error first, then the later ones."""
    first, *rest = [sample.encode("utf-8", "replace") for sample in samples]
    lines = [line.strip() for line in reversed(first.splitlines())]
    least, most = LINE_CHARS
    long_enough = [line for line in dict.fromkeys(lines) if least <= len(line) <= most]
    speaking = [line for line in long_enough if compiled(_SPEAKS).search(line)]
    found = []
    for line in speaking[:LINES_TRIED]:
        for expression in dict.fromkeys((_quoted(line), _general(line))):
            try:
                is_shared = all(compiled(expression).search(sample) for sample in rest)
            except ExpressionRefused:
                continue
            if is_shared:
                found.append((line.decode("utf-8", "replace"), expression))
                break
    return found


def _general(line: bytes) -> str:
    """The line with anything in place of what changes; never a place without its surroundings."""
    parts, at = [], 0
    for changing in compiled(_CHANGING).finditer(line):
        parts.append(_quoted(line[at : changing.start()]))
        is_path = b"/" in changing.group(0) or b"\\" in changing.group(0)
        parts.append(_FOR_PATH if is_path else _FOR_NUMBER)
        at = changing.end()
    return "".join((*parts, _quoted(line[at:])))


def _quoted(text: bytes) -> str:
    """An expression for exactly these characters."""
    plain = text.decode("utf-8", "replace")
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$" else char for char in plain)
