"""The structured plan: what is read, what is refused, and in which words."""

import time
from decimal import Decimal
from typing import Any

import pytest

from runs.planning.schema import (
    Budgets,
    Category,
    Complexity,
    PhasePlan,
    PlanInvalid,
    StepKind,
    StructuredPlan,
    json_schema,
    phase_dump,
    phase_parse,
    plan_dump,
    plan_parse,
)


def phase(phase_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {"id": phase_id, **fields}


def plan(*phases: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"phases": list(phases or (phase(),)), **fields}


def faults_of(document: object) -> dict[str, str]:
    with pytest.raises(PlanInvalid) as caught:
        plan_parse(document)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_the_least_plan_gets_every_default() -> None:
    assert plan_parse({"phases": [{"id": "a"}]}) == StructuredPlan(
        phases=(PhasePlan(id="a", title="a"),)
    )


def test_the_example_of_the_schema_is_a_plan() -> None:
    (example,) = json_schema()["examples"]
    parsed = plan_parse(example)
    assert parsed.budgets == Budgets(max_duration_minutes=30, cost_cap_usd=Decimal("2.5"))
    greeting, docs = parsed.phases
    assert (greeting.category, greeting.complexity) == (Category.FEATURE, Complexity.LOW)
    assert greeting.builder.steps[0].kind is StepKind.WRITE_FILE
    assert (greeting.tier, docs.tier, docs.requires_approval) == (0, 1, True)
    assert parsed.validation_commands == (("python", "-m", "compileall", "src"),)


def test_plans_are_frozen_and_hashable() -> None:
    parsed = plan_parse(plan())
    assert hash(parsed) == hash(plan_parse(plan()))
    with pytest.raises(AttributeError):
        parsed.goal = "x"  # type: ignore[misc]


def test_all_faults_are_told_at_once() -> None:
    document = plan(
        phase("a", category="featur", depends_on=["setup"]),
        phase("Setup", limits={"max_files": -1}, validation_commands=["a | b"]),
        phase("c", scope={"modify": ["/etc"]}, tasks=[{"id": "1"}]),
        goall="x",
    )
    faults = faults_of(document)
    assert set(faults) == {
        "goall",
        "phases[0].category",
        "phases[0].depends_on[0]",
        "phases[1].limits.max_files",
        "phases[1].validation_commands[0]",
        "phases[2].scope.modify[0]",
        "phases[2].tasks[0].text",
    }
    assert "did you mean 'goal'?" in faults["goall"]
    assert "did you mean 'feature'?" in faults["phases[0].category"]
    assert "did you mean 'Setup'?" in faults["phases[0].depends_on[0]"]


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ([], "", "make it an object"),
        ({}, "phases", "is missing"),
        ({"phases": []}, "phases", "at least one entry"),
        (plan(schema_version=2), "schema_version", "reads 1 only"),
        (plan(schema_version=True), "schema_version", "reads 1 only"),
        (plan(goal=7), "goal", "make it a text"),
        (plan(constraints="x"), "constraints", "make it a list"),
        (plan(flags={"telemetry": True}), "flags.telemetry", "'telemetry_db'"),
        (plan(flags={"telemetry_db": 1}), "flags.telemetry_db", "true or false"),
        (plan(budgets={"token_cap": True}), "budgets.token_cap", "is true"),
        (plan(budgets={"token_cap": 0}), "budgets.token_cap", "1 or more"),
        (plan(budgets={"token_cap": 1.5}), "budgets.token_cap", "whole number"),
        (plan(budgets={"token_cap": 10**400}), "budgets.token_cap", "a huge number"),
        (plan(budgets={"cost_cap_usd": 0}), "budgets.cost_cap_usd", "more than 0"),
        (plan(budgets={"cost_cap_usd": float("nan")}), "budgets.cost_cap_usd", "finite"),
        (plan(budgets={"cost_cap_usd": float("inf")}), "budgets.cost_cap_usd", "finite"),
        (plan(budgets={"cost_cap_usd": 1e-7}), "budgets.cost_cap_usd", "six decimals"),
        (plan(budgets={"cost_cap_usd": "ten"}), "budgets.cost_cap_usd", "write US dollars"),
        (plan(budgets={"cost_cap_usd": "NaN"}), "budgets.cost_cap_usd", "write US dollars"),
        (plan(budgets={"cost_cap_usd": "-1"}), "budgets.cost_cap_usd", "more than 0"),
        (plan(budgets={"cost_cap_usd": "1e999999"}), "budgets.cost_cap_usd", "out of range"),
        (plan(goal="a\0b"), "goal", "NUL"),
        (plan(goal="\ud800"), "goal", "surrogate"),
        (plan(goal=b"x"), "goal", "which JSON does not have"),
        ({"phases": [{"id": "a", 1: 2}]}, "phases[0]", "make all keys texts"),
        (plan({"id": "a", "\x1b[31m": 2}), r"phases[0]['\x1b[31m']", "is not known"),
        (plan(phase("nul")), "phases[0].id", "device"),
        (plan(phase("a b")), "phases[0].id", "no identifier"),
        (plan(phase("")), "phases[0].id", "at least one character"),
        (plan(phase(title="a\nb")), "phases[0].title", "line break"),
        (plan(phase(tier=-1)), "phases[0].tier", "0 or more"),
        (plan(phase(tier=True)), "phases[0].tier", "whole number"),
        (plan(phase(complexity="hard")), "phases[0].complexity", "'medium'"),
        (plan(phase(requires_approval="no")), "phases[0].requires_approval", "true or false"),
        (plan(phase(validation_commands=[""])), "phases[0].validation_commands[0]", "empty"),
        (plan(phase(validation_commands=[[]])), "phases[0].validation_commands[0]", "empty"),
        (plan(phase(validation_commands=[[1]])), "phases[0].validation_commands[0][0]", "a text"),
        (
            plan(phase(validation_commands=[7])),
            "phases[0].validation_commands[0]",
            "text or a list",
        ),
        (plan(validation_commands=["a; b"]), "validation_commands[0]", "write '&&'"),
        (
            plan(phase(inferred_paths=[{"path": "a", "score": 1.1}])),
            "phases[0].inferred_paths[0].score",
            "1 or less",
        ),
        (
            plan(phase(inferred_paths=[{"path": "a", "score": float("nan")}])),
            "phases[0].inferred_paths[0].score",
            "finite",
        ),
    ],
)
def test_each_fault_names_its_place_and_what_to_do(
    document: object, path: str, message: str
) -> None:
    assert message in faults_of(document)[path]


