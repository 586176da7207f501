"""How the output ended: what a failing step's last words make of what stood before them.

Noise is loud: clients that try again, servers under test that are refused, brokers that reconnect.
When tests ran, and the runner's summary is that tests failed, such lines are the tests' matter;
when the summary is that all is well, nothing before it was the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.specs import PatternSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit

# Families whose lines tests print while they do their work.
_NOISE = frozenset(
    {
        Family.NETWORK_ERROR, Family.SERVICE_UNAVAILABLE, Family.AUTH_ERROR, Family.SSL_CERT,
        Family.RATE_LIMITED, Family.RESOURCE_LOCKED, Family.PERMISSION_ERROR,
        Family.MISSING_ENV_VAR, Family.SYNTAX_ERROR, Family.GIT_ERROR, Family.ENCODING_ERROR,
        Family.MISSING_SYSTEM_BINARY, Family.WRONG_WORKING_DIR, Family.JAVA_MISSING_DEP,
        Family.PACKAGE_NOT_FOUND, Family.VERSION_CONFLICT,
        Family.MISSING_SYSTEM_LIB, Family.STALE_LOCKFILE,
    }
)  # fmt: skip
# A run without tests ends well, and that is its fault.
_AFTER_ALL = frozenset({Family.MISSING_TEST_DISCOVERY, Family.SCOPE_MISMATCH})

TESTS_FAILED = PatternSpec(
    id="_tests_failed",
    family=Family.TIMEOUT,
    priority=10,
    expressions=(
        r"(?m)^\s*--- FAIL: |^FAIL\t|^FAIL: |There are test failures|There were failing tests"
        r"|^(?:\[ERROR\] )?(?:Tests in error|Failed tests|Failures): *$|Compilation failure"
        r"|^\[ERROR\] Failures:"
        r"|test result: FAILED|^\s+\d+ failing$|^Tests: +\d+ failed"
        r"|^\d+ examples?, [1-9]\d* failures?|^\s*Tests  +\d+ failed|^# fail [1-9]\d*$"
        r"|^FAILURES!$|^FAILED \(failures=\d+(?:, (?:skipped|expected failures)=\d+)*\)$"
        r"|^Failed!  +- Failed: +[1-9]",
    ),
    advice="",
)
ALL_WELL = PatternSpec(
    id="_all_well",
    family=Family.TIMEOUT,
    priority=10,
    expressions=(
        r"(?m)={3,} \d+ passed(?:, \d+ (?:skipped|xfailed|xpassed|deselected|warnings?"
        r"|rerun))* in [\d.]+s"
        r"|\bBUILD SUCCESS(?:FUL)?\b|^OK \(?\d* ?tests?|^Tests: +\d+ passed, \d+ total|^OK$"
        r"|^(?:webpack [\d.]+ )?[Cc]ompiled successfully\b|^Build (?:complete|succeeded"
        r"|finished successfully)[.!]?$|^ +Finished `?(?:dev|release|test)\b",
    ),
    advice="",
)
# A bug report with its template's headings: the logs in it are logs, however it is laid out.
REPORT = PatternSpec(
    id="_report",
    family=Family.TIMEOUT,
    priority=10,
    expressions=(
        r"(?im)^(?:#{1,6} |\*\*)?(?:issue type|(?:steps )?to reproduce|reproduction steps"
        r"|expected behaviou?r|describe the (?:bug|issue)|current behaviou?r|actual behaviou?r"
        r"|relevant log output|standalone code to reproduce|system information|bug description"
        r"|<!--[^\n]{0,40}(?:issue|bug|template|what version))",
    ),
    advice="",
)
# pytest's summary, one line a test: why each failed.
TEST_LINES = PatternSpec(
    id="_test_lines",
    family=Family.TIMEOUT,
    priority=10,
    expressions=(
        r"(?m)^(?:FAILED|ERROR) [\w./\\\-]+\.py(?:::[^\n]{0,300}?)? - (?P<why>[^\n]{1,80})",
    ),
    advice="",
)
MARKS = (TESTS_FAILED, ALL_WELL, REPORT, TEST_LINES)
# A test that compared and found another value: its matter, whatever it printed on the way.
_COMPARED = r"^(?:assert\b|AssertionError|Failed: DID NOT RAISE)"
# Something was tried, and what came after went well.
_WENT_ON = (
    r"\.\.\. ?ok\b|^\s*(?:\xe2\x9c\x93|\xe2\x9c\x94) |\bPASSED\b|^\s*ok \d+ |--- PASS: "
    r"|exit code 0\b"
    r"|Tests run: \d+, Failures: 0, Errors: 0|^\s*(?:\[INFO\] )?Running [\w.$]+Tests?\b|^\s*PASS\s"
    r"|^ok\s+\S+\s+[\d.]+s"
)
# It was tried again, and what came next is no failure: this one was not the cause.
_TRIED_AGAIN = (
    r"(?i)\b(?:retry(?:ing)?|retries|will retry|try(?:ing)? again|waiting for|reconnecting"
    r"|attempt #?\d+)\b"
)
_STILL_WRONG = (
    r"(?i)error|fail|refused|exception|cannot|could ?n.t|could not|unable|timed? ?out|traceback"
    r"|giving up|gave up|exceeded|unreachable|exit(?:ed)?\b|abort|fatal|killed|denied|warn"
    r"|\bsleep"
)
_PASSING_FAULTS = frozenset(
    {
        Family.NETWORK_ERROR, Family.SERVICE_UNAVAILABLE, Family.RATE_LIMITED,
        Family.RESOURCE_LOCKED,
    }
)  # fmt: skip
# Told by the port that is asked: no server under test, but one that tests need.
_SURE = frozenset({"known_service_unavailable"})


@dataclass(frozen=True, slots=True)
class Ending:
    """Bytes from the start of the output at which the last such summary stands; -1 for none."""

    failed_at: int = -1
    well_at: int = -1
    is_report: bool = False

    def overtakes(self, spec: PatternSpec, hit: Hit) -> bool:
        if spec.id in _SURE:
            return False
        if spec.family in _NOISE and (self.failed_at >= 0 or _went_on(hit)):
            return True
        return self.failed_at < 0 and hit.offset < self.well_at and spec.family not in _AFTER_ALL


def is_survived(family: Family, hit: Hit) -> bool:
    """A fault that passes, after which it was tried again and the output goes on with what is no
    failure. Others of its kind later on are judged on their own."""
    if family not in _PASSING_FAULTS:
        return False
    after = [line.encode("utf-8", "replace") for line in hit.after if line.strip()]
    again = next(
        (n for n, line in enumerate(after[:2]) if compiled(_TRIED_AGAIN).search(line)), None
    )
    if again is None:
        return False
    same = hit.line.strip().encode("utf-8", "replace")
    rest = [
        line
        for line in after[again + 1 :]
        if line.strip() != same and not compiled(_TRIED_AGAIN).search(line)
    ]
    return bool(rest) and not any(compiled(_STILL_WRONG).search(line) for line in rest)


def _went_on(hit: Hit) -> bool:
    return any(compiled(_WENT_ON).search(line.encode("utf-8", "replace")) for line in hit.after)


def _is_comparison(why: str) -> bool:
    return bool(compiled(_COMPARED).search(why.encode("utf-8", "replace")))


def ending_of(found: Mapping[str, tuple[PatternSpec, list[Hit]]]) -> Ending:
    """From the places of MARKS."""
    places = {mark.id: found[mark.id][1][-1].offset if mark.id in found else -1 for mark in MARKS}
    failed_at = places[TESTS_FAILED.id]
    lines = found[TEST_LINES.id][1] if TEST_LINES.id in found else []
    if lines and all(_is_comparison(line.groups["why"]) for line in lines):
        failed_at = max(failed_at, lines[-1].offset)
    return Ending(
        failed_at=failed_at,
        well_at=places[ALL_WELL.id],
        is_report=places[REPORT.id] >= 0,
    )
