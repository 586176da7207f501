"""Habits of writing that formats allow: marks, fields, numbering and letters read as meant."""

import pytest

from runs.planning.formats.choosing import read
from runs.planning.formats.verbs import is_imperative
from runs.planning.normalizer import normalize
from runs.planning.path_index import PathIndex
from tests.runs.planning.normal_corpus import TREE
from tests.runs.planning.test_normalizer_formats import all_tasks, plan_of

INDEX = PathIndex.of(TREE)


def tasks_of(text: str) -> list[tuple[str, bool]]:
    return [(task.text, task.done) for task in all_tasks(plan_of(text))]


def titles_of(text: str) -> list[str]:
    return [phase.title for phase in plan_of(text).phases]


def test_boxes_that_check_a_spec_kit_list_are_none_of_its_tasks():
    text = (
        "# Tasks\n## Phase 1: Core\n- [ ] T001 Write the parser\n- [ ] T002 Write the printer\n"
        "## Validation Checklist\n- [x] Every model has a task\n"
    )
    assert tasks_of(text) == [("T001 Write the parser", False), ("T002 Write the printer", False)]
    assert titles_of(text) == ["Phase 1: Core"]


def test_a_star_behind_a_box_marks_a_task_that_may_be_left_out():
    text = "- [ ] 1. Build it\n  - [ ]* 1.1 Test it with odd input\n  - _Requirements: 2.1_\n"
    assert ("1.1 Test it with odd input", False) in tasks_of(text)


def test_a_heading_with_a_box_is_a_task():
    text = "# Tracks\n\n## [x] Track: Login\n*Link: [a](./a/)*\n\n## [ ] Track: Search\n*Soon*\n"
    assert tasks_of(text) == [("Track: Login", True), ("Track: Search", False)]


@pytest.mark.parametrize(
    "status", ["**Status**: Complete", "- Status: ✅ Done", "**Status:** completed (v1.2)"]
)
def test_a_status_below_a_heading_is_that_of_its_tasks(status: str):
    text = (
        f"# Plan\n## Stage 1: Table\n{status}\n\n1. Add a table\n"
        "## Stage 2: Page\n**Status**: Not started\n\n1. Add a page\n"
    )
    assert tasks_of(text) == [("Add a table", True), ("Add a page", False)]


def test_beside_boxes_other_marks_of_a_state_make_tasks():
    text = "## Work\n- ✅ Rent a server\n- ⬜ Move the database\n"
    assert tasks_of(text) == [("✅ Rent a server", True), ("Move the database", False)]


def test_what_a_form_wants_confirmed_is_no_task():
    text = (
        "## Proposed fix\n- Close the file in src/app.py\n\n## Checklist\n"
        "- [x] I have searched the open issues\n- [ ] I am willing to help\n"
    )
    assert tasks_of(text) == [("Close the file in src/app.py", False)]


def test_a_form_that_nobody_filled_in_is_no_plan():
    text = (
        "**Describe the solution you'd like**\n"
        "A clear and concise description of what you want to happen.\n\n"
        "**Additional context**\nAdd any other context here.\n"
    )
    assert not normalize(text, index=INDEX).ok


def test_deliverables_that_are_expected_say_when_it_is_done():
    text = (
        "# Spec\n## Spec Scope\n1. **Form** - Ask for the address\n2. **Mail** - Send a link\n"
        "## Expected Deliverable\n1. The link opens the page\n"
    )
    assert [text for text, _ in tasks_of(text)] == [
        "**Form** - Ask for the address",
        "**Mail** - Send a link",
    ]
    assert plan_of(text).acceptance_criteria == ("The link opens the page",)


def test_the_name_of_a_feature_is_not_taken_for_a_section_about_the_plan():
    text = "# PRD\n## Features\n### Login\n- User can log in\n### Statistics\n- Chart of sales\n"
    assert [text for text, _ in tasks_of(text)] == ["User can log in", "Chart of sales"]


def test_a_list_whose_names_have_work_below_them_is_a_plan():
    text = "1. Server\n   1. Add a route\n   2. Write a test\n2. Page\n   1. Show the total\n"
    found = [text for text, _ in tasks_of(text)]
    assert found == ["Server", "Add a route", "Write a test", "Page", "Show the total"]


