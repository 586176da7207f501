"""Cargo packages and workspaces."""

from runs.toolchains.folders import Folder, parent, table, toml_parse
from runs.toolchains.types import Detection, ToolCommand

MANIFESTS = frozenset({"Cargo.toml"})


def detect(folder: Folder) -> Detection | None:
    """A package or a workspace; a member is spoken for by the workspace above it."""
    if _has_workspace_above(folder):
        return None
    path = folder.path("Cargo.toml")
    manifest = toml_parse(folder.read("Cargo.toml"), path)
    is_workspace = "workspace" in manifest.data
    problem = manifest.problem
    if not problem and not is_workspace and not table(manifest.data, "package"):
        problem = f"{path} has neither [package] nor [workspace]: add one"
    lock = ("--locked",) if folder.has("Cargo.lock") else ()
    scope = ("--workspace",) if is_workspace else ()

    def cargo(*argv: str) -> tuple[ToolCommand, ...]:
        return (ToolCommand(("cargo", *argv), cwd=folder.root),)

    return Detection(
        toolchain="rust",
        root=folder.root,
        confidence=0.4 if problem else 0.9,
        reasons=tuple(filter(None, (f"{path} is there", problem))),
        manifests=(
            *folder.nested("Cargo.toml"),
            *folder.present("Cargo.lock", "rust-toolchain.toml"),
        ),
        # Not --locked elsewhere: a change that adds a dependency would fail before it is compiled.
        install=cargo("fetch", *lock),
        build=cargo("build", *scope),
        test=cargo("test", *scope),
        smoke=cargo("check", *scope),
        requires=("cargo",),
    )


def _has_workspace_above(folder: Folder) -> bool:
    root = folder.root
    while root != ".":
        root = parent(root)
        above = folder.listing.folder(root)
        if above.has("Cargo.toml"):
            manifest = toml_parse(above.read("Cargo.toml"), above.path("Cargo.toml"))
            if "workspace" in manifest.data:
                return True
    return False
