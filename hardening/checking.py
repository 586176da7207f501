"""Is a pattern fit to be used? Asked when one is saved, and of all built-in ones by the tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hardening.expressions import ExpressionRefused, compiled
from hardening.matching import Matcher
from hardening.types import REQUIRED, ActionKind, FailureContext

if TYPE_CHECKING:
    from hardening.specs import PatternSpec

MAX_EXPRESSIONS = 80
# The worst line that we make up for an expression is this long, and is read in this many seconds
# of CPU: a log of 20 MB of such lines costs ten seconds.
WORST_LINE_CHARS = 200_000
WORST_LINE_SECONDS = 0.1
_LITERALS = r"[A-Za-z0-9 _:/.'\"-]{3,}"
_ESCAPES = r"\\[AbBdDsSwWzpPQE]|\(\?P<\w+>|\(\?[a-z:-]*"
PRIORITIES = range(1, 11)


def pattern_check(spec: PatternSpec) -> list[str]:
    """What is wrong with it, in sentences; nothing when it may be saved."""
    faults = _shape_faults(spec)
    for expression in spec.expressions:
        faults.extend(_expression_faults(expression, ignore_case=spec.ignore_case))
    for veto in spec.unless:
        faults.extend(_expression_faults(veto, ignore_case=spec.ignore_case))
    return faults or _action_faults(spec) or _sample_faults(spec)


def _shape_faults(spec: PatternSpec) -> list[str]:
    faults = []
    if not compiled(r"^[a-z][a-z0-9_]{2,63}$").search(spec.id.encode("utf-8", "replace")):
        faults.append(
            f"The id {spec.id!r} is not 3 to 64 of a-z, 0-9 and _, beginning with a letter."
        )
    if spec.priority not in PRIORITIES:
        faults.append(f"Priority {spec.priority} is not 1 (first) to 10 (last).")
    if not spec.expressions:
        faults.append("There is no expression: give at least one.")
    if len(spec.expressions) > MAX_EXPRESSIONS:
        faults.append(f"More than {MAX_EXPRESSIONS} expressions: make two patterns of it.")
    return faults


def _expression_faults(expression: str, *, ignore_case: bool) -> list[str]:
    try:
        pattern = compiled(expression, ignore_case=ignore_case)
    except ExpressionRefused as refusal:
        return [str(refusal)]
    if pattern.search(b"") is not None or pattern.search(b" \n") is not None:
        return [
            f"{expression[:80]!r} matches nothing at all, so it matches every log: ask for more."
        ]
    worst = max(
        seconds_for(expression, line, ignore_case=ignore_case) for line in worst_lines(expression)
    )
    if worst > WORST_LINE_SECONDS:
        return [
            f"{expression[:80]!r} takes {worst * 1000:.0f} ms on a line of {WORST_LINE_CHARS}"
            f" characters, more than {WORST_LINE_SECONDS * 1000:.0f}: use fewer counted repetitions"
        ]
    return []


def worst_lines(expression: str, *, chars: int = WORST_LINE_CHARS) -> list[bytes]:
    """Lines that are hard for this expression: of its own letters and words, never quite it."""
    plain = compiled(_ESCAPES).sub(b" ", expression.encode("utf-8", "replace"))
    words = [found.group(0) for found in compiled(_LITERALS).finditer(plain)]
    letters = sorted(
        {
            plain[index : index + 1]
            for index in range(len(plain))
            if plain[index : index + 1].isalnum()
        }
    )
    pieces = [b"a", b" ", b"0", b"a ", b"a.", b"'", *letters[:3]]
    pieces += [word[: len(word) - 1] + b" " for word in words[:3]]
    if words:
        pieces += [b"".join(words)[:-1], words[0], words[0] + b" " * 40]
    return [(piece * (chars // len(piece) + 1))[:chars] for piece in pieces if piece]


def seconds_for(expression: str, line: bytes, *, ignore_case: bool = False) -> float:
    """CPU seconds of this thread to find all its places in a line; the better of two tries, as
    another process's work is no fault of the expression."""
    pattern = compiled(expression, ignore_case=ignore_case)
    tries = []
    for _ in range(2):
        begun = time.thread_time()
        for count, _ in enumerate(pattern.finditer(line)):
            if count >= 64:  # as many as the matcher looks at in a block
                break
        tries.append(time.thread_time() - begun)
    return min(tries)


def _action_faults(spec: PatternSpec) -> list[str]:
    if spec.plan is not None or spec.refine is not None or spec.action is ActionKind.SUGGEST_ONLY:
        return []
    names = set(spec.fixed)
    for expression in spec.expressions:
        names |= {
            name.decode() for name in compiled(expression, ignore_case=spec.ignore_case).groupindex
        }
    if spec.action is ActionKind.INSTALL_PACKAGE:
        names.add("module")
    if lacking := REQUIRED[spec.action] - names:
        return [
            f"{spec.action} needs {', '.join(sorted(lacking))}: name a group so, or give a fixed"
            " value."
        ]
    return []


def _sample_faults(spec: PatternSpec) -> list[str]:
    matcher = Matcher([spec])

    def is_match(sample: str) -> bool:
        return matcher.match(FailureContext.of_text(sample)).best is not None

    return [
        *(
            f"It does not match what it must match: {sample[:120]!r}"
            for sample in spec.must_match
            if not is_match(sample)
        ),
        *(
            f"It matches what it must not match: {sample[:120]!r}"
            for sample in spec.must_not_match
            if is_match(sample)
        ),
    ]
