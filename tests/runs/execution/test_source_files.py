"""Files of every kind and name: carried through as they are."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from runs.states import FailureKind, RunState
from tests.runs.execution.driving import attempts_of, drive
from tests.runs.execution.plans import add_line, phase, sh, shell, write
from tests.runs.execution.untouched import assert_untouched_by

if TYPE_CHECKING:
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)


# --- What files may be like -------------------------------------------------------------------

ODD_NAMES = (
    "mit leer.txt", "ünï.txt", "-dash.txt", "--all", "quote'.txt", 'double".txt', "tab\t.txt",
    "#hash", "~tilde", "$HOME", "*star*", "[class]", "folder with space/-x.txt", "100%.txt",
    ":(exclude)x", "new\nline.txt",
)  # fmt: skip


def test_files_with_odd_names_arrive_under_their_names(
    make_run: MakeRun, repository: GitRepository
) -> None:
    for name in ODD_NAMES:
        repository.write(name, f"base of {name}\n")
    repository.commit("odd")
    change = 'for name; do mkdir -p "$(dirname -- "./$name")"; echo changed >> "./$name"; done'
    added = [f"added/{name}" for name in ODD_NAMES]
    # Windows could not check these names out; that rule has tests of its own.
    fine = [name for name in added if not set(name) & set('"*:\t\n') and not name.endswith(" ")]
    run = make_run(phase("a", shell(change, *ODD_NAMES, *fine)))
    assert_untouched_by(run, repository)
    assert repository.files("autopack/first") == repository.files("main") | set(fine)
    for name in ODD_NAMES:
        assert repository.show("autopack/first", name).endswith("\nchanged")


def test_a_name_that_is_no_utf8_is_carried_through(
    make_run: MakeRun, repository: GitRepository
) -> None:
    odd = repository.folder / os.fsdecode(b"caf\xe9.txt")
    odd.write_text("base\n")
    repository.commit("odd")
    run = make_run(phase("a", shell("for f in caf*; do echo changed >> $f; done")))
    assert_untouched_by(run, repository)
    assert repository.show("autopack/first", odd.name) == "base\nchanged"


def test_a_refused_file_whose_name_is_no_utf8_is_explained(make_run: MakeRun) -> None:
    make = shell("touch \"$(printf 'caf\\351.txt')\"")
    run = make_run(phase("a", make, modify=("f0.txt",), limits={"max_attempts": 1}))
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.POLICY_VIOLATION)
    assert "caf" in run.explanation


def test_line_ends_arrive_as_they_were_written(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.git("config", "core.autocrlf", "true")
    repository.git("-c", "core.autocrlf=false", "commit", "-q", "--allow-empty", "-m", "x")
    run = make_run(
        phase("a", write("unix.txt", "a\nb\n"), write("dos.txt", "a\r\nb\r\n")),
        phase("b", shell("printf 'c\\r\\n' >> dos.txt"), after=("a",)),
    )
    assert_untouched_by(run, repository)
    assert repository.git("cat-file", "blob", "autopack/first:unix.txt") == "a\nb"
    assert repository.git("cat-file", "blob", "autopack/first:dos.txt") == "a\r\nb\r\nc\r"


def test_attributes_of_the_repository_hold_for_line_ends(
    make_run: MakeRun, repository: GitRepository
) -> None:
    repository.commit(**{".gitattributes": "*.txt text eol=crlf\n"})
    run = make_run(
        phase("a", write("new.txt", "a\r\nb\r\n"), checks=[sh("grep -q $(printf 'a\\r') new.txt")]),
        phase("b", add_line(0), after=("a",), checks=[sh("grep -c . f0.txt")]),
    )
    drive(run)
    assert repository.git("cat-file", "blob", "autopack/first:new.txt") == "a\nb"


def test_links_modes_and_large_binaries_arrive_as_they_are(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(
        phase(
            "a", shell("ln -s f0.txt link; chmod +x f1.txt; head -c 3000000 /dev/urandom > big.bin")
        ),
        phase("b", shell("chmod -x f1.txt; chmod +x f2.txt"), modify=("f1.txt", "f2.txt"),
              after=("a",)),
    )  # fmt: skip
    assert_untouched_by(run, repository)
    listing = repository.git("ls-tree", "-l", "autopack/first")
    kinds = {line.split("\t")[1]: line.split()[0] for line in listing.splitlines()}
    assert (kinds["link"], kinds["f1.txt"], kinds["f2.txt"]) == ("120000", "100644", "100755")
    assert re.search(r" 3000000\tbig\.bin$", listing, re.MULTILINE)
    first = attempts_of(run, "b")[0].report["files"]
    assert {each["path"] for each in first} == {"f1.txt", "f2.txt"}, "modes alone are a change"
