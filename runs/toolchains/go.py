"""Go modules and workspaces."""

import re

from runs.toolchains.folders import Folder, join, path_resolve
from runs.toolchains.types import Detection, ToolCommand

MANIFESTS = frozenset({"go.mod", "go.work"})

_MODULE = re.compile(r"^module[ \t]+\S", re.MULTILINE)
_USE_ONE = re.compile(r"^use[ \t]+([^\s(]+)", re.MULTILINE)
_USE_BLOCK = re.compile(r"^use[ \t]*\(([^)]*)\)", re.MULTILINE)
_MEMBERS_MAX = 50


def detect(folder: Folder) -> Detection | None:
    """A module (`go.mod`), or a workspace (`go.work`) whose members are tested one by one."""
    if folder.has("go.work"):
        return _workspace(folder)
    if "go.work" in folder.listing.folder(".").names and folder.root != ".":
        workspace = _members(folder.listing.folder("."))
        if folder.root in workspace:
            return None  # the workspace speaks for it
    problem = ""
    if not _MODULE.search(folder.read("go.mod") or ""):
        problem = f"{folder.path('go.mod')} names no module: add a `module` line"
    return _detection(folder, (folder.root,), ("go.mod", "go.sum"), problem)


def _workspace(folder: Folder) -> Detection:
    members = _members(folder)
    problem = "" if members else f"{folder.path('go.work')} uses no module of this repository"
    return _detection(folder, members, ("go.work", "go.work.sum", "go.mod", "go.sum"), problem)


def _members(folder: Folder) -> tuple[str, ...]:
    text = folder.read("go.work") or ""
    names = _USE_ONE.findall(text)
    for block in _USE_BLOCK.findall(text):
        names += [line.split("//")[0].strip().strip('"') for line in block.splitlines()]
    roots = [path_resolve(folder.root, name) for name in names if name]
    listing = folder.listing
    members = [r for r in dict.fromkeys(roots) if r and listing.exists(join(r, "go.mod"))]
    return tuple(members[:_MEMBERS_MAX])


def _detection(
    folder: Folder, roots: tuple[str, ...], manifests: tuple[str, ...], problem: str
) -> Detection:
    def each(*argv: str) -> tuple[ToolCommand, ...]:
        return tuple(ToolCommand(argv, cwd=root) for root in roots)

    found = folder.present(*manifests)
    return Detection(
        toolchain="go",
        root=folder.root,
        confidence=0.4 if problem else 0.9,
        reasons=tuple(filter(None, (f"{found[0]} is there", problem))),
        manifests=tuple(
            dict.fromkeys((*found, *folder.nested("go.mod"), *folder.nested("go.sum")))
        ),
        install=each("go", "mod", "download"),
        build=each("go", "build", "./..."),
        test=each("go", "test", "./..."),
        smoke=each("go", "vet", "./..."),
        requires=("go",),
    )
