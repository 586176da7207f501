"""The built-in patterns: their samples, their speed, their actions, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hardening.checking import pattern_check
from hardening.families import Family
from hardening.matching import Matcher
from hardening.patterns import builtin, list_patterns
from hardening.patterns.python_names import distribution_of, is_known
from hardening.project import ProjectListing
from hardening.types import ActionKind, FailureContext, Output, Risk

MATCHER = Matcher(builtin())
TRACE = 'Traceback (most recent call last):\n  File "/srv/shop/tool.py", line 3, in <module>\n'


def verdict_on(text: str, **known: Any) -> Any:
    context = replace(FailureContext.of_text(text), **known)
    return MATCHER.match(context)


def id_of(text: str) -> str | None:
    best = verdict_on(text).best
    return best.pattern_id if best else None


@pytest.mark.parametrize("spec", builtin(), ids=lambda spec: spec.id)
def test_each_pattern_is_fit_to_be_used_and_keeps_to_its_samples(spec):
    assert spec.must_match
    assert spec.must_not_match
    assert pattern_check(spec) == []


@pytest.mark.parametrize(
    ("spec", "sample"),
    [(spec, sample) for spec in builtin() for sample in spec.must_match],
    ids=lambda value: value.id if hasattr(value, "id") else "",
)
def test_among_all_patterns_a_sample_is_still_named_by_its_family(spec, sample):
    best = verdict_on(sample).best
    assert best is not None
    assert best.family is spec.family


def test_ids_come_by_priority_and_the_original_six_are_there():
    ids = list_patterns()
    priorities = {spec.id: spec.priority for spec in builtin()}
    assert len(ids) == len(set(ids)) >= 30
    assert [priorities[pattern_id] for pattern_id in ids] == sorted(priorities.values())
    assert {
        "python_missing_dep", "node_missing_dep", "wrong_working_dir",
        "missing_test_discovery", "scope_mismatch", "permission_error",
    } <= set(ids)  # fmt: skip


def test_every_family_has_a_pattern():
    assert {spec.family for spec in builtin()} == set(Family)


@pytest.mark.parametrize(
    "text",
    [
        "E       AssertionError: assert 'No module named yaml' in 'shop'\n",
        "FAILED tests/test_cart.py::test_total - assert 3 == 4\n1 failed, 9 passed in 0.4s\n",
        "src/cart.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.\n",
        'shop/cart.py:12: error: Incompatible return value type (got "int")  [return-value]\n',
        "cart.c:9:5: error: expected ';' before 'return'\n",
        "error[E0308]: mismatched types\n --> src/cart.rs:4:5\n",
        "    raise OSError(28, 'No space left on device')\n",
        "  - `EADDRINUSE: address already in use` means that another server runs\n",
        '    log.error("Could not resolve host: %s", host)\n',
        "tests/test_net.py::test_connection_timed_out PASSED [ 40%]\n",
        "2031-01-02 10:00:00 DEBUG Connection reset by peer\n",
        "+    assert 'Permission denied' in output\n",
        "//   Error: Cannot find module 'left-pad'\n",
        ">>> import yaml  # ModuleNotFoundError: No module named 'yaml'\n",
        "import shop.SyntaxError;\n",
        "AssertionError: PermissionError: [Errno 13] Permission denied: '/srv'\n",
        "curl: (6) Could not resolve host: shop ... ok\n",
        "",
    ],
)
def test_genuine_failures_and_mere_mentions_match_nothing(text):
    assert verdict_on(text).best is None


def test_documentation_of_an_error_matches_nothing():
    text = (
        "## Troubleshooting\n\n**Modules.** When you see\n\n```\n"
        "ModuleNotFoundError: No module named 'yaml'\n```\n\n**Answer:** install PyYAML.\n"
    )
    assert verdict_on(text).best is None


def test_source_that_lists_errors_matches_nothing():
    text = (
        "def causes():\n    table = [\n        'cart',\n"
        "        connect ECONNREFUSED 127.0.0.1:5432,\n    ]\n    return table\n\n"
        "def other():\n    return causes()\n"
    )
    assert verdict_on(text).best is None


def test_what_a_later_green_summary_follows_was_not_the_cause():
    noise = "Error: connect ECONNREFUSED 127.0.0.1:9\n"
    assert id_of(noise) == "service_unavailable"
    assert id_of(noise + "===== 12 passed in 0.31s =====\n") is None


def test_noise_of_failing_tests_is_the_tests_matter():
    noise = "java.net.ConnectException: Connection refused\n"
    assert id_of(noise) == "service_unavailable"
    assert id_of(noise + "Tests in error: \n  CartTest.pays:88\n") is None


def test_a_step_that_succeeded_matches_nothing():
    text = "ModuleNotFoundError: No module named 'yaml'\n"
    assert verdict_on(text, exit_code=1).best is not None
    assert verdict_on(text, exit_code=0).best is None


class TestPythonModules:
    @pytest.mark.parametrize(
        ("module", "distribution"),
        [
            ("yaml", "pyyaml"), ("cv2", "opencv-python"), ("PIL", "Pillow"),
            ("sklearn", "scikit-learn"), ("bs4", "beautifulsoup4"), ("attr", "attrs"),
            ("google.cloud.storage", "google-cloud-storage"), ("jwt", "PyJWT"),
            ("google.protobuf", "protobuf"), ("azure.mgmt.compute", "azure-mgmt-compute"),
            ("win32api", "pywin32"), ("flask_cors", "Flask-Cors"), ("requests", "requests"),
            ("airflow.providers.amazon", "apache-airflow-providers-amazon"),
        ],
    )  # fmt: skip
    def test_a_module_leads_to_the_distribution_that_provides_it(self, module, distribution):
        assert distribution_of(module).lower() == distribution.lower()

    def test_a_known_distribution_is_installed_without_asking(self):
        best = verdict_on(TRACE + "ModuleNotFoundError: No module named 'yaml'\n").best
        assert best.specifics["package"].lower() == "pyyaml"
        assert best.actions[0].kind is ActionKind.INSTALL_PACKAGE
        assert best.actions[0].risk is Risk.APPLY

    def test_a_name_that_nobody_vouches_for_is_a_question(self):
        best = verdict_on(
            TRACE + "ModuleNotFoundError: No module named 'cartlib9'\n",
            project=ProjectListing(["shop/tool.py"]),
        ).best
        assert not is_known("cartlib9")
        assert best.pattern_id == "python_missing_dep"
        assert best.actions[0].risk is Risk.ASK

    def test_a_declared_name_is_installed_without_asking(self):
        best = verdict_on(
            TRACE + "ModuleNotFoundError: No module named 'cartlib9'\n",
            project=ProjectListing(["shop/tool.py"]),
            declared={"python": frozenset({"CartLib9"})},
        ).best
        assert best.actions[0].risk is Risk.APPLY

    @pytest.mark.parametrize("path", ["price/__init__.py", "src/price/tea.py", "lib/price.py"])
    def test_a_module_of_the_project_is_never_installed(self, path):
        best = verdict_on(
            TRACE + "ModuleNotFoundError: No module named 'price'\n",
            project=ProjectListing([path]),
            declared={"python": frozenset({"price"})},
        ).best
        assert best.pattern_id == "python_local_import"
        assert all(action.kind is ActionKind.SUGGEST_ONLY for action in best.actions)

    def test_without_a_project_an_unknown_module_is_never_installed(self):
        best = verdict_on("E   ModuleNotFoundError: No module named 'price_of_tea'\n").best
        assert best.pattern_id == "python_local_import"

    def test_a_removed_part_of_the_standard_library_is_no_missing_package(self):
        best = verdict_on(TRACE + "ModuleNotFoundError: No module named 'asyncore'\n").best
        assert best.family is Family.VERSION_CONFLICT
        assert best.specifics["removed_in"] == "3.12"

    def test_several_missing_modules_are_all_named(self):
        text = "".join(
            f"E   ModuleNotFoundError: No module named '{name}'\n" for name in ("numpy", "yaml")
        )
        best = verdict_on(text).best
        assert best.specifics["module"] == "numpy"
        assert best.specifics["modules_also"] == "yaml"

    def test_declared_ones_are_then_installed_from_the_manifest(self):
        text = "".join(
            f"E   ModuleNotFoundError: No module named '{name}'\n" for name in ("numpy", "yaml")
        )
        best = verdict_on(text, declared={"python": frozenset({"numpy", "pyyaml"})}).best
        assert best.actions[0].kind is ActionKind.INSTALL_FROM_MANIFEST


class TestActions:
    def test_a_script_without_its_bit_gets_it(self):
        best = verdict_on("bash: ./tools/build.sh: Permission denied\n").best
        assert best.actions[0].kind is ActionKind.SET_EXECUTABLE_BIT
        assert best.actions[0].parameters == {"path": "tools/build.sh"}

    @pytest.mark.parametrize("path", ["/usr/bin/tool", "../../outside.sh"])
    def test_a_file_outside_of_the_repository_does_not(self, path):
        best = verdict_on(f"bash: {path}: Permission denied\n").best
        assert best.actions[0].kind is ActionKind.SUGGEST_ONLY

    def test_the_one_folder_that_has_the_manifest_is_where_to_run(self):
        best = verdict_on(
            "npm error enoent ENOENT: no such file or directory, open '/srv/package.json'\n",
            project=ProjectListing(["web/package.json", "web/node_modules/a/package.json"]),
        ).best
        assert best.actions[0].kind is ActionKind.RUN_IN_FOLDER
        assert best.actions[0].parameters == {"folder": "web"}

    def test_of_two_such_folders_none_is_chosen(self):
        best = verdict_on(
            "npm error enoent ENOENT: no such file or directory, open '/srv/package.json'\n",
            project=ProjectListing(["web/package.json", "api/package.json"]),
        ).best
        assert best.actions[0].kind is ActionKind.SUGGEST_ONLY

    def test_a_moved_test_is_found_again(self):
        best = verdict_on(
            "ERROR: file or directory not found: tests/test_cart.py\n",
            project=ProjectListing(["tests/unit/test_cart.py"]),
        ).best
        assert best.actions[0].kind is ActionKind.ADJUST_TEST_COMMAND
        assert best.actions[0].parameters == {"path": "tests/unit/test_cart.py"}

    def test_the_taken_port_is_named(self):
        best = verdict_on("Error: listen EADDRINUSE: address already in use 0.0.0.0:8123\n").best
        assert best.actions[0].kind is ActionKind.PICK_FREE_PORT
        assert best.actions[0].parameters == {"port": "8123"}

    def test_a_git_lock_is_named_within_its_git_folder(self):
        best = verdict_on("fatal: Unable to create '/srv/a/.git/index.lock': File exists.\n").best
        assert best.actions[0].kind is ActionKind.REMOVE_GIT_LOCK
        assert best.actions[0].parameters == {"path": ".git/index.lock"}

    def test_changes_out_of_scope_are_taken_back(self):
        best = verdict_on(
            "ERROR: Patch attempts to modify protected path: a.py\n", out_of_scope=("a.py", "b.py")
        ).best
        assert best.actions[0].kind is ActionKind.REVERT_OUT_OF_SCOPE
        assert best.actions[0].parameters == {"paths": "a.py\nb.py"}

    def test_a_full_disk_is_pruned(self):
        best = verdict_on("tar: cart: Cannot write: No space left on device\n").best
        assert best.actions[0].kind is ActionKind.PRUNE_CACHES

    def test_a_tool_of_the_project_comes_with_its_manifest(self):
        best = verdict_on("sh: 1: vitest: not found\n").best
        assert best.actions[0].kind is ActionKind.INSTALL_FROM_MANIFEST
        assert best.actions[0].parameters == {"ecosystem": "node"}

    @pytest.mark.parametrize(
        "text", ["SyntaxError: invalid syntax\n", "CONFLICT (content): Merge\n"]
    )
    def test_where_nothing_is_safe_it_is_only_said(self, text):
        best = verdict_on(text).best
        assert [action.kind for action in best.actions] == [ActionKind.SUGGEST_ONLY]
        assert not best.is_applicable


def test_the_evidence_points_at_the_words(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntwo\n  E   ModuleNotFoundError: No module named 'yaml'\nfour\n")
    best: Any = MATCHER.match(FailureContext(output=Output(path=log))).best
    seen = best.evidence[0]
    assert seen.line == 3
    assert seen.text[seen.start : seen.end] == "ModuleNotFoundError: No module named 'yaml'"
