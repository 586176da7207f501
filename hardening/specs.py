"""What a pattern is, whether it is built in or an operator's row, and what a hit of one is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from hardening.types import ActionKind, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hardening.families import Family
    from hardening.types import Action, FailureContext


class Reading(StrEnum):
    """How carefully a hit is read before it counts.

    strict   a line of an error or of nothing marked otherwise (the default)
    warning  lines that call themselves warnings count too
    loose    the message lives inside of quotes or brackets of other errors (a certificate's)
    """

    STRICT = "strict"
    WARNING = "warning"
    LOOSE = "loose"


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where an expression matched. Text is decoded, newlines are \\n, and `before` and
    `after` are the lines around `line` (up to NEIGHBOURS each, in their order)."""

    groups: Mapping[str, str]
    matched: str
    line: str
    lead: str  # what stands before the match on its line
    before: tuple[str, ...]
    after: tuple[str, ...]
    line_number: int
    column: int
    offset: int  # bytes from the start of the text
    order: int  # which of the pattern's expressions

    @property
    def around(self) -> tuple[str, ...]:
        return (*self.before, self.line, *self.after)


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """A pattern. `expressions` are alternatives in RE2's syntax; named groups become specifics,
    and `fixed` adds to them. An operator's pattern has an `action` whose parameters are taken from
    the groups and `fixed`; built-ins bring functions: `refine` looks at a hit and gives specifics,
    or None when it is not this cause after all, and `plan` gives the actions. `by_fact` says that
    the cause is known from the context alone, whatever was printed: then there is no evidence.

    `priority` is 1 (first) to 10. `unless` are expressions that must not match the hit's line."""

    id: str
    family: Family
    priority: int
    expressions: tuple[str, ...]
    advice: str
    must_match: tuple[str, ...] = ()
    must_not_match: tuple[str, ...] = ()
    ignore_case: bool = False
    unless: tuple[str, ...] = ()
    reading: Reading = Reading.STRICT
    action: ActionKind = ActionKind.SUGGEST_ONLY
    fixed: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.APPLY
    enabled: bool = True
    is_builtin: bool = False
    refine: Callable[[Hit, FailureContext], Mapping[str, str] | None] | None = None
    plan: Callable[[Mapping[str, str], FailureContext], tuple[Action, ...]] | None = None
    by_fact: Callable[[FailureContext], bool] | None = None