BAD_PATHS = [
    ("", "empty"),
    ("/etc/passwd", "absolute"),
    ("../x", "climbs"),
    ("a/../b", "climbs"),
    ("a//b", "empty folder name"),
    ("a/./b", "leave it out"),
    ("C:/x", "drive letter"),
    ("c:x", "drive letter"),
    ("a\\b", "backslash"),
    ("~/x", "home folder"),
    ("a\tb", "control character"),
    ("a\u2028b", "control character"),
    (" a", "white space"),
    (".git", "git's own folder"),
    (".GIT/config", "git's own folder"),
    ("sub/.git/config", "git's own folder"),
    (".git./x", "git's own folder"),
    (".git::$INDEX_ALLOCATION/x", "git's own folder"),
    ("GIT~1/x", "git's own folder"),
    (".g\u200cit/x", "git's own folder"),
    ("x" * 256, "bytes"),
    ("x/" * 600, "characters"),
]


@pytest.mark.parametrize(("path", "message"), BAD_PATHS)
def test_paths_stay_in_the_repository_and_out_of_git(path: str, message: str) -> None:
    steps = [{"kind": "write_file", "path": path}, {"kind": "run", "argv": ["a"], "cwd": path}]
    faults = faults_of(
        plan(
            phase(
                scope={"modify": [path], "create": [f"!{path}"], "read_only_context": [path]},
                tasks=[{"id": "1", "text": "", "paths": [path]}],
                inferred_paths=[{"path": path, "score": 1}],
                builder={"steps": steps},
            )
        )
    )
    places = ["scope.modify[0]", "scope.read_only_context[0]", "tasks[0].paths[0]"]
    places += ["inferred_paths[0].path", "builder.steps[0].path", "builder.steps[1].cwd"]
    for place in places:
        said = faults[f"phases[0].{place}"]
        assert message in said or "at least one" in said or "name the file" in said, place


