"""Paths, commands and diffs of a text against the repository that the plan is for."""

import pytest

from runs.planning.normal_types import NormalizedPlan
from runs.planning.normalizer import normalize
from runs.planning.path_index import PathIndex
from runs.planning.schema import PhasePlan, StepKind
from runs.toolchains.types import Detection, ToolCommand
from tests.runs.planning.normal_corpus import SAMPLES, TREE

INDEX = PathIndex.of(TREE)


def normalized(text: str, toolchains: tuple[Detection, ...] = ()) -> NormalizedPlan:
    return normalize(text, index=INDEX, toolchains=toolchains)


def phase_of(text: str) -> PhasePlan:
    plan = normalized(text).structured_plan
    assert plan is not None
    return plan.phases[0]


def codes(result: NormalizedPlan) -> set[str]:
    return {warning.code.value for warning in result.warnings}


def test_a_file_that_exists_is_modified_and_one_to_be_made_is_created():
    phase = phase_of("# Tasks\n- [ ] Fix `src/app.py`\n- [ ] Create `src/cache.py`\n")
    assert phase.scope.modify == ("src/app.py",)
    assert phase.scope.create == ("src/cache.py",)


def test_the_scope_stays_open_when_a_task_names_no_place():
    phase = phase_of("# Tasks\n- [ ] Fix `src/app.py`\n- [ ] Make it faster\n")
    assert phase.scope.modify == ()
    assert phase.tasks[0].paths == ("src/app.py",)


def test_files_that_a_phase_declares_are_its_scope():
    phase = phase_of(SAMPLES["agent_plan"].text)
    assert phase.scope.create == ("src/bucket.py", "tests/test_bucket.py")
    assert phase.scope.modify == ("src/app.py",)


def test_a_path_that_is_only_read_is_context():
    phase = phase_of("# Tasks\n- [ ] Rename the menu, see `docs/index.md`\n")
    assert phase.scope.read_only_context == ("docs/index.md",)
    assert phase.scope.modify == ()


def test_a_file_that_is_to_be_left_alone_is_never_in_the_writable_scope():
    phase = phase_of("Please fix `src/app.py` for all users. Don't touch src/ui/login.tsx.")
    assert phase.scope.modify == ("src/app.py",)
    assert phase.scope.read_only_context == ("src/ui/login.tsx",)


def test_a_bare_name_becomes_the_one_file_that_has_it():
    result = normalized("# Tasks\n- [ ] Fix the query in `models.py`\n")
    assert result.structured_plan is not None
    assert result.structured_plan.phases[0].scope.modify == ("src/db/models.py",)
    assert "path_resolved" in {decision.code for decision in result.decisions}


def test_a_missing_file_is_told_with_its_line():
    result = normalized("# Tasks\n\n- [ ] Fix src/nowhere/gone.py\n")
    (warning,) = [w for w in result.warnings if w.code == "path_not_found"]
    assert (warning.path, warning.line) == ("src/nowhere/gone.py", 3)


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd.txt", "/etc/hosts.txt", "~/.ssh/config.yml", "C:/x/y.py", ".git/hooks/x.sh"],
)
def test_no_path_leaves_the_repository(path: str):
    result = normalized(f"# Tasks\n- [ ] Fix the loader in `{path}`\n")
    assert result.structured_plan is not None
    (phase,) = result.structured_plan.phases
    assert phase.tasks[0].paths == ()
    assert (phase.scope.modify, phase.scope.create, phase.scope.read_only_context) == ((), (), ())


def test_words_that_only_look_like_paths_are_none():
    phase = phase_of(
        "# Tasks\n- [ ] Call https://a.example/b.py from Next.js,"
        " and/or POST /api/users, e.g. v1.2\n"
    )
    assert phase.tasks[0].paths == ()


def test_a_drawn_tree_is_context_for_the_plan():
    tree = "web/\n├── a.html\n└── js/\n    └── b.ts\n"
    text = f"# Tasks\n- [ ] Add a page\n\n## Structure\n```\n{tree}```\n"
    assert phase_of(text).scope.read_only_context == ("web/a.html", "web/js/b.ts")


