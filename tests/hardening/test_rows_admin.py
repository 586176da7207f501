"""Operators tune, write and try patterns in the admin; what they do is checked and kept."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardening.models import FailurePattern, MitigationEvent, PatternChange
from hardening.outcomes import MitigationOutcome
from hardening.services import pattern_change, pattern_delete
from tests.hardening.rows import LOG, OTHER_LOG, mitigated, own_pattern, own_values

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import Model
    from django.test import Client

pytestmark = pytest.mark.django_db

# As urls.py does; commands start without it.
admin.autodiscover()

FIRST = "python_missing_dep"
HOSTILE = "<script>alert(1)</script>{{ 7|add:7 }}\u202e"


def page(name: str, *arguments: object, model: type[Model] = FailurePattern) -> str:
    return reverse(f"admin:hardening_{model.__name__.lower()}_{name}", args=arguments)


def row_of(slug: str) -> FailurePattern:
    return FailurePattern.objects.get(slug=slug)


class Fields(HTMLParser):
    """What a browser would send of a page's forms."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.values: dict[str, str] = {}
        self._area = self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "textarea":
            self._area, self.values[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self.values[self._select] = given.get("value", "")
        elif tag == "input" and name and given.get("type") not in {"submit", "checkbox"}:
            self.values[name] = given.get("value", "")
        elif tag == "input" and "checked" in given:
            self.values[name] = "on"

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # The first newline after the tag is the page's, as browsers have it.
            self.values[self._area] = self.values[self._area].removeprefix("\n")
            self._area = ""


def shown(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def sent(client: Client, url: str, fields: dict[str, str], **changes: str | None) -> str:
    """The page that follows when a form is sent as it was shown, but for `changes`."""
    data = {**fields, **changes}
    answer = client.post(
        url, {name: value for name, value in data.items() if value is not None}, follow=True
    )
    assert answer.status_code == 200
    return answer.content.decode()


def form_of(client: Client, url: str) -> dict[str, str]:
    fields = Fields(shown(client, url)).values
    return {name: value for name, value in fields.items() if name != "q"}


def at_field(html: str, field: str) -> str:
    """The errors that stand at a field."""
    found = re.search(
        rf'class="form-row errors field-{field}".*?(<ul class="errorlist.*?</ul>)', html, re.S
    )
    return found[1] if found else ""


OWN_FORM = {
    "slug": "no_seat_left", "title": "No seat left", "family": "resource_locked", "priority": "2",
    "enabled": "on", "mode": "apply", "cool_down_seconds": "0",
    "expressions": own_values()["expressions"][0], "unless": "", "reading": "strict",
    "action": "wait_and_retry", "parameters": "delay_seconds = 5\nattempts = 3",
    "advice": own_values()["advice"], "must_match": LOG, "must_not_match": OTHER_LOG,
}  # fmt: skip


# --- The list ---------------------------------------------------------------------------------


def line_of(fields: dict[str, str], row: FailurePattern) -> str:
    """The prefix of a pattern's fields in the list."""
    return next(
        name.removesuffix("-id")
        for name, value in fields.items()
        if re.fullmatch(r"form-\d+-id", name) and value == str(row.pk)
    )


def test_the_list_shows_patterns_with_their_figures(admin_client: Client) -> None:
    own_pattern()
    for outcome in (MitigationOutcome.FIXED, MitigationOutcome.UNDONE):
        mitigated(outcome)
    html = shown(admin_client, page("changelist"))
    line = re.search(r"<tr>(?:(?!</tr>).)*no_seat_left.*?</tr>", html, re.S)
    assert line is not None
    assert 'class="field-hits">2<' in line[0]
    assert 'class="field-fix_rate">50%<' in line[0]
    assert 'class="field-origin">own<' in line[0]
    assert "Try it on a log" in html


def test_the_list_costs_the_same_for_many_patterns_as_for_few(admin_client: Client) -> None:
    shown(admin_client, page("changelist"))
    with CaptureQueriesContext(connection) as few:
        shown(admin_client, page("changelist"))
    for number in range(6):
        own_pattern(f"own_{number}")
        mitigated(MitigationOutcome.FIXED)
    with CaptureQueriesContext(connection) as many:
        shown(admin_client, page("changelist"))
    assert len(many) == len(few) <= 10


def test_an_operator_tunes_in_the_list_and_history_knows(admin_client: Client) -> None:
    url = page("changelist")
    fields = form_of(admin_client, url)
    first, other = line_of(fields, row_of(FIRST)), line_of(fields, row_of("port_in_use"))
    sent(
        admin_client, url, fields,
        **{f"{first}-priority": "9", f"{first}-enabled": None, f"{other}-mode": "suggest"},
        _save="Save",
    )  # fmt: skip
    row = row_of(FIRST)
    assert (row.priority, row.enabled) == (9, False)
    assert row_of("port_in_use").mode == "suggest"
    noted = {change.slug: change for change in PatternChange.objects.all()}
    assert noted.keys() == {FIRST, "port_in_use"}
    assert noted[FIRST].by == "admin"
    assert noted[FIRST].after == {"priority": 9, "enabled": False}


def test_an_old_page_of_the_list_undoes_nothing(admin_client: Client) -> None:
    url = page("changelist")
    fields = form_of(admin_client, url)
    first = line_of(fields, row_of(FIRST))
    pattern_change(FIRST, {"mode": "suggest"}, by="bob")
    pattern_change("port_in_use", {"enabled": False}, by="bob")
    sent(admin_client, url, fields, **{f"{first}-priority": "9"}, _save="Save")
    row = row_of(FIRST)
    assert (row.priority, row.mode) == (9, "suggest")
    assert row_of("port_in_use").enabled is False
    assert PatternChange.objects.filter(by="admin").count() == 1


def test_a_priority_that_is_none_is_said_in_the_list(admin_client: Client) -> None:
    url = page("changelist")
    fields = form_of(admin_client, url)
    first = line_of(fields, row_of(FIRST))
    html = sent(admin_client, url, fields, **{f"{first}-priority": "11"}, _save="Save")
    assert "1 (first) to 10" in html
    assert not PatternChange.objects.exists()


def test_a_proposal_without_a_family_cannot_be_enabled_in_the_list(admin_client: Client) -> None:
    row = own_pattern(enabled=False, family="")
    url = page("changelist")
    fields = form_of(admin_client, url)
    html = sent(
        admin_client, url, fields, **{f"{line_of(fields, row)}-enabled": "on"}, _save="Save"
    )
    assert "Choose the family before you enable the pattern" in html
    assert row_of("no_seat_left").enabled is False


# --- One pattern ----------------------------------------------------------------------------------


def test_an_operator_writes_a_pattern(admin_client: Client) -> None:
    sent(admin_client, page("add"), {**form_of(admin_client, page("add")), **OWN_FORM})
    row = row_of("no_seat_left")
    # A form's lines end as a form's do, and the last one's end is not kept.
    expected = own_values(must_match=[LOG.strip("\n")], must_not_match=[OTHER_LOG.strip("\n")])
    assert {name: getattr(row, name) for name in expected} == expected
    assert not row.is_builtin
    created = PatternChange.objects.get()
    assert (created.by, created.before, created.after) == ("admin", None, expected)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("expressions", "(?P<open", "RE2 refuses"),
        ("expressions", "((((a{1,30}){1,30}){1,30}){1,30})", "RE2 refuses"),
        ("expressions", "seat" * 600, "split it"),
        ("expressions", "a*", "matches every log"),
        ("expressions", "", "required"),
        ("unless", "seat(?=x)", "RE2 refuses"),
        ("must_match", "all is well", "does not match what it must match"),
        ("must_not_match", LOG, "matches what it must not match"),
        ("parameters", "delay_seconds: 5", "is not: name = value"),
        ("parameters", "delay_seconds = 5", "needs attempts"),
        ("parameters", "delay_seconds = 5\nattempts = 1\nshell = rm", "does not take shell"),
        ("family", "", "Choose the family"),
        ("family", "gremlins", "not one of the available choices"),
        ("advice", "", "Give a text"),
        ("priority", "0", "1 (first) to 10"),
        ("slug", FIRST, "There is a pattern with this id"),
        ("slug", "Capital", "3 to 64 of a-z"),
        ("action", "run_shell", "not one of the available choices"),
    ],
    ids=lambda value: value[:40],
)
def test_a_fault_stands_at_its_field(
    admin_client: Client, field: str, text: str, said: str
) -> None:
    fields = {**form_of(admin_client, page("add")), **OWN_FORM, field: text}
    html = sent(admin_client, page("add"), fields)
    assert said in at_field(html, field)
    assert html.count('class="errorlist') == 1
    assert not FailurePattern.objects.filter(is_builtin=False).exists()