def test_ordinary_paths_and_patterns_are_accepted() -> None:
    patterns = ["src/", "./README.md", "**/*.py", "!src/keys.py", "-x", ".github/", ".gitignore"]
    paths = ["src/", "-x", "app/[id]/page.tsx", "a b/c", "naïve.txt", ".gitattributes", "👩‍💻.md"]
    parsed = plan_parse(
        plan(
            phase(
                scope={"modify": patterns},
                tasks=[{"id": "1", "text": "t", "paths": paths}],
                builder={"steps": [{"kind": "write_file", "path": "-x"}]},
            )
        )
    )
    assert parsed.phases[0].scope.modify == tuple(patterns)
    assert parsed.phases[0].tasks[0].paths == tuple(paths)


def test_exclusions_belong_in_scopes_and_after_something() -> None:
    document = plan(
        phase(
            scope={"modify": ["!a", "!.git/"]},
            tasks=[{"id": "1", "text": "", "paths": ["!a"]}],
        )
    )
    faults = faults_of(document)
    assert "begin it with '**'" in faults["phases[0].scope.modify"]
    assert "phases[0].scope.modify[1]" not in faults, "git's own folder may be excluded"
    assert "belongs in a scope" in faults["phases[0].tasks[0].paths[0]"]


@pytest.mark.parametrize(
    ("step", "place", "message"),
    [
        ({}, "kind", "is missing"),
        ({"kind": "rum"}, "kind", "'run'"),
        ({"kind": "apply_patch"}, "patch", "is missing"),
        ({"kind": "apply_patch", "patch": ""}, "patch", "empty"),
        ({"kind": "apply_patch", "patch": "x", "path": "a"}, "path", "not used by apply_patch"),
        ({"kind": "write_file", "content": ""}, "path", "is missing"),
        ({"kind": "write_file", "path": "src/"}, "path", "name the file"),
        ({"kind": "write_file", "path": "src/*.py"}, "path", "is a pattern"),
        ({"kind": "run"}, "argv", "is missing"),
        ({"kind": "run", "argv": []}, "argv", "at least one entry"),
        ({"kind": "run", "argv": "ls -l"}, "argv", "make it a list"),
        ({"kind": "run", "argv": ["", "x"]}, "argv", "program's name"),
        ({"kind": "run", "argv": ["a"], "patch": "x"}, "patch", "not used by run"),
        ({"kind": "run", "argv": ["a"], "attempts": [0]}, "attempts[0]", "1 or more"),
        ({"kind": "run", "argv": ["a"], "attempts": [1, 1]}, "attempts", "twice"),
        ({"kind": "run", "argv": ["a"], "attempts": [True]}, "attempts[0]", "whole number"),
    ],
)
def test_steps_have_what_their_kind_needs(step: object, place: str, message: str) -> None:
    faults = faults_of(plan(phase(builder={"steps": [step]})))
    assert message in faults[f"phases[0].builder.steps[0].{place}"]


def test_ids_are_unique_without_regard_to_case() -> None:
    faults = faults_of(plan(phase("Setup"), phase("b"), phase("setup")))
    assert faults == {"phases[2].id": "'setup' is the id of phases[0] already; rename one of them"}


def test_a_phase_cannot_wait_for_itself() -> None:
    assert "itself" in faults_of(plan(phase("a", depends_on=["a"])))["phases[0].depends_on[0]"]


def test_cycles_are_named_in_their_order() -> None:
    faults = faults_of(
        plan(
            phase("start"),
            phase("a", depends_on=["start", "b"]),
            phase("b", depends_on=["c"]),
            phase("c", depends_on=["a"]),
            phase("behind", depends_on=["c"]),
            phase("x", depends_on=["y"]),
            phase("y", depends_on=["x"]),
        )
    )
    assert set(faults) == {"phases[1].depends_on[1]", "phases[5].depends_on[0]"}
    assert "a -> b -> c -> a" in faults["phases[1].depends_on[1]"]
    assert "x -> y -> x" in faults["phases[5].depends_on[0]"]


def test_tiers_are_the_longest_path_unless_given() -> None:
    parsed = plan_parse(
        plan(
            phase("d", depends_on=["a", "c"]),
            phase("a"),
            phase("b", depends_on=["a"]),
            phase("c", depends_on=["b"]),
            phase("given", tier=7, depends_on=["a"]),
            phase("after", depends_on=["given"]),
            phase("same", tier=7.0, depends_on=["given"]),
        )
    )
    tiers = {entry.id: entry.tier for entry in parsed.phases}
    assert tiers == {"d": 3, "a": 0, "b": 1, "c": 2, "given": 7, "after": 8, "same": 7}
    assert parsed.phases[0].id == "d", "the order of the plan stays"


