"""Results of tests from JUnit XML files, which a command of the project wrote: hostile input.

Read as a stream, so that no tree is built; a document type or an entity ends the reading (that is
where XML's bombs and its access to other files live). Nothing here knows who wrote the file.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from xml.parsers import expat

MAX_BYTES: Final = 50 * 1024 * 1024  # of all files together
MAX_TESTS: Final = 50_000
MAX_FILES: Final = 2_000
_MAX_DEPTH: Final = 100
_ID_CHARS: Final = 500
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class TestResults:
    """Ids (`<class>::<name>`) of the tests by result, and their durations in seconds.

    A test that is named twice (a teardown that failed after a test that passed) counts as its
    worst result. `is_truncated`: there were more than MAX_TESTS.
    """

    __test__ = False  # pytest collects classes that are named so

    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    seconds: Mapping[str, float] = field(default_factory=dict)
    is_truncated: bool = False


class JUnitReading(NamedTuple):
    """`results` is None when a file could not be read; `reason` then says why."""

    results: TestResults | None
    reason: str


class _Refused(Exception):
    """The document holds something that results of tests do not need."""


def junit_parse(paths: Iterable[Path]) -> JUnitReading:
    """The results of all files together; none at all when one of them cannot be trusted."""
    collector = _Collector()
    bytes_left = MAX_BYTES
    count = 0
    for path in paths:
        count += 1
        if count > MAX_FILES:
            return JUnitReading(None, f"there are more than {MAX_FILES} JUnit files")
        try:
            bytes_left -= _read(path, collector, bytes_left)
        except (OSError, expat.ExpatError, _Refused, ValueError, LookupError) as error:
            return JUnitReading(None, f"{path.name} could not be read as JUnit XML: {error}")
    if not count:
        return JUnitReading(None, "no JUnit file was written")
    return JUnitReading(collector.results(), "")


def _read(path: Path, collector: "_Collector", max_bytes: int) -> int:
    size = 0
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    collector.begin()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                raise _Refused(f"more than {MAX_BYTES} bytes of results")
            parser.Parse(chunk, False)  # noqa: FBT003 - expat takes it by position only
    parser.Parse(b"", True)  # noqa: FBT003 - as above
    return size


def _refuse(*_: object) -> None:
    raise _Refused("it declares a document type or an entity")


class _Collector:
    """Takes the elements of one document after the other."""

    def __init__(self) -> None:
        self._passed: set[str] = set()
        self._failed: set[str] = set()
        self._skipped: set[str] = set()
        self._seconds: dict[str, float] = {}
        self._is_truncated = False
        self.begin()

    def begin(self) -> None:
        self._depth = 0
        self._case = ""
        self._result = self._passed

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Refused(f"it is nested deeper than {_MAX_DEPTH} elements")
        tag = name.rsplit(":", 1)[-1]
        if tag == "testcase":
            self._case = _test_id(attributes)
            self._result = self._passed
            self._time(attributes.get("time", ""))
        elif self._case and tag in ("failure", "error"):
            self._result = self._failed
        elif self._case and tag == "skipped" and self._result is not self._failed:
            self._result = self._skipped

    def end(self, name: str) -> None:
        self._depth -= 1
        if name.rsplit(":", 1)[-1] != "testcase" or not self._case:
            return
        if len(self._seconds) > MAX_TESTS:
            self._is_truncated = True
            self._seconds.pop(self._case, None)
        if not self._is_truncated or self._result is self._failed:
            self._result.add(self._case)
        self._case = ""

    def results(self) -> TestResults:
        skipped = self._skipped - self._failed
        return TestResults(
            passed=frozenset(self._passed - self._failed - skipped),
            failed=frozenset(self._failed),
            skipped=frozenset(skipped),
            seconds=self._seconds,
            is_truncated=self._is_truncated,
        )

    def _time(self, text: str) -> None:
        try:
            seconds = float(text.replace(",", "")) if len(text) < 30 else 0.0
        except ValueError:
            seconds = 0.0
        if not 0.0 <= seconds < math.inf:  # not a number, or no duration
            seconds = 0.0
        self._seconds[self._case] = self._seconds.get(self._case, 0.0) + seconds


def _test_id(attributes: dict[str, str]) -> str:
    name = attributes.get("name", "")
    owner = attributes.get("classname") or attributes.get("class") or attributes.get("file", "")
    return (f"{owner}::{name}" if owner else name)[:_ID_CHARS] or "(unnamed)"