def test_several_samples_have_a_line_between_them(admin_client: Client) -> None:
    fields = {**form_of(admin_client, page("add")), **OWN_FORM}
    second = "quartermaster: no seat left on b"
    sent(admin_client, page("add"), fields, must_match=f"\r\n{LOG}\r\n%%\r\n\r\n{second}\r\n%%\r\n")
    row = row_of("no_seat_left")
    assert row.must_match == [LOG.strip("\n"), second]
    again = form_of(admin_client, page("change", row.pk))
    sent(admin_client, page("change", row.pk), again)
    assert PatternChange.objects.count() == 1, "a form that was not touched changes nothing"


def test_what_two_operators_change_at_the_same_time_is_both_kept(admin_client: Client) -> None:
    row = own_pattern()
    url = page("change", row.pk)
    fields = form_of(admin_client, url)
    pattern_change("no_seat_left", {"priority": 8, "title": "Full house"}, by="bob")
    sent(admin_client, url, fields, mode="suggest", advice="Ask for a seat.")
    row.refresh_from_db()
    assert (row.priority, row.title, row.mode, row.advice) == (
        8, "Full house", "suggest", "Ask for a seat."
    )  # fmt: skip
    newest = PatternChange.objects.first()
    assert newest is not None
    assert newest.after == {"mode": "suggest", "advice": "Ask for a seat."}


