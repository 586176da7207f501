"""Scopes: which paths patterns cover, and which phases could write the same file."""

import subprocess
import time
from pathlib import Path

import pathspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.planning.plan_types import Scope
from runs.planning.scopes import ScopeMatcher, deliverable_paths, scopes_overlap


@pytest.mark.parametrize(
    ("patterns", "path", "covered"),
    [
        (["src/"], "src/a/b.py", True),
        (["src"], "src/a/b.py", True),
        (["src"], "lib/src/a.py", True),
        (["src/"], "src", False),
        (["./src"], "lib/src/a.py", False),
        (["/src"], "lib/src/a.py", False),
        (["src/a.py"], "src/a.py", True),
        (["src/a.py"], "x/src/a.py", False),
        (["*.py"], "deep/down/a.py", True),
        (["*.py"], "a.pyc", False),
        (["./*.py"], "deep/a.py", False),
        (["src/*.py"], "src/a/b.py", False),
        (["src/*"], "src/b.py", True),
        (["src/*"], "src/a/b.py", False),
        (["src/*/"], "src/a/b.py", True),
        (["./*"], "a/b", False),
        (["*"], "a/b", True),
        (["**/src/*"], "src/src/a.py", True),
        (["**/src/*"], "src/src/a/b.py", False),
        (["src/**/*"], "src/a/b.py", True),
        (["src/**"], "src/a/b.py", True),
        (["src/**"], "src", False),
        (["**"], "any/thing", True),
        (["**/tests/**"], "a/b/tests/c/d.py", True),
        (["**/tests/**"], "tests/d.py", True),
        (["a/**/b"], "a/b", True),
        (["a/**/b"], "a/x/y/b/under", True),
        (["a/**/b"], "a/xb", False),
        (["a/**/b/**/c/"], "a/b/x/b/c/c/f", True),
        (["a?.py"], "ab.py", True),
        (["a?b"], "a/b", False),
        (["a[b-d].py"], "ac.py", True),
        (["a[!b-d].py"], "ac.py", False),
        (["a[]x].py"], "a].py", True),
        (["app/[id]/page.tsx"], "app/[id]/page.tsx", True),
        (["app/[id]/*.tsx"], "app/[id]/page.tsx", True),
        (["[a"], "[a", True),
        (["a.b"], "axb", False),
        (["#a"], "#a", True),
        (["src/", "!src/keys.py"], "src/keys.py", False),
        (["src/", "!src/keys.py"], "src/other.py", True),
        (["src/", "!src/x/", "src/x/ok.py"], "src/x/ok.py", True),
        (["!src/keys.py"], "src/other.py", False),
        ([], "a", False),
        ([""], "a", False),
        (["!"], "a", False),
        (["/"], "a", False),
        (["a"], "A", False),
        (["*"], "a\nb", True),
        (["**"], "a" * 5000, False),
    ],
)
def test_patterns_cover_paths_as_in_gitignore(
    patterns: list[str],
    path: str,
    covered: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert ScopeMatcher(patterns).matches(path) is covered


_names = st.text(alphabet="ab.", min_size=1, max_size=3).filter(lambda name: set(name) != {"."})
_globs = st.text(alphabet="ab.*?", min_size=1, max_size=4).filter(
    lambda name: "**" not in name and set(name) != {"."}
)
_patterns = st.builds(
    lambda lead, parts, end: lead + "/".join(parts) + end,
    st.sampled_from(["", "", "/"]),
    st.lists(_globs | st.just("**"), min_size=1, max_size=4),
    st.sampled_from(["", "", "/"]),
).filter(lambda text: not text.endswith("**/"))
_paths = st.lists(_names, min_size=1, max_size=4).map("/".join)


@settings(database=None, max_examples=150, deadline=None)
@given(st.lists(_patterns, min_size=1, max_size=3), st.lists(_paths, min_size=1, max_size=8))
def test_the_matcher_agrees_with_pathspec(patterns: list[str], paths: list[str]) -> None:
    reference = pathspec.PathSpec.from_lines("gitignore", patterns)
    matcher = ScopeMatcher(patterns)
    for path in paths:
        assert matcher.matches(path) == reference.match_file(path), (patterns, path)


def test_the_matcher_agrees_with_git(tmp_path: Path) -> None:
    patterns = ["src/", "/top.txt", "*.py", "a/**/b", "**/deep/*.c", "x[0-9]?", "docs/**", "n*m*o"]
    paths = ["src/a", "src", "lib/src/a", "top.txt", "in/top.txt", "q/w.py", "a/b", "a/1/2/b/c"]
    paths += ["ab", "deep/x.c", "p/deep/x.c", "deep/y/x.c", "x1z", "x12z", "xaz", "docs/a/b"]
    paths += ["q/docs/a", "namo", "no", "nmo", "nmoo/x", "n/m/o"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for pattern in patterns:
        (tmp_path / ".git" / "info").mkdir(exist_ok=True)
        (tmp_path / ".git" / "info" / "exclude").write_text(f"{pattern}\n")
        found = subprocess.run(
            ["git", "check-ignore", "--no-index", "--stdin"],
            input="\n".join(paths),
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        ours = [path for path in paths if ScopeMatcher([pattern]).matches(path)]
        assert ours == found.stdout.splitlines(), pattern


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 100 + "b", "a" * 250),
        ("x/" + "**/a/" * 100 + "b", "x/" + "a/" * 2000 + "c"),
        ("**/" + "*a*a*a*b/" * 50, "/".join(["a" * 80] * 50)),
        ("[a-z]*" * 100 + "0", "a" * 250),
    ],
)
def test_hostile_patterns_take_no_time(pattern: str, path: str) -> None:
    started = time.process_time()
    assert not ScopeMatcher([pattern]).matches(path)
    assert time.process_time() - started < 1


