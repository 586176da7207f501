"""Each format that people write plans in becomes the plan that its author meant."""

import json
from collections.abc import Iterator

import pytest

from runs.planning.normal_types import NormalizedPlan
from runs.planning.normalizer import normalize
from runs.planning.path_index import PathIndex
from runs.planning.schema import StructuredPlan, Task, plan_dump, plan_parse
from tests.runs.planning.normal_corpus import NO_PLANS, SAMPLES, TREE, Sample

INDEX = PathIndex.of(TREE)


def normalized(text: str) -> NormalizedPlan:
    return normalize(text, index=INDEX)


def plan_of(text: str) -> StructuredPlan:
    result = normalized(text)
    assert result.structured_plan is not None, result.error
    return result.structured_plan


def all_tasks(plan: StructuredPlan) -> Iterator[Task]:
    stack = [task for phase in reversed(plan.phases) for task in reversed(phase.tasks)]
    while stack:
        task = stack.pop()
        yield task
        stack.extend(reversed(task.subtasks))


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_tasks_of_a_text_are_found_in_its_phases(sample: Sample):
    result = normalized(sample.text)
    plan = plan_of(sample.text)
    found = [task.text for task in all_tasks(plan)]
    assert len(found) == len(sample.tasks), found
    assert all(text.startswith(start) for text, start in zip(found, sample.tasks, strict=True))
    assert len(plan.phases) == sample.phases
    assert result.format == sample.format


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_finished_work_is_not_planned_again(sample: Sample):
    done = [task.text for task in all_tasks(plan_of(sample.text)) if task.done]
    assert len(done) == len(sample.done), done
    assert all(text.startswith(start) for text, start in zip(done, sample.done, strict=True))


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_what_comes_out_is_a_valid_structured_plan(sample: Sample):
    plan = plan_of(sample.text)
    assert plan_parse(plan_dump(plan)) == plan


@pytest.mark.parametrize("text", NO_PLANS.values(), ids=NO_PLANS)
def test_a_text_that_is_no_plan_is_refused_and_told_what_is_missing(text: str):
    result = normalized(text)
    assert not result.ok
    assert result.structured_plan is None
    assert result.confidence == 0
    assert len(result.error) > 30


def test_goal_criteria_limits_and_what_is_out_of_bounds_come_from_their_sections():
    plan = plan_of(SAMPLES["requirements"].text)
    assert plan.goal.startswith("PRD: Billing")
    assert plan.non_goals == ("Crypto",)
    assert plan.constraints == ("A page opens within 200 ms",)
    assert plan.acceptance_criteria == ("Ten sales a day",)


def test_phases_follow_one_another_unless_the_text_says_otherwise():
    text = (
        "# Plan\n## Phase 1: A\n- [ ] add a\n## Phase 2: B\n- [ ] add b\n"
        "## Phase 3: C\nDepends on Phase 1.\n- [ ] add c\n"
    )
    first, second, third = plan_of(text).phases
    assert first.depends_on == ()
    assert second.depends_on == (first.id,)
    assert third.depends_on == (first.id,)


def test_phases_marked_as_parallel_do_not_wait_for_each_other():
    text = (
        "# Plan\n## Phase 1: Base\n- [ ] add a\n## Phase 2: Left [P]\n- [ ] add b\n"
        "## Phase 3: Right [P]\n- [ ] add c\n"
    )
    base, left, right = plan_of(text).phases
    assert left.depends_on == (base.id,)
    assert right.depends_on == (base.id,)


def test_a_structured_plan_is_taken_as_it_is():
    plan = plan_of(SAMPLES["phases"].text)
    again = normalized(json.dumps(plan_dump(plan)))
    assert again.format == "structured_plan"
    assert again.structured_plan == plan
    assert again.confidence == 1


def test_a_structured_plan_with_faults_is_refused_with_them():
    result = normalized('{"schema_version": 1, "phases": [{"id": "a b"}]}')
    assert not result.ok
    assert "no identifier" in result.error


def test_a_very_long_list_is_split_and_nothing_is_lost():
    text = "# Tasks\n" + "".join(f"- [ ] Add the part {n} to the server\n" for n in range(400))
    result = normalized(text)
    plan = plan_of(text)
    assert len(plan.phases) > 3
    assert [task.text for task in all_tasks(plan)] == [
        f"Add the part {n} to the server" for n in range(400)
    ]
    assert {warning.code for warning in result.warnings} == {"phase_split"}


def test_a_task_below_eight_others_moves_up_and_is_kept():
    lines = [f"{'  ' * n}- [ ] Add the part {n} of the page" for n in range(12)]
    found = {task.text for task in all_tasks(plan_of("\n".join(lines)))}
    assert found == {f"Add the part {n} of the page" for n in range(12)}


def test_details_of_a_task_are_kept_for_whoever_builds_it():
    (first, second) = plan_of(SAMPLES["kiro"].text).phases
    assert "Rows show name and date" in second.description
    assert first.description == ""
