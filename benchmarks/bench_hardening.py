"""Matching beside a bare `re2.Set` and beside Python's `re` in a loop, on a synthetic build log.

    python -m benchmarks.bench_hardening [--rounds N] [--quick]

Ours is the product's `Matcher`: blocks, sets, captures of the hits with lines and spans, reading
of each hit's surroundings, and the verdict. The reference scans the same text once with one set of
the same expressions and gives bare ids. Patterns are the built-in expressions, filled up to 60 or
500 with made-up ones of the same kinds; `ci` ignores case. Logs have one hit early, one late, or
none. Then worst lines: eight catastrophic expressions, and each built-in one on its own.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time

import re2

from benchmarks.measuring import Comparison, Sample, finish, load_line, measured, rounds_run
from hardening.checking import WORST_LINE_SECONDS, seconds_for, worst_lines
from hardening.expressions import MAX_MEMORY_SET, encoded, options_for
from hardening.families import Family
from hardening.matching import Matcher
from hardening.patterns import builtin
from hardening.specs import PatternSpec
from hardening.types import FailureContext, Output

SIZES = {"2 KB": 2_000, "200 KB": 200_000, "5 MB": 5_000_000}
COUNTS = (60, 500)
# Time over the bare set's: 0.6 and 0.9 of its speed.
MUST, AIM = 1 / 0.6, 1 / 0.9
# Python's `re` at 500 patterns needs seconds a pass on more than this.
RE_BYTES = 20_000
LINES = (
    "[INFO] Compiling {n} source files to /srv/build/{word}/classes",
    "Downloading https://repo.example/{word}/{word}-{n}.jar ({n} kB at {n} kB/s)",
    "tests/{word}/test_{word}.py::test_{word}_{n} PASSED [ {n}%]",
    "  Running build step {n}: {word} --quiet --jobs {n}",
    "npm notice {word}@{n}.0.1 added in {n}ms",
)
HIT = "Error 9: planted failure seven77 in cart.c\n"
CATASTROPHIC = (
    (r"(a+)+$", "a"), (r"(a|aa)+$", "a"), (r"(a|a?)+$", "a"), (r"(.*a){12}$", "a"),
    (r"(x+x+)+y", "x"), (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a"), (r"(\s*\w+\s*)+:", "a "),
    (r"([0-9]+[0-9]*)+z", "1"),
)  # fmt: skip


def log_of(size: int, where: str) -> str:
    chance = random.Random(size)  # noqa: S311 (a log that is the same each time)
    words = ["cart", "price", "stock", "order", "shelf", "label", "parcel", "invoice"]
    lines, length = [], 0
    while length < size:
        line = chance.choice(LINES).format(n=chance.randrange(100), word=chance.choice(words))
        lines.append(line)
        length += len(line) + 1
    if where != "none":
        lines.insert(len(lines) // 20 if where == "early" else len(lines) * 19 // 20, HIT.strip())
    return "\n".join(lines) + "\n"


def expressions_of(count: int) -> list[str]:
    """Built-in ones in turn with made-up ones; one finds the planted hit."""
    chance = random.Random(count)  # noqa: S311
    own = [text for spec in builtin() for text in spec.expressions]
    kept = own[: count // 2]
    kept.append(r"planted failure (?P<what>\w+) in (?P<file>[\w.]+)")
    shapes = (
        r"{a}Error: cannot (?:find|open) '(?P<name>[^'\n]+)'",
        r"fatal: {a} (?P<name>\w+) (?:failed|refused) with {b}",
        r"\[{a}\] [^\n]{{0,80}}{b} (?P<name>[\w./-]+) is missing",
        r"E{n}: {a}[- ]{b} at line (?P<line>\d+)",
    )
    while len(kept) < count:
        a, b = ("".join(chance.choices("bcdfghklmnprstvz", k=6)) for _ in range(2))
        kept.append(chance.choice(shapes).format(a=a, b=b, n=chance.randrange(1000, 9999)))
    return kept


def matcher_of(expressions: list[str], *, ignore_case: bool) -> Matcher:
    return Matcher(
        PatternSpec(
            id=f"bench_{index}", family=Family.TIMEOUT, priority=5, expressions=(text,), advice="",
            ignore_case=ignore_case,
        )
        for index, text in enumerate(expressions)
    )  # fmt: skip


def bare_set(expressions: list[str], *, ignore_case: bool) -> re2.Set:
    made = re2.Set.SearchSet(options_for(ignore_case=ignore_case, memory=MAX_MEMORY_SET))
    for text in expressions:
        made.Add(encoded(text))
    made.Compile()
    return made


def compare_set(count: int, size: str, where: str, *, ignore_case: bool, rounds: int) -> Comparison:
    expressions = expressions_of(count)
    ours, bare = (make(expressions, ignore_case=ignore_case) for make in (matcher_of, bare_set))
    text = log_of(SIZES[size], where)
    data, context = text.encode(), FailureContext.of_text(text)
    assert (ours.match(context).best is not None) is (where != "none")
    assert bool(bare.Match(text)) is (where != "none")
    times = max(1, 2_000_000 // len(data))

    def side(work) -> Sample:  # type: ignore[no-untyped-def]
        whole = measured(lambda: [work() for _ in range(times)])
        return Sample(whole.wall / times, whole.cpu / times)

    gated = count == 500 and size == "5 MB"
    mode = "ci" if ignore_case else "cs"
    comparison = Comparison(
        f"{count} {mode} {size} {where}", must=MUST if gated else None, aim=AIM if gated else None
    )
    rounds_run(
        comparison,
        lambda _: side(lambda: bare.Match(text)),
        lambda _: side(lambda: ours.match(context)),
        rounds,
    )
    megabytes = len(data) / 1e6
    best = [min(sample.wall for sample in each) for each in (comparison.reference, comparison.ours)]
    print(
        f"  {comparison.name:24s} bare {megabytes / best[0]:6.0f} MB/s,"
        f" ours {megabytes / best[1]:6.0f} MB/s"
    )
    return comparison


def compare_re(count: int, *, ignore_case: bool) -> None:
    """How many times as fast as a loop over Python's `re`, on a log small enough for it."""
    expressions = expressions_of(count)
    text = log_of(RE_BYTES, "late")
    flags = re.IGNORECASE if ignore_case else 0
    # An inline (?i: within is Python's too; (?m) in the middle is not, so such are left to it.
    loop = [re.compile(text_, flags) for text_ in expressions if _is_python(text_)]
    ours, context = matcher_of(expressions, ignore_case=ignore_case), FailureContext.of_text(text)
    slow = measured(lambda: [pattern.search(text) for pattern in loop]).wall
    fast = min(measured(lambda: ours.match(context)).wall for _ in range(20))
    mode = "ci" if ignore_case else "cs"
    print(
        f"  {count} {mode} 20 KB: {slow / fast:.0f} times as fast as `re` in a loop"
        f" ({len(loop)} of {count} expressions)"
    )


