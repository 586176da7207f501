"""Patterns in force: built-ins with the operator's choices and operators' own, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening import active, seeding, services
from hardening.models import FailurePattern, PatternChange
from hardening.outcomes import PatternTrigger
from hardening.patterns import builtin
from hardening.selectors import patterns_list
from hardening.services import (
    PatternInvalid,
    PatternRefused,
    PatternUnknown,
    failure_match,
    list_patterns,
    pattern_change,
    pattern_delete,
    pattern_set,
)
from hardening.types import FailureContext, Mode, Risk
from tests.hardening.rows import LOG, OTHER_LOG, own_pattern, own_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.specs import PatternSpec

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
FIRST = "python_missing_dep"


def seed() -> None:
    seeding.patterns_seed(apps.get_app_config("hardening"), using="default")


def row_of(slug: str) -> FailurePattern:
    return FailurePattern.objects.get(slug=slug)


def matched(text: str = LOG) -> str | None:
    best = failure_match(FailureContext.of_text(text)).best
    return best.pattern_id if best else None


# --- Built-ins ----------------------------------------------------------------------------------


def test_every_built_in_has_a_row_that_says_what_was_reviewed() -> None:
    rows = {row.slug: row for row in FailurePattern.objects.filter(is_builtin=True)}
    assert rows.keys() == {spec.id for spec in builtin()}
    for spec in builtin():
        row = rows[spec.id]
        assert (row.priority, row.enabled, row.mode) == (spec.priority, spec.enabled, spec.mode)
        assert (row.expressions, row.advice) == ([], "")


def test_built_ins_without_rows_are_in_force_as_reviewed_and_can_be_changed() -> None:
    FailurePattern.objects.all().delete()
    assert list_patterns() == [spec.id for spec in builtin() if spec.enabled]
    pattern_change(FIRST, {"enabled": False}, by="ada")
    assert FIRST not in list_patterns()


def test_the_operators_choice_holds() -> None:
    pattern_change(FIRST, {"priority": 10, "mode": "suggest"}, by="ada")
    spec = next(spec for spec in pattern_set().specs if spec.id == FIRST)
    assert (spec.priority, spec.mode) == (10, Mode.SUGGEST)
    assert list_patterns().index(FIRST) > len(list_patterns()) // 2
    pattern_change(FIRST, {"enabled": False}, by="ada")
    assert FIRST not in list_patterns()


def test_seeding_again_changes_nothing() -> None:
    before = list(FailurePattern.objects.values())
    seed()
    assert list(FailurePattern.objects.values()) == before
    assert not PatternChange.objects.exists()


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A new version of the code, with these built-ins instead of its own; migrated."""

    def install(*specs: PatternSpec) -> None:
        monkeypatch.setattr("hardening.patterns.builtin", lambda: specs)
        monkeypatch.setattr(active, "builtin", lambda: specs)
        monkeypatch.setattr(services, "builtin", lambda: specs)
        monkeypatch.setattr(active, "_held", None)
        seed()

    return install


def test_an_upgrade_adds_a_row_for_a_new_built_in(upgrade: Callable[..., None]) -> None:
    new = replace(builtin()[0], id="quite_new", priority=4)
    upgrade(*builtin(), new)
    assert row_of("quite_new").priority == 4
    assert "quite_new" in list_patterns()


def test_an_upgrade_keeps_what_an_operator_chose(upgrade: Callable[..., None]) -> None:
    first, second = builtin()[:2]
    pattern_change(first.id, {"mode": "suggest"}, by="ada")
    upgrade(replace(first, priority=8, enabled=False), replace(second, priority=9))
    chosen, untouched = row_of(first.id), row_of(second.id)
    assert (chosen.priority, chosen.enabled, chosen.mode) == (first.priority, True, "suggest")
    assert untouched.priority == 9, "nobody chose anything: the new review holds"
    (noted,) = PatternChange.objects.filter(trigger=PatternTrigger.UPGRADE.value)
    assert (noted.slug, noted.by, noted.after) == (second.id, "", {"priority": 9})
    upgrade(first, replace(second, priority=7))
    assert row_of(second.id).priority == 7, "an upgrade is no operator's choice"