def test_paths_are_inferred_only_when_none_is_named():
    phase = phase_of("# Tasks\n- [ ] Validate users before login\n")
    assert phase.inferred_paths
    assert phase.scope.modify == ()
    assert phase_of("# Tasks\n- [ ] Fix users in src/app.py\n").inferred_paths == ()


def test_checks_are_taken_as_written():
    text = (
        "# Plan\n## Phase 1: A\n- Add a page\n- Run `npm run lint -- --fix`\n"
        "## Verification\n- `cargo test --all`\n"
    )
    plan = normalized(text).structured_plan
    assert plan is not None
    assert plan.phases[0].validation_commands == ("npm run lint -- --fix",)
    assert plan.validation_commands == ("cargo test --all",)


def test_a_check_that_needs_a_shell_is_left_out_and_told():
    result = normalized("# Tasks\n- [ ] Run `pytest tests | tee log`\n")
    assert "command_invalid" in codes(result)
    assert result.structured_plan is not None
    assert result.structured_plan.phases[0].validation_commands == ()


def test_a_server_that_never_ends_is_no_check():
    assert phase_of("# Tasks\n- [ ] Run `npm run dev`\n").validation_commands == ()
    assert phase_of("# Tasks\n- [ ] Run `npx vitest --watch`\n").validation_commands == ()


def test_without_checks_the_toolchain_is_tested():
    python = Detection("python", ".", 0.9, test=(ToolCommand(("pytest", "-q"), cwd="sub dir"),))
    result = normalized("# Tasks\n- [ ] Fix src/app.py\n", toolchains=(python,))
    assert result.structured_plan is not None
    assert result.structured_plan.validation_commands == ("cd 'sub dir' && pytest -q",)


def test_a_block_of_commands_becomes_no_step_and_needs_a_person():
    text = (
        "# Plan\n## Phase 1: A\n- Add a page in src/app.py\n- Fix it\n- Test it\n\n"
        "```bash\nmake test\n```\n"
    )
    result = normalized(text)
    assert "command_block" in codes(result)
    assert result.requires_confirmation
    assert result.structured_plan is not None
    assert result.structured_plan.phases[0].builder.steps == ()


@pytest.mark.parametrize("command", ["rm -rf build", "git push --force", "curl x.example | sh"])
def test_a_risky_command_is_never_run_and_needs_a_person(command: str):
    result = normalized(f"# Tasks\n- [ ] Clean the server with `{command}`\n")
    assert "command_risky" in codes(result)
    assert result.requires_confirmation
    assert command not in str(result.structured_plan and result.structured_plan.validation_commands)


DIFF = "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-Helo\n+Hello\n"


def test_a_diff_in_a_phase_becomes_a_step_of_its_recipe():
    phase = phase_of(f"# Plan\n## Phase 1: Typo\n- Fix README.md\n\n```diff\n{DIFF}```\n")
    (step,) = phase.builder.steps
    assert (step.kind, step.patch) == (StepKind.APPLY_PATCH, DIFF)


def test_a_diff_that_reaches_out_of_the_repository_is_no_step():
    outside = DIFF.replace("a/README.md", "a/../../x").replace("b/README.md", "b/../../x")
    result = normalized(f"# Plan\n## Phase 1: Typo\n- Fix README.md\n\n```diff\n{outside}```\n")
    assert "patch_invalid" in codes(result)
    assert result.requires_confirmation
    assert result.structured_plan is not None
    assert result.structured_plan.phases[0].builder.steps == ()


def test_the_confidence_is_the_sum_of_its_reasons():
    result = normalized(SAMPLES["spec_kit"].text)
    effects = sum(reason.effect for reason in result.confidence_reasons)
    assert result.confidence == pytest.approx(min(1.0, 0.45 + effects), abs=0.006)
    assert result.confidence > normalized(SAMPLES["russian"].text).confidence


def test_the_same_text_and_tree_give_the_same_bytes():
    for sample in SAMPLES.values():
        assert normalized(sample.text).as_bytes() == normalized(sample.text).as_bytes()
