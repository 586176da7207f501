"""A project's files as hardening asks about them: made from a list of paths, nothing is read."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Folders that are not the project's own code, wherever they lie.
FOREIGN = frozenset(
    {"node_modules", "site-packages", "vendor", ".venv", "venv", ".tox", ".git", "__pycache__"}
)


class ProjectListing:
    """Answers from the paths of a repository's files (relative, with slashes)."""

    __slots__ = ("_files", "_folders", "_modules")

    def __init__(self, paths: Iterable[str]) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = {"."}
        self._modules: set[str] = set()
        for path in paths:
            self._add(PurePosixPath(path))

    def _add(self, path: PurePosixPath) -> None:
        self._files.add(str(path))
        self._folders.update(str(parent) for parent in path.parents)
        if path.suffix not in {".py", ".pyi"} or FOREIGN & set(path.parts):
            return
        # Each folder above a module may be the one on sys.path, so each is a package's name.
        self._modules.update(path.parts[:-1])
        self._modules.add(path.stem)

    def has_path(self, path: str) -> bool:
        plain = str(PurePosixPath(path))
        return plain in self._files or plain in self._folders

    def has_module(self, name: str) -> bool:
        return name.split(".", 1)[0] in self._modules

    def folders_with(self, path: str) -> tuple[str, ...]:
        wanted = PurePosixPath(path)
        if wanted.is_absolute() or ".." in wanted.parts:
            return ()
        ending = "/" + str(wanted)
        found = [
            str(PurePosixPath(file).parents[len(wanted.parts) - 1])
            for file in self._files
            if ("/" + file).endswith(ending) and not FOREIGN & set(PurePosixPath(file).parts)
        ]
        return tuple(sorted(found, key=lambda folder: (folder.count("/"), folder != ".", folder)))
