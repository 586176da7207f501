"""The tree that a plan is about: read from git, kept, and never anything but the commit's."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from runs.execution.repository import trees
from runs.execution.repository.sources import RepositoryProblem
from runs.execution.repository.tree_cache import KEPT, tree_read, tree_write
from runs.execution.repository.tree_files import FolderFiles, GitFiles, symbols_read
from runs.execution.repository.trees import tree_of_list, tree_of_source, trees_forget
from runs.planning.path_index import PathIndex
from tests.repositories import GitRepository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runs.execution.repository.trees import KnownTree

SHOP = {
    "shop/orders.py": "class CustomsDeclaration:\n    pass\n",
    "shop/größe.py": "def measured():\n    pass\n",
    "tests/test_orders.py": "def test_it():\n    pass\n",
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n[tool.pytest.ini_options]\n',
}


@pytest.fixture(autouse=True)
def _fresh(home: Path) -> Iterator[None]:
    del home
    trees_forget()
    yield
    trees_forget()


@pytest.fixture
def shop(tmp_path: Path) -> GitRepository:
    return repository_of(tmp_path / "shop", SHOP)


def repository_of(folder: Path, files: dict[str, str]) -> GitRepository:
    repository = GitRepository.create(folder)
    for name, content in files.items():
        repository.write(name, content)
    repository.commit()
    return repository


def tree_of(repository: GitRepository, **options: str) -> KnownTree:
    return tree_of_source(str(repository.folder), **options)


def as_new_process() -> None:
    trees_forget()


def test_the_files_of_the_commit_their_definitions_and_toolchains_are_known(shop: GitRepository):
    tree = tree_of(shop)
    assert tree.id == shop.git("rev-parse", "HEAD^{tree}")
    assert set(tree.index.paths) == set(SHOP)
    assert tree.index.has_folder("shop")
    assert tree.index.infer("customs declarations")[0].path == "shop/orders.py"
    assert [detection.toolchain for detection in tree.toolchains] == ["python"]


def test_what_is_not_committed_is_no_part_of_it(shop: GitRepository):
    shop.write("shop/new.py", "")
    shop.git("add", "-A")
    (shop.folder / "shop" / "orders.py").unlink()
    assert set(tree_of(shop).index.paths) == set(SHOP)


def test_a_branch_or_tag_can_be_named(shop: GitRepository):
    shop.git("tag", "first")
    shop.commit("second", more__txt="more")
    assert tree_of(shop).index.has_file("more.txt")
    assert not tree_of(shop, ref="first").index.has_file("more.txt")
    for ref in ("none", "--help", "-n", "HEAD:shop"):
        with pytest.raises(RepositoryProblem):
            tree_of(shop, ref=f"{ref}^{{commit}}")


def test_the_same_tree_is_made_once_and_another_commit_of_it_finds_it(shop: GitRepository):
    tree = tree_of(shop)
    shop.commit("nothing changed")
    assert tree_of(shop) is tree
    shop.commit("something did", more__txt="more")
    assert tree_of(shop) is not tree


def test_many_threads_make_one_tree(shop: GitRepository):
    together = threading.Barrier(6)

    def ask(_: int) -> KnownTree:
        together.wait(timeout=30)
        return tree_of(shop)

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(ask, range(6)))
    assert len({id(tree) for tree in found}) == 1


def test_only_the_latest_trees_stay_in_the_process(shop: GitRepository):
    first = tree_of(shop)
    for number in range(trees.KEPT_IN_PROCESS):
        shop.commit(f"{number}", more__txt=f"{number}")
        tree_of(shop)
    again = tree_of(shop, ref=f"HEAD~{trees.KEPT_IN_PROCESS}")
    assert again is not first
    assert again.index.paths == first.index.paths


# --- The file ---------------------------------------------------------------------------------


def test_the_next_process_finds_the_same(shop: GitRepository, home: Path):
    before = tree_of(shop)
    as_new_process()
    assert [path.name for path in (home / "trees").iterdir()] == [before.id]
    after = tree_of(shop)
    assert after is not before
    assert after.index.paths == before.index.paths
    assert dict(after.index.symbols()) == dict(before.index.symbols())
    assert list(after.toolchains) == list(before.toolchains)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "folder", "other"])
def test_a_damaged_file_is_made_again(shop: GitRepository, home: Path, damage: str):
    before = tree_of(shop)
    as_new_process()
    file = home / "trees" / before.id
    content = file.read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(
            {
                "cut": content[:-5],
                "changed": content.replace(b"shop/orders", b"shop/0rders"),
                "empty": b"",
                "other": b"autopack tree 0 0 0\n",
            }[damage]
        )
    assert tree_of(shop).index.paths == before.index.paths
    as_new_process()
    assert damage == "folder" or file.read_bytes() == content


def test_what_a_file_holds_is_what_was_written(tmp_path: Path):
    for paths, symbols in (
        ((), {}),
        (("a.py",), {}),
        (("a b.py", "x/y.py", "ä.py"), {"ä.py": ("One", "Two"), "x/y.py": ("three",)}),
    ):
        tree_write(tmp_path / "trees" / "t", PathIndex.of(paths, partial(dict, symbols)))
        assert tree_read(tmp_path / "trees" / "t") == (paths, symbols)


def test_only_so_many_files_are_kept_and_none_is_left_half_written(tmp_path: Path):
    folder = tmp_path / "trees"
    for number in range(KEPT + 5):
        tree_write(folder / f"{number}", PathIndex.of(("a.py",)))
    left = {path.name for path in folder.iterdir()}
    assert len(left) == KEPT
    assert f"{KEPT + 4}" in left
    assert not any("draft" in name for name in left)


# --- Repositories of all kinds ----------------------------------------------------------------


def test_linked_worktrees_bare_and_shallow_clones_are_read(shop: GitRepository, tmp_path: Path):
    shop.git("branch", "side")
    shop.git("worktree", "add", "-q", str(tmp_path / "linked"), "side")
    linked = GitRepository(tmp_path / "linked")
    linked.commit("on the side", side__txt="side")
    shop.git("clone", "-q", "--bare", str(shop.folder), str(tmp_path / "bare.git"))
    shop.git("clone", "-q", "--depth=1", f"file://{shop.folder}", str(tmp_path / "shallow"))
    assert tree_of(linked).index.has_file("side.txt")
    for name in ("bare.git", "shallow"):
        assert set(tree_of_source(str(tmp_path / name)).index.paths) == set(SHOP), name


def test_a_repository_at_a_url_is_read_through_its_mirror(shop: GitRepository):
    url = f"file://{shop.folder}"
    assert set(tree_of_source(url, ref="main", project_name="shop").index.paths) == set(SHOP)
    with pytest.raises(RepositoryProblem, match="has no none"):
        tree_of_source(url, ref="none")


def test_a_plain_folder_and_a_repository_without_commit_are_read_as_they_lie(tmp_path: Path):
    plain = tmp_path / "plain"
    for name in ("src/app.py", "node_modules/x/index.js", "README.md"):
        (plain / name).parent.mkdir(parents=True, exist_ok=True)
        (plain / name).write_text("def serve():\n    pass\n")
    (plain / "out").symlink_to("/etc")
    outside = tmp_path / "outside.py"
    outside.write_text("def stolen():\n    pass\n")
    (plain / "link.py").symlink_to(outside)
    tree = tree_of_source(str(plain))
    assert set(tree.index.paths) == {"src/app.py", "README.md", "link.py"}
    assert tree.index.symbols() == {"src/app.py": ("serve",)}

    subprocess.run(["git", "init", "-q", str(plain)], check=True)
    assert set(tree_of_source(str(plain)).index.paths) == set(tree.index.paths)


def test_what_is_no_folder_is_told(tmp_path: Path):
    for location in (str(tmp_path / "none"), ""):
        with pytest.raises(RepositoryProblem, match="is not a folder"):
            tree_of_source(location)


def test_submodules_are_no_files_and_links_are(shop: GitRepository, tmp_path: Path):
    other = repository_of(tmp_path / "other", {"x.py": ""})
    shop.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "sub")
    (shop.folder / "link.py").symlink_to("shop/orders.py")
    shop.commit("a submodule")
    tree = tree_of(shop)
    assert tree.index.has_file("link.py")
    assert not tree.index.has_file("sub")
    assert not tree.index.has_folder("sub")


def test_names_that_no_plan_may_use_do_not_disturb(shop: GitRepository):
    for name in ("new\nline.py", "tab\there.py", 'quo"te.py', "back\\slash.py", "b\udcff.py"):
        shop.write(name, "def odd():\n    pass\n")
    shop.commit("odd names")
    tree = tree_of(shop)
    assert set(tree.index.paths) == {*SHOP, 'quo"te.py'}
    assert tree.index.infer("customs declaration")[0].path == "shop/orders.py"
    as_new_process()
    assert tree_of(shop).index.paths == tree.index.paths


# --- Reading files ----------------------------------------------------------------------------


def files_of(repository: GitRepository) -> GitFiles:
    from runs.execution.repository.git import Git

    tree = repository.git("rev-parse", "HEAD^{tree}")
    return GitFiles(Git(repository.folder / ".git"), tree)


def test_texts_are_read_and_what_is_none_is_not(shop: GitRepository):
    shop.write("binary", b"\xff\xfe\x00")
    shop.write("large.txt", "x" * (1 << 20) + "x")
    shop.write("empty", "")
    shop.commit("more")
    for files in (files_of(shop), FolderFiles.open(shop.folder)):
        assert files.read("shop/größe.py") == SHOP["shop/größe.py"]
        assert files.read("empty") == ""
        for name in ("binary", "large.txt", "none", "shop", "pyproject.toml\nx", ""):
            assert files.read(name) is None, name
        # It still answers after what it refused.
        assert files.read("pyproject.toml") == SHOP["pyproject.toml"]
        files.close()


def test_large_sources_are_passed_over(shop: GitRepository):
    shop.write("huge.py", "class Huge:\n" + "#" * 200_000)
    shop.commit("huge")
    for files in (files_of(shop), FolderFiles.open(shop.folder)):
        assert "huge.py" not in symbols_read(files)
        assert "shop/orders.py" in symbols_read(files)


def test_of_a_list_only_the_names_are_known():
    tree = tree_of_list(["package.json", "src/app.ts", "src/app.test.ts", "../out"])
    assert set(tree.index.paths) == {"package.json", "src/app.ts", "src/app.test.ts"}
    assert tree.index.symbols() == {}
    assert {detection.toolchain for detection in tree.toolchains} == {"node"}
