"""Is a line an error that happened, or one that is only spoken of?

Source code, documentation, test names, passing output and messages on lower levels all contain the
words of errors. A line is believed when nothing around it says that it is one of those.
All expressions run on RE2, on single lines of limited length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.specs import Reading

if TYPE_CHECKING:
    from hardening.specs import Hit

# What a build tool or a log's framework puts before a message: nothing that makes it less of one.
_PREFIX = (
    r"^(?:\s+"
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?"
    r"|#=MATCH=#|##\[error\]|::error[^:\n]*::"
    r"|#\d+ (?:\d+\.\d+ )?|\d+\.\d+ "
    r"|[A-Za-z][\w.-]*\s+\| "
    r"|npm (?:ERR!|error)|\d+ error|E\s|\[(?i:error|fatal|javac|stderr|exec)\]"
    r"|(?i:error|fatal|err!|critical)\b:?"
    r"|ERROR|CRITICAL|Caused by:|Exception in thread \"[^\"\n]{0,80}\""
    r")"
)
# An exception's name at the start: whatever follows, with all its quotes, is its text.
_EXCEPTION = (
    r"^(?:[A-Za-z_][\w$]*[.:])*[A-Za-z_]\w*(?:Error|Exception|Failure|Exit|Expired|Warning"
    r"|Errors|Timeout)(?:[: ]|$)"
)
_LOWER_LEVEL = (
    r"(?i:(?:^|[\s\[|(-])(?:debug|trace|info|verbose|verb|notice|silly|http|timing)(?:$|[\s\]|:)]))"
)
_WARNING = (
    r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: )?[WI](?:\d{4} \d\d:\d\d:\d\d\.\d+ +\d+)?"
    r" [\w./-]+:\d+\]|"
    r"(?i:(?:^|[\s\[|(#-])(?:warn|warning|wrn)(?:$|[\s\]|:)])|##\[warning\])|\b[A-Z]\w*Warning: "
)
_PASSING = (
    r"\bPASSED\b|\bXFAIL\b|\bSKIPPED\b|\bSKIP\b|\.\.\. ?ok\b|^\s*ok \d+|^\s*(?:\xe2\x9c\x93"
    r"|\xe2\x9c\x94|\xe2\x88\x9a) "
    r"|^\s*(?:\xe2\x9c\x85|\[PASS\]|--- PASS)|\[ +OK \]|\bCheck PASSED"
)
# What a test compares is the test's matter, whatever words are in it.
_COMPARED = (
    r"AssertionError|AssertionFailed|ComparisonFailure|^\s*(?:E\s+)?assert\b"
    r"|^\s*[-+]?\s*(?:Expected|Received|Actual)\b[:( ]"
    r"|\b[Ee]xpected\b[^\n]{0,120}\b(?:got|but (?:was|got|received|nothing|no)|received"
    r"|to (?:be|equal|contain|match|have|throw))\b|\bexpect(?:\(| \{)|\braise_error\b"
    r"|^\s*(?:E\s+)?\+\s+(?:where|and) "
    r"|^\s*(?:(?:Rejected|Resolved) to value|(?:Received|Thrown|Expected) (?:message|value|string"
    r"|pattern|substring)):"
)
# One side of what a test compared, line by line.
_SIDE = r"^\s*(?:E\s+)?[-+?](?: \S|[^\s+-])"
_SIDES_NEAR = (
    r"AssertionError|^\s*[-+] (?:Expected|Received|Actual|expected|actual|received)\b"
    r"|^\s*(?:--- (?:expected|Expected)|\+\+\+ (?:actual|Actual))|DID NOT RAISE"
)
_COMMIT_HEAD = r"^Author: +[^\n]{1,200}<[^\n]{1,200}@[^\n]{1,200}>"
# Code that speaks of an error: the part of the line before the match.
_CODE_LEAD = (
    r"^\s*(?:assert|raise|throw|return|expect|except|catch|if|elif|while|case|when|print|printf"
    r"|println|puts|echo|grep|egrep|rg|sed|awk|def|class|func|fn|const|let|var|import|it|describe"
    r"|test|with|match|self|this|await|yield|export)\b[\s(.:]"
    r"|(?:assert|raise|raises|throws?|expect|print|println|printf|echo|compile|search|contains|"
    r"toContain|toThrow|toMatch|includes|startswith|endswith|Errorf|errors\.New|fmt\.\w+|log\.\w+|"
    r"logger\.\w+|logging\.\w+|console\.\w+|warn|error|info|debug)\(\s*[rfbu]?[\"'`/]"
    r"|(?:==|!=|=~|\+=|:=|=>|->|<<|\bin|\bor|\band|\|\|?|&&)\s*[rfbu]?[\"'`/(\[]$"
    r"|^\s*[\w.\[\]\"']+\s*=\s*[rfbu]?[\"'`(\[{]"
    r"|^\s*[\w-]+:\s*[|>]?\s*[\"'`]$"
)
# A sentence about errors: nothing but words since the last colon, and one of them of telling.
_PROSE_LEAD = (
    r"(?:^|: )[^:]{0,120}\b(?:[Ww]hen|[Ii]f|[Ww]henever|happens|means|should|would|might|avoid"
    r"|prevents?"
    r"|such as|e\.g\.|handles?|[Ff]ix(?:es|ed)?|[Aa]dd(?:s|ed)?|returns?|throws?|raises?|detects?"
    r"|simulat\w+|mock\w*|ensure[sd]?|verif\w+|checks?|checking|tests? that)\b[^:]{0,80}$"
    r"|^\s*(?:[-*+]|\xe2\x80\xa2|\d+[.)])\s+(?:[A-Za-z]+ ){2,}"
)
# Programs do not speak of themselves so: somebody tells what happened.
_TOLD = r"\bI(?:'m|'ve|'ll| am| got| get| see| saw| tried| have| had| think| ran| re-?ran| was) "
# A warning of a framework's log or of npm: they go on after it.
_GOES_ON_WARNING = r"\[WARN(?:ING)?\]|\bWARN\b|npm warn"
_COMMENT_LEAD = r"^\s*(?:#(?:[^\d#=]|$)|//|/\*|\*\s|--\s|<!--|;;|\"\"\"|'''|\.\. |rem )"
_QUOTE_LEAD = r"(?:^|[\s(\[{,=:+>|])[rfbu]?[\"'`/]$|\\[\"'nt]$"
# Messages in JSON are messages.
_JSON_LEAD = (
    r"(?i:\"(?:message|error|err|msg|detail|details|reason|stderr|description|text"
    r"|log)\"\s*:\s*\"$|thrown: \"$)"
)
_DIFF_LEAD = r"^(?:[+-](?:[^\s+-]|\s{2,})|@@ )"
_SHELL_LEAD = r"^\s*(?:\$|PS [A-Z]:[^>\n]*>|\+{1,3}) \S"
# An element of a list of patterns: /rate limit/i,
_REGEX_LINE = r"^\s*/[^/\n]{3,200}/[gimsuy]{0,4}[,;)]"
# Lines that show a source: numbered, or with a gutter.
_LISTING_LEAD = r"^\s*(?:>\s{2,}|>{2,}\s|\d+\s*[|:\t](?:\s|$)|\d+\s{2,}|\|\s)"

_MARKDOWN = (
    r"^\s*(?:#{2,6} \S|[-*+] \*\*|\*\*|\d+\. \*\*|\|.*\|.*\||>\s\S)|\*\*[^*\n]{1,80}\*\*"
    r"|^\s*(?:```|~~~)\w*\s*$|\[[^\]\n]{1,80}\]\(http"
)
_MARKDOWN_STRONG = r"^\s*#{2,6} [A-Z0-9][^\n]{0,120}$|\*\*[^*\n]{1,80}\*\*|^\s*\|[ :|-]{5,}\|\s*$"
_RST = r"^\s*\.\. [\w-]+::|^\s*:[\w ]+: |^\.\. _"
_CODE_LINE = (
    r"[{;,(\[]\s*(?:(?:#|//)[^\n]*)?$|^\s*[})\]]+[;,)]*\s*$|\)\s*:\s*$|^\s*(?:def|class"
    r"|async def|return|if|elif|else|for"
    r"|while|try|except|finally|with|const|let|var|func|public|private|protected|static|import|from"
    r"|export|package|use|pub|fn|impl|struct|#include|@\w+|self\.|this\.|assert|raise|throw)\b"
    r"|^\s*(?:\"\"\"|'''|//|/\*|\*/)|\w+\([^)\n]*\)\s*[;{]?\s*$|^\s*[\w.\[\]\"']+ (?:=|:=|\+=) \S"
)
_TRACE_LINE = (
    r"^\s*File \"|^\s+at [\w.$<>\[\] ]+\(|: in \w|^\s*(?:Traceback|Caused by|During handling)"
    r"|^E\s{2,}|^>\s{2,}"
    r"|^[\w./\\<> -]+:\d+(?::\d+)?:|^_{3,}|^={3,}|\b(?:Error|Exception): "
)
LINE_LIMIT = 2_000


def _has(expression: str, text: str) -> bool:
    return bool(compiled(expression).search(text[:LINE_LIMIT].encode("utf-8", "replace")))


def bare_lead(lead: str) -> str:
    """The lead without what frameworks put before every message."""
    rest = lead[-LINE_LIMIT:].encode("utf-8", "replace")
    for _ in range(8):
        found = compiled(_PREFIX).match(rest)
        if found is None or found.end() == 0:
            break
        rest = rest[found.end() :]
    text: str = rest.decode("utf-8", "replace")
    return text


def is_quoted(hit: Hit, reading: Reading, *, is_report: bool = False) -> bool:
    """Whether the hit's line only speaks of an error. In a bug report the layout of a document
    says nothing."""
    if _has(_PASSING, hit.line) or _has(_COMPARED, hit.line):
        return True
    if _is_lower_level(hit.lead, reading) or _is_side(hit):
        return True
    if _has(_TOLD, hit.line) or _speaks_of(hit.line, hit.lead, reading):
        return True
    return (not is_report and _is_document(hit)) or _is_listing(hit)


def _is_side(hit: Hit) -> bool:
    """A line of the difference that an assertion shows."""
    return _has(_SIDE, hit.line) and any(_has(_SIDES_NEAR, line) for line in hit.around)


def _is_lower_level(lead: str, reading: Reading) -> bool:
    if _has(_LOWER_LEVEL, lead):
        return True
    if reading is Reading.STRICT:
        return _has(_WARNING, lead)
    return _has(_GOES_ON_WARNING, lead)


def _speaks_of(line: str, lead: str, reading: Reading) -> bool:
    rest = bare_lead(lead)
    if not rest or _has(_JSON_LEAD, lead):
        return False
    if _has(_LISTING_LEAD, lead) or _is_in_backticks(lead):
        return True
    if _has(_EXCEPTION, rest):
        return False
    if _has(_COMMENT_LEAD, lead) or _has(_DIFF_LEAD, lead) or _has(_CODE_LEAD, rest):
        return True
    if _has(_PROSE_LEAD, rest) or _has(_REGEX_LINE, line) or _has(_SHELL_LEAD, lead):
        return True
    is_open = lead.count('"') % 2 == 1 or _has(_QUOTE_LEAD, lead)
    return reading is not Reading.LOOSE and is_open


def _is_in_backticks(lead: str) -> bool:
    """An open one; `so' closes it too, as Ruby and GNU quote."""
    if "`" not in lead:
        return False
    rest = compiled(r"`[^`'\n]*'").sub(b"", lead.encode("utf-8", "replace"))
    return bool(rest.count(b"`") % 2)


def _is_document(hit: Hit) -> bool:
    if hit.line.startswith("    ") and any(_has(_COMMIT_HEAD, line) for line in hit.before):
        return True  # what a commit's message tells
    around = [line for line in hit.around if line.strip()]
    if any(_has(_RST, line) for line in around):
        return True
    marks = sum(_has(_MARKDOWN, line) for line in around)
    return marks >= 2 and any(_has(_MARKDOWN_STRONG, line) for line in around)


def _is_listing(hit: Hit) -> bool:
    """Most of the neighbours are code, and none is of a trace."""
    if _has(_JSON_LEAD, hit.lead):
        return False
    around = [line for line in (*hit.before, *hit.after) if line.strip()]
    if len(around) < 4 or any(_has(_TRACE_LINE, line) for line in (*around, hit.line)):
        return False
    return sum(_has(_CODE_LINE, line) for line in around) * 10 >= len(around) * 7