def _is_python(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True


def worst_lines_run() -> list[str]:
    """Names of what took too long."""
    slow = []
    for chars in (20_000, 200_000):
        found = [
            (seconds_for(text, (letter * chars).encode()[:chars] + b"!"), text)
            for text, letter in CATASTROPHIC
        ]
        found += [
            (max(seconds_for(text, line) for line in worst_lines(text, chars=chars)), text)
            for spec in builtin()
            for text in spec.expressions
        ]  # fmt: skip
        found.sort(reverse=True)
        print(
            f"  worst line of {chars:,} characters, {len(found)} expressions:"
            f" {found[0][0] * 1000:.1f} ms ({found[0][1][:60]!r})"
        )
        slow += [text for seconds, text in found if seconds > WORST_LINE_SECONDS]
    for letter in ("a", "No module named ", "fatal: "):
        line = (letter * 200_000)[:200_000]
        begun = time.thread_time()
        Matcher(builtin()).match(FailureContext(output=Output(head=line)))
        print(
            f"  all built-in patterns, compiled and matched on a line of {letter!r}:"
            f" {(time.thread_time() - begun) * 1000:.0f} ms"
        )
    return slow


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="only what is gated")
    options = parser.parse_args()
    print(f"bench_hardening: {load_line()}, {len(builtin())} built-in patterns")
    comparisons = [
        compare_set(count, size, where, ignore_case=ignore_case, rounds=options.rounds)
        for count in COUNTS
        for size in SIZES
        for ignore_case in (False, True)
        for where in ("early", "late", "none")
        if not options.quick or (count == 500 and size == "5 MB")
    ]
    for count in COUNTS:
        for ignore_case in (False, True):
            compare_re(count, ignore_case=ignore_case)
    slow = worst_lines_run()
    code = finish(comparisons)
    if slow:
        print(f"Slower than {WORST_LINE_SECONDS * 1000:.0f} ms: {slow}")
    return 1 if slow else code


if __name__ == "__main__":
    sys.exit(main())
