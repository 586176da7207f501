"""What the project declares, read at the commit that the run started from.

Not at the candidate: a name that a builder has just invented does not vouch for itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from runs.execution.repository.git import GitFailed
from runs.execution.session import MANIFEST_BYTES, commit_paths
from runs.toolchains.folders import Listing
from runs.toolchains.python_metadata import metadata_read
from runs.toolchains.python_requirements import requirement_name, requirements_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runs.execution.repository.mirrors import Mirror
    from runs.toolchains.folders import Folder

_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py", "package.json")
_REQUIREMENTS = re.compile(
    r"(?:.{0,200}/)?[\w.-]{0,80}requirements[\w.-]{0,80}\.txt|.{0,200}requirements/[\w.-]{1,80}\.txt"
)
_NODE_TABLES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
# A monorepo may have thousands of manifests; the ones nearest to the root are read.
_MOST = 50


@dataclass(frozen=True, slots=True)
class BlobTree:
    """A commit's files for manifest readers, without a checkout."""

    mirror: Mirror
    commit: str
    paths: Sequence[str]
    known: frozenset[str]

    def read(self, path: str) -> str | None:
        if path not in self.known:
            return None
        try:
            raw = self.mirror.git.call("cat-file", "blob", f"{self.commit}:{path}").stdout
            return raw.decode("utf-8") if len(raw) <= MANIFEST_BYTES else None
        except (GitFailed, UnicodeDecodeError):
            return None


@lru_cache(maxsize=8)
def declared_lines(mirror: Mirror, commit: str) -> Mapping[str, tuple[str, ...]]:
    """Requirement lines (python) and names (node) of every manifest, extras and groups included."""
    paths = commit_paths(mirror, commit)
    tree = BlobTree(mirror, commit, paths, frozenset(paths))
    listing = Listing(tree)
    python: list[str] = []
    node: list[str] = []
    for root in _roots(listing.paths):
        folder = listing.folder(root)
        python += _python_lines(folder)
        node += _node_names(folder)
    return {"python": tuple(dict.fromkeys(python)), "node": tuple(dict.fromkeys(node))}


def declared_names(lines: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    return {
        "python": frozenset(filter(None, map(requirement_name, lines["python"]))),
        "node": frozenset(lines["node"]),
    }


def _roots(paths: Sequence[str]) -> list[str]:
    found = {
        path.rpartition("/")[0] or "."
        for path in paths
        if path.rpartition("/")[2] in _MANIFESTS or _REQUIREMENTS.fullmatch(path)
    }
    return sorted(found, key=lambda root: (root != ".", root.count("/"), root))[:_MOST]


def _python_lines(folder: Folder) -> Iterator[str]:
    metadata = metadata_read(folder)
    yield from metadata.dependencies
    for lines in (*metadata.extras.values(), *metadata.groups.values()):
        yield from lines
    names = [n for n in folder.files if n.count("/") <= 1 and _REQUIREMENTS.fullmatch(n)]
    yield from requirements_read(folder, names[:_MOST]).lines


def _node_names(folder: Folder) -> Iterator[str]:
    try:
        manifest = json.loads(folder.read("package.json") or "{}")
    except ValueError:
        return
    for name in _NODE_TABLES:
        table = manifest.get(name) if isinstance(manifest, dict) else None
        yield from table if isinstance(table, dict) else ()
