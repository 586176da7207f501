"""Values that go into a validation and come out of it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from runs.execution.checks.junit import TestResults
from runs.execution.checks.weakened_tests import WeakenedTest
from runs.execution.process import Ending


class CheckStatus(StrEnum):
    """`failed`: the work said no. `errored`: the check itself did not work (hang, no program)."""

    PASSED = "passed"
    FLAKY = "flaky"
    BASELINE = "baseline"
    FAILED = "failed"
    ERRORED = "errored"
    NOT_RUN = "not_run"


GREEN = frozenset({CheckStatus.PASSED, CheckStatus.FLAKY, CheckStatus.BASELINE})


@dataclass(frozen=True, slots=True)
class Check:
    """One command whose exit code 0 means that the work is good.

    `junit_path` and `junit_globs` (relative to `cwd`) are where it leaves JUnit XML, if it does;
    files that were there before it ran and did not change are not looked at.
    """

    name: str
    argv: tuple[str, ...]
    cwd: str
    env: tuple[tuple[str, str], ...] = ()
    junit_path: Path | None = None
    junit_globs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """How a check ends at the base commit, without the work. Plain: it can be cached.

    `tests` is from JUnit, `failing_tests` from the output; `section` is the failing section
    without what differs between two runs; `is_cut`: the output was longer than what was kept.
    """

    ok: bool
    ending: Ending
    exit_code: int | None
    explanation: str = ""
    tests: TestResults | None = None
    failing_tests: tuple[str, ...] = ()
    section: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`output` is bounded (the whole of it is at `log_path`); `seconds` include a second run.

    `failing_tests` are those of the last run; of them `known_failures` fail at the base as well.
    """

    check: Check
    status: CheckStatus
    explanation: str
    seconds: float = 0.0
    exit_code: int | None = None
    failing_tests: tuple[str, ...] = ()
    known_failures: tuple[str, ...] = ()
    new_failures: tuple[str, ...] = ()
    flaky_tests: tuple[str, ...] = ()
    output: str = ""
    failing_section: str = ""
    log_path: Path | None = None
    is_environment_problem: bool = False
    weakened_tests: tuple[WeakenedTest, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """`hint` is for the next attempt: what failed and why, at most HINT_CHARS characters."""

    ok: bool
    checks: tuple[CheckResult, ...]
    explanation: str
    hint: str = ""
    flaky: tuple[str, ...] = ()
    known_failures: tuple[str, ...] = ()
    new_failures: tuple[str, ...] = ()
    missing_deliverables: tuple[str, ...] = ()
    weakened_tests: tuple[WeakenedTest, ...] = ()
    has_no_checks: bool = False
    is_environment_problem: bool = False
    seconds: float = 0.0
