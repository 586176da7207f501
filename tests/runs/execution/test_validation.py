"""Judging an attempt by its checks, with results made by hand and by real test runs."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from runs.execution.process import CommandResult, Ending
from runs.execution.validation import (
    HINT_CHARS,
    BaselineResult,
    Check,
    CheckStatus,
    ValidationReport,
    baseline_result,
    validate,
)


def ended(
    exit_code: int | None = 0,
    output: str = "",
    ending: Ending = Ending.EXITED,
    explanation: str = "",
    omitted: int = 0,
) -> CommandResult:
    return CommandResult(
        argv=("check",),
        ending=ending,
        exit_code=exit_code,
        signal=None,
        seconds=1.0,
        head=output,
        tail="",
        output_bytes=len(output) + omitted,
        survivors_killed=0,
        log_path=None,
        explanation=explanation or f"check: exited with {exit_code}",
        omitted_bytes=omitted,
    )


class Script:
    """Gives each check the results of its list, one after the other, and remembers who asked."""

    def __init__(self, **results: list[CommandResult]) -> None:
        self.results = results
        self.asked: list[tuple[str, str]] = []

    def execute(self, check: Check, label: str) -> CommandResult:
        self.asked.append((check.name, label))
        return self.results[check.name].pop(0)

    def baseline(self, check: Check) -> BaselineResult:
        return baseline_result(check, self.execute)


def checks(*names: str) -> list[Check]:
    return [Check(name, (name,), ".") for name in names]


def judge(
    script: Script,
    *names: str,
    deliverables: Iterable[str] = (),
    present: Iterable[str] = (),
    cached: dict[str, BaselineResult] | None = None,
) -> ValidationReport:
    return validate(
        checks(*names),
        execute=script.execute,
        baseline=script.baseline,
        deliverables=tuple(deliverables),
        exists=set(present).__contains__,
        changes=(),
        cached_baseline=None if cached is None else lambda check: cached.get(check.name),
    )


def failures(*names: str) -> str:
    lines = "".join(f"FAILED tests/test_x.py::{name} - assert 0\n" for name in names)
    return f"==== short test summary info ====\n{lines}==== {len(names)} failed in 0.1s ====\n"


def test_all_green_runs_each_check_once_and_never_the_base():
    script = Script(lint=[ended()], tests=[ended()])
    report = judge(script, "lint", "tests")
    assert report.ok
    assert report.explanation == "2 of 2 checks passed"
    assert script.asked == [("lint", "check"), ("tests", "check")]
    assert report.seconds == 2.0
    assert report.hint == ""


def test_no_checks_at_all_is_ok_but_said():
    report = judge(Script())
    assert report.ok
    assert report.has_no_checks
    assert "no checks were found" in report.explanation


def test_the_first_real_failure_ends_the_validation():
    bad = failures("test_a")
    script = Script(lint=[ended(1, bad), ended(1, bad), ended(0)], tests=[])
    report = judge(script, "lint", "tests")
    assert not report.ok
    assert [result.status for result in report.checks] == ["failed", "not_run"]
    assert report.checks[1].explanation == "not run, because `lint` failed"
    assert report.new_failures == ("tests/test_x.py::test_a",)
    assert script.asked == [("lint", "check"), ("lint", "retry"), ("lint", "baseline")]
    assert report.checks[0].seconds == 2.0
    assert "tests/test_x.py::test_a" in report.explanation


def test_a_check_that_passes_the_second_time_is_flaky_and_said():
    script = Script(tests=[ended(1, failures("test_a")), ended(0)])
    report = judge(script, "tests")
    assert report.ok
    assert report.checks[0].status is CheckStatus.FLAKY
    assert report.flaky == ("tests/test_x.py::test_a",)
    assert "flaky" in report.explanation


def test_a_test_that_failed_only_once_is_flaky_even_when_another_one_is_not():
    script = Script(
        tests=[ended(1, failures("test_a", "test_b")), ended(1, failures("test_b")), ended(0)]
    )
    report = judge(script, "tests")
    assert report.flaky == ("tests/test_x.py::test_a",)
    assert report.new_failures == ("tests/test_x.py::test_b",)


@pytest.mark.parametrize("ending", [Ending.TIMED_OUT, Ending.INACTIVE])
def test_a_hang_is_not_run_again(ending: Ending):
    script = Script(tests=[ended(None, "waiting", ending, "killed after 5 s, its time limit")])
    report = judge(script, "tests")
    assert not report.ok
    assert report.checks[0].status is CheckStatus.ERRORED
    assert "killed after 5 s" in report.explanation
    assert not report.is_environment_problem
    assert script.asked == [("tests", "check")]


def test_a_missing_program_says_what_to_do_and_is_not_run_again():
    result = ended(None, "", Ending.NOT_STARTED, "ruff: not started: no such program. Install it.")
    script = Script(lint=[result])
    report = judge(script, "lint")
    assert report.checks[0].status is CheckStatus.ERRORED
    assert report.is_environment_problem
    assert "Install it. Or declare it in the project's dependencies" in report.explanation
    assert script.asked == [("lint", "check")]


def test_a_cancelled_check_is_not_run_and_ends_the_validation():
    script = Script(lint=[ended(None, "", Ending.CANCELLED)], tests=[])
    report = judge(script, "lint", "tests")
    assert not report.ok
    assert [result.status for result in report.checks] == ["not_run", "not_run"]
    assert "cancelled" in report.explanation


def test_failures_that_the_base_has_too_blame_nobody():
    old = failures("test_old")
    script = Script(tests=[ended(1, old), ended(1, old), ended(1, old)], lint=[ended()])
    report = judge(script, "tests", "lint")
    assert report.ok
    assert [result.status for result in report.checks] == ["baseline", "passed"]
    assert report.known_failures == ("tests/test_x.py::test_old",)
    assert report.new_failures == ()
    assert "fails only as the base does" in report.explanation


def test_a_new_failure_beside_a_known_one_is_blamed_alone():
    now, old = failures("test_old", "test_new"), failures("test_old")
    report = judge(Script(tests=[ended(1, now), ended(1, now), ended(1, old)]), "tests")
    assert not report.ok
    assert report.new_failures == ("tests/test_x.py::test_new",)
    assert report.known_failures == ("tests/test_x.py::test_old",)
    assert "Not yours, they fail at the base: tests/test_x.py::test_old" in report.hint


def test_the_same_failures_with_another_exit_code_are_new():
    old = failures("test_old")
    report = judge(Script(tests=[ended(3, old), ended(3, old), ended(1, old)]), "tests")
    assert not report.ok


def test_without_names_the_same_section_and_exit_code_are_a_known_failure():
    now = "build/x.c:12:3: error: no such thing at 0x7f001234\ntook 1.3s\n"
    base = "/other/tree/x.c:99:1: error: no such thing at 0x7fabcdef\ntook 20.1s\n"
    report = judge(Script(build=[ended(2, now), ended(2, now), ended(2, base)]), "build")
    assert report.ok
    assert report.known_failures == ("build",)
    for code, text in ((1, base), (2, base.replace("no such thing", "another thing"))):
        report = judge(Script(build=[ended(2, now), ended(2, now), ended(code, text)]), "build")
        assert not report.ok
        assert report.new_failures == ("build",)


def test_a_silent_failure_is_never_taken_for_a_known_one():
    assert not judge(Script(x=[ended(1), ended(1), ended(1)]), "x").ok


def test_names_of_a_cut_output_do_not_excuse_what_was_left_out():
    old = failures("test_old")
    other = failures("test_old").replace("assert 0", "assert 1")
    cut = [ended(1, old, omitted=9), ended(1, old, omitted=9)]
    assert judge(Script(tests=[*cut, ended(1, old, omitted=12345)]), "tests").ok
    cut = [ended(1, old, omitted=9), ended(1, old, omitted=9)]
    assert not judge(Script(tests=[*cut, ended(1, other, omitted=12345)]), "tests").ok


@pytest.mark.parametrize(
    "base",
    [
        ended(None, "", Ending.NOT_STARTED, "make: not started: no such program."),
        ended(127, "sh: make: not found"),
        ended(None, "", Ending.TIMED_OUT, "make: killed after 5 s"),
    ],
)
def test_a_check_that_does_not_work_at_the_base_is_the_environment_s_fault(base: CommandResult):
    report = judge(Script(build=[ended(1, "no"), ended(1, "no"), base]), "build")
    assert not report.ok
    assert report.is_environment_problem
    assert report.checks[0].status is CheckStatus.ERRORED
    assert "the environment is at fault" in report.explanation


def test_a_known_failure_that_is_cached_costs_no_second_run():
    old = failures("test_old")
    cached = {"tests": baseline_result(checks("tests")[0], lambda *_: ended(1, old))}
    script = Script(tests=[ended(1, old)])
    assert judge(script, "tests", cached=cached).ok
    assert script.asked == [("tests", "check")]
    script = Script(tests=[ended(1, failures("test_old", "test_new")), ended(1, old)])
    report = judge(script, "tests", cached=cached)
    assert report.ok
    assert report.flaky == ("tests/test_x.py::test_new",)
    assert script.asked == [("tests", "check"), ("tests", "retry")]


def test_a_missing_deliverable_is_not_ok():
    report = judge(
        Script(tests=[ended()]),
        "tests",
        deliverables=["docs/guide.md", "src/x.py", "A page that explains it"],
        present=["src/x.py"],
    )
    assert not report.ok
    assert report.missing_deliverables == ("docs/guide.md",)
    assert "promised and not there: docs/guide.md" in report.explanation
    assert report.hint == "These deliverables are missing: docs/guide.md."


def test_the_hint_is_bounded_and_holds_the_failure():
    output = "noise\n" * 9000 + "Traceback (most recent call last):\n" + "  x\n" * 5000
    output += "ValueError: the reason\n"
    report = judge(Script(tests=[ended(1, output), ended(1, output), ended(0)]), "tests")
    assert len(report.hint) <= HINT_CHARS
    assert report.hint.startswith("The check `tests` failed: check: exited with 1; new: tests")
    assert report.hint.endswith("ValueError: the reason")
    assert len(report.checks[0].output) < 66_000


# --- with real test runs -------------------------------------------------------------------------


class Tree:
    """A folder with tests that real commands run in, as the attempt's tree and as the base's."""

    def __init__(self, folder: Path, **files: str) -> None:
        folder.mkdir()
        self.folder = folder
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)

    def execute(self, check: Check, label: str) -> CommandResult:
        done = subprocess.run(
            check.argv,
            cwd=check.cwd,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        return ended(done.returncode, done.stdout.decode())

    def pytest(self, *, junit: bool) -> Check:
        argv = (sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider")
        if not junit:
            return Check("tests", argv, str(self.folder))
        path = self.folder / "out.xml"
        return Check("tests", (*argv, f"--junit-xml={path}"), str(self.folder), junit_path=path)

    def unittest(self) -> Check:
        return Check("tests", (sys.executable, "-B", "-m", "unittest"), str(self.folder))


OLD = "def test_old():\n    assert 0\ndef test_good():\n    pass\n"
SKIPPED = "import pytest\n" + OLD.replace("def test_good", "@pytest.mark.skip\ndef test_good")
NEW = OLD + "def test_new():\n    assert 0\n"


def judge_trees(now: Tree, base: Tree, *, junit: bool) -> ValidationReport:
    return validate(
        [now.pytest(junit=junit)],
        execute=now.execute,
        baseline=lambda _: baseline_result(base.pytest(junit=junit), base.execute),
        deliverables=(),
        exists=lambda _: True,
        changes=(),
    )


@pytest.mark.parametrize(("junit", "name"), [(True, "test_x::{}"), (False, "test_x.py::{}")])
def test_real_pytest_is_compared_with_its_base(tmp_path: Path, junit: bool, name: str):  # noqa: FBT001 - a case of the table
    base = Tree(tmp_path / "base", test_x=OLD)
    report = judge_trees(Tree(tmp_path / "now", test_x=NEW), base, junit=junit)
    assert report.new_failures == (name.format("test_new"),)
    assert report.known_failures == (name.format("test_old"),)
    assert "def test_new" in report.hint


def test_real_junit_shows_a_test_that_is_skipped_now(tmp_path: Path):
    base = Tree(tmp_path / "base", test_x=OLD)
    report = judge_trees(Tree(tmp_path / "now", test_x=SKIPPED), base, junit=True)
    assert report.ok
    assert report.known_failures == ("test_x::test_old",)
    assert [(f.kind, f.detail) for f in report.weakened_tests] == [
        ("test_now_skipped", "test_x::test_good")
    ]


def test_real_unittest_is_compared_by_its_output(tmp_path: Path):
    text = (
        "import unittest\nclass A(unittest.TestCase):\n"
        "    def test_old(self):\n        self.fail('old')\n"
    )
    base = Tree(tmp_path / "base", test_x=text)
    now = Tree(tmp_path / "now", test_x=text + "    def test_new(self):\n        1 / 0\n")
    same = Tree(tmp_path / "same", test_x=text)
    for tree, is_ok in ((now, False), (same, True)):
        report = validate(
            [tree.unittest()],
            execute=tree.execute,
            baseline=lambda _: baseline_result(base.unittest(), base.execute),
            deliverables=(),
            exists=lambda _: True,
            changes=(),
        )
        assert report.ok is is_ok
        assert report.known_failures == ("test_old (test_x.A.test_old)",)
    assert "ZeroDivisionError" not in report.hint


def test_a_junit_file_of_an_earlier_run_is_not_believed(tmp_path: Path):
    (tmp_path / "old.xml").write_text(
        '<testsuite><testcase classname="m" name="stale"><failure/></testcase></testsuite>'
    )
    check = Check("tests", ("x",), str(tmp_path), junit_globs=("*.xml",))
    script = Script(tests=[ended(1, failures("test_a")), ended(1, failures("test_a")), ended(0)])
    report = validate(
        [check],
        execute=script.execute,
        baseline=script.baseline,
        deliverables=(),
        exists=lambda _: True,
        changes=(),
    )
    assert report.new_failures == ("tests/test_x.py::test_a",)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links of POSIX")
def test_a_pipe_or_a_link_in_place_of_a_junit_file_is_left_alone(tmp_path: Path):
    def execute(check: Check, label: str) -> CommandResult:
        for name in ("pipe.xml", "link.xml"):
            (tmp_path / name).unlink(missing_ok=True)
        os.mkfifo(tmp_path / "pipe.xml")
        (tmp_path / "link.xml").symlink_to("/dev/zero")
        return ended(0 if label == "baseline" else 1, failures("test_a"))

    check = Check("tests", ("x",), str(tmp_path), junit_globs=("*.xml",))
    report = validate(
        [check],
        execute=execute,
        baseline=lambda base: baseline_result(base, execute),
        deliverables=(),
        exists=lambda _: True,
        changes=(),
    )
    assert report.new_failures == ("tests/test_x.py::test_a",)
