"""Decides whether an attempt's work is good: its checks, its deliverables, its tests. Pure.

Commands are run by what the engine injects. A check that fails is run once more (green then: it
is flaky, and said so); one that still fails is compared with the same check at the base commit,
so that nobody is blamed for what was broken before. The first real failure ends the validation.
"""

from collections.abc import Callable, Sequence
from typing import Final

from runs.execution.checks.baseline import (
    CheckRun,
    Comparison,
    Execute,
    baseline_result,
    check_run,
    compare,
)
from runs.execution.checks.failing_section import LIMIT_CHARS
from runs.execution.checks.validation_types import (
    GREEN,
    BaselineResult,
    Check,
    CheckResult,
    CheckStatus,
    ValidationReport,
)
from runs.execution.checks.weakened_tests import WeakenedTest, weakened_by_diff, weakened_by_results
from runs.execution.diffs.diff import FileChange
from runs.execution.process import Ending
from runs.planning.scopes import deliverable_paths

__all__ = [
    "BaselineResult",
    "Check",
    "CheckResult",
    "CheckStatus",
    "ValidationReport",
    "baseline_result",
    "validate",
]

HINT_CHARS: Final = LIMIT_CHARS
_OUTPUT_CHARS: Final = 64 * 1024
_SHOWN: Final = 5

Baseline = Callable[[Check], BaselineResult]
CachedBaseline = Callable[[Check], BaselineResult | None]


def validate(
    checks: Sequence[Check],
    *,
    execute: Execute,
    baseline: Baseline,
    deliverables: Sequence[str],
    exists: Callable[[str], bool],
    changes: Sequence[FileChange],
    cached_baseline: CachedBaseline | None = None,
) -> ValidationReport:
    """Run the checks in order and judge them.

    `execute(check, label)` runs a check in the attempt's tree (labels: "check", "retry");
    `baseline(check)` gives its result at the base commit and is asked only when a check fails
    twice; `cached_baseline` is asked first and costs no run. `exists(path)` looks in the tree for
    a deliverable, which may be a folder (`docs/`) or hold wildcards. Exceptions of what is
    injected pass through.
    """
    results: list[CheckResult] = []
    for check in checks:
        if results and results[-1].status not in GREEN:
            results.append(_not_run(check, results[-1]))
            continue
        cached = cached_baseline(check) if cached_baseline is not None else None
        results.append(_validate_check(check, execute, baseline, cached))
    missing = tuple(path for path in deliverable_paths(deliverables) if not exists(path))
    return _report(tuple(results), missing, weakened_by_diff(changes))


def _validate_check(
    check: Check, execute: Execute, baseline: Baseline, cached: BaselineResult | None
) -> CheckResult:
    wants_tests = cached is not None and cached.tests is not None
    first = check_run(check, execute, "check", wants_tests=wants_tests)
    if first.result.ok:
        return _result(check, CheckStatus.PASSED, "passed", first, base=cached)
    broken = _broken(check, first)
    if broken:
        return broken
    if cached is not None and not cached.ok:
        comparison = compare(check, first, cached)
        if not comparison.new and not comparison.is_environment_problem:
            return _judged(check, first, comparison, cached)
    again = check_run(check, execute, "retry", wants_tests=wants_tests)
    seconds = first.result.seconds
    if again.result.ok:
        flaky = first.failing_tests or (check.name,)
        text = f"flaky: failed once ({_some(flaky)}) and passed when it was run again"
        return _result(
            check, CheckStatus.FLAKY, text, again, base=cached, flaky=flaky, seconds=seconds
        )
    broken = _broken(check, again)
    if broken:
        return broken
    base = cached if cached is not None else baseline(check)
    if base.ending is Ending.CANCELLED:
        return _result(check, CheckStatus.NOT_RUN, "cancelled while it ran at the base", again)
    flaky = tuple(sorted(set(first.failing_tests) - set(again.failing_tests)))
    if not again.failing_tests:
        flaky = ()  # the second run named no test: nothing is known of those of the first
    return _judged(check, again, compare(check, again, base), base, flaky=flaky, seconds=seconds)


def _broken(check: Check, run: CheckRun) -> CheckResult | None:
    """The result of a run that says nothing about the work, None when it does."""
    result = run.result
    match result.ending:
        case Ending.NOT_STARTED:
            text = (
                f"{result.explanation} Or declare it in the project's dependencies, or correct "
                "the validation command"
            )
        case Ending.TIMED_OUT | Ending.INACTIVE:
            text = (
                f"it was stopped ({result.explanation}) and not run again: look for a prompt, a "
                "server that does not end or a dead lock, or raise the limit"
            )
        case Ending.CANCELLED:
            return _result(check, CheckStatus.NOT_RUN, "cancelled", run)
        case _:
            return None
    is_missing = result.ending is Ending.NOT_STARTED
    return _result(check, CheckStatus.ERRORED, text, run, is_environment_problem=is_missing)