def test_of_a_built_in_there_are_only_choices_to_make(admin_client: Client) -> None:
    row = row_of(FIRST)
    url = page("change", row.pk)
    html = shown(admin_client, url)
    assert "ModuleNotFoundError" in html, "its expressions are shown"
    fields = form_of(admin_client, url)
    assert "expressions" not in fields
    sent(admin_client, url, fields, priority="3", expressions="x", title="Mine", is_builtin="")
    row.refresh_from_db()
    assert (row.priority, row.expressions, row.title) == (3, [], "Python missing dep")
    assert row.is_builtin


def test_the_id_of_a_pattern_stays(admin_client: Client) -> None:
    row = own_pattern()
    url = page("change", row.pk)
    sent(admin_client, url, form_of(admin_client, url), slug="another")
    row.refresh_from_db()
    assert row.slug == "no_seat_left"


def test_an_own_pattern_is_deleted_and_a_built_in_one_is_not(admin_client: Client) -> None:
    own = own_pattern()
    sent(admin_client, page("delete", own.pk), {"post": "yes"})
    assert not FailurePattern.objects.filter(slug="no_seat_left").exists()
    newest = PatternChange.objects.first()
    assert newest is not None
    assert (newest.by, newest.after) == ("admin", None)
    builtin = row_of(FIRST)
    refused = admin_client.post(page("delete", builtin.pk), {"post": "yes"})
    assert refused.status_code == 403
    assert FailurePattern.objects.filter(slug=FIRST).exists()


def test_what_was_deleted_meanwhile_is_said(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = own_pattern()
    url = page("change", row.pk)
    fields = form_of(admin_client, url)
    from hardening import services

    really_change = services.pattern_change

    def deleted_first(slug: str, changes: dict[str, Any], **options: Any) -> FailurePattern:
        pattern_delete(slug, by="bob")
        return really_change(slug, changes, **options)

    monkeypatch.setattr(services, "pattern_change", deleted_first)
    html = sent(admin_client, url, fields, priority="8")
    assert "There is no pattern &#x27;no_seat_left&#x27;" in html


def test_the_history_of_a_pattern_is_a_page(admin_client: Client) -> None:
    row = own_pattern(title=f"No seat {HOSTILE}")
    pattern_change("no_seat_left", {"priority": 7}, by="bob")
    html = shown(admin_client, page("history", row.pk))
    assert re.search(r"bob.*?priority.*?<pre>2</pre>.*?<pre>7</pre>.*?ada.*?created it", html, re.S)
    assert "<script>alert" not in html
    assert "as it was reviewed" in shown(admin_client, page("history", row_of(FIRST).pk))


# --- Try it -------------------------------------------------------------------------------------


def tried(client: Client, log: str, **fields: str) -> str:
    return sent(client, page("try"), {"log": log, **fields})


def test_a_pasted_log_shows_what_would_match_and_run(admin_client: Client) -> None:
    own_pattern()
    log = f"Traceback\n{LOG}OSError: [Errno 28] No space left on device\n"
    html = tried(admin_client, log, exit_code="3")
    assert "Would be acted on: disk_full" in html
    also = html.split("Also matches: no_seat_left", 1)[1]
    assert "<pre>3: <mark>quartermaster: no seat left on ledger-7</mark> (12 waiting)</pre>" in also
    assert "<dt>ledger</dt>" in also
    assert "would be done" in also
    assert "delay_seconds=5" in also
    assert not MitigationEvent.objects.exists()


def test_a_genuine_failure_matches_nothing(admin_client: Client) -> None:
    html = tried(admin_client, "FAILED test_sums.py::test_sum - assert 3 == 4\n")
    assert "No pattern matches" in html


def test_a_name_that_nobody_vouches_for_is_not_installed(admin_client: Client) -> None:
    log = "ModuleNotFoundError: No module named 'quartermaster_client'\n"
    assert "would be done" not in tried(admin_client, log)
    declared = tried(admin_client, log, declared="httpx quartermaster-client")
    assert "would be done" in declared


def test_a_disabled_pattern_is_tried_before_it_is_enabled(admin_client: Client) -> None:
    own_pattern(enabled=False)
    own_pattern("proposed", enabled=False, family="")
    assert "No pattern matches" in tried(admin_client, LOG)
    html = tried(admin_client, LOG, disabled="on")
    assert "Would be acted on: no_seat_left" in html
    assert "Also matches" not in html, "a proposal has no family yet"


def test_a_hostile_log_is_text(admin_client: Client) -> None:
    own_pattern(
        expressions=[r"no seat left on (?P<ledger>[^\n]+)"], must_not_match=[], must_match=[LOG]
    )
    html = tried(admin_client, f"{HOSTILE}no seat left on {HOSTILE}\x00\x1b[31m\n")
    assert "no_seat_left" in html
    result = html.split('class="trial"', 1)[1].split("<form", 1)[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7|add:7 }}" in result
    assert "<script>alert" not in html
    assert "\u202e" not in result
    assert "\x1b" not in result


