"""Which projects are found in a tree, in which order, and what validation falls back to."""

import random
import time

import pytest

from runs.toolchains.detection import DETECTIONS_MAX, test_commands, toolchains_detect, trusted
from tests.runs.toolchains.trees import DictTree, detect, only

PACKAGE = '{"scripts": {"test": "node --test"}}'
PYPROJECT = '[project]\nname = "a"\nversion = "1"\n'


def argvs(files: dict[str, str]) -> list[tuple[str, ...]]:
    return [command.argv for command in test_commands(detect(files))]


def test_an_empty_tree_has_no_project() -> None:
    assert detect({}) == ()
    assert test_commands(()) == ()


def test_a_tree_of_texts_has_no_project() -> None:
    assert detect({"README.md": "# hello", "docs/index.md": ""}) == ()


def test_the_order_of_the_listing_does_not_matter() -> None:
    files = {"go.mod": "module a\n", "web/package.json": PACKAGE, "a/setup.py": "", "b.py": ""}
    expected = detect(files)
    for seed in range(5):
        names = list(files)
        random.Random(seed).shuffle(names)  # noqa: S311 -- the same orders in every run
        assert toolchains_detect(DictTree({name: files[name] for name in names})) == expected


def test_a_monorepo_gives_one_detection_a_root() -> None:
    found = detect(
        {
            "api/pyproject.toml": PYPROJECT,
            "api/test_a.py": "def test_a(): pass",
            "web/package.json": PACKAGE,
            "tools/go.mod": "module tools\n",
        }
    )
    assert {(d.toolchain, d.root) for d in found} == {
        ("python", "api"),
        ("node", "web"),
        ("go", "tools"),
    }
    assert {c.cwd for c in test_commands(found)} == {"api", "web", "tools"}


def test_the_root_project_speaks_for_its_sub_projects() -> None:
    files = {"go.mod": "module a\n", "web/package.json": PACKAGE}
    assert [d.root for d in detect(files)] == [".", "web"]
    assert argvs(files) == [("go", "test", "./...")]


def test_a_root_without_tests_leaves_them_to_its_sub_projects() -> None:
    files = {"package.json": '{"devDependencies": {"prettier": "3"}}', "api/go.mod": "module a\n"}
    assert argvs(files) == [("go", "test", "./...")]


@pytest.mark.parametrize("folder", ["node_modules/x", "vendor/x", "third_party/x", ".venv/x"])
def test_other_peoples_code_is_no_project(folder: str) -> None:
    assert detect({f"{folder}/package.json": PACKAGE, f"{folder}/go.mod": "module x\n"}) == ()


@pytest.mark.parametrize("folder", ["examples/x", "tests/fixtures/x", "testdata"])
def test_examples_and_fixtures_are_not_trusted(folder: str) -> None:
    found = detect({"go.mod": "module a\n", f"{folder}/package.json": PACKAGE})
    lowered = next(d for d in found if d.toolchain == "node")
    assert lowered.confidence < 0.5
    assert any("rarely" in reason for reason in lowered.reasons)
    assert [d.toolchain for d in trusted(found)] == ["go"]


def test_a_makefile_is_the_last_resort() -> None:
    makefile = ".PHONY: test\nX := test\ntest check: build\n\tgo vet\nbuild:\n\ttrue\n"
    assert argvs({"Makefile": makefile}) == [("make", "test")]
    assert argvs({"Makefile": makefile, "go.mod": "module a\n"}) == [("go", "test", "./...")]
    assert argvs({"Makefile": "check::\n\ttrue\n"}) == [("make", "check")]


def test_a_makefile_without_known_targets_is_no_project() -> None:
    assert detect({"Makefile": "deploy:\n\ttest\ntest = 1\ncheck := 2\n"}) == ()


def test_detections_are_bounded() -> None:
    files = {f"svc{i}/go.mod": "module x\n" for i in range(DETECTIONS_MAX + 30)}
    assert len(detect(files)) == DETECTIONS_MAX


def test_scripts_at_the_root_do_not_speak_for_the_projects_below() -> None:
    found = detect({"x.py": "", "api/setup.py": "setup()", "api/test_a.py": "def test_a(): pass"})
    assert [d.root for d in trusted(found)] == ["api"]


def test_a_large_tree_is_looked_at_in_a_moment() -> None:
    files = {f"d{i % 200}/s{i % 17}/f{i}.py": "" for i in range(20_000)} | {"setup.py": "setup()"}
    tree = DictTree(files)
    started = time.perf_counter()
    toolchains_detect(tree)
    assert time.perf_counter() - started < 2.0


NESTED = "[" * 100_000

MALFORMED = {
    "pyproject.toml": ["[project", "x = " + NESTED, "\x00"],
    "package.json": ["{", NESTED, "[]", "null", '{"scripts": [], "workspaces": 3}'],
    "Cargo.toml": ["[package", "x = 1"],
    "go.mod": ["", "modulo a"],
    "go.work": ["use (", "use ../../x"],
    "pom.xml": ["", "<projec"],
    "setup.py": ["setup(", "(" * 5000, "\x00"],
    "setup.cfg": ["x", "[options\n"],
    "tox.ini": ["[", "deps = x"],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, text) for name, texts in MALFORMED.items() for text in texts]
)
def test_a_malformed_manifest_lowers_the_confidence_and_says_why(name: str, content: str) -> None:
    found = detect({name: content, "a.py": "", "main.go": ""})
    assert found
    assert all(d.confidence < 0.6 for d in found)
    assert all(len(reason) < 400 for d in found for reason in d.reasons)


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_an_unreadable_manifest_never_raises(name: str) -> None:
    files = {name: "", "a.py": ""}
    toolchains_detect(DictTree(files, unreadable=frozenset(files)))


def test_junit_is_asked_of_runners_that_can_write_it() -> None:
    command = only({"test_a.py": "def test_a(): pass"}).test[0]
    assert command.argv_with_junit("/x/r.xml")[-1] == "--junitxml=/x/r.xml"
    assert only({"go.mod": "module a\n"}).test[0].argv_with_junit("/x") == ("go", "test", "./...")
