"""Identifiers: what may name runs, phases and projects."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.planning.identifiers import (
    IdentifierInvalid,
    phase_id_check,
    project_name_check,
    run_id_check,
    slugify_id,
)


@pytest.mark.parametrize("text", ["a", "Run-1", "v1.2_x", "0", "a" * 64, "console", "com10", "a.b"])
def test_slugs_are_accepted(text: str) -> None:
    run_id_check(text)
    phase_id_check(text)
    project_name_check(text)


_NO_SLUGS = ("", "-a", ".a", "_a", "a b", "a/b", "a\n", "é", "a" * 65, "a\0", "a~1", "a:b", "a\\b")
_NO_REFS = ("a..b", "a.", "a.lock", "A.LOCK", "a@{0}")
_DEVICES = ("con", "NUL", "nul.txt", "Com1.tar.gz", "lpt9")


@pytest.mark.parametrize("text", [*_NO_SLUGS, *_NO_REFS, *_DEVICES])
def test_what_breaks_refs_files_or_urls_is_refused(text: str) -> None:
    for check in (run_id_check, phase_id_check, project_name_check):
        with pytest.raises(IdentifierInvalid) as caught:
            check(text)
        assert caught.value.reason


def test_normalize_can_be_a_phase_and_no_run() -> None:
    phase_id_check("normalize")
    project_name_check("normalize")
    with pytest.raises(IdentifierInvalid, match="choose another name"):
        run_id_check("Normalize")


@settings(database=None, max_examples=200)
@given(st.text(max_size=200))
def test_a_slug_of_any_text_is_an_id_and_its_own_slug(text: str) -> None:
    slug = slugify_id(text)
    run_id_check(slug)
    assert slugify_id(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Add the API!", "add-the-api"),
        ("Café & Bar", "cafe-bar"),
        ("1.2 Setup", "1-2-setup"),
        ("NUL", "id-nul"),
        ("normalize", "id-normalize"),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_slugs_are_readable(text: str, slug: str) -> None:
    assert slugify_id(text) == slug


def test_titles_without_latin_letters_get_different_slugs() -> None:
    assert slugify_id("数据库") != slugify_id("网络")


def test_git_takes_every_accepted_id_as_a_branch() -> None:
    for text in ["a", "Run-1", "v1.2_x", "a.b", "x--y", "HEAD", slugify_id("!!")]:
        run_id_check(text)
        command = ["git", "check-ref-format", f"refs/heads/autopack/{text}"]
        assert subprocess.run(command).returncode == 0, text
