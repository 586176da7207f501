"""One folder of a tree, as an adapter sees it, and manifest parsing that never raises."""

import json
import tomllib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from runs.toolchains.types import ProjectTree

IGNORED = frozenset(
    {
        ".git", ".hg", ".nox", ".tox", ".venv", "__pycache__", "bower_components", "node_modules",
        "site-packages", "third_party", "thirdparty", "vendor", "venv",
    }
)  # fmt: skip
"""Folders of other people's code: nothing in them is a project of this repository."""

LOWERED = frozenset(
    {
        "benchmarks", "doc", "docs", "example", "examples", "fixtures", "sample", "samples",
        "templates", "test", "test_data", "testdata", "tests",
    }
)  # fmt: skip
"""Folders whose projects are rarely the one that matters."""


NESTED_MAX = 500


def join(root: str, name: str) -> str:
    """`name` inside `root`, repository-relative ("." is the repository itself)."""
    return name if root == "." else root if name == "." else f"{root}/{name}"


def parent(path: str) -> str:
    return path.rpartition("/")[0] or "."


def path_resolve(root: str, path: str) -> str | None:
    """`path` (as written in a file of `root`) repository-relative; None when it leaves the tree."""
    parts: list[str] = [] if root == "." else root.split("/")
    for part in path.replace("\\", "/").split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return None
    return "/".join(parts) or "."


def path_relative(root: str, path: str) -> str:
    """The repository-relative `path` as seen from `root`, with a leading "./" or "../"."""
    base = [] if root == "." else root.split("/")
    parts = [] if path == "." else path.split("/")
    shared = 0
    while shared < min(len(base), len(parts)) and base[shared] == parts[shared]:
        shared += 1
    up = [".."] * (len(base) - shared) or ["."]
    return "/".join([*up, *parts[shared:]])


@dataclass(frozen=True)
class Listing:
    """The files of a tree, sorted once, without other people's code."""

    tree: ProjectTree
    _reads: dict[str, str | None] = field(default_factory=dict, compare=False)

    @cached_property
    def paths(self) -> Sequence[str]:
        return sorted(p for p in self.tree.paths if IGNORED.isdisjoint(p.split("/")[:-1]))

    @cached_property
    def everything(self) -> Sequence[str]:
        """With other people's code: requirement lines may name a vendored folder."""
        return sorted(self.tree.paths)

    def exists(self, path: str) -> bool:
        """Whether `path` is a file or a folder of the repository, vendored ones included."""
        return path == "." or self.is_file(path) or any(True for _ in self.below(path))

    def is_file(self, path: str) -> bool:
        found = bisect_left(self.everything, path)
        return self.everything[found : found + 1] == [path]

    def below(self, folder: str) -> Iterator[str]:
        """All files under the folder, vendored ones included."""
        for index in range(bisect_left(self.everything, f"{folder}/"), len(self.everything)):
            if not self.everything[index].startswith(f"{folder}/"):
                return
            yield self.everything[index]

    def read(self, path: str) -> str | None:
        if path not in self._reads:
            self._reads[path] = self.tree.read(path)
        return self._reads[path]

    def folder(self, root: str, without: frozenset[str] = frozenset()) -> "Folder":
        return Folder(listing=self, root=root, without=without)


@dataclass(frozen=True)
class Folder:
    """A folder that may be the root of a project; all names are relative to it."""

    listing: Listing
    root: str
    without: frozenset[str] = frozenset()
    """Sub-folders that are projects of their own (repository-relative): not looked into."""

    @cached_property
    def files(self) -> Sequence[str]:
        """The files below it at any depth, sorted."""
        return [name for name in self._below() if not self._is_elsewhere(name)]

    def _is_elsewhere(self, name: str) -> bool:
        folders = self.path(name).split("/")[:-1]
        return bool(self.without) and any(
            "/".join(folders[:depth]) in self.without for depth in range(1, len(folders) + 1)
        )

    def _below(self) -> Sequence[str]:
        paths = self.listing.paths
        if self.root == ".":
            return paths
        prefix = f"{self.root}/"
        first = bisect_left(paths, prefix)
        last = bisect_left(paths, f"{self.root}0")  # "0" follows "/"
        return [path[len(prefix) :] for path in paths[first:last]]

    @cached_property
    def names(self) -> frozenset[str]:
        """The files directly in it."""
        return frozenset(name for name in self.files if "/" not in name)

    @cached_property
    def folders(self) -> frozenset[str]:
        """The folders directly in it."""
        return frozenset(name.split("/", 1)[0] for name in self.files if "/" in name)

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(self.files)

    def has(self, name: str) -> bool:
        return name in self._all

    def path(self, name: str) -> str:
        return join(self.root, name)

    def read(self, name: str) -> str | None:
        return self.listing.read(self.path(name))

    def present(self, *names: str) -> tuple[str, ...]:
        """Those of `names` that are files here, repository-relative."""
        return tuple(self.path(name) for name in names if self.has(name))

    def nested(self, name: str) -> tuple[str, ...]:
        """The files of that name at any depth, repository-relative; at most NESTED_MAX."""
        found = [self.path(f) for f in self.files if f == name or f.endswith(f"/{name}")]
        return tuple(found[:NESTED_MAX])

    def below(self, folder: str) -> Iterator[str]:
        """The files under the sub-folder, relative to this folder."""
        first = bisect_left(self.files, f"{folder}/")
        for index in range(first, len(self.files)):
            if not self.files[index].startswith(f"{folder}/"):
                return
            yield self.files[index]


Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest; `problem` says what is wrong with it ("" when nothing is)."""

    data: Table = field(default_factory=dict)
    problem: str = ""


def toml_parse(text: str | None, path: str) -> Manifest:
    """A TOML file as a table. Never raises: hostile nesting is a problem like any other."""
    if text is None:
        return Manifest()
    try:
        return Manifest(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        return Manifest(problem=f"{path} is not valid TOML ({str(error)[:120]}): correct it")


def json_parse(text: str | None, path: str) -> Manifest:
    """A JSON object as a table. Never raises."""
    if text is None:
        return Manifest()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Manifest(problem=f"{path} is not valid JSON ({str(error)[:120]}): correct it")
    if not isinstance(data, dict):
        return Manifest(problem=f"{path} holds no JSON object: correct it")
    return Manifest(data)


def table(data: object, *keys: str) -> Table:
    """The table at data[keys[0]][keys[1]]..., empty when something else or nothing is there."""
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def strings(value: object) -> tuple[str, ...]:
    """The strings of a list; nothing when it is something else."""
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list | tuple) else ()


def text(value: object) -> str:
    return value if isinstance(value, str) else ""
