"""Rows as patterns and back: what a row says to the matcher, and what history keeps of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hardening.families import Family
from hardening.specs import PatternSpec, Reading
from hardening.types import ActionKind, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.models import FailurePattern

# What an operator chooses about any pattern; of a built-in, that is all its row has.
CHOICES = ("priority", "enabled", "mode", "cool_down_seconds")
OWN = (
    "title", "family", *CHOICES, "expressions", "ignore_case", "unless", "reading", "action",
    "parameters", "advice", "must_match", "must_not_match",
)  # fmt: skip
# Columns of a JSON list of texts.
LISTS = ("expressions", "unless", "must_match", "must_not_match")


def values_of(row: FailurePattern) -> dict[str, Any]:
    """What may be changed of a row, by column."""
    return {name: getattr(row, name) for name in (CHOICES if row.is_builtin else OWN)}


def own_spec(slug: str, values: Mapping[str, Any]) -> PatternSpec:
    """An operator's pattern. Raises ValueError for a family, mode, reading or action that is none
    (of a row that an older or newer version wrote)."""
    return PatternSpec(
        id=slug,
        family=Family(values["family"]),
        priority=values["priority"],
        expressions=tuple(values["expressions"]),
        advice=values["advice"],
        must_match=tuple(values["must_match"]),
        must_not_match=tuple(values["must_not_match"]),
        ignore_case=values["ignore_case"],
        unless=tuple(values["unless"]),
        reading=Reading(values["reading"]),
        action=ActionKind(values["action"]),
        fixed=dict(values["parameters"]),
        mode=Mode(values["mode"]),
        enabled=values["enabled"],
    )


def chosen(spec: PatternSpec, row: FailurePattern) -> PatternSpec:
    """A built-in pattern as an operator has it. Raises ValueError for a mode that is none."""
    return replace(spec, priority=row.priority, enabled=row.enabled, mode=Mode(row.mode))


def choices_reviewed(spec: PatternSpec) -> dict[str, Any]:
    """What the row of a built-in begins with: as it was reviewed."""
    return {
        "priority": spec.priority,
        "enabled": spec.enabled,
        "mode": spec.mode.value,
        "cool_down_seconds": 0,
    }


def title_of(slug: str) -> str:
    """A built-in's title."""
    return slug.replace("_", " ").capitalize()