def test_a_log_that_is_too_long_is_refused_with_what_to_do(admin_client: Client) -> None:
    html = tried(admin_client, "x" * 500_001)
    assert "at most 500000 characters" in html
    assert 'class="trial"' not in html


def test_nothing_pasted_is_asked_for(admin_client: Client) -> None:
    assert "required" in tried(admin_client, "")
    assert 'name="log"' in shown(admin_client, page("try"))


# --- Who may --------------------------------------------------------------------------------------


@pytest.fixture
def viewer_client(client: Client, django_user_model: type[User]) -> Client:
    viewer = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_failurepattern"))
    client.force_login(viewer)
    return client


def test_who_may_only_view_tries_and_changes_nothing(viewer_client: Client) -> None:
    row = own_pattern()
    assert "no_seat_left" in tried(viewer_client, LOG)
    assert "no_seat_left" in shown(viewer_client, page("history", row.pk))
    assert "_save" not in form_of(viewer_client, page("change", row.pk))
    assert viewer_client.post(page("change", row.pk), OWN_FORM).status_code == 403
    assert viewer_client.post(page("add"), OWN_FORM).status_code == 403
    assert viewer_client.post(page("delete", row.pk), {"post": "yes"}).status_code == 403


def test_who_may_nothing_sees_nothing(client: Client, django_user_model: type[User]) -> None:
    client.force_login(django_user_model.objects.create_user("guest", is_staff=True))
    assert client.get(page("try")).status_code == 403
    assert client.get(page("history", row_of(FIRST).pk)).status_code == 403
    client.logout()
    assert client.get(page("try")).status_code == 302


@pytest.mark.parametrize("model", [PatternChange, MitigationEvent], ids=lambda it: it.__name__)
def test_history_and_events_are_looked_at_only(admin_client: Client, model: type[Model]) -> None:
    own_pattern()
    mitigated(MitigationOutcome.FIXED)
    row = model._default_manager.get()
    assert "no_seat_left" in shown(admin_client, page("changelist", model=model))
    assert "no_seat_left" in shown(admin_client, page("change", row.pk, model=model))
    assert admin_client.post(page("change", row.pk, model=model), {}).status_code == 403
    assert admin_client.get(page("add", model=model)).status_code == 403
    delete = page("delete", row.pk, model=model)
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", [PatternChange, MitigationEvent], ids=lambda it: it.__name__)
def test_their_lists_cost_the_same_for_many_rows(admin_client: Client, model: type[Model]) -> None:
    own_pattern()
    mitigated(MitigationOutcome.FIXED)
    shown(admin_client, page("changelist", model=model))
    with CaptureQueriesContext(connection) as few:
        shown(admin_client, page("changelist", model=model))
    for number in range(5):
        own_pattern(f"own_{number}")
        mitigated(MitigationOutcome.FIXED)
    with CaptureQueriesContext(connection) as many:
        shown(admin_client, page("changelist", model=model))
    assert len(many) == len(few) <= 10


def test_every_model_of_hardening_is_there() -> None:
    registered = {model for model in admin.site._registry if model._meta.app_label == "hardening"}
    assert registered == set(apps.get_app_config("hardening").get_models())
