"""Parameters that come out of a log: whatever they say, nothing but what was meant is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs.execution.mitigations.hostile import (
    file_inside,
    folder_inside,
    number,
    package_name,
    path_inside,
    variable,
)
from runs.execution.mitigations.types import NotPossible

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / ".git").write_text("gitdir: elsewhere\n")
    (tree / "run.sh").write_text("#!/bin/sh\n")
    (tree / "out").symlink_to(tmp_path)
    (tree / "away.sh").symlink_to("/bin/sh")
    (tmp_path / "secret.sh").write_text("#!/bin/sh\n")
    return tree


@pytest.mark.parametrize(
    "path",
    [
        "", "..", "../secret.sh", "src/../../secret.sh", "/etc/passwd", "~/x", ".git",
        ".GIT/config", "src/.git/hooks", "out/secret.sh", "out", "-rf", "a\0b", "..\\secret.sh",
        "C:\\x",
    ],
)  # fmt: skip
def test_a_path_that_leaves_the_worktree_is_refused(tree: Path, path: str) -> None:
    with pytest.raises(NotPossible):
        path_inside(tree, path)


def test_a_path_inside_is_what_it_says(tree: Path) -> None:
    assert path_inside(tree, "./run.sh") == ("run.sh", tree / "run.sh")
    assert folder_inside(tree, "src") == ("src", tree / "src")
    assert folder_inside(tree, ".") == (".", tree)


def test_links_folders_and_what_is_not_there_are_no_files(tree: Path) -> None:
    for path in ("away.sh", "src", "nothing.sh"):
        with pytest.raises(NotPossible):
            file_inside(tree, path)


@pytest.mark.parametrize(
    "name",
    [
        "", "-e", "--index-url=http://x", "a b", "a;b", "./a", "a/b", "git+https://x", "a==1",
        "a[b]", "a @ https://x", "a\nb", "a" * 200, "http://x/a.whl", "é",
    ],
)  # fmt: skip
def test_what_is_no_plain_name_of_a_python_package_is_refused(name: str) -> None:
    with pytest.raises(NotPossible):
        package_name("python", name)


@pytest.mark.parametrize("name", ["PyYAML", "opencv-python", "zope.interface", "a", "tiny_words"])
def test_names_of_python_packages_are_taken_as_they_are(name: str) -> None:
    assert package_name("python", name) == name


def test_names_of_node_packages_may_have_a_scope_and_no_more() -> None:
    assert package_name("node", "@types/node") == "@types/node"
    for name in ("../x", "a/b", "@a", "file:x", "A", "github:x/y", "a@1", "--registry=x"):
        with pytest.raises(NotPossible):
            package_name("node", name)
    with pytest.raises(NotPossible, match="not installed by themselves"):
        package_name("go", "example")


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONPATH",
        "PYTHONSTARTUP", "PYTHONHOME", "GIT_DIR", "GIT_SSH_COMMAND", "NODE_OPTIONS", "BASH_ENV",
        "ENV", "IFS", "PERL5OPT", "RUBYOPT", "JAVA_TOOL_OPTIONS", "HOME", "SHELL",
        "PIP_INDEX_URL", "UV_INDEX", "", "A=B",
    ],
)  # fmt: skip
def test_a_variable_that_could_load_code_or_redirect_a_program_is_never_set(name: str) -> None:
    with pytest.raises(NotPossible):
        variable(name, "1")


def test_a_harmless_variable_has_a_plain_value() -> None:
    assert variable("PYTHONUTF8", "1") == ("PYTHONUTF8", "1")
    for value in ("a b", "$(x)", "a\nb", "x" * 500, "`x`"):
        with pytest.raises(NotPossible):
            variable("LANG", value)


def test_a_number_has_bounds() -> None:
    assert number("80", 1, 65_535) == 80
    for text in ("", "-1", "0", "65536", "1e3", "٣", "9" * 50):
        with pytest.raises(NotPossible):
            number(text, 1, 65_535)