def test_dotted_numbers_without_bullets_are_a_list():
    text = "Phase 1: Look\n  1.1 Read the logs\n  1.2 Ask the users\n\nPhase 2: Do\n  2.1 Fix the"
    text += " form\n  2.2 Test the form\n"
    assert titles_of(text) == ["Phase 1: Look", "Phase 2: Do"]
    assert len(tasks_of(text)) == 4


def test_underlines_of_other_markup_make_headings_and_open_no_fence():
    text = "TODO\n====\n\nDrawing\n~~~~~~~\n- Fix the lines\n\nTools\n~~~~~\n- Add an editor\n"
    assert tasks_of(text) == [("Fix the lines", False), ("Add an editor", False)]


def test_bold_lines_on_top_of_a_paragraph_are_its_headings():
    reading = read("**Suggested fix**\nClose the file in `a.py`.\n")
    assert reading.document is not None
    assert [section.title for section in reading.document.sections] == ["", "Suggested fix"]


@pytest.mark.parametrize(
    "line",
    [
        "Incluir a coluna de impostos",
        "Revoir la mise en page",
        "Vorlagen für Rechnungen vorbereiten",
        "выгрузить отчёты в таблицу",
        "最后生成一份报告",
        "色を選ぶ",
    ],
)
def test_work_is_known_by_the_form_of_its_verb_in_other_languages(line: str):
    assert is_imperative(line)


@pytest.mark.parametrize(
    "line", ["Present: Ola, Jin", "Weekly sync", "Never a good idea", "часть таблицы", "Server"]
)
def test_words_that_only_look_like_verbs_ask_for_nothing(line: str):
    assert not is_imperative(line)


@pytest.mark.parametrize(
    "text",
    [
        "# Weekly sync\n\nPresent: Ola, Jin\n\n- The release went out.\n- Traffic is up.\n",
        "# v2.1.0\n\n## Highlights\n- Add themes to the editor page\n- Fix a leak in the parser\n\n"
        "## Contributors\nlea\n",
        "# Frequently asked questions\n\n## How?\nOpen the page and click the button.\n",
        "FROM node\nWORKDIR /app\nCOPY . .\nRUN npm run build\nCMD node app.js\n",
    ],
    ids=["minutes", "release notes", "answers", "Dockerfile"],
)
def test_texts_that_tell_of_something_else_are_no_plans(text: str):
    assert not normalize(text, index=INDEX).ok


def test_what_a_letter_asks_for_outside_of_its_list_counts_too():
    text = (
        "Hallo Jo,\n\nes fehlen noch Punkte:\n\n1. Die Suche muss schneller sein.\n"
        "2. Bitte das Formular kürzen.\n\nAußerdem brauchen wir eine Anleitung für Nutzer.\n\n"
        "Gruß\nEva\n"
    )
    assert len(tasks_of(text)) == 3


def test_closing_phrases_of_a_letter_are_no_tasks():
    text = "Hi,\n\nplease fix the login page.\n\nLet me know if I forgot something.\n"
    assert tasks_of(text) == [("please fix the login page.", False)]


def test_an_indented_command_below_a_colon_checks_the_work():
    text = "# Plan\n## Tasks\n- [ ] Add a route\n\nRun:\n\n    pytest tests/test_app.py\n"
    assert plan_of(text).phases[0].validation_commands or plan_of(text).validation_commands
    commands = {
        command
        for phase in plan_of(text).phases
        for command in (*phase.validation_commands, *plan_of(text).validation_commands)
    }
    assert commands == {"pytest tests/test_app.py"}


def test_checks_of_a_phase_in_data_are_those_of_the_plan():
    text = "name: Docs\nphases:\n- name: Move\n  tasks:\n  - Write a page\n  validation:\n"
    text += "  - mkdocs build --strict\n  - look at it\n"
    reading = read(text)
    assert reading.commands == (("mkdocs build --strict", 0),)


def test_links_to_the_machine_of_the_author_are_paths_of_the_repository():
    text = (
        "# Plan\n## Proposed Changes\n#### [NEW] [mail.py](file:///home/jo/shop/src/db/mail.py)\n"
        "- Send a receipt\n#### [MODIFY] [app.py](file:///home/jo/shop/src/app.py)\n- Call it\n"
    )
    scope = plan_of(text).phases[0].scope
    assert {*scope.modify, *scope.create} == {"src/db/mail.py", "src/app.py"}


def test_a_text_without_work_is_told_both_ways_to_write_it():
    assert "begin with a verb" in normalize("Blue is a nice colour.", index=INDEX).error
