"""A real repository whose changes are read with the flags that the engine uses."""

import os
import subprocess
from pathlib import Path

from runs.execution.diffs.diff import DIFF_FLAGS, FileChange, diff_parse

_ENV = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.git("init", "-q")

    def git(self, *arguments: str, stdin: bytes = b"", config: tuple[str, ...] = ()) -> bytes:
        options = [part for item in config for part in ("-c", item)]
        return subprocess.run(
            ["git", *options, *arguments],
            cwd=self.folder,
            env=_ENV,
            input=stdin,
            capture_output=True,
            check=True,
        ).stdout

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self) -> None:
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", "base")

    def raw(self, *, config: tuple[str, ...] = ()) -> bytes:
        """What git prints for everything that changed since the last commit."""
        self.git("add", "-A", "-f")
        return self.git("diff-index", "--cached", *DIFF_FLAGS, "HEAD", config=config)

    def changes(self) -> dict[str, FileChange]:
        return {change.path: change for change in diff_parse(self.raw())}

    def read_link(self, path: str) -> str:
        return str((self.folder / path).readlink())

    def tree_after(self, patch: bytes) -> bytes:
        """The tree (`ls-tree -r`) that the patch makes of the last commit."""
        self.git("read-tree", "HEAD")
        if patch:
            self.git("apply", "--cached", "-", stdin=patch)
        tree = self.git("write-tree").decode().strip()
        return self.git("ls-tree", "-r", "-z", tree)