def test_a_tier_below_a_dependency_is_refused() -> None:
    faults = faults_of(plan(phase("a", tier=2), phase("b", tier=1, depends_on=["a"])))
    assert "make it 2 or more" in faults["phases[1].tier"]


def test_task_ids_are_unique_in_the_phase_subtasks_included() -> None:
    tasks = [
        {"id": "1", "text": "x", "subtasks": [{"id": "2", "text": "y"}]},
        {"id": "2", "text": "z"},
    ]
    assert list(faults_of(plan(phase(tasks=tasks)))) == ["phases[0].tasks[0].subtasks[0].id"]
    plan_parse(plan(phase("a", tasks=tasks[:1]), phase("b", tasks=tasks[:1])))


def nested_tasks(depth: int) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    for level in range(depth, 0, -1):
        tasks = [{"id": str(level), "text": "x", "subtasks": tasks}]
    return tasks


def test_tasks_nest_eight_levels_deep() -> None:
    parsed = plan_parse(plan(phase(tasks=nested_tasks(8))))
    assert plan_parse(plan_dump(parsed)) == parsed
    (message,) = faults_of(plan(phase(tasks=nested_tasks(9)))).values()
    assert "deeper than 8" in message


def test_phases_have_a_bounded_number_of_tasks() -> None:
    def tasks(count: int, prefix: str) -> list[dict[str, Any]]:
        return [{"id": f"{prefix}{number}", "text": "x"} for number in range(count)]

    half = [{"id": "top", "text": "x", "subtasks": tasks(1000, "a")}]
    plan_parse(plan(phase(tasks=[*half, *tasks(999, "b")])))
    faults = faults_of(plan(phase(tasks=[*half, *tasks(1000, "b")])))
    assert "2001 tasks" in faults["phases[0].tasks"]


def test_hostile_nesting_is_a_fault() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    circle: dict[str, Any] = plan()
    circle["phases"].append(circle)
    for document in (deep, plan(phase(tasks=nested_tasks(500))), circle):
        assert "nests too deep" in next(iter(faults_of(document).values()))


def test_plans_that_are_too_big_are_refused_at_once() -> None:
    started = time.process_time()
    for document in (plan(goal="x" * 20_000_001), plan(constraints=["x"] * 200_001)):
        assert "too big" in faults_of(document)[""]
    assert time.process_time() - started < 2


def test_long_texts_have_their_own_limits() -> None:
    steps = [{"kind": "apply_patch", "patch": "x" * 1_000_001}]
    plan_parse(plan(phase(builder={"steps": steps})))
    faults = faults_of(plan(phase(description="x" * 1_000_001, depends_on=["b" * 1_000_000])))
    assert "1000000 at most" in faults["phases[0].description"]
    assert all(len(message) < 500 for message in faults.values())
    assert "500 at most" in faults_of(plan(*(phase(f"p{i}") for i in range(501))))["phases"]


def test_a_hundred_faults_are_told_and_the_rest_counted() -> None:
    with pytest.raises(PlanInvalid) as caught:
        plan_parse(plan(*(phase(f"a {number}") for number in range(130))))
    assert len(caught.value.faults) == 101
    assert str(caught.value.faults[-1]) == "and 30 more"
    with pytest.raises(PlanInvalid) as caught:
        plan_parse(plan(phase(tasks=[{}] * 1500)))
    assert str(caught.value.faults[-1]) == "and at least 900 more"


def test_unknown_names_by_the_thousand_take_no_time() -> None:
    phases = [
        phase(f"phase-{i}", depends_on=[f"fase-{i}-{j}" for j in range(300)]) for i in range(500)
    ]
    started = time.process_time()
    faults_of(plan(*phases))
    assert time.process_time() - started < 8


def test_a_phase_is_stored_and_read_by_itself() -> None:
    parsed = plan_parse(json_schema()["examples"][0])
    for entry in parsed.phases:
        assert phase_parse(phase_dump(entry)) == entry
    with pytest.raises(PlanInvalid) as caught:
        phase_parse(phase("a b", scope={"modify": [".git"]}, tier=-1))
    assert {fault.path for fault in caught.value.faults} == {"id", "scope.modify[0]", "tier"}
