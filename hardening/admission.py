"""May these values be a pattern? Said for each field, before anything is written."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hardening.checking import pattern_check
from hardening.expressions import compiled
from hardening.families import Family
from hardening.models import COOL_DOWN_LAST, PRIORITY_FIRST, PRIORITY_LAST
from hardening.rows import LISTS, own_spec
from hardening.specs import Reading
from hardening.types import REQUIRED, ActionKind, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from hardening.specs import PatternSpec

SLUG = r"^[a-z][a-z0-9_]{2,63}$"
# Of one pattern. Every expression is timed on hard lines when it is saved: some 50 ms each.
MAX_ITEMS = 20
MAX_SAMPLE_CHARS = 20_000
MAX_VALUE_CHARS = 1_000
MAX_ADVICE_CHARS = 1_000
MAX_TITLE_CHARS = 120

Errors = dict[str, list[str]]


class PatternRefused(ValueError):
    """A change of a pattern that is not made; the message says why and what to do."""


class PatternInvalid(PatternRefused):
    """Values that are no pattern. `errors` are sentences by field ("slug", "expressions", ...)."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors
        super().__init__(" ".join(fault for faults in errors.values() for fault in faults))


def choices_admit(values: Mapping[str, Any]) -> None:
    """What an operator chooses about any pattern. Raises PatternInvalid."""
    _raise(_choice_errors(values))


def own_admit(slug: str, values: Mapping[str, Any]) -> None:
    """A whole pattern of an operator's. Raises PatternInvalid; costs up to a second of CPU."""
    errors = _choice_errors(values)
    errors |= _shape_errors(slug, values)
    _raise(errors)
    # Refusals are not remembered (lru_cache keeps no exceptions): a slow moment passes.
    _fitness_admit(slug, json.dumps({**values, "priority": 1, "enabled": True}, sort_keys=True))


def _raise(errors: Errors) -> None:
    if errors:
        raise PatternInvalid(errors)


def _choice_errors(values: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    if not _is_whole(values["priority"], PRIORITY_FIRST, PRIORITY_LAST):
        errors["priority"] = [f"Priority is {PRIORITY_FIRST} (first) to {PRIORITY_LAST} (last)."]
    if not isinstance(values["enabled"], bool):
        errors["enabled"] = ["Enabled is true or false."]
    if not _is_one(values["mode"], Mode):
        errors["mode"] = [f"Mode is one of: {', '.join(Mode)}."]
    if not _is_whole(values["cool_down_seconds"], 0, COOL_DOWN_LAST):
        errors["cool_down_seconds"] = [f"Cool-down is 0 to {COOL_DOWN_LAST} seconds (7 days)."]
    return errors


def _shape_errors(slug: str, values: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    if not compiled(SLUG).search(slug.encode("utf-8", "replace")):
        errors["slug"] = ["An id is 3 to 64 of a-z, 0-9 and _, beginning with a letter."]
    errors |= _column_errors(values)
    if fault := _family_fault(values):
        errors["family"] = [fault]
    for name in LISTS:
        if fault := _list_fault(name, values[name]):
            errors[name] = [fault]
    if "action" not in errors and (fault := _parameter_fault(values)):
        errors["parameters"] = [fault]
    return errors


def _column_errors(values: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    for name, limit in (("title", MAX_TITLE_CHARS), ("advice", MAX_ADVICE_CHARS)):
        if not _is_text(values[name], limit) or not values[name].strip():
            errors[name] = [f"Give a text of at most {limit} characters."]
    for name, known in (("reading", Reading), ("action", ActionKind)):
        if not _is_one(values[name], known):
            errors[name] = [f"{name.capitalize()} is one of: {', '.join(known)}."]
    if not isinstance(values["ignore_case"], bool):
        errors["ignore_case"] = ["Ignore case is true or false."]
    return errors


def _family_fault(values: Mapping[str, Any]) -> str:
    if values["family"] == "":
        return "Choose the family before you enable the pattern." if values["enabled"] else ""
    return "" if _is_one(values["family"], Family) else f"Family is one of: {', '.join(Family)}."


def _list_fault(name: str, items: Any) -> str:
    if not isinstance(items, list) or not all(_is_text(item, MAX_SAMPLE_CHARS) for item in items):
        return f"Give texts of at most {MAX_SAMPLE_CHARS} characters, without null characters."
    if len(items) > MAX_ITEMS:
        return f"These are {len(items)}, more than {MAX_ITEMS}: make two patterns of it."
    if not all(item.strip() for item in items):
        return "One of them is empty: take it out."
    if not items and name == "expressions":
        return "Give at least one expression."
    if not items and name == "must_match":
        return "Give at least one real output that it must match: nothing else shows that it does."
    return ""


def _parameter_fault(values: Mapping[str, Any]) -> str:
    given, kind = values["parameters"], ActionKind(values["action"])
    if not isinstance(given, dict) or not all(
        isinstance(name, str) and _is_text(value, MAX_VALUE_CHARS) for name, value in given.items()
    ):
        return f"Parameters are names with texts of at most {MAX_VALUE_CHARS} characters."
    if foreign := given.keys() - REQUIRED[kind]:
        return f"{kind} does not take {', '.join(sorted(foreign))}: take it out."
    if kind is ActionKind.SET_ENVIRONMENT_VARIABLE and not {"name", "value"} <= given.keys():
        # A log that could name the variable could name LD_PRELOAD.
        return "Write both name and value of the variable: they are never taken from a log."
    return ""


@lru_cache(maxsize=64)
def _fitness_admit(slug: str, values: str) -> None:
    """Compiled, sized, timed, tried on its samples. A form asks, then the service: once is enough
    for the same values."""
    known = json.loads(values)
    # A proposal has no family yet; nothing here depends on which it is.
    known["family"] = known["family"] or next(iter(Family)).value
    spec = own_spec(slug, known)
    if pattern_check(spec):
        raise PatternInvalid(_fitness_errors(spec))


def _fitness_errors(spec: PatternSpec) -> Errors:
    """Which field each fault belongs to: the check is asked again about each alone."""
    bare = replace(
        spec, unless=(), must_match=(), must_not_match=(), action=ActionKind.SUGGEST_ONLY
    )
    parts = {"expressions": bare}
    if spec.unless:
        parts["unless"] = replace(bare, expressions=spec.unless)
    errors = {name: faults for name, part in parts.items() if (faults := pattern_check(part))}
    if errors:
        return errors
    parts = {
        "parameters": replace(spec, must_match=(), must_not_match=()),
        "must_match": replace(bare, unless=spec.unless, must_match=spec.must_match),
        "must_not_match": replace(bare, unless=spec.unless, must_not_match=spec.must_not_match),
    }
    errors = {name: faults for name, part in parts.items() if (faults := pattern_check(part))}
    # A fault of none of them alone: timing near the limit.
    return errors or {"expressions": pattern_check(spec) or ["It is near a limit: simplify it."]}


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_one(value: Any, known: type[StrEnum]) -> bool:
    return isinstance(value, str) and value in set(known)


def _is_text(value: Any, limit: int) -> bool:
    """Databases refuse null characters and halves of characters, so they are refused here."""
    if not isinstance(value, str) or len(value) > limit or "\x00" in value:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)
