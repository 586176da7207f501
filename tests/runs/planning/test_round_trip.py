"""Every plan that can be written can be read back as the same plan."""

import json
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.planning.plan_types import (
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
from runs.planning.schema import phase_dump, phase_parse, plan_dump, plan_loads, plan_parse

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_texts = st.lists(_text, max_size=2).map(tuple)
_path = st.sampled_from(["a", "src/a.py", "docs/", "-x/é.txt", "app/[id]/p.tsx"])
_file = st.sampled_from(["a", "src/a.py", "-x/é.txt"])
_patterns = st.lists(_path | st.just("./*.py"), max_size=3).map(tuple)
_COMMANDS: list[ValidationCommand] = [
    "pytest -q",
    "cd web && npm test",
    ("npm", "a | b"),
    ("x", ""),
]
_commands = st.lists(st.sampled_from(_COMMANDS), max_size=2).map(tuple)
_flag = st.booleans()


def _maybe(low: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(low, 100)


_attempts = st.lists(st.integers(1, 5), unique=True, max_size=2).map(tuple)
_steps = st.one_of(
    st.builds(Step, st.just(StepKind.APPLY_PATCH), patch=_text.filter(bool), attempts=_attempts),
    st.builds(
        Step,
        st.just(StepKind.WRITE_FILE),
        path=_file,
        content=_text,
        executable=_flag,
        attempts=_attempts,
    ),
    st.builds(
        Step,
        st.just(StepKind.RUN),
        argv=_texts.map(lambda words: ("program", *words)),
        cwd=st.just(".") | _path,
        network=_flag,
        attempts=_attempts,
    ),
)


def _tasks(prefix: str, depth: int) -> st.SearchStrategy[tuple[Task, ...]]:
    """Up to two tasks whose ids say where they are, so that they are unique."""

    def task(task_id: str) -> st.SearchStrategy[Task]:
        below = _tasks(task_id, depth - 1) if depth else st.just(())
        paths = st.lists(_path, max_size=2).map(tuple)
        return st.builds(Task, st.just(task_id), _text, _flag, paths, below)

    pair = st.tuples(task(f"{prefix}1"), task(f"{prefix}2"))
    return st.builds(lambda tasks, count: tasks[:count], pair, st.integers(0, 2))


@st.composite
def _phases(draw: st.DrawFn) -> tuple[PhasePlan, ...]:
    phases: list[PhasePlan] = []
    for number in range(draw(st.integers(1, 3))):
        earlier = [phase.id for phase in phases]
        depends_on = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        lowest = max((phase.tier for phase in phases if phase.id in depends_on), default=0)
        phases.append(
            PhasePlan(
                id=f"Phase-{number}",
                title=draw(st.sampled_from(["A title", "日本", "x"])),
                description=draw(_text),
                tier=draw(st.integers(lowest, lowest + 3)),
                depends_on=tuple(depends_on),
                category=draw(st.sampled_from(Category)),
                complexity=draw(st.sampled_from(Complexity)),
                tasks=draw(_tasks("t", 1)),
                deliverables=draw(_texts),
                acceptance_criteria=draw(_texts),
                scope=draw(st.builds(Scope, _patterns, _patterns, _patterns)),
                inferred_paths=tuple(
                    InferredPath(path, score)
                    for path, score in draw(st.lists(st.tuples(_path, st.floats(0, 1)), max_size=2))
                ),
                validation_commands=draw(_commands),
                builder=draw(
                    st.builds(
                        BuilderSpec, model=_text, steps=st.lists(_steps, max_size=2).map(tuple)
                    )
                ),
                limits=draw(
                    st.builds(Limits, _maybe(1), _maybe(1), _maybe(1), _maybe(0), network=_flag)
                ),
                requires_approval=draw(_flag),
            )
        )
    return tuple(phases)


_money = st.integers(1, 10**12).map(lambda millionths: Decimal(millionths) / 10**6)
_plans = st.builds(
    StructuredPlan,
    goal=_text,
    non_goals=_texts,
    constraints=_texts,
    acceptance_criteria=_texts,
    budgets=st.builds(Budgets, _maybe(1), st.none() | _money, _maybe(1), _maybe(1)),
    flags=st.dictionaries(st.sampled_from([flag.value for flag in PlanFlag]), _flag),
    phases=_phases(),
    validation_commands=_commands,
)


@settings(
    database=None,
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(_plans)
def test_a_plan_survives_its_json_form(plan: StructuredPlan) -> None:
    document = plan_dump(plan)
    assert plan_parse(document) == plan
    assert plan_loads(json.dumps(document)) == plan
    for phase in plan.phases:
        assert phase_parse(phase_dump(phase)) == phase


@settings(database=None, max_examples=300)
@given(_money)
def test_amounts_of_money_are_exact(amount: Decimal) -> None:
    plan = StructuredPlan(budgets=Budgets(cost_cap_usd=amount), phases=(PhasePlan("a", "a"),))
    written = json.dumps(plan_dump(plan))
    assert plan_loads(written).budgets.cost_cap_usd == amount


def test_amounts_of_money_may_be_texts() -> None:
    plan = plan_parse({"budgets": {"cost_cap_usd": "0.10"}, "phases": [{"id": "a"}]})
    assert plan.budgets.cost_cap_usd == Decimal("0.1")
