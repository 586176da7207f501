"""Signs that a change made the tests say less: flags for a person, never failures by themselves.

Read from the diff (a test or an assertion removed, a marker that skips it added) and, where two
sets of results are known, from the results (a test that is gone or is skipped now).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from runs.execution.diffs.diff import ChangeKind, FileChange, added_text, removed_text

if TYPE_CHECKING:
    from runs.execution.checks.junit import TestResults

# A page of flags is read; the rest is counted in the last one.
MAX_FLAGS: Final = 50
# A line of a test that a person wrote is shorter; the rest of a longer one is not looked at.
_LINE_BYTES: Final = 1000


class WeakeningKind(StrEnum):
    FILE_DELETED = "file_deleted"
    TEST_REMOVED = "test_removed"
    SKIP_ADDED = "skip_added"
    ASSERTIONS_REMOVED = "assertions_removed"
    TEST_DISAPPEARED = "test_disappeared"
    TEST_NOW_SKIPPED = "test_now_skipped"


class Severity(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class WeakenedTest:
    """One flag. `line` is that of the new file, 0 where there is none (something was removed)."""

    path: str
    line: int
    kind: WeakeningKind
    detail: str
    severity: Severity


_TEST_FOLDERS: Final = frozenset(
    {"test", "tests", "__tests__", "spec", "specs", "testing", "testdata", "fixtures", "__mocks__"}
)
_CODE: Final = (
    ".py", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".go", ".rs", ".java", ".kt", ".scala",
    ".rb", ".php", ".cs", ".swift", ".c", ".cc", ".cpp", ".ex", ".exs", ".sh", ".vue",
)  # fmt: skip

_DEFINITION: Final = re.compile(
    rb"""^\s{0,200}(?:
        (?:async\s{1,4})?def\s{1,4}(?P<python>test\w{0,150})
      | (?:it|test|specify)(?:\.\w{1,20})?\(\s{0,4}["'`](?P<script>[^"'`]{1,200})
      | func\s{1,4}(?:\([^)]{1,80}\)\s{0,4})?(?P<go>Test\w{1,150})\(
      | (?:pub\s{1,4})?(?:async\s{1,4})?fn\s{1,4}(?P<rust>\w{0,100}test\w{0,100})\s{0,4}\(
      | (?:public\s{1,4}|private\s{1,4})?(?:void|function)\s{1,4}(?P<java>test\w{1,150})\s{0,4}\(
    )""",
    re.VERBOSE,
)
_MARKER: Final = re.compile(
    rb"^\s{0,200}(?:#\[(?:\w{1,30}::)?test\b|@(?:Test|ParameterizedTest)\b)"
)
# No line is searched for the expressions below unless one of these occurs in the file's change.
_SKIP_WORDS: Final = (
    b"kip", b"xfail", b"expectedFailure", b"todo", b"fixme", b"xit", b"xdescribe", b"xtest",
    b"ignore", b"Ignore", b"Disabled", b"pytestmark", b"only", b"fit(", b"fdescribe",
)  # fmt: skip
_SKIP: Final = re.compile(
    rb"""pytest\.mark\.(?:skip(?:if)?|xfail)\b | pytest\.(?:skip|xfail|importorskip)\(
      | unittest\.(?:skip|expectedFailure) | ^\s{0,200}@(?:skip|skipIf|skipUnless|expectedFailure)\b
      | raise\s{1,4}(?:unittest\.)?SkipTest | self\.skipTest\(
      | \b(?:it|test|describe|context|suite)\.(?:skip|todo|fixme)\b
      | ^\s{0,200}x(?:it|describe|test)\(
      | \b[tb]\.Skip(?:f|Now)?\( | \#\[ignore | @(?:Disabled|Ignore)\b | markTestSkipped\(
      | ^\s{0,200}pytestmark\s{0,4}=""",
    re.VERBOSE,
)
_ONLY: Final = re.compile(rb"\b(?:it|test|describe)\.only\(|^\s{0,200}f(?:it|describe)\(")
_UNCONDITIONAL: Final = re.compile(rb"skipif\(\s{0,4}True|skipIf\(\s{0,4}True", re.IGNORECASE)
_CONDITIONAL: Final = (b"skipif(", b"skipIf(", b"skipUnless(", b"importorskip(", b"if ")
_ASSERTION: Final = re.compile(
    rb"^\s{0,200}(?:assert\b|self\.assert|self\.fail\(|expect\(|assert[\w.:!]{0,30}\(|t\.(?:Error|Fatal)"
    rb"|require\.|with\s{1,4}(?:pytest\.raises|self\.assertRaises)|(?:\w{1,30}\.)?should\b)"
)


def is_test_path(path: str) -> bool:
    """Whether a path is that of a test or of test data, by the usual names."""
    *folders, name = path.split("/")
    if any(folder.lower() in _TEST_FOLDERS for folder in folders):
        return True
    stem, lowered = name.split(".", 1)[0], name.lower()
    return (
        lowered.startswith("test_")
        or stem.lower().endswith(("_test", "_spec"))
        or stem.endswith(("Test", "Tests", "Spec", "IT"))
        or ".test." in lowered
        or ".spec." in lowered
        or lowered in ("conftest.py", "tests.py")
    )


def is_test_file(path: str) -> bool:
    """Whether a path is that of a test's code (data of tests is not)."""
    return path.endswith(_CODE) and is_test_path(path)


def weakened_by_diff(changes: Sequence[FileChange]) -> tuple[WeakenedTest, ...]:
    """What the diff takes from the tests. A test that the same diff adds elsewhere has moved."""
    tests = [c for c in changes if not c.is_binary and _has_tests(c)]
    if not tests:
        return ()
    readings = [_Reading(change) for change in tests]
    added: Counter[str] = Counter()
    for reading in readings:
        added.update(reading.added_names)
    markers_gone = sum(reading.markers for reading in readings) > 0
    flags: list[WeakenedTest] = []
    for reading in readings:
        flags.extend(reading.flags(added, markers_gone=markers_gone))
    return _bounded(flags)


def weakened_by_results(base: "TestResults", now: "TestResults") -> tuple[WeakenedTest, ...]:
    """Tests that passed or failed before and are gone, or are skipped, now."""
    ran_before = base.passed | base.failed
    flags = [
        WeakenedTest("", 0, WeakeningKind.TEST_NOW_SKIPPED, test, Severity.HIGH)
        for test in sorted(ran_before & now.skipped)
    ]
    if not (base.is_truncated or now.is_truncated):
        gone = ran_before - now.passed - now.failed - now.skipped
        flags.extend(
            WeakenedTest("", 0, WeakeningKind.TEST_DISAPPEARED, test, Severity.MEDIUM)
            for test in sorted(gone)
        )
    return _bounded(flags)


def _has_tests(change: FileChange) -> bool:
    # Rust keeps its unit tests beside the code.
    paths = (change.path, change.old_path or change.path)
    return any(is_test_file(path) or path.endswith(".rs") for path in paths)


class _Reading:
    """What one file's change adds and removes, as far as tests go."""

    def __init__(self, change: FileChange) -> None:
        self._change = change
        self._has_skips = any(word in change.patch for word in _SKIP_WORDS)
        self._skips: list[tuple[int, bytes]] = []
        self._removed_names: Counter[str] = Counter()
        self.added_names: Counter[str] = Counter()
        self._assertions = 0  # removed less added
        self.markers = 0  # removed less added, where a marker and not a name makes the test
        for number, line in added_text(change):
            text = line[:_LINE_BYTES]
            self._count(text, self.added_names, -1)
            if self._has_skips and _is_skip(text):
                self._skips.append((number, text.strip()))
        for line in removed_text(change):
            text = line[:_LINE_BYTES]
            self._count(text, self._removed_names, 1)
            # One that was there already and was edited weakens nothing more.
            if self._skips and _is_skip(text):
                self._skips.pop()

    def _count(self, line: bytes, names: Counter[str], by: int) -> None:
        name = _test_name(line)
        if name:
            names[name] += 1
        elif _ASSERTION.match(line):
            self._assertions += by
        elif _MARKER.match(line):
            self.markers += by

    def flags(self, added: Counter[str], *, markers_gone: bool) -> Iterator[WeakenedTest]:
        """The flags of this file. `added`: names that the diff adds and no removal has used up."""
        path = self._change.path
        gone: list[str] = []
        for name, count in self._removed_names.items():
            moved = min(count, added[name])
            added[name] -= moved
            gone.extend([name] * (count - moved))
        if self._change.kind is ChangeKind.DELETED:
            if gone or (not self._removed_names and is_test_file(path)):
                detail = f"a test file with {len(gone)} tests was deleted"
                yield WeakenedTest(path, 0, WeakeningKind.FILE_DELETED, detail, Severity.HIGH)
            return
        yield from self._tests_removed(gone, markers_gone=markers_gone)
        has_fewer_tests = bool(self._removed_names - self.added_names)
        if self._assertions > 0 and not has_fewer_tests and is_test_file(path):
            detail = f"{self._assertions} more assertions were removed than added"
            yield WeakenedTest(path, 0, WeakeningKind.ASSERTIONS_REMOVED, detail, Severity.MEDIUM)
        for number, line in self._skips:
            text = line[:120].decode("utf-8", "replace")
            yield WeakenedTest(path, number, WeakeningKind.SKIP_ADDED, text, _skip_severity(line))

    def _tests_removed(self, gone: list[str], *, markers_gone: bool) -> Iterator[WeakenedTest]:
        path = self._change.path
        # A renamed test is a removal and an addition: worth less of a look.
        renamed = (self.added_names - self._removed_names).total()
        for index, name in enumerate(gone):
            severity = Severity.LOW if index < renamed else Severity.HIGH
            detail = f"test {name!r} was removed" + (" or renamed" if index < renamed else "")
            yield WeakenedTest(path, 0, WeakeningKind.TEST_REMOVED, detail, severity)
        if self.markers > 0 and markers_gone and not gone:
            detail = f"{self.markers} test markers were removed"
            yield WeakenedTest(path, 0, WeakeningKind.TEST_REMOVED, detail, Severity.MEDIUM)


def _is_skip(line: bytes) -> bool:
    return bool(_SKIP.search(line) or _ONLY.search(line))


def _test_name(line: bytes) -> str:
    found = _DEFINITION.match(line)
    if not found or not found.lastgroup:
        return ""
    return found.group(found.lastgroup).decode("utf-8", "replace")


def _skip_severity(line: bytes) -> Severity:
    if _UNCONDITIONAL.search(line):
        return Severity.HIGH
    return Severity.LOW if any(word in line for word in _CONDITIONAL) else Severity.HIGH


def _bounded(flags: list[WeakenedTest]) -> tuple[WeakenedTest, ...]:
    if len(flags) <= MAX_FLAGS:
        return tuple(flags)
    rank = list(Severity)
    flags.sort(key=lambda flag: rank.index(flag.severity))
    last = flags[MAX_FLAGS - 1]
    detail = f"and {len(flags) - MAX_FLAGS + 1} more"
    return (
        *flags[: MAX_FLAGS - 1],
        WeakenedTest(last.path, 0, last.kind, detail, last.severity),
    )
