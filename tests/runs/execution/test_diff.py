"""Reading what an attempt changed, from real git."""

import sys
from pathlib import Path

import pytest

from runs.execution.diffs.diff import (
    DIFF_FLAGS,
    ChangeKind,
    DiffMalformed,
    DiffTooLarge,
    added_text,
    binary_bytes,
    diff_parse,
    removed_text,
)
from tests.runs.execution.diff_repository import Repository

WEIRD = 'we"ird\nname\té ü.txt'
posix_names = pytest.mark.skipif(sys.platform == "win32", reason="names Windows cannot hold")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def changed(repository: Repository) -> Repository:
    """One change of every kind."""
    repository.write("a b.txt", "a\nb\nc\n")
    repository.write("ren.txt", "x\n" * 8)
    repository.write("mode.sh", "hi\n")
    repository.write("bin.dat", b"\0\1\2bin")
    repository.write("gone.txt", "gone\n")
    repository.write("type", "t\n")
    repository.write("same.txt", "same\n")
    repository.write(WEIRD, "q\n")
    (repository.folder / "link").symlink_to("ren.txt")
    repository.commit()
    repository.write("a b.txt", "a\nB\nc\nd")
    (repository.folder / "ren.txt").rename(repository.folder / "new name.txt")
    repository.write("new name.txt", "x\n" * 8 + "y\n")
    (repository.folder / "mode.sh").chmod(0o755)
    repository.write("bin.dat", b"\0\1\2other")
    (repository.folder / "gone.txt").unlink()
    (repository.folder / "type").unlink()
    (repository.folder / "type").symlink_to("same.txt")
    (repository.folder / "link").unlink()
    (repository.folder / "link").symlink_to("same.txt")
    repository.write(WEIRD, "q\nz\n")
    repository.write("empty", "")
    repository.write("-dash", "d\n")
    repository.write("ünïcode/日本.txt", "u\n")
    return repository


pytestmark = posix_names


def test_every_kind_of_change_is_told_apart(changed: Repository):
    changes = changed.changes()
    assert {path: change.kind for path, change in changes.items()} == {
        "a b.txt": ChangeKind.MODIFIED,
        "new name.txt": ChangeKind.RENAMED,
        "mode.sh": ChangeKind.MODIFIED,
        "bin.dat": ChangeKind.MODIFIED,
        "gone.txt": ChangeKind.DELETED,
        "type": ChangeKind.TYPE_CHANGED,
        "link": ChangeKind.MODIFIED,
        WEIRD: ChangeKind.MODIFIED,
        "empty": ChangeKind.ADDED,
        "-dash": ChangeKind.ADDED,
        "ünïcode/日本.txt": ChangeKind.ADDED,
    }
    assert changes["new name.txt"].old_path == "ren.txt"
    assert changes["new name.txt"].old_paths == ("ren.txt",)
    assert changes["gone.txt"].old_paths == ("gone.txt",)
    assert (changes["mode.sh"].old_mode, changes["mode.sh"].new_mode) == ("100644", "100755")
    assert [path for path, change in changes.items() if change.is_binary] == ["bin.dat"]
    assert {path for path, change in changes.items() if change.is_symlink} == {"link", "type"}


def test_lines_are_counted_a_file(changed: Repository):
    counts = {p: (c.added_lines, c.deleted_lines) for p, c in changed.changes().items()}
    assert counts["a b.txt"] == (2, 1)
    assert counts["new name.txt"] == (1, 0)
    assert counts["mode.sh"] == (0, 0)
    assert counts["bin.dat"] == (0, 0)
    assert counts["empty"] == (0, 0)
    assert counts["gone.txt"] == (0, 1)


def test_each_patch_applies_alone_and_all_make_the_tree(changed: Repository):
    changes = diff_parse(changed.raw())
    whole = changed.git("ls-tree", "-r", "-z", changed.git("write-tree").decode().strip())
    for change in changes:
        assert changed.tree_after(change.patch) != changed.tree_after(b"")
    assert changed.tree_after(b"".join(change.patch for change in changes)) == whole


def test_diff_tree_is_read_the_same_way(changed: Repository):
    staged = changed.raw()
    changed.git("commit", "-q", "-m", "work")
    committed = changed.git("diff-tree", "-r", *DIFF_FLAGS, "HEAD~1", "HEAD")
    assert diff_parse(committed) == diff_parse(staged)