def test_a_built_in_that_is_gone_does_nothing(upgrade: Callable[..., None]) -> None:
    upgrade(*builtin()[1:])
    assert builtin()[0].id not in list_patterns()
    assert FailurePattern.objects.filter(slug=builtin()[0].id).exists()


def test_an_operators_pattern_outlives_a_built_in_that_comes_later_with_its_id(
    upgrade: Callable[..., None],
) -> None:
    own_pattern("later")
    upgrade(*builtin(), replace(builtin()[0], id="later"))
    assert not row_of("later").is_builtin
    assert matched() == "later"
    assert list_patterns().count("later") == 1


def test_migrating_back_to_before_patterns_is_no_fault() -> None:
    class Before:
        def get_models(self) -> list[Any]:
            return []

    FailurePattern.objects.all().delete()
    seeding.patterns_seed(apps.get_app_config("hardening"), using="default", apps=Before())
    assert not FailurePattern.objects.exists()


# --- Operators' own -----------------------------------------------------------------------------


def test_an_operators_pattern_matches_and_plans() -> None:
    assert matched() is None
    own_pattern()
    best = failure_match(FailureContext.of_text(LOG)).best
    assert best is not None
    assert best.pattern_id == "no_seat_left"
    assert best.specifics["ledger"] == "ledger-7"
    assert best.evidence[0].line == 2
    assert best.actions[0].risk is Risk.APPLY
    assert dict(best.actions[0].parameters) == {"delay_seconds": "5", "attempts": "3"}
    assert matched(OTHER_LOG) is None


def test_a_disabled_pattern_matches_nothing() -> None:
    own_pattern(enabled=False)
    assert matched() is None
    pattern_change("no_seat_left", {"enabled": True}, by="ada")
    assert matched() == "no_seat_left"
    pattern_delete("no_seat_left", by="ada")
    assert matched() is None


def test_a_row_that_no_longer_compiles_takes_no_other_down() -> None:
    own_pattern()
    own_pattern("hurt")
    FailurePattern.objects.filter(slug="hurt").update(expressions=["(?P<a"])
    own_pattern("foreign")
    FailurePattern.objects.filter(slug="foreign").update(family="of_another_version", revision=1)
    assert matched() == "no_seat_left"
    assert {"hurt", "foreign"}.isdisjoint(list_patterns())
    assert "foreign" not in {row.id for row in patterns_list()}


