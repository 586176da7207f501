"""Whether a document has the shape of a plan: is it JSON, small enough, and fits the schema.

Runs before the rules of `plan_rules`, which take what has the right shape and pass over the rest.
"""

import functools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from runs.planning.plan_faults import FaultList, PathPart, shown
from runs.planning.plan_schema import build_schema

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

MAX_DOCUMENT_BYTES = 20_000_000
# Every string, number, list and object is one value. Checking a value takes some 20 microseconds
# (measured: 20,000 tasks, 90,000 values, 2 s), so this bounds the time that a hostile plan takes.
MAX_VALUES = 200_000
# The deepest place of a valid plan is 20 levels down; this is where recursion is still harmless.
MAX_DEPTH = 50

_NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}

# A place in the document, linked towards the root so that keeping it costs nothing.
_Place = tuple[Any, PathPart] | None


def check_json(document: object, faults: FaultList) -> bool:
    """Whether the schema can be applied: JSON values only, not too many of them, not too deep.

    Iterative: a document nested a million deep, or in itself, is a fault and no crash.
    """
    stack: list[tuple[object, _Place, int]] = [(document, None, 0)]
    values = size = 0
    is_json = True
    while stack:
        value, place, depth = stack.pop()
        values += 1
        size += _size(value)
        entries = len(value) if isinstance(value, dict | list) else 0
        if values + len(stack) + entries > MAX_VALUES or size > MAX_DOCUMENT_BYTES:
            faults.add((), "the plan is too big; split it into several plans")
            return False
        if depth > MAX_DEPTH:
            faults.add(_parts(place)[:8], "nests too deep; flatten it")
            return False
        problem, foreign = _problem(value)
        if problem:
            faults.add(_parts(place), problem)
            is_json = is_json and not foreign
        stack.extend((entry, (place, key), depth + 1) for key, entry in _entries(value))
    return is_json


def check_schema(document: Any, faults: FaultList, definition: str = "") -> None:
    """Adds a fault for each place that does not fit the schema (or `definition` of it)."""
    for error in _validator(definition).iter_errors(document):
        _explain(error, faults)
        if faults.is_full:
            return


@functools.cache
def _validator(definition: str) -> "Validator":
    # Imported here because it takes 0.15 s, which commands that check no plan need not pay.
    from jsonschema import Draft202012Validator

    schema = build_schema()
    if definition:
        schema = {"$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    return Draft202012Validator(schema)


def _explain(error: "ValidationError", faults: FaultList) -> None:
    where = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    keyword = str(error.validator)
    limit: Any = error.validator_value
    given: Any = error.instance
    if keyword == "additionalProperties":
        for key in given:
            if key not in schema["properties"]:
                faults.add_unknown((*where, key), "the key", key, schema["properties"])
    elif keyword == "enum":
        name = given if isinstance(given, str) else shown(given)
        faults.add_unknown(where, "the value", name, limit)
    elif keyword == "required":
        for key in limit:
            if key not in given:
                faults.add((*where, key), "is missing; add it")
    elif keyword == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        wanted = " or ".join(_NAMES[kind] for kind in kinds)
        subject = "" if where else "the plan "
        faults.add(where, f"{subject}is {shown(given)}; make it {wanted}")
    else:
        faults.add(where, _MESSAGES[keyword](limit, given))


_MESSAGES: dict[str, Callable[[Any, Any], str]] = {
    "const": lambda limit, given: f"is {shown(given)}; this program reads {limit} only",
    "minLength": lambda limit, _: f"is empty; write {_at_least(limit, 'character')}",
    "maxLength": lambda limit, given: f"has {len(given)} characters; {limit} at most",
    "minItems": lambda limit, _: f"is empty; put {_at_least(limit, 'entry')} in",
    "maxItems": lambda limit, given: f"has {len(given)} entries; {limit} at most, so split it",
    "uniqueItems": lambda _limit, _given: "has an entry twice; take one out",
    "minimum": lambda limit, given: f"is {shown(given)}; make it {limit} or more",
    "maximum": lambda limit, given: f"is {shown(given)}; make it {limit} or less",
    "exclusiveMinimum": lambda limit, given: f"is {shown(given)}; make it more than {limit}",
}


def _at_least(limit: int, what: str) -> str:
    return f"at least {'one' if limit == 1 else limit} {what}"


def _size(value: object) -> int:
    """Roughly what the value takes as JSON, in characters."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) if isinstance(key, str) else 1 for key in value)
    return 1


def _entries(value: object) -> Iterator[tuple[Any, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _problem(value: object) -> tuple[str | None, bool]:
    """What is wrong with one value, and whether it is foreign to JSON and unsafe to look at."""
    if isinstance(value, str):
        return _text_problem(value), False
    if isinstance(value, float):
        return (None if math.isfinite(value) else "is not finite; write a number"), False
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "has a key that is no text; make all keys texts", True
        problem = next(filter(None, map(_text_problem, value)), None)
        return problem and f"has a key that {problem}", False
    if value is None or isinstance(value, bool | int | list):
        return None, False
    return f"is a {type(value).__name__}, which JSON does not have; use plain JSON values", True


def _text_problem(text: str) -> str | None:
    """Neither can be stored: PostgreSQL refuses both in JSON."""
    if "\0" in text:
        return "holds a NUL character; take it out"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair; take it out"
    return None


def _parts(place: _Place) -> tuple[PathPart, ...]:
    parts: list[PathPart] = []
    while place is not None:
        place, part = place
        parts.append(part if isinstance(part, int) else str(part)[:80])
    return tuple(reversed(parts))
