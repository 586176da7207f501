"""What stands around an error: a service's clock, another try, a comparison, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hardening.matching import Matcher
from hardening.patterns import builtin
from hardening.sources import without_prefixes
from hardening.types import ActionKind, FailureContext, Output

if TYPE_CHECKING:
    from hardening.types import Match

BUILTIN = Matcher(builtin())
CLOCK = "2030-01-02T03:04:05.0000000Z "
REFUSED = "psql: error: connection to server at localhost, port 5432 failed: Connection refused"


def best(text: str, **facts: object) -> Match | None:
    context = FailureContext(output=Output(head=text), **facts)  # type: ignore[arg-type]
    return BUILTIN.match(context).best


def family(text: str) -> str:
    found = best(text)
    return str(found.family) if found else "none"


@pytest.mark.parametrize("prefix", [CLOCK, "2030-01-02T03:04:05.000000Z 01O ", "#12 4.071 "])
def test_what_a_runner_puts_before_each_line_is_taken_out(prefix):
    lines = ["$ make check", "", "Ran 0 tests in 0.000s", "", "NO TESTS RAN"]
    text = "".join(f"{prefix}{line}\n" for line in lines)
    assert without_prefixes(text.encode()).decode() == "\n".join(lines) + "\n"
    found = best(text)
    assert found is not None
    assert found.family == "missing_test_discovery"
    assert (found.evidence[0].line, found.evidence[0].text) == (3, "Ran 0 tests in 0.000s")


def test_a_long_log_with_a_clock_keeps_every_line():
    text = "".join(f"{CLOCK}line {number}\n" for number in range(60_000)).encode()
    assert len(text) > 2 << 20
    plain = without_prefixes(text)
    assert plain.count(b"\n") == 60_000
    assert CLOCK.encode() not in plain


def test_a_time_of_the_program_itself_stays():
    text = b"2030-01-02T03:04:05Z ERROR cart is empty\n# 12 carts\n"
    assert without_prefixes(text) == text


def test_what_was_tried_again_and_then_went_well_was_not_the_cause():
    waited = f"{REFUSED}\nretrying in 2 s (1/9)\n{REFUSED}\nretrying in 2 s (2/9)\n"
    assert family(f"{waited}schema created\nchecking prices\n") == "none"


@pytest.mark.parametrize("end", ["", "giving up\n", f"{REFUSED}\n", "Error: no database\n"])
def test_what_was_tried_again_in_vain_is_the_cause(end):
    assert family(f"{REFUSED}\nretrying in 2 s (1/9)\n{end}") == "service_unavailable"


def test_what_a_test_that_compared_values_printed_is_its_own_matter():
    captured = "---- Captured stderr call ----\nERROR shop: Could not resolve host: carts.example\n"
    summary = "==== short test summary info ====\nFAILED tests/test_cart.py::test_total - {}\n"
    assert family(captured + summary.format("assert 2 == 3")) == "none"
    assert family(captured + summary.format("shop.Unreachable: carts.example")) == "network_error"


def test_one_comparison_among_other_failures_says_nothing_about_them():
    lines = "FAILED tests/test_a.py::test_a - assert 2 == 3\nFAILED tests/test_b.py::test_b - {}\n"
    refused = "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379"
    assert family(f"E   {refused}. Connection refused.\n" + lines.format(refused)) == (
        "service_unavailable"
    )


@pytest.mark.parametrize(
    "text",
    [
        "AssertionError: pages differ\n- Expected\n+ Received\n\n- cart\n+ Authentication failed\n",
        "E       AssertionError: assert 1 == 3\n"
        "E        +  where 1 = Push(tries=1, error='[Errno 111] Connection refused').tries\n",
        "  1) Client gives up\n     Failure/Error: expect { get }.to raise_error(ReadTimeout)\n"
        "       expected Net::ReadTimeout but nothing was raised\n",
        "commit 1a2b3c4d\nAuthor: Ann <ann@shop.example>\nDate:   Mon Jan 1 2030\n\n"
        "    Catch what the registry throws:\n    requests.exceptions.ConnectionError: gone\n",
        " id | message\n----+---------\n  4 | database is locked\n(1 row)\n",
    ],
)
def test_what_is_compared_listed_or_told_in_a_commit_is_no_error(text):
    assert family(text) == "none"


def test_changes_out_of_scope_need_no_words_in_the_output():
    found = best("nothing was printed about it\n", exit_code=1, out_of_scope=("docs/a.md",))
    assert found is not None
    assert (found.pattern_id, found.evidence) == ("scope_mismatch", ())
    assert found.actions[0].kind is ActionKind.REVERT_OUT_OF_SCOPE
    assert found.actions[0].parameters == {"paths": "docs/a.md"}


def test_a_command_that_ran_out_of_time_needs_no_words_either():
    found = best("collecting carts\n", timed_out=True)
    assert found is not None
    assert found.pattern_id == "timeout"
    assert found.actions[0].kind is ActionKind.WAIT_AND_RETRY
    assert best("collecting carts\n") is None


def test_a_cause_that_was_printed_comes_before_the_time_that_ran_out():
    found = best("OSError: [Errno 28] No space left on device\n", timed_out=True)
    assert found is not None
    assert found.family == "disk_full"


def test_a_pattern_that_is_off_says_nothing_about_facts_either():
    kept = [spec for spec in builtin() if spec.id != "timeout"]
    context = FailureContext(output=Output(head="collecting carts\n"), timed_out=True)
    assert Matcher(kept).match(context).best is None
