"""The structured plan, schema version 1: read it, write it, export its JSON Schema.

    plan = plan_loads(text)          JSON text; plan_parse(document) for what is parsed already
    row = phase_dump(plan.phases[0]) phase_parse(row) gives the same phase back

Whatever is wrong with a plan is told at once, in one `PlanInvalid`.
"""

import json
from collections import Counter
from typing import Any

from runs.planning.plan_build import build_phase, build_plan, dump_phase, dump_plan
from runs.planning.plan_faults import MAX_FAULTS, Fault, FaultList, PlanInvalid, shown
from runs.planning.plan_rules import check_phase, check_plan
from runs.planning.plan_schema import SCHEMA_ID, build_schema
from runs.planning.plan_shape import MAX_DOCUMENT_BYTES, check_json, check_schema
from runs.planning.plan_types import (
    SCHEMA_VERSION,
    Budgets,
    BuilderSpec,
    Category,
    Complexity,
    InferredPath,
    Limits,
    PhasePlan,
    PlanFlag,
    Scope,
    Step,
    StepKind,
    StructuredPlan,
    Task,
    ValidationCommand,
)

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "MAX_FAULTS",
    "SCHEMA_ID",
    "SCHEMA_VERSION",
    "Budgets",
    "BuilderSpec",
    "Category",
    "Complexity",
    "Fault",
    "InferredPath",
    "Limits",
    "PhasePlan",
    "PlanFlag",
    "PlanInvalid",
    "Scope",
    "Step",
    "StepKind",
    "StructuredPlan",
    "Task",
    "ValidationCommand",
    "json_schema",
    "phase_dump",
    "phase_parse",
    "plan_dump",
    "plan_loads",
    "plan_parse",
]


def plan_parse(document: object) -> StructuredPlan:
    """The plan in a parsed JSON document (dicts, lists, strings, numbers, booleans, None).

    Raises `PlanInvalid` with every fault at once, up to `MAX_FAULTS` and how many more there are.
    """
    faults = FaultList()
    if check_json(document, faults):
        check_schema(document, faults)
        if isinstance(document, dict):
            check_plan(document, faults)
    faults.raise_any()
    return build_plan(_object(document))


def plan_loads(text: str | bytes) -> StructuredPlan:
    """The plan in a JSON text (UTF-8 when bytes). Raises `PlanInvalid`.

    Refuses what Python's parser lets pass and other parsers read differently: a key twice in an
    object, NaN and Infinity.
    """
    return plan_parse(_json_document(text))


def plan_dump(plan: StructuredPlan) -> dict[str, Any]:
    """The JSON form, every key written out; `plan_parse` gives an equal plan back."""
    return dump_plan(plan)


def phase_parse(document: object) -> PhasePlan:
    """One phase as `phase_dump` wrote it. Raises `PlanInvalid`, with paths from the phase down.

    Dependencies are not looked up and a missing tier is 0: both are matters of the whole plan.
    """
    faults = FaultList()
    if check_json(document, faults):
        check_schema(document, faults, definition="phase")
        if isinstance(document, dict):
            check_phase(document, (), faults)
    faults.raise_any()
    phase = _object(document)
    return build_phase(phase, int(phase.get("tier", 0)))


def phase_dump(phase: PhasePlan) -> dict[str, Any]:
    """The JSON form of one phase, as it is in `plan_dump`."""
    return dump_phase(phase)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that `plan_parse` checks with; a copy of the caller's own."""
    return build_schema()


def _object(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise TypeError("the schema let something pass that is no object")
    return document


def _json_document(text: str | bytes) -> object:
    if len(text) > MAX_DOCUMENT_BYTES:
        raise _invalid(f"is larger than {MAX_DOCUMENT_BYTES // 1_000_000} MB; split the plan")
    repeated: Counter[str] = Counter()

    def without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated.update(key for key, count in counts.items() if count > 1)
        return found

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        document: object = json.loads(
            text, object_pairs_hook=without_repeats, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise _invalid(f"is not UTF-8 (at byte {error.start}); save it as UTF-8") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _invalid(f"is no JSON: {error.msg} at {where}; mend it there") from error
    except RecursionError as error:
        raise _invalid("nests too deep; flatten it") from error
    except ValueError as error:
        # A number with thousands of digits: Python's own guard against quadratic time.
        raise _invalid("has a number that is too long; write a smaller one") from error
    if repeated:
        keys = ", ".join(shown(key) for key in list(repeated)[:10])
        raise _invalid(f"has keys twice in one object: {keys}; keep one of each")
    return document


def _refuse_constant(name: str) -> object:
    raise _invalid(f"has the value {name}, which JSON does not know; write a number")


def _invalid(message: str) -> PlanInvalid:
    return PlanInvalid((Fault("", f"the text {message}"),))
