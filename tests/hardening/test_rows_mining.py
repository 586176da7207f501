"""Patterns are proposed from failures that the Doctor solved in the same way, never enabled."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from hardening.mining import MinedFailure, patterns_mine
from hardening.models import FailurePattern, PatternChange
from hardening.services import failure_match, list_patterns, pattern_change, pattern_delete
from hardening.types import ActionKind, FailureContext, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

PRUNED = MinedFailure("error: it did not work\n", is_solved=True, action=ActionKind.PRUNE_CACHES)
WAIT = {"delay_seconds": "20", "attempts": "2"}


def kiln(number: int, **changes: Any) -> MinedFailure:
    """A failure whose times, paths and numbers differ each time."""
    text = (
        f"step {number} of 9\n"
        f"2031-02-0{number} 04:05:0{number} kiln[{number * 71}]: fatal: glaze service refused"
        f" batch {number} of /srv/build/{number}/kiln.toml\n"
        f"ran {number} pots\n"
    )
    values: dict[str, Any] = {
        "is_solved": True,
        "action": ActionKind.WAIT_AND_RETRY,
        "parameters": WAIT,
    }
    return MinedFailure(text=text, **(values | changes))


def loom(number: int) -> MinedFailure:
    return MinedFailure(text=f"loom: error: thread {number} of warp is missing\n", is_solved=False)


def nothing_known(context: FailureContext) -> Verdict:
    del context
    return Verdict(best=None)


def mined(*failures: MinedFailure, **options: Any) -> list[Any]:
    return patterns_mine(failures, nothing_known, **options)


# --- Deciding -----------------------------------------------------------------------------------


def test_what_was_solved_alike_three_times_is_proposed() -> None:
    (proposal,) = mined(*(kiln(number) for number in (1, 2, 3)), loom(1))
    assert proposal.values["enabled"] is False
    assert (proposal.values["action"], proposal.values["parameters"]) == ("wait_and_retry", WAIT)
    assert len(proposal.values["must_match"]) == 3
    assert proposal.values["must_not_match"] == ["loom: error: thread 1 of warp is missing"]
    assert (proposal.seen["failures"], proposal.seen["solved"]) == (3, 3)
    assert "glaze service refused batch" in proposal.values["expressions"][0]


@pytest.mark.parametrize(
    "third",
    [
        kiln(3, is_solved=False),
        kiln(3, parameters={"delay_seconds": "90", "attempts": "2"}),
        kiln(3, action=ActionKind.LOWER_PARALLELISM, parameters={}),
        kiln(3, parameters={"delay_seconds": "20"}),
        loom(3),
    ],
    ids=["unsolved", "other parameters", "another action", "no action", "another failure"],
)
def test_two_alike_are_not_enough(third: MinedFailure) -> None:
    assert mined(kiln(1), kiln(2), third) == []
    assert len(mined(kiln(1), kiln(2), third, at_least=2)) == 1


def test_advice_is_alike_when_its_words_are() -> None:
    said = [
        "Fire up the glaze service.",
        "fire up  the glaze\nservice.",
        "Fire UP the glaze service.",
    ]
    failures = [
        kiln(number, action=ActionKind.SUGGEST_ONLY, parameters={}, words=words)
        for number, words in enumerate(said, start=1)
    ]
    (proposal,) = mined(*failures)
    assert (proposal.values["action"], proposal.values["advice"]) == ("suggest_only", said[0])
    assert mined(*failures[:2], kiln(3, action=ActionKind.SUGGEST_ONLY, parameters={})) == []


def test_what_says_nothing_in_particular_is_not_proposed() -> None:
    """All that these texts share, the texts of another cluster have too."""
    alike = [PRUNED] * 3
    more = MinedFailure("error: it did not work\nloom: error: no warp at all\n")
    assert len(mined(*alike)) == 1
    assert mined(*alike, more) == []


def test_no_text_with_an_error_makes_no_cluster() -> None:
    assert mined(*[replace(PRUNED, text="all is well\n")] * 5) == []


def test_what_was_proposed_before_is_known() -> None:
    failures = [kiln(number) for number in (1, 2, 3)]
    (proposal,) = mined(*failures)
    assert mined(*failures, known=frozenset({proposal.slug})) == []


# --- The command --------------------------------------------------------------------------------


def lines_of(*failures: MinedFailure) -> str:
    return "".join(
        json.dumps(
            {
                "text": failure.text,
                "is_solved": failure.is_solved,
                "action": failure.action,
                "parameters": dict(failure.parameters),
                "words": failure.words,
            }
        )
        + "\n"
        for failure in failures
    )


@pytest.fixture
def failures(tmp_path: Path) -> str:
    file = tmp_path / "failures.jsonl"
    full = "OSError: [Errno 28] No space left on device\n"
    known = [MinedFailure(full, is_solved=True, action=ActionKind.PRUNE_CACHES)]
    file.write_text(lines_of(*(kiln(number) for number in (1, 2, 3)), *known * 3, loom(1)))
    return str(file)


def mine(*arguments: str) -> str:
    out = StringIO()
    call_command("mine_patterns", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_dry_run_shows_and_keeps_nothing(failures: str) -> None:
    said = mine("--failures", failures, "--dry-run")
    assert "1 patterns would be proposed" in said
    assert "glaze service refused batch" in said
    assert not FailurePattern.objects.filter(is_builtin=False).exists()


@pytest.mark.django_db
def test_a_proposal_is_a_disabled_pattern_that_a_person_makes_work(failures: str) -> None:
    assert "1 patterns proposed, disabled" in mine("--failures", failures)
    row = FailurePattern.objects.get(is_builtin=False)
    assert (row.enabled, row.family, row.mode) == (False, "", "suggest")
    assert row.proposal["solved"] == 3
    noted = PatternChange.objects.get()
    assert (noted.trigger, noted.by) == ("mining", "")
    assert row.slug not in list_patterns()
    pattern_change(row.slug, {"family": "service_unavailable", "enabled": True}, by="ada")
    best = failure_match(FailureContext.of_text(kiln(7).text)).best
    assert best is not None
    assert best.pattern_id == row.slug
    assert "0 patterns" in mine("--failures", failures), "its failures have a pattern now"


@pytest.mark.django_db
def test_what_a_person_deleted_is_not_proposed_again(failures: str) -> None:
    mine("--failures", failures)
    pattern_delete(FailurePattern.objects.get(is_builtin=False).slug, by="ada")
    assert "0 patterns" in mine("--failures", failures)


def kept_failures() -> list[MinedFailure]:
    return [kiln(number) for number in (1, 2, 3)]


@pytest.mark.django_db
def test_without_a_file_the_installations_own_failures_are_read(settings: Settings) -> None:
    settings.AUTOPACK_MINED_FAILURES = ""
    with pytest.raises(CommandError, match="--failures FILE"):
        mine()
    settings.AUTOPACK_MINED_FAILURES = f"{__name__}.kept_failures"
    assert "1 patterns proposed" in mine()


@pytest.mark.django_db
@pytest.mark.parametrize("line", ["no json", "[]", "{}", '{"text": "x", "action": "run_shell"}'])
def test_a_line_that_is_no_failure_is_said(tmp_path: Path, line: str) -> None:
    file = tmp_path / "failures.jsonl"
    file.write_text(f"{lines_of(loom(1))}{line}\n")
    with pytest.raises(CommandError, match="line 2 is no failure"):
        mine("--failures", str(file))


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        mine("--failures", str(tmp_path / "absent"))