def modifies(*patterns: str) -> Scope:
    return Scope(modify=patterns)


@pytest.mark.parametrize(
    ("a", "b", "overlap"),
    [
        ("a/**", "a/b.py", True),
        ("a/", "a/b/c.py", True),
        ("./a", "a/b/c.py", True),
        ("a/b.py", "a/b.py", True),
        ("a/b.py", "a/c.py", False),
        ("a/b", "a/b/c/d", True),
        ("a/b", "a/bc", False),
        ("./a/", "./b/", False),
        ("a/x/**", "b/x/**", False),
        ("*.py", "src/x.py", True),
        ("*.py", "src/x.js", False),
        ("./*.py", "src/x.py", False),
        ("src/*.py", "src/x.*", True),
        ("src/a*", "src/*b", True),
        ("src/a*", "src/b*", False),
        ("src/*/a.py", "src/x/*", True),
        ("src/**/test_*.py", "src/api/**", True),
        ("src/**/a.py", "lib/**/a.py", False),
        ("**/a.py", "b/c/**", True),
        ("README.md", "docs/README.md", True),
        ("./README.md", "docs/README.md", False),
        ("src/A.py", "src/a.PY", True),
        ("SRC/", "src/a.py", True),
        ("src/caf\u00e9.py", "src/cafe\u0301.py", True),
        ("src/[ab].py", "src/a.py", True),
        ("app/[id]/page.tsx", "app/[id]/page.tsx", True),
        ("src/?.py", "src/a.py", True),
        ("src/?.py", "lib/a.py", False),
        ("**", "x", True),
        ("src/*", "src/a.py", True),
        ("src/*", "src/a/b.py", False),
        ("./*", "src/", False),
        ("*", "src/a/b.py", True),
        ("*.py", "*.js", False),
        ("README.md", "docs/guide.md", False),
        ("*.py", "conf.d", True),
        ("*.py", "src/x.js/", True),
        ("src/x.js", "src/x.js/a.py", True),
    ],
)
def test_scopes_overlap_when_a_path_could_be_in_both(
    a: str,
    b: str,
    overlap: bool,  # noqa: FBT001 - a column of the table
) -> None:
    for ours, theirs in ((a, b), (b, a)):
        assert scopes_overlap(modifies(ours), modifies(theirs)) is overlap
        assert scopes_overlap(Scope(create=(ours,)), modifies(theirs)) is overlap


@settings(database=None, max_examples=150, deadline=None)
@given(_patterns, _patterns, st.lists(_paths, min_size=1, max_size=10))
def test_scopes_that_share_a_path_overlap(a: str, b: str, paths: list[str]) -> None:
    if any(ScopeMatcher([a]).matches(path) and ScopeMatcher([b]).matches(path) for path in paths):
        assert scopes_overlap(modifies(a), modifies(b))


def test_a_scope_that_lists_nothing_overlaps_with_everything() -> None:
    reader = Scope(read_only_context=("docs/",))
    assert scopes_overlap(Scope(), modifies("a/b.py"))
    assert scopes_overlap(modifies("a/b.py"), reader)
    assert scopes_overlap(modifies("!a"), modifies("b/c"))


def test_what_is_only_read_is_no_overlap() -> None:
    a = Scope(modify=("a/x",), read_only_context=("b/",))
    assert not scopes_overlap(a, Scope(modify=("b/x",), read_only_context=("a/",)))


def test_exclusions_do_not_keep_patterns_apart() -> None:
    assert scopes_overlap(modifies("src/", "!src/x.py"), modifies("src/x.py"))


def test_files_that_are_there_decide_about_changes() -> None:
    tree = ["src/a_one.py", "src/two_b.py", "src/X.py", "doc/x"]
    assert not scopes_overlap(modifies("src/a*"), modifies("src/*b.py"), tree)
    assert scopes_overlap(modifies("src/a*"), modifies("src/*one.py"), tree)
    assert not scopes_overlap(modifies("src/", "!src/X.py"), modifies("src/x.py"), tree)
    assert scopes_overlap(modifies("src/x.py"), modifies("SRC/*.py"), tree)


def test_files_that_are_not_there_yet_are_no_proof() -> None:
    tree = ["src/a_one.py"]
    assert scopes_overlap(modifies("src/a*"), modifies("src/*b.py"), tree)
    assert scopes_overlap(Scope(create=("src/a*",)), modifies("src/*.py"), tree)
    assert scopes_overlap(modifies("src/a*"), Scope(create=("src/*.txt",)), tree)


def test_thousands_of_entries_are_compared_in_time() -> None:
    a = modifies(*(f"a/folder/file{number}.py" for number in range(1000)))
    b = modifies(*(f"b/folder/file{number}.py" for number in range(1000)))
    hostile = modifies(*(f"{'*a' * 400}{number}" for number in range(1000)))
    started = time.process_time()
    assert not scopes_overlap(a, b)
    assert scopes_overlap(hostile, b), "too much to compare is a doubt"
    assert time.process_time() - started < 2


def test_deliverables_that_are_paths_are_told_from_prose() -> None:
    deliverables = ["src/api.py", "`docs/`", "README.md", ".gitignore", "tests/test_*.py"]
    prose = ["A working API", "see src/api.py", "Done.", "Makefile", "v1.2", "https://x.org/a"]
    hostile = ["../secret.txt", "/healthz", "C:/x.txt", ".git/config", "a\\b.py", "", "`"]
    assert deliverable_paths([*deliverables, *prose, *hostile, "src/api.py"]) == (
        "src/api.py",
        "docs/",
        "README.md",
        ".gitignore",
        "tests/test_*.py",
    )