def _judged(
    check: Check,
    run: CheckRun,
    comparison: Comparison,
    base: BaselineResult,
    *,
    flaky: tuple[str, ...] = (),
    seconds: float = 0.0,
) -> CheckResult:
    """The result of a run that failed, after its comparison with the base."""
    if comparison.is_environment_problem:
        status = CheckStatus.ERRORED
        text = f"the environment is at fault, {comparison.explanation}"
    elif comparison.new:
        status = CheckStatus.FAILED
        text = f"{run.result.explanation}; new: {_some(comparison.new)} ({comparison.explanation})"
    else:
        status = CheckStatus.BASELINE
        text = f"fails only as the base does: {comparison.explanation} ({_some(comparison.known)})"
    return _result(
        check, status, text, run, base=base, comparison=comparison, flaky=flaky, seconds=seconds,
        is_environment_problem=comparison.is_environment_problem,
    )  # fmt: skip


def _result(
    check: Check,
    status: CheckStatus,
    explanation: str,
    run: CheckRun,
    *,
    base: BaselineResult | None = None,
    comparison: Comparison | None = None,
    flaky: tuple[str, ...] = (),
    seconds: float = 0.0,
    is_environment_problem: bool = False,
) -> CheckResult:
    result = run.result
    weakened: tuple[WeakenedTest, ...] = ()
    if base is not None and base.tests is not None and run.tests is not None:
        weakened = weakened_by_results(base.tests, run.tests)
    return CheckResult(
        check=check,
        status=status,
        explanation=explanation,
        seconds=seconds + result.seconds,
        exit_code=result.exit_code,
        failing_tests=run.failing_tests,
        known_failures=comparison.known if comparison else (),
        new_failures=comparison.new if comparison else (),
        flaky_tests=flaky,
        output=_bounded(result.output),
        failing_section=run.section,
        log_path=result.log_path,
        is_environment_problem=is_environment_problem,
        weakened_tests=weakened,
    )


def _not_run(check: Check, before: CheckResult) -> CheckResult:
    reason = before.explanation if before.status is CheckStatus.NOT_RUN else None
    text = reason or f"not run, because `{before.check.name}` {before.status}"
    return CheckResult(check, CheckStatus.NOT_RUN, text)


def _report(
    results: tuple[CheckResult, ...],
    missing: tuple[str, ...],
    weakened: tuple[WeakenedTest, ...],
) -> ValidationReport:
    return ValidationReport(
        ok=all(result.status in GREEN for result in results) and not missing,
        checks=results,
        explanation=_explain(results, missing),
        hint=_hint(results, missing),
        flaky=tuple(test for result in results for test in result.flaky_tests),
        known_failures=tuple(test for result in results for test in result.known_failures),
        new_failures=tuple(test for result in results for test in result.new_failures),
        missing_deliverables=missing,
        weakened_tests=weakened + tuple(w for result in results for w in result.weakened_tests),
        has_no_checks=not results,
        is_environment_problem=any(result.is_environment_problem for result in results),
        seconds=sum(result.seconds for result in results),
    )


def _explain(results: tuple[CheckResult, ...], missing: tuple[str, ...]) -> str:
    if not results:
        parts = ["no checks were found: nothing but the diff speaks for this work"]
    elif all(result.status is CheckStatus.PASSED for result in results):
        parts = [f"{len(results)} of {len(results)} checks passed"]
    else:
        said = [r for r in results if r.status not in (CheckStatus.PASSED, CheckStatus.NOT_RUN)]
        said = said or [r for r in results if r.status is CheckStatus.NOT_RUN][:1]
        parts = [f"`{result.check.name}`: {result.explanation}" for result in said[:_SHOWN]]
    if missing:
        parts.append(f"promised and not there: {_some(missing)}")
    return "; ".join(parts)


def _hint(results: tuple[CheckResult, ...], missing: tuple[str, ...]) -> str:
    lines: list[str] = []
    if missing:
        lines.append(f"These deliverables are missing: {_some(missing)}.")
    failed = next((r for r in results if r.status not in (*GREEN, CheckStatus.NOT_RUN)), None)
    if failed is not None:
        lines.append(f"The check `{failed.check.name}` {failed.status}: {failed.explanation}")
        if failed.known_failures:
            lines.append(f"Not yours, they fail at the base: {_some(failed.known_failures)}")
    head = "\n".join(lines)[: HINT_CHARS // 2]
    if failed is None or not failed.failing_section:
        return head
    left = HINT_CHARS - len(head) - 1
    section = failed.failing_section
    if len(section) > left:
        section = f"{section[: left // 2]}\n[...]\n{section[-(left - left // 2 - 7) :]}"
    return f"{head}\n{section}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:200] for name in names[:_SHOWN]) + more


def _bounded(output: str) -> str:
    if len(output) <= _OUTPUT_CHARS:
        return output
    half = _OUTPUT_CHARS // 2
    return f"{output[:half]}\n[...]\n{output[-half:]}"
