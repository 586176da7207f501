"""The exported JSON Schema, and plans as JSON texts."""

import copy
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from runs.planning import plan_types
from runs.planning.schema import PlanInvalid, json_schema, plan_loads, plan_parse

PLAN: dict[str, Any] = {"phases": [{"id": "a"}]}


def test_the_schema_is_valid_and_describes_every_property() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:autopack:structured-plan:1"
    objects = [schema]
    seen = 0
    while objects:
        entry = objects.pop()
        for name, child in entry.get("properties", {}).items():
            if "title" in entry:  # not the conditions of steps
                assert child["title"], name
                assert child["description"], name
                seen += 1
        objects.extend(child for child in _children(entry) if isinstance(child, dict))
    assert seen > 60


def _children(schema: dict[str, Any]) -> list[Any]:
    children = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    return [*children, schema.get("items")]


@pytest.mark.parametrize(
    ("type_name", "find"),
    [
        ("StructuredPlan", lambda s: s),
        ("Budgets", lambda s: s["properties"]["budgets"]),
        ("PhasePlan", lambda s: s["$defs"]["phase"]),
        ("Task", lambda s: s["$defs"]["task"]),
        ("Step", lambda s: s["$defs"]["step"]),
        ("Scope", lambda s: s["$defs"]["phase"]["properties"]["scope"]),
        ("Limits", lambda s: s["$defs"]["phase"]["properties"]["limits"]),
        ("BuilderSpec", lambda s: s["$defs"]["phase"]["properties"]["builder"]),
        ("InferredPath", lambda s: s["$defs"]["phase"]["properties"]["inferred_paths"]["items"]),
    ],
)
def test_the_schema_and_the_types_have_the_same_names(type_name: str, find: Any) -> None:
    described = find(json_schema())
    assert set(described["properties"]) == set(getattr(plan_types, type_name).__slots__)
    assert described["additionalProperties"] is False


def test_changing_an_exported_schema_changes_nothing_else() -> None:
    exported = json_schema()
    before = copy.deepcopy(exported)
    exported["properties"].clear()
    assert json_schema() == before
    plan_parse(PLAN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "phases" 1}', "line 2, column 11"),
        ('{"phases": [{"id": "a", "id": "b"}]}', "keys twice in one object: 'id'"),
        ('{"phases": [{"id": "a"}], "x": NaN}', "has the value NaN"),
        ('{"phases": [{"id": "a"}], "x": -Infinity}', "has the value -Infinity"),
        ('{"budgets": {"cost_cap_usd": 1e999}}', "not finite"),
        (b'{"goal": "\xff"}', "not UTF-8 (at byte 10)"),
        ("[" * 200_000, "nests too deep"),
        ("1" * 10_000, "too long"),
        ("x" * 20_000_001, "larger than 20 MB"),
        ("", "line 1, column 1"),
        ("null", "the plan is null"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_texts_that_are_no_json_are_told_where(text: str | bytes, message: str) -> None:
    with pytest.raises(PlanInvalid) as caught:
        plan_loads(text)
    assert message in str(caught.value)


def test_texts_are_read_with_and_without_a_byte_order_mark() -> None:
    text = '{"phases": [{"id": "a"}], "goal": "é"}'
    expected = plan_parse({**PLAN, "goal": "é"})
    assert plan_loads(text) == expected
    assert plan_loads(text.encode()) == expected
    assert plan_loads(text.encode("utf-8-sig")) == expected


def test_importing_costs_no_schema_library() -> None:
    """Commands that read no plan start without it; Django and the ORM stay out altogether."""
    code = (
        "import sys, runs.planning.schema, runs.planning.scopes\n"
        "print([m for m in ('jsonschema', 'pathspec', 'django') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