def test_added_lines_know_their_number_in_the_new_file(repository: Repository):
    repository.write("f", "".join(f"{n}\n" for n in range(1, 41)))
    repository.commit()
    lines = [f"{n}" for n in range(1, 41)]
    lines.insert(30, "second")
    lines[2:3] = ["-- first", "++ like a header", "@@ -1 +1 @@"]
    repository.write("f", "\n".join(lines))
    change = repository.changes()["f"]
    text = "\n".join(lines).split("\n")
    for number, added in added_text(change):
        assert text[number - 1] == added.decode()
    assert [line.text for line in added_text(change)] == [
        b"-- first",
        b"++ like a header",
        b"@@ -1 +1 @@",
        b"second",
        b"40",
    ]
    assert list(removed_text(change)) == [b"3", b"40"]


def test_content_cannot_imitate_the_header_of_a_file(repository: Repository):
    repository.write("a", "one\n")
    repository.commit()
    repository.write("a", "one\ndiff --git a/x b/x\n:000000 100644 A\0\n".replace("\0", ""))
    repository.write("b", "diff --git a/y b/y\nnew file mode 100644\n")
    assert [change.path for change in diff_parse(repository.raw())] == ["a", "b"]


def test_a_reader_s_own_configuration_changes_nothing(changed: Repository):
    settings = (
        "diff.noprefix=true",
        "diff.mnemonicPrefix=true",
        "diff.renames=copies",
        "color.ui=always",
        "diff.submodule=log",
        "diff.suppressBlankEmpty=true",
        "diff.orderFile=/nonexistent",
    )
    assert diff_parse(changed.raw(config=settings)) == diff_parse(changed.raw())


def test_a_submodule_that_its_configuration_hides_is_found(repository: Repository):
    inner = Repository(repository.folder / "inner")
    inner.commit()
    repository.write(".gitmodules", '[submodule "inner"]\n path = inner\n url = x\n ignore = all\n')
    repository.commit()
    inner.commit()
    inner.git("commit", "-q", "--allow-empty", "-m", "more")
    commit = inner.git("rev-parse", "HEAD").decode().strip()
    repository.git("update-index", "--cacheinfo", f"160000,{commit},inner")
    (change,) = diff_parse(repository.git("diff-index", "--cached", *DIFF_FLAGS, "HEAD"))
    assert (change.path, change.is_submodule) == ("inner", True)


def test_text_that_an_attribute_calls_binary_is_still_read(repository: Repository):
    repository.commit()
    repository.write(".gitattributes", "*.txt -diff\n")
    repository.write("a.txt", "first\n" * 200 + "hidden\n")
    change = repository.changes()["a.txt"]
    assert change.is_binary
    assert binary_bytes(change) == 1207
    assert b"hidden" in [line.text for line in added_text(change)]


def test_a_binary_that_unpacks_to_much_is_read_only_in_part(repository: Repository):
    repository.commit()
    repository.write("zeros", b"\0" * 4_000_000)
    change = repository.changes()["zeros"]
    assert len(change.patch) < 40_000
    assert binary_bytes(change) == 4_000_000
    assert sum(len(line.text) for line in added_text(change, max_bytes=1000)) <= 1000


def test_a_name_that_is_no_utf8_keeps_its_bytes(repository: Repository):
    repository.commit()
    oid = repository.git("hash-object", "-w", "--stdin", stdin=b"x\n").decode().strip()
    entry = f"100644 {oid}\t".encode() + b"latin\xe9.txt\0"
    repository.git("update-index", "-z", "--index-info", stdin=entry)
    (change,) = diff_parse(repository.git("diff-index", "--cached", *DIFF_FLAGS, "HEAD"))
    assert change.path.encode("utf-8", "surrogateescape") == b"latin\xe9.txt"


def test_nothing_changed_is_an_empty_diff(repository: Repository):
    repository.commit()
    assert diff_parse(repository.raw()) == ()


def test_a_diff_beyond_the_limit_is_refused(changed: Repository):
    with pytest.raises(DiffTooLarge, match="smaller phases"):
        diff_parse(changed.raw(), max_bytes=100)


def test_a_conflicted_index_is_refused(repository: Repository):
    repository.write("f", "base\n")
    repository.commit()
    oid = repository.git("rev-parse", "HEAD:f").decode().strip()
    stages = "".join(f"100644 {oid} {stage}\tf\n" for stage in (1, 2, 3))
    repository.git("update-index", "--force-remove", "f")
    repository.git("update-index", "--index-info", stdin=stages.encode())
    with pytest.raises(DiffMalformed):
        diff_parse(repository.git("diff-index", "--cached", *DIFF_FLAGS, "HEAD"))


def test_cut_or_foreign_output_is_refused_or_read_but_never_crashes(changed: Repository):
    raw = changed.raw()
    for end in range(1, len(raw), 7):
        try:
            diff_parse(raw[:end])
        except DiffMalformed:
            continue
    with pytest.raises(DiffMalformed):
        diff_parse(b"diff --git a/x b/x\n" * 3)
    with pytest.raises(DiffMalformed):
        diff_parse(raw[: raw.index(b"\0\0diff")])
