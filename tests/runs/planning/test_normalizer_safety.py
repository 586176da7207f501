"""Whatever the text is: no crash, a valid plan or a refusal, bounded time."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.planning.normalizer import normalize
from runs.planning.path_index import PathIndex
from runs.planning.plan_paths import path_fault
from runs.planning.schema import Task, plan_dump, plan_parse
from tests.runs.planning.normal_corpus import SAMPLES, TREE

INDEX = PathIndex.of(TREE)
MB = 1_000_000
SIZE = 50_000
"""Of most hostile texts; time is linear, so a megabyte takes twenty times as long."""
SECONDS = 10
"""Far above what it takes here (see below), far below anything quadratic."""

FRAGMENTS = st.sampled_from(
    [
        "# Plan\n",
        "## Phase 1: x\n",
        "## Phase 1: x\n",
        "### Task 2: y\n",
        "**Bold**\n",
        "- [ ] ",
        "- [x] 1.1 ",
        "1. ",
        "  - ",
        "\t* ",
        "> ",
        "```\n",
        "```diff\n--- a/x\n+++ b/../y\n@@ -1 +1 @@\n",
        "```sh\nrm -rf /\n",
        "| Task | Status |\n|--|--|\n| add x | done |\n",
        "---\ntitle: x\nid: 1\nstatus: done\n---\n",
        "---\n",
        "add `../../x.py` ",
        "fix src/app.py ",
        "[a](file:///etc/x.py)",
        "create `.git/config.py` ",
        "`npm test` ",
        "Run: pytest -q\n",
        "depends on T1, 2.1 ",
        "please ",
        "\n",
        "\n\n",
        "TODO: ",
        "* TODO x\n",
        "** DONE y\n",
        "#+TITLE: a\n",
        '{"tasks": [',
        '{"title": "x"}',
        "]}",
        "\x00",
        "\ud800",
        "é",
        "任务",
        "a" * 300,
        "├── a.py\n",
        "Acceptance Criteria:\n",
        "<!--",
        "-->",
        "&&",
        "~~x~~",
        "(A) Fix it\n",
        "C:\\x\\y.py ",
        "\u202e",
        "\r\n",
        "\u2028",
    ]
)


def check(text: str) -> None:
    """A refusal that says why, or a plan that can be posted and stays in the repository."""
    result = normalize(text, index=INDEX)
    json.loads(result.as_bytes())
    if result.structured_plan is None:
        assert not result.ok
        assert result.error
        return
    plan = result.structured_plan
    assert plan_parse(json.loads(json.dumps(plan_dump(plan)))) == plan
    for phase in plan.phases:
        for path in (*phase.scope.modify, *phase.scope.create, *phase.scope.read_only_context):
            assert path_fault(path, pattern=True) is None
        assert all(map(_is_inside, phase.tasks))


def _is_inside(task: Task) -> bool:
    own = all(path_fault(path) is None and ".." not in path for path in task.paths)
    return own and all(map(_is_inside, task.subtasks))


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40).map("".join))
def test_any_mixture_of_pieces_of_plans_is_safe(text: str):
    check(text)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_safe(text: str):
    check(text)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 600), st.integers(0, 60), FRAGMENTS)
def test_a_damaged_plan_is_safe(name: str, start: int, length: int, piece: str):
    text = SAMPLES[name].text
    check(text[:start] + piece + text[start + length :])


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "tasks",
                        "phases",
                        "title",
                        "status",
                        "id",
                        "subtasks",
                        "plan",
                        "master",
                        "depends_on",
                        "x",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=25,
    )
)
def test_any_json_is_safe(value: object):
    check(json.dumps(value))


HOSTILE = {
    "slashes": "/" * MB,
    "backticks": "`" * SIZE,
    "quotes": "> " * (SIZE // 2),
    "stars": "**" * (SIZE // 2),
    "brackets": "[" * SIZE,
    "links": "[a](b) " * (SIZE // 7),
    "comments": "<!--" * (SIZE // 4),
    "headings": "## Phase 1\n- add x\n" * (SIZE // 19),
    "same names": "- [ ] add src/app.py\n" * (SIZE // 60),
    "nested lists": "".join("  " * (n % 40) + "- [ ] add a\n" for n in range(1_500)),
    "tables": "|Task|b|\n|-|-|\n" + "|add x|y|\n" * 2_000,
    "sentences": "Please add the button to src/a.py. " * 2_000,
    "commands": "`npm test` " * (SIZE // 11),
    "diffs": "# Plan\n## Phase 1\n- add x\n"
    + "```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n```\n" * 800,
    "deep json": '{"tasks":' * (SIZE // 9),
    "dependencies": "- [ ] add x, depends on " + "T1, " * (SIZE // 5),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_seconds(text: str):
    start = time.perf_counter()
    normalize(text, index=INDEX)
    assert time.perf_counter() - start < SECONDS


def test_a_text_that_is_too_long_is_refused_before_it_is_read():
    result = normalize("a" * (MB + 1), index=INDEX)
    assert not result.ok
    assert result.warnings[0].code == "too_large"


def test_yaml_aliases_are_not_followed():
    bomb = "---\na: &a [x, x]\n" + "b: &b [*a, *a]\n" * 3 + "---\n# Tasks\n- [ ] Fix the page\n"
    assert normalize(bomb, index=INDEX).ok


def test_escapes_put_no_forbidden_character_into_a_plan():
    check('{"tasks": ["add a page\\u0000", "fix the \\ud800 form"]}')
    check('---\nid: 1\nstatus: open\ntitle: "Fix the page \\0"\n---\n# Tasks\n- [ ] Fix the form\n')
