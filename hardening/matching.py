"""Which patterns fit the output of a failed step: RE2 sets for the verdict, captures on hits only.

All expressions of all patterns go into one `re2.Set` per case flag, and each block of the output
is read once by each. Only an expression that a set reported is run alone, on that block, for its
place and its groups. Memory and time do not depend on what is in the log: RE2 is linear, blocks
are of one size, and the places kept of an expression are few.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import re2

from hardening.endings import MARKS, ending_of
from hardening.expressions import MAX_MEMORY_SET, compiled, encoded, options_for
from hardening.judging import believed, judge
from hardening.sources import OVERLAP_BYTES, blocks
from hardening.specs import Hit
from hardening.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from hardening.sources import Block
    from hardening.specs import PatternSpec
    from hardening.types import FailureContext

# Places kept of one expression: the first ones and the last ones. A message that comes a million
# times is judged on these.
KEPT_EACH_END = 12
# Places looked at in one block; after that the block is so full of them that more say nothing.
PER_BLOCK = 64
NEIGHBOURS = 8
LINE_BYTES = 1_000
# A hit this near to a block's end is left to the next block, which has what follows it.
MARGIN_BYTES = OVERLAP_BYTES // 2


@dataclass(slots=True)
class _Places:
    first: list[Hit] = field(default_factory=list)
    last: deque[Hit] = field(default_factory=lambda: deque(maxlen=KEPT_EACH_END))

    def add(self, hit: Hit) -> None:
        if len(self.first) < KEPT_EACH_END:
            self.first.append(hit)
        else:
            self.last.append(hit)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An expression of a set: whose it is, and the one RE2 object for its captures."""

    spec: PatternSpec
    order: int
    expression: Any


class Matcher:
    """A set of patterns, compiled once and used for any number of failures (threads may share
    it). Raises ExpressionRefused for an expression that RE2 refuses."""

    def __init__(self, specs: Iterable[PatternSpec]) -> None:
        self.specs = tuple(
            sorted((spec for spec in specs if spec.enabled), key=lambda spec: spec.priority)
        )
        groups = [
            [spec for spec in self.specs if spec.ignore_case is flag] for flag in (False, True)
        ]
        groups = [group for group in groups if group]
        if groups:
            # With the first set, whatever its case: a set of their own would read the text again.
            groups[0].extend(replace(mark, ignore_case=groups[0][0].ignore_case) for mark in MARKS)
        self._sets = [_set_of(group) for group in groups]

    def match(self, context: FailureContext) -> Verdict:
        """Raises OSError when the log's file cannot be read."""
        if context.exit_code == 0 and not context.timed_out and not context.out_of_scope:
            return Verdict(best=None)
        found = self.hits(blocks(context.output))
        ending = ending_of(found)
        findings = [
            (spec, said)
            for spec, hits in found.values()
            if not spec.id.startswith("_") and (said := believed(spec, hits, context, ending))
        ]
        seen = {spec.id for spec, _ in findings}
        findings += [
            (spec, [])
            for spec in self.specs
            if spec.id not in seen and spec.by_fact is not None and spec.by_fact(context)
        ]
        return judge(findings, context)

    def hits(self, parts: Iterable[Block]) -> dict[str, tuple[PatternSpec, list[Hit]]]:
        """Places of each pattern that has any, in the order of the output. Nothing is judged."""
        found: dict[tuple[str, int], tuple[PatternSpec, _Places]] = {}
        for block in parts:
            self._scan(block, found)
        return _by_pattern(found)

    def _scan(
        self, block: Block, found: dict[tuple[str, int], tuple[PatternSpec, _Places]]
    ) -> None:
        for reader, entries in self._sets:
            indexes = reader.Match(block.view)
            if not indexes:
                continue
            text = block.text
            for index in indexes:
                entry = entries[index]
                key = (entry.spec.id, entry.order)
                for hit in _places_in(block, text, entry):
                    found.setdefault(key, (entry.spec, _Places()))[1].add(hit)


def _set_of(specs: list[PatternSpec]) -> tuple[Any, list[_Entry]]:
    ignore_case = specs[0].ignore_case
    made = re2.Set.SearchSet(options_for(ignore_case=ignore_case, memory=MAX_MEMORY_SET))
    # One by one first: made in turns, the set's parts lie apart in memory, and it reads a log a
    # third more slowly (11.9 to 13.5 ms instead of 9.7 to 10.0 for 5 MB and 500 expressions).
    entries = [
        _Entry(spec, order, compiled(expression, ignore_case=ignore_case))
        for spec in specs
        for order, expression in enumerate(spec.expressions)
    ]
    for entry in entries:
        made.Add(encoded(entry.spec.expressions[entry.order]))
    made.Compile()
    return made, entries


def _by_pattern(
    found: dict[tuple[str, int], tuple[PatternSpec, _Places]],
) -> dict[str, tuple[PatternSpec, list[Hit]]]:
    merged: dict[str, tuple[PatternSpec, list[Hit]]] = {}
    for spec, places in found.values():
        merged.setdefault(spec.id, (spec, []))[1].extend([*places.first, *places.last])
    for _, hits in merged.values():
        hits.sort(key=lambda hit: (hit.offset, hit.order))
    return merged


def _places_in(block: Block, text: bytes, entry: _Entry) -> Iterator[Hit]:
    """Hits that this block owns: those near its end belong to the next, which sees what follows."""
    begin = max(block.fresh - MARGIN_BYTES, 0)
    end = len(text) if block.is_last else len(text) - MARGIN_BYTES
    names = {index: name.decode() for name, index in entry.expression.groupindex.items()}
    for count, match in enumerate(entry.expression.finditer(text, begin)):
        if match.start() >= end or count >= PER_BLOCK:
            return
        yield _hit_at(block, text, match, (entry.order, names))


def _hit_at(block: Block, text: bytes, match: Any, of: tuple[int, dict[int, str]]) -> Hit:
    order, names = of
    begin, end = match.span()
    # An expression may begin with the end of the line before it.
    while begin < end and text[begin : begin + 1] in b"\r\n":
        begin += 1
    line_begin = max(text.rfind(b"\n", 0, begin) + 1, begin - LINE_BYTES)
    line_end = text.find(b"\n", begin)
    line_end = min(len(text) if line_end < 0 else line_end, begin + LINE_BYTES)
    before = text[max(line_begin - 2 * LINE_BYTES, 0) : max(line_begin - 1, 0)]
    after = text[line_end + 1 : line_end + 1 + 2 * LINE_BYTES]
    lead = _decoded(text[line_begin:begin])
    return Hit(
        groups={
            name: _decoded(match.group(index))
            for index, name in names.items()
            if match.group(index) is not None
        },
        matched=_decoded(text[begin : min(end, begin + LINE_BYTES)]),
        line=_decoded(text[line_begin:line_end]).rstrip("\r"),
        lead=lead,
        before=tuple(_decoded(before).split("\n")[-NEIGHBOURS:]) if before else (),
        after=tuple(_decoded(after).split("\n")[:NEIGHBOURS]) if after else (),
        line_number=block.line_at(begin),
        column=len(lead),
        offset=block.base + block.start + begin,
        order=order,
    )


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
