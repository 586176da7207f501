"""The engine: blocks, places, choice, refusals, and hostile text."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hardening import sources
from hardening.checking import WORST_LINE_SECONDS, pattern_check, seconds_for, worst_lines
from hardening.expressions import ExpressionRefused, compiled
from hardening.families import Family
from hardening.matching import Matcher
from hardening.patterns import builtin
from hardening.signatures import failure_signature
from hardening.specs import PatternSpec
from hardening.types import (
    Action,
    ActionInvalid,
    ActionKind,
    FailureContext,
    Mode,
    Output,
    Risk,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAIN = PatternSpec(
    id="cart_lost",
    family=Family.TIMEOUT,
    priority=5,
    expressions=(r"cart (?P<cart>\d+) is lost",),
    advice="Look for it.",
)


def match(text: str, *specs: PatternSpec) -> Any:
    return Matcher(specs or (PLAIN,)).match(FailureContext.of_text(text)).best


def file_match(path: Path, *specs: PatternSpec) -> Any:
    return Matcher(specs or (PLAIN,)).match(FailureContext(output=Output(path=path))).best


def test_groups_become_specifics():
    assert match("cart 7 is lost\n").specifics == {"cart": "7"}


def test_case_counts_unless_the_pattern_says_otherwise():
    assert match("CART 7 IS LOST\n") is None
    assert match("CART 7 IS LOST\n", replace(PLAIN, ignore_case=True)) is not None


def test_patterns_of_both_cases_are_matched_together():
    other = replace(
        PLAIN, id="tea_lost", expressions=("tea is lost",), ignore_case=True, priority=6
    )
    verdict: Any = Matcher([PLAIN, other]).match(
        FailureContext.of_text("TEA is lost\ncart 1 is lost\n")
    )
    assert verdict.best.pattern_id == "cart_lost"
    assert [found.pattern_id for found in verdict.alternatives] == ["tea_lost"]


def test_priority_comes_before_specificity_and_that_before_score():
    vague = replace(PLAIN, id="vague", expressions=("is lost",))
    assert match("cart 7 is lost\n", vague, PLAIN).pattern_id == "cart_lost"
    assert match("cart 7 is lost\n", replace(vague, priority=4), PLAIN).pattern_id == "vague"


def test_a_disabled_pattern_never_matches():
    assert match("cart 7 is lost\n", replace(PLAIN, enabled=False)) is None


def test_nothing_is_matched_without_patterns():
    assert Matcher([]).match(FailureContext.of_text("cart 7 is lost\n")).best is None


def test_a_pattern_that_may_only_suggest_lowers_its_actions():
    spec = replace(PLAIN, action=ActionKind.PRUNE_CACHES)
    assert match("cart 7 is lost\n", spec).actions[0].risk is Risk.APPLY
    assert (
        match("cart 7 is lost\n", replace(spec, mode=Mode.SUGGEST)).actions[0].risk is Risk.SUGGEST
    )


def test_an_install_by_an_operators_pattern_asks_unless_it_is_declared():
    spec = replace(
        PLAIN,
        expressions=(r"no (?P<package>\w+) here",),
        action=ActionKind.INSTALL_PACKAGE,
        fixed={"ecosystem": "python"},
    )
    context = FailureContext.of_text("no teapot here\n")
    asked: Any = Matcher([spec]).match(context).best
    assert asked.actions[0].risk is Risk.ASK
    declared = replace(context, declared={"python": frozenset({"teapot"})})
    installed: Any = Matcher([spec]).match(declared).best
    assert installed.actions[0].risk is Risk.APPLY


def test_colours_and_carriage_returns_do_not_hide_a_message():
    assert match("\x1b[31mcart \x1b[1m7\x1b[0m is lost\r\n").specifics == {"cart": "7"}


@pytest.mark.parametrize("before", [0, 1, 95, 96, 97, 190, 400])
def test_a_place_is_found_in_whatever_block_it_lies(tmp_path, before):
    log = tmp_path / "log"
    filler = ("x" * 63 + "\n") * (16 * before)  # `before` KB
    log.write_text(filler + "cart 7 is lost\n" + "y\n" * 5000)
    best = file_match(log)
    assert best.evidence[0].line == 16 * before + 1
    assert len(best.evidence) == 1


def test_a_message_over_the_edge_of_two_blocks_is_found_once(tmp_path):
    log = tmp_path / "log"
    edge = sources.BLOCK_BYTES
    spec = replace(PLAIN, expressions=(r"cart\n(?P<cart>\d+)\nis lost",))
    for shift in range(-12, 12):
        log.write_text("x" * (edge + shift - 1) + "\ncart\n7\nis lost\n" + "y\n" * 3000)
        assert len(file_match(log, spec).evidence) == 1


def test_a_huge_log_is_read_at_its_ends_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "HEAD_BYTES", 1 << 20)
    monkeypatch.setattr(sources, "TAIL_BYTES", 1 << 20)
    log = tmp_path / "log"
    line = "x" * 99 + "\n"
    log.write_text(line * 200_000 + "cart 7 is lost\n" + line * 10)
    tracemalloc.start()
    best = file_match(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert best.evidence[0].line == 200_001
    assert peak < 8 << 20


def test_a_message_that_comes_without_end_is_kept_a_few_times():
    found = Matcher([PLAIN]).hits(sources.blocks(Output(head="cart 7 is lost\n" * 50_000)))
    assert len(found["cart_lost"][1]) <= 24


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\x00\x80 cart 7 is lost \xc3\n")
    assert file_match(log).specifics == {"cart": "7"}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (r"(?=cart)", "no look-around"),
        (r"(cart)\1", "no back-references"),
        (r"a{1001}", "above 1000"),
        (r"(", "refuses"),
        (r"\w{1,1000}\W{1,1000}\w{1,1000}", "steps"),
        ("x" * 2001, "2001 characters"),
        ("[é]", "byte by byte"),
    ],
)
def test_an_expression_that_cannot_be_linear_is_refused_with_the_reason(expression, why):
    with pytest.raises(ExpressionRefused) as refusal:
        compiled(expression)
    assert why in str(refusal.value)
    assert pattern_check(replace(PLAIN, expressions=(expression,))) == [str(refusal.value)]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "No id"}, "id"),
        ({"priority": 11}, "Priority 11"),
        ({"expressions": ()}, "no expression"),
        ({"expressions": ("x*",)}, "matches nothing"),
        ({"action": ActionKind.PICK_FREE_PORT}, "needs port"),
        ({"must_match": ("tea is lost\n",)}, "does not match what it must"),
        ({"must_not_match": ("cart 7 is lost\n",)}, "matches what it must not"),
    ],
)
def test_a_pattern_is_checked_before_it_is_used(change, fault):
    assert pattern_check(PLAIN) == []
    faults = pattern_check(replace(PLAIN, **change))
    assert len(faults) == 1
    assert fault in faults[0]


def test_a_slow_pattern_is_refused_by_measurement(monkeypatch):
    monkeypatch.setattr("hardening.checking.WORST_LINE_SECONDS", 0.0)
    assert "ms on a line of" in pattern_check(PLAIN)[0]


@pytest.mark.parametrize(
    "expression", [r"(a+)+$", r"(a|aa)+$", r"(a|a?)+$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_what_hangs_other_engines_is_linear_here(expression):
    assert (
        max(seconds_for(expression, line) for line in worst_lines(expression)) < WORST_LINE_SECONDS
    )


@pytest.mark.parametrize("piece", ["a", "No module named '", "fatal: ", "'\"'\"", "::: ", "E   "])
def test_all_patterns_get_through_a_hostile_line_of_200_000_characters(piece):
    text = (piece * 200_000)[:200_000]
    matcher = Matcher(builtin())
    assert seconds_of(lambda: matcher.match(FailureContext.of_text(text))) < 1.0


def seconds_of(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def test_an_action_has_the_parameters_of_its_kind_and_no_others():
    with pytest.raises(ActionInvalid, match="takes \\['port'\\]"):
        Action(ActionKind.PICK_FREE_PORT, Risk.APPLY, "Another port.", {})
    with pytest.raises(ActionInvalid, match="no parameters"):
        Action(ActionKind.PRUNE_CACHES, Risk.APPLY, "Prune.", {"path": "/"})


def test_equal_failures_of_two_runs_have_one_signature():
    first = "2031-01-02T10:00:00 ERROR cart 17 at 0x7f3a not found in /tmp/run-1/shop/cart (1.2s)\n"
    second = (
        "2031-05-06T11:22:33 ERROR cart 93 at 0x81bc not found in /tmp/run-2/shop/cart (0.7s)\n"
    )
    other = "2031-01-02T10:00:00 ERROR tea 17 at 0x7f3a not found in /tmp/run-1/shop/cart (1.2s)\n"
    assert failure_signature(first) == failure_signature(second) != failure_signature(other)
    assert failure_signature("all is well\n") == ""
