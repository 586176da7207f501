"""The part of a command's output that says why it failed, short enough to be read by anyone."""

import re
from typing import Final

LIMIT_CHARS: Final = 4000
_LINE_CHARS: Final = 400  # a longer line is minified or data: its two ends say enough
_MAX_LINES: Final = 4000
_HEAD_SHARE: Final = 0.6  # the first failure; the rest is for the end, where runners sum up

_ANSI: Final = re.compile(
    r"\x1b(?:\[[0-9;?]{0,30}[A-Za-z]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[=>()][0-9A-B]?)"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# Where a test runner starts to tell about its failures.
_RUNNER: Final = re.compile(
    r"""={3,200}\ (?:FAILURES|ERRORS|short\ test\ summary\ info)\ =
      | (?:FAIL|ERROR):\ \w{1,200}\ \(         # unittest
      | \s{0,40}---\ FAIL:\                    # go
      | failures:$ | ----\ \S{1,200}\ stdout   # cargo test
      | \s{0,10}●\                             # jest
      | \s{0,10}⎯{3,200}\ Failed\              # vitest
      | \s{0,10}\d{1,6}\ (?:failing|failed)\b  # mocha, playwright
      | not\ ok\ \d                            # TAP
      | \[ERROR\]\ (?:Tests\ run|Failures|COMPILATION)
      | There\ (?:was|were)\ \d{1,6}\ (?:failure|error)  # PHPUnit
      | Failures:$                             # RSpec
    """,
    re.VERBOSE,
)
# Where a compiler, an interpreter or a package manager says what is wrong.
_TOOL: Final = re.compile(
    r"""Traceback\ \(most\ recent\ call\ last\)
      | error(?:\[E\d{1,6}\])?:\               # rustc, and many others
      | [^\s:(][^:(]{0,300}(?::\d{1,7}){1,2}:\ (?:fatal\ )?(?:error|undefined|[A-Z]\d{1,5}\b|cannot)
      | [^\s(][^(]{0,300}\(\d{1,7},\d{1,7}\):\ error\   # tsc
      | [^\s:][^:]{0,300}:\d{1,7}(?::\d{1,7})?\ -\ error\ TS
      | npm\ (?:ERR!|error) | ERR!\ | \[ERROR\]\ | ERROR\ in\ | ERROR:\ | (?:fatal|panic):[ ]
      | [\w.]{0,300}(?:Error|Exception):[ ]
      | FAILURE:\ Build\ failed | make(?:\[\d{1,3}\])?:\ \*\*\*
      | \S{1,200}:\ (?:command\ not\ found|not\ found|No\ such\ file)
    """,
    re.VERBOSE,
)
_ANY: Final = re.compile(
    r"\b(?:errors?|fail(?:s|ed|ures?)?|fatal|exception|cannot|denied)\b", re.IGNORECASE
)
_NO_FAILURE: Final = re.compile(r"\b(?:0|no) (?:error|fail|warning)", re.IGNORECASE)
_CONTEXT_LINES: Final = 8

_CUT: Final = re.compile(r"\[\.\.\. \d{1,12} bytes left out \.\.\.\]")
_TIMES: Final = re.compile(r"\b\d{1,9}(?:\.\d{1,9})? ?(?:ms|s|sec|secs|seconds|m|min)\b")
_CLOCK: Final = re.compile(r"\b(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?\b")
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]{4,16}\b|\b[0-9a-f]{32,64}\b")
_LINE_NUMBER: Final = re.compile(r"(?<=:)\d{1,7}\b|\bline \d{1,7}\b|\(\d{1,7},\d{1,7}\)")
_FOLDER: Final = re.compile(r"[\w.~@+:-]{0,100}[/\\]")


def failing_section(output: str, limit: int = LIMIT_CHARS) -> str:
    """At most `limit` characters of `output`: the first failure and the end, or the last lines.

    Colours and control characters are taken out, long lines are cut. Linear in the output.
    """
    lines = _lines(output)
    start = _start(lines)
    text = "\n".join(lines[start:]).strip("\n")
    if len(text) <= limit:
        return text
    mark = "\n[...]\n"
    head = int((limit - len(mark)) * _HEAD_SHARE)
    tail = limit - len(mark) - head
    first = text[:head]
    first = first[: first.rfind("\n") + 1].rstrip("\n") or first
    last = text[-tail:]
    last = last[last.find("\n") + 1 :] or last
    return f"{first}{mark}{last}"


def normalised_section(section: str) -> str:
    """A section without what differs between two runs: folders, lines, times, addresses."""
    for expression, name in (
        (_CUT, "<cut>"),
        (_FOLDER, ""),
        (_CLOCK, "<clock>"),
        (_TIMES, "<time>"),
        (_ADDRESS, "<address>"),
        (_LINE_NUMBER, "<line>"),
    ):
        section = expression.sub(name, section)
    # Rulers are padded to the width of what they hold, which is a time more often than not.
    return "\n".join(line.strip(" =-_") for line in section.split("\n"))


def plain_lines(output: str) -> list[str]:
    """The lines of an output as a terminal would leave them: no colours, no progress bars."""
    if "\x1b" in output:
        output = _ANSI.sub("", output)
    lines = output.replace("\r\n", "\n").split("\n")
    if "\r" in output:
        lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines]
    return lines


def _lines(output: str) -> list[str]:
    lines = plain_lines(output)
    if len(lines) > _MAX_LINES:
        lines = [*lines[: _MAX_LINES // 2], "[...]", *lines[-_MAX_LINES // 2 :]]
    short = [
        line if len(line) <= _LINE_CHARS else f"{line[:300]} [...] {line[-90:]}" for line in lines
    ]
    return [_CONTROL.sub("", line).rstrip() for line in short]


def _start(lines: list[str]) -> int:
    for expression in (_RUNNER, _TOOL):
        for index, line in enumerate(lines):
            if expression.match(line):
                return index
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        if _ANY.search(line) and not _NO_FAILURE.search(line):
            return max(0, index - _CONTEXT_LINES)
    return max(0, len(lines) - 60)
