"""Regular expressions on untrusted text: RE2 only, on bytes, of a limited size.

Bytes in Latin-1 mode: a log may hold anything, and offsets need no decoding. `.` is one byte, and
`[^\\n]` any byte but the end of a line.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

# Longer expressions, or ones that unroll to more than this, are refused. A built-in of 1,000
# characters has a program of about 1,500; `(a{1,100}){1,10}` has 3,000 and one state more a byte.
MAX_CHARS = 2_000
MAX_PROGRAM = 6_000
# RE2's own budget: of one expression, and of a set (below 64 MB its automaton is thrown away and
# built anew while it reads: 1.6 to 4.3 times slower).
MAX_MEMORY_ONE = 8 << 20
MAX_MEMORY_SET = 256 << 20


class ExpressionRefused(ValueError):
    """RE2 does not know this expression, or it is too large. The message says what to change."""


def options_for(*, ignore_case: bool, memory: int) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = not ignore_case
    options.max_mem = memory
    options.log_errors = False
    return options


@lru_cache(maxsize=4096)
def compiled(expression: str, *, ignore_case: bool = False) -> Any:
    """One expression. Raises ExpressionRefused. `^` and `$` need (?m) to mean lines."""
    if len(expression) > MAX_CHARS:
        raise ExpressionRefused(
            f"the expression has {len(expression)} characters, more than {MAX_CHARS}: split it"
        )
    options = options_for(ignore_case=ignore_case, memory=MAX_MEMORY_ONE)
    try:
        pattern = re2.compile(encoded(expression), options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ExpressionRefused(
            f"RE2 refuses {expression[:80]!r}: {text}. It has no look-around, no back-references"
            " and no repetition above 1000: write it without them"
        ) from error
    if pattern.programsize > MAX_PROGRAM:
        raise ExpressionRefused(
            f"{expression[:80]!r} unrolls to {pattern.programsize} steps, more than"
            f" {MAX_PROGRAM}: use * or + where it counts, or split it"
        )
    return pattern


def encoded(expression: str) -> bytes:
    """The bytes that stand for an expression. What is not ASCII is written as its UTF-8 bytes
    (logs are UTF-8); in a character class that would be several, so it is refused there."""
    if expression.isascii():
        return expression.encode("ascii")
    inside = False
    for index, char in enumerate(expression):
        if char == "[" and (index == 0 or expression[index - 1] != "\\"):
            inside = True
        elif char == "]" and expression[index - 1] != "\\":
            inside = False
        elif inside and not char.isascii():
            raise ExpressionRefused(
                f"{char!r} in a character class: logs are matched byte by byte, so write (?:a|b)"
            )
    return b"".join(
        char.encode() if char.isascii() else b"(?:" + char.encode() + b")" for char in expression
    )
