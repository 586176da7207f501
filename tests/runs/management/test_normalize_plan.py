"""normalize_plan: texts in, structured plans out, for people and for programs."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from runs.execution.repository.trees import trees_forget
from runs.planning.schema import plan_parse
from tests.runs.management.calls import Called, call
from tests.runs.texts_of_plans import CLEAR, NO_PLAN, VAGUE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.repositories import GitRepository

ANSWER = {
    "ok", "error", "format", "confidence", "confidence_reasons", "warnings",
    "requires_confirmation", "decisions", "structured_plan",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _forgetful(home: Path) -> Iterator[None]:
    del home
    yield
    trees_forget()


@pytest.fixture
def texts(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, text in (("clear", CLEAR), ("vague", VAGUE), ("letter", NO_PLAN)):
        found[name] = tmp_path / f"{name}.md"
        found[name].write_text(text)
    return found


def answers(called: Called) -> list[dict[str, Any]]:
    return [json.loads(line) for line in called.output.splitlines()]


def test_a_plan_is_shown_with_its_phases_paths_and_doubts(
    texts: dict[str, Path], repository: GitRepository
):
    shown = call("normalize_plan", texts["clear"], "--repo", repository.folder)
    assert shown.code == 0, shown.errors
    lines = shown.output.splitlines()
    assert lines[0].startswith(f"{texts['clear']}: ")
    assert "confidence 0." in lines[0]
    for part in (
        "goal: Number the lines", "[x] Decide on a format", "modify: f0.txt", "create: numbers.md",
    ):  # fmt: skip
        assert any(part in line for line in lines), part
    doubtful = call("normalize_plan", texts["vague"], "--repo", repository.folder)
    assert doubtful.code == 0
    assert "after a person has confirmed it" in doubtful.output


def test_json_is_the_answer_of_the_api_and_its_plan_is_valid(
    texts: dict[str, Path], repository: GitRepository
):
    called = call("normalize_plan", texts["clear"], "--repo", repository.folder, "--json")
    (answer,) = answers(called)
    assert set(answer) == ANSWER
    assert answer["ok"] is True
    plan = plan_parse(answer["structured_plan"])
    assert plan.phases[0].scope.modify == ("f0.txt", "f1.txt")
    again = call("normalize_plan", texts["clear"], "--repo", repository.folder, "--json")
    assert again.output == called.output


def test_several_texts_are_json_lines_in_order_and_one_that_is_no_plan_is_exit_code_1(
    texts: dict[str, Path], tmp_path: Path
):
    called = call("normalize_plan", *texts.values(), tmp_path / "none.md", "--json")
    assert called.code == 1
    found = answers(called)
    assert [answer["ok"] for answer in found] == [True, True, False, False]
    assert all(set(answer) == ANSWER for answer in found)
    assert "no plan" in found[2]["error"]
    assert "cannot be read" in found[3]["error"]


def test_a_refusal_goes_to_stderr_and_says_what_is_missing(texts: dict[str, Path]):
    refused = call("normalize_plan", texts["letter"])
    assert (refused.code, refused.output) == (1, "")
    assert refused.errors.startswith(f"{texts['letter']}: The text is no plan")


def test_files_can_be_listed_instead_of_a_repository(
    texts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = tmp_path / "files.txt"
    listed.write_bytes(b"\xef\xbb\xbf./f0.txt\r\nf1.txt\r\n\r\n../f2.txt\r\n")
    (answer,) = answers(
        call("normalize_plan", texts["clear"], "--repo-files", listed, "--json")
    )  # fmt: skip
    scopes = [phase["scope"] for phase in answer["structured_plan"]["phases"]]
    assert scopes[0]["modify"] == ["f0.txt", "f1.txt"]
    assert "f2.txt" not in scopes[1]["modify"]

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(listed.read_bytes())))
    (piped,) = answers(call("normalize_plan", texts["clear"], "--repo-files", "-", "--json"))
    assert piped == answer


def test_the_text_may_come_from_stdin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(CLEAR.encode("utf-16"))))
    shown = call("normalize_plan", "-")
    assert shown.code == 0, shown.errors
    assert shown.output.startswith("stdin: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe\xff", "is not UTF-8"), (b"# Plan\n\0\0", "is no text"), (None, "cannot be read")],
)
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes | None, said: str):
    file = tmp_path / "plan.md"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    refused = call("normalize_plan", file)
    assert refused.code == 1
    assert said in refused.errors
    assert str(file) in refused.errors


def test_a_text_cannot_write_to_the_terminal(tmp_path: Path):
    file = tmp_path / "plan.md"
    file.write_text(CLEAR.replace("Number the lines", "Number\x1b[2J\x07 the lines"))
    assert "\x1b" not in call("normalize_plan", file).output


def test_a_repository_that_is_none_is_told(texts: dict[str, Path], tmp_path: Path):
    refused = call("normalize_plan", texts["clear"], "--repo", tmp_path / "none")
    assert refused.code == 1
    assert "is not a folder" in refused.errors