def test_nothing_is_compiled_again_while_nothing_changes() -> None:
    held = pattern_set()
    with CaptureQueriesContext(connection) as queries:
        assert pattern_set() is held
    assert len(queries) == 1
    own_pattern()
    assert pattern_set() is not held


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("expressions", {"expressions": [r"(?P<open"]}),
        ("expressions", {"expressions": [r"seat(?=left)"]}),
        ("expressions", {"expressions": [r"(seat)\1"]}),
        ("expressions", {"expressions": [r"((((a{1,30}){1,30}){1,30}){1,30})"]}),
        ("expressions", {"expressions": ["seat" * 600]}),
        ("expressions", {"expressions": [r".*"]}),
        ("expressions", {"expressions": []}),
        ("expressions", {"expressions": ["seat left"] * 21}),
        ("expressions", {"expressions": "seat left"}),
        ("expressions", {"expressions": ["seat\x00left"]}),
        ("unless", {"unless": [r"(?P<open"]}),
        ("must_match", {"must_match": []}),
        ("must_match", {"must_match": ["all is well"]}),
        ("must_match", {"must_match": ["x" * 20_001]}),
        ("must_not_match", {"must_not_match": [LOG]}),
        ("parameters", {"parameters": {"delay_seconds": "5"}}),
        ("parameters", {"parameters": {"delay_seconds": "5", "attempts": "3", "command": "rm"}}),
        ("parameters", {"action": "set_environment_variable", "parameters": {"value": "1"}}),
        ("parameters", {"parameters": ["delay_seconds"]}),
        ("action", {"action": "run_shell"}),
        ("family", {"family": "gremlins"}),
        ("family", {"family": ""}),
        ("priority", {"priority": 0}),
        ("priority", {"priority": True}),
        ("mode", {"mode": "always"}),
        ("title", {"title": " "}),
        ("advice", {"advice": "\ud800"}),
        ("cool_down_seconds", {"cool_down_seconds": -1}),
        ("is_builtin", {"is_builtin": True}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_pattern_is_refused_at_its_field(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(PatternInvalid) as refused:
        own_pattern(**changes)
    assert list(refused.value.errors) == [field]
    assert not FailurePattern.objects.filter(is_builtin=False).exists()
    assert not PatternChange.objects.exists()


@pytest.mark.parametrize("slug", ["ab", "Capital", "with-dash", "trailing\n", "7up", "x" * 65])
def test_an_id_that_is_none_is_refused(slug: str) -> None:
    with pytest.raises(PatternInvalid) as refused:
        own_pattern(slug)
    assert list(refused.value.errors) == ["slug"]


def test_an_id_is_given_once() -> None:
    own_pattern()
    for slug in ("no_seat_left", FIRST):
        with pytest.raises(PatternInvalid) as refused:
            own_pattern(slug)
        assert list(refused.value.errors) == ["slug"]


def test_nested_repetition_is_harmless_here_and_taken() -> None:
    own_pattern(expressions=[r"no (?:s+e*)*at left on (?P<ledger>(?:[\w-]+)+)"])
    assert matched("no " + "se" * 50_000 + "!") is None
    assert matched() == "no_seat_left"


def test_a_group_may_give_what_the_action_needs() -> None:
    own_pattern(
        expressions=[r"no seat left on (?P<port>[\w-]+)"], action="pick_free_port", parameters={}
    )
    best = failure_match(FailureContext.of_text(LOG)).best
    assert best is not None
    assert dict(best.actions[0].parameters) == {"port": "ledger-7"}


def test_a_log_never_names_an_environment_variable() -> None:
    with pytest.raises(PatternInvalid) as refused:
        own_pattern(
            expressions=[r"no seat left on (?P<name>[\w-]+)"],
            action="set_environment_variable",
            parameters={"value": "1"},
        )
    assert list(refused.value.errors) == ["parameters"]


def test_a_change_that_would_break_the_pattern_is_not_made() -> None:
    own_pattern()
    for changes in ({"expressions": ["another thing"]}, {"must_match": [OTHER_LOG]}):
        with pytest.raises(PatternInvalid):
            pattern_change("no_seat_left", changes, by="bob")
    assert row_of("no_seat_left").expressions == own_values()["expressions"]
    assert matched() == "no_seat_left"


def test_of_a_built_in_only_choices_can_be_changed() -> None:
    with pytest.raises(PatternInvalid, match="cannot be set"):
        pattern_change(FIRST, {"expressions": ["x"]}, by="ada")
    with pytest.raises(PatternInvalid, match=r"1 \(first\) to 10"):
        pattern_change(FIRST, {"priority": 11}, by="ada")
    with pytest.raises(PatternRefused, match="disabled"):
        pattern_delete(FIRST, by="ada")
    assert row_of(FIRST).is_builtin


def test_what_is_not_there_is_said() -> None:
    for verb in (lambda: pattern_change("gone", {}, by=""), lambda: pattern_delete("gone", by="")):
        with pytest.raises(PatternUnknown, match="'gone'"):
            verb()


# --- History ------------------------------------------------------------------------------------


def test_history_has_who_when_before_and_after() -> None:
    own_pattern()
    pattern_change("no_seat_left", {"priority": 7, "mode": "apply"}, by="bob")
    pattern_change("no_seat_left", {"priority": 7}, by="carol")
    pattern_delete("no_seat_left", by="dan")
    deleted, changed, created = PatternChange.objects.filter(slug="no_seat_left")
    assert (created.by, created.before, created.after) == ("ada", None, own_values())
    assert (changed.by, changed.before, changed.after) == (
        "bob", {"priority": 2}, {"priority": 7}
    )  # fmt: skip
    assert (deleted.by, deleted.after) == ("dan", None)
    assert deleted.before == own_values(priority=7)
    assert created.at <= changed.at <= deleted.at
    assert deleted.pattern is None


def test_a_change_looks_again_when_another_was_first(monkeypatch: pytest.MonkeyPatch) -> None:
    own_pattern()
    really_admit = services._admit

    def another_is_first(row: FailurePattern, values: dict[str, Any]) -> None:
        really_admit(row, values)
        if row.priority == 2:
            monkeypatch.setattr(services, "_admit", really_admit)
            pattern_change("no_seat_left", {"priority": 9, "mode": "suggest"}, by="bob")

    monkeypatch.setattr(services, "_admit", another_is_first)
    pattern_change("no_seat_left", {"priority": 4}, by="ada")
    row = row_of("no_seat_left")
    assert (row.priority, row.mode) == (4, "suggest")
    newest = PatternChange.objects.filter(slug="no_seat_left").first()
    assert newest is not None
    assert (newest.by, newest.before) == ("ada", {"priority": 9})


def test_whoever_never_gets_their_turn_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    own_pattern()

    def always_another(row: FailurePattern, values: dict[str, Any]) -> None:
        del values
        row_of(row.slug).save()

    monkeypatch.setattr(services, "_admit", always_another)
    with pytest.raises(services.PatternChanged, match="Try again"):
        pattern_change("no_seat_left", {"priority": 4}, by="ada")
    assert row_of("no_seat_left").priority == 2


# --- Processes ----------------------------------------------------------------------------------

# Answers each line on its standard input with what its patterns make of LOG.
WORKER = """
import sys
import django
django.setup()
from hardening.services import failure_match
from hardening.types import FailureContext
from tests.hardening.rows import LOG
for line in sys.stdin:
    best = failure_match(FailureContext.of_text(LOG)).best
    print(best and (best.pattern_id, best.priority), flush=True)
"""


def database_url() -> str:
    """Of the test's own database."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    access = f"{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}"
    return f"postgres://{access}/{given['NAME']}"


@pytest.mark.django_db(transaction=True)
def test_a_worker_sees_an_operators_edit_with_its_next_match() -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "autopack_site.settings",
        "DATABASE_URL": database_url(),
        "AUTOPACK_HOME": str(settings.AUTOPACK_HOME),
    }
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as worker:  # fmt: skip
        assert worker.stdin is not None
        assert worker.stdout is not None

        def asked() -> str:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("what is it\n")
            worker.stdin.flush()
            return worker.stdout.readline().strip()

        assert asked() == "None"
        own_pattern()
        assert asked() == "('no_seat_left', 2)"
        pattern_change("no_seat_left", {"priority": 6}, by="ada")
        assert asked() == "('no_seat_left', 6)"
        pattern_delete("no_seat_left", by="ada")
        assert asked() == "None"
        worker.stdin.close()
        assert worker.wait(timeout=30) == 0


def test_a_command_has_the_built_ins_before_there_are_tables() -> None:
    assert active.matcher_anywhere() is pattern_set().matcher
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hardening_failurepattern RENAME TO hardening_away")
    assert {spec.id for spec in active.matcher_anywhere().specs} == {
        spec.id for spec in builtin() if spec.enabled
    }
