"""export_plan_schema: the schema on stdout or in a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator

from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path


def test_the_schema_that_is_printed_judges_plans():
    printed = call("export_plan_schema")
    validator = Draft202012Validator(json.loads(printed.output))
    assert validator.is_valid({"schema_version": 1, "phases": [{"id": "a"}]})
    assert not validator.is_valid({"schema_version": 1, "phases": [{"id": "a", "color": 1}]})


def test_a_file_gets_the_same(tmp_path: Path):
    target = tmp_path / "new" / "plan.schema.json"
    assert call("export_plan_schema", "--output", target).code == 0
    assert target.read_text() == call("export_plan_schema").output


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path):
    refused = call("export_plan_schema", "--output", tmp_path)
    assert refused.code == 1
    assert "cannot be written" in refused.errors
