"""Runs a check, reads what it said, and tells its failures from those that the base has as well."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from runs.execution.checks.failing_section import failing_section, normalised_section
from runs.execution.checks.failing_tests import failing_test_names
from runs.execution.checks.junit import MAX_FILES, TestResults, junit_parse
from runs.execution.checks.validation_types import BaselineResult, Check
from runs.execution.process import CommandResult, Ending

Execute = Callable[[Check, str], CommandResult]

# What a shell answers for a program that it cannot run or find.
_SHELL_CANNOT_RUN: Final = (126, 127)

_Stamps = dict[Path, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One execution of a check and what its results say."""

    result: CommandResult
    tests: TestResults | None = None
    named_failures: tuple[str, ...] = ()
    section: str = ""

    @property
    def failing_tests(self) -> tuple[str, ...]:
        """By JUnit when it names any; a runner that stops early may leave an empty file."""
        if self.tests is not None and self.tests.failed:
            return tuple(sorted(self.tests.failed))
        return self.named_failures

    @property
    def is_cut(self) -> bool:
        return self.result.omitted_bytes > 0


class Comparison(NamedTuple):
    known: tuple[str, ...]
    new: tuple[str, ...]
    explanation: str
    is_environment_problem: bool = False


def check_run(check: Check, execute: Execute, label: str, *, wants_tests: bool = False) -> CheckRun:
    """Execute a check once. JUnit is read when it failed, or when `wants_tests`."""
    stamps = _stamps(check)
    result = execute(check, label)
    if result.ok and not wants_tests:
        return CheckRun(result)
    tests = _junit(check, stamps)
    if result.ok:
        return CheckRun(result, tests)
    names = failing_test_names(result.output)
    return CheckRun(result, tests, names, failing_section(result.output))


def baseline_result(check: Check, execute: Execute) -> BaselineResult:
    """The result of a check whose `cwd` is a tree of the base commit."""
    run = check_run(check, execute, "baseline", wants_tests=True)
    result = run.result
    return BaselineResult(
        ok=result.ok,
        ending=result.ending,
        exit_code=result.exit_code,
        explanation=result.explanation,
        tests=run.tests,
        failing_tests=run.named_failures,
        section=normalised_section(run.section),
        is_cut=run.is_cut,
    )


def compare(check: Check, run: CheckRun, base: BaselineResult) -> Comparison:
    """Which failures of a run are new. Whatever cannot be told apart for sure counts as new."""
    if base.ok:
        return Comparison((), _names(check, run), "the base passes this check")
    if base.ending is not Ending.EXITED or base.exit_code in _SHELL_CANNOT_RUN:
        text = f"it does not work at the base commit either: {base.explanation or base.ending}"
        return Comparison((), (), text, is_environment_problem=True)
    now, before = _comparable(run, base)
    if not now or not before:
        return _compare_sections(check, run, base)
    known = tuple(test for test in now if test in before)
    new = tuple(test for test in now if test not in before)
    if new:
        return Comparison(known, new, f"{len(new)} of {len(now)} failing tests pass at the base")
    if run.result.exit_code != base.exit_code or not _is_complete(run, base):
        text = "the same tests fail at the base, but the command ended in another way"
        return Comparison(known, (check.name,), text)
    return Comparison(known, (), f"{len(known)} failing tests fail at the base as well")


def _comparable(run: CheckRun, base: BaselineResult) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names from the same source for both: JUnit when both have it, else the output."""
    if run.tests is not None and base.tests is not None and run.tests.failed:
        return run.failing_tests, base.tests.failed
    return run.named_failures, frozenset(base.failing_tests)


def _is_complete(run: CheckRun, base: BaselineResult) -> bool:
    """Whether the names are all there are: of a cut output some may be missing."""
    has_junit = run.tests is not None and bool(run.tests.failed) and base.tests is not None
    return has_junit or not run.is_cut or normalised_section(run.section) == base.section


def _compare_sections(check: Check, run: CheckRun, base: BaselineResult) -> Comparison:
    section = normalised_section(run.section)
    if section and section == base.section and run.result.exit_code == base.exit_code:
        return Comparison((check.name,), (), "it fails in the same way at the base")
    return Comparison((), _names(check, run), "it fails in another way than at the base")


def _names(check: Check, run: CheckRun) -> tuple[str, ...]:
    """What to call the failures: the check itself when no test is named."""
    return run.failing_tests or (check.name,)


def _junit_files(check: Check) -> list[Path]:
    files = [check.junit_path] if check.junit_path is not None else []
    for pattern in check.junit_globs:
        for path in Path(check.cwd).glob(pattern):
            files.append(path)
            if len(files) > MAX_FILES:
                return files
    return files


def _stamps(check: Check) -> _Stamps:
    stamps: _Stamps = {}
    for path in _junit_files(check):
        try:
            found = path.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            continue  # a link leads elsewhere, and opening a pipe would hang
        stamps[path] = (found.st_mtime_ns, found.st_size)
    return stamps


def _junit(check: Check, before: _Stamps) -> TestResults | None:
    """The results in the files that the check has just written."""
    after = _stamps(check)
    written = sorted(path for path, stamp in after.items() if before.get(path) != stamp)
    return junit_parse(written).results if written else None
