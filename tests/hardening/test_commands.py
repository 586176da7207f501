"""match_failure and evaluate_patterns as an operator calls them."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

# They read the operators' choices.
pytestmark = pytest.mark.django_db

LOST = "E   ModuleNotFoundError: No module named 'yaml'\n"


def run(name: str, *args: str) -> str:
    out = io.StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


def corpus(tmp_path, *rows: dict[str, object]) -> str:
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_match_failure_says_pattern_facts_evidence_and_actions(tmp_path):
    log, other = tmp_path / "a.log", tmp_path / "b.log"
    log.write_text("one\n" + LOST)
    other.write_text("assert 3 == 4\n")
    first, second = map(
        json.loads, run("match_failure", str(log), str(other), "--json").splitlines()
    )
    assert first["match"]["pattern"] == "python_missing_dep"
    assert first["match"]["specifics"]["package"].lower() == "pyyaml"
    assert first["match"]["evidence"][0]["line"] == 2
    assert first["match"]["actions"][0] == {
        "kind": "install_package",
        "risk": "apply",
        "text": first["match"]["actions"][0]["text"],
        "parameters": {"ecosystem": "python", "package": "pyyaml", "module": "yaml"},
    }
    assert second["match"] is None


def test_match_failure_reads_the_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(LOST))
    said = run("match_failure", "-")
    assert "python_missing_dep" in said
    assert "line 1" in said


def test_match_failure_names_the_file_that_cannot_be_read(tmp_path):
    with pytest.raises(CommandError, match=r"no\.log cannot be read"):
        run("match_failure", str(tmp_path / "no.log"))


def test_evaluate_patterns_counts_what_was_right_and_writes_what_was_said(tmp_path):
    path = corpus(
        tmp_path,
        {
            "id": "a",
            "text": LOST,
            "label": "python_missing_dep",
            "specifics": {"package": "PyYAML"},
        },
        {"id": "b", "text": "assert 3 == 4\n", "label": "none"},
        {"id": "c", "text": LOST, "label": "none"},
        {"id": "d", "text": "who knows\n", "label": "disk_full", "specifics": {}},
    )
    predictions = tmp_path / "said.jsonl"
    said = json.loads(run("evaluate_patterns", path, "--predictions", str(predictions), "--json"))
    family = said["families"]["python_missing_dep"]
    assert (family["right"], family["wrong"], family["missed"]) == (1, 1, 0)
    assert said["false_positive_rate"] == 0.5
    assert said["package_accuracy"] == 1.0
    assert {(each["label"], each["said"]) for each in said["confusion"]} == {
        ("none", "python_missing_dep"), ("disk_full", "none"),
    }  # fmt: skip
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [line["label"] for line in lines] == [
        "python_missing_dep",
        "none",
        "python_missing_dep",
        "none",
    ]
    assert "false positives 0.500" in run("evaluate_patterns", path)


def test_evaluate_patterns_names_the_line_that_is_no_sample(tmp_path):
    with pytest.raises(CommandError, match="line 2 is no sample"):
        run(
            "evaluate_patterns", corpus(tmp_path, {"id": 1, "text": "", "label": "none"}, {"id": 2})
        )
