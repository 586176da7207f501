"""Virtual environments: built once into a cache, then copied, so that nobody writes into the cache.

    cache_root/environments/<key>/venv          a finished template: never changed, only copied
    cache_root/environments/<key>.building-*    being built under <key>.lock, or left by a crash
    cache_root/environments/<key>.lock          freed by the kernel when its holder dies

A template holds dependencies only. Whatever is particular to a worktree (the project itself,
editable) is installed into the copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from runs.execution.environment.install_types import (
    INSTALL_SECONDS,
    EnvironmentFailed,
    SandboxNeeds,
    failure_explained,
)
from runs.execution.processes.command import Command, CommandLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runs.execution.environment.install_types import Installing
    from runs.execution.processes.command import Cancellation

WAIT_SECONDS = 2 * INSTALL_SECONDS
"""How long one builder waits for another of the same key."""
_LOCK_STEP_SECONDS = 0.1
_CP_FILES_MIN = 300
"""From here on `cp --reflink=auto` beats shutil: 100 against 200 ms for 1,000 files on ext4."""
_RECORD = "template.json"
_BIN = "Scripts" if sys.platform == "win32" else "bin"
# Finds the interpreter beside the script: what uv writes into relocatable environments, too.
_RELOCATABLE = rb"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
"""


@dataclass(frozen=True, slots=True)
class Template:
    venv: Path
    files: int
    built_at: str
    """The path it was built under; scripts made by pip may still name it."""


def venv_python(venv: Path) -> Path:
    return venv / _BIN / ("python.exe" if sys.platform == "win32" else "python")


def venv_bin(venv: Path) -> Path:
    return venv / _BIN


def template_find(cache_root: Path, key: str) -> Template | None:
    """The finished template of `key`; its last use is noted for templates_prune."""
    folder = cache_root / "environments" / key
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        os.utime(folder / _RECORD)
    except (OSError, ValueError):
        return None
    return Template(folder / "venv", int(record["files"]), str(record["built_at"]))


def template_ensure(
    cache_root: Path,
    key: str,
    build: Callable[[Path], None],
    *,
    cancellation: Cancellation | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> tuple[Template, bool]:
    """The template of `key`, and whether it was there already.

    Of several builders one builds (`build` fills the folder it is given) and the others wait.
    Raises EnvironmentFailed when the wait is too long or cancelled, and whatever `build` raises.
    """
    found = template_find(cache_root, key)
    if found is not None:
        return found, True
    base = cache_root / "environments"
    base.mkdir(parents=True, exist_ok=True)
    with _held(base / f"{key}.lock", cancellation, wait_seconds):
        found = template_find(cache_root, key)
        if found is not None:
            return found, True
        # We hold the lock, so whatever lies here was left by a builder that was killed.
        for stale in base.glob(f"{key}*"):
            if stale.name == key or stale.name.startswith(f"{key}.building-"):
                shutil.rmtree(stale, ignore_errors=True)
        building = base / f"{key}.building-{uuid.uuid4().hex[:8]}"
        try:
            building.mkdir()
            build(building)
            _finish(building)
            building.rename(base / key)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    found = template_find(cache_root, key)
    if found is None:
        raise EnvironmentFailed(
            f"the environment built at {base / key} is gone again: is something deleting files"
            " below the cache folder? Exclude it there, then retry"
        )
    return found, False


@contextlib.contextmanager
def _held(path: Path, cancellation: Cancellation | None, wait_seconds: float) -> Iterator[None]:
    lock = FileLock(path, thread_local=False)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            lock.acquire(timeout=_LOCK_STEP_SECONDS, poll_interval=_LOCK_STEP_SECONDS / 2)
            break
        except Timeout:
            if cancellation is not None and cancellation.is_requested:
                reason = "cancelled while another worker built the same environment:"
                raise EnvironmentFailed(f"{reason} {cancellation.reason}") from None
            if time.monotonic() > deadline:
                raise EnvironmentFailed(
                    f"another worker has been building the same environment for more than"
                    f" {wait_seconds:.0f} s: look at what it is doing, stop it, then retry"
                ) from None
    try:
        yield
    finally:
        lock.release()


def _finish(building: Path) -> None:
    venv = building / "venv"
    _relocate_scripts(venv)
    files = sum(len(names) for _, _, names in os.walk(venv))
    record = {"files": files, "built_at": str(venv)}
    (building / _RECORD).write_text(json.dumps(record), encoding="utf-8")


def _relocate_scripts(venv: Path) -> None:
    """Scripts that name the interpreter by its path in `venv` find it beside themselves instead.

    On Windows (not run there) pip's scripts are programs with the path inside; uv's are
    relocatable, and `python -m` works with both.
    """
    if sys.platform == "win32":
        return
    named = os.fsencode(venv)
    for script in venv_bin(venv).iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        with script.open("rb") as file:
            head = file.read(2)
            if head != b"#!":
                continue
            content = head + file.read()
        first, _, rest = content.partition(b"\n")
        if first == b"#!/bin/sh" and rest.startswith(b"'''exec' ") and named in rest[:1024]:
            # The form that installers use for paths too long for a first line.
            rest = rest.split(b"\n", 2)[2]
        elif named not in first:
            continue
        mode = script.stat().st_mode
        script.write_bytes(_RELOCATABLE + rest)
        script.chmod(mode)


def template_copy(template: Template, target: Path, installing: Installing) -> None:
    """Copy the template to `target`, replacing what is there; blocks are shared where possible.

    Raises EnvironmentFailed.
    """
    tree_remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "linux" and template.files >= _CP_FILES_MIN:
        argv = ("cp", "-a", "--reflink=auto", "--", str(template.venv), str(target))
        needs = SandboxNeeds(writable=(target.parent,), readable=(template.venv,))
        result = installing.execute(
            Command(argv, target.parent, installing.env, CommandLimits(wall_seconds=600)), needs
        )
        if not result.ok:
            raise failure_explained("copying the environment", result)
    else:
        shutil.copytree(template.venv, target, symlinks=True)
    _reactivate(target, template.built_at)


def tree_remove(path: Path) -> None:
    """Remove a tree that an attempt could write to: it may be a link, or have locked folders."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        try:
            shutil.rmtree(path)
        except PermissionError:
            path.chmod(stat.S_IRWXU)
            for folder, names, _ in os.walk(path):
                for inner in (Path(folder, name) for name in names):
                    if not inner.is_symlink():
                        inner.chmod(stat.S_IRWXU)
            shutil.rmtree(path)


def _reactivate(venv: Path, built_at: str) -> None:
    """The activate scripts that `python -m venv` writes name the folder they were made for."""
    for script in venv_bin(venv).glob("[aA]ctivate*"):
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_text(encoding="utf-8", errors="surrogateescape")
        if built_at in text:
            script.write_text(
                text.replace(built_at, str(venv)), encoding="utf-8", errors="surrogateescape"
            )


def venv_fingerprint(venv: Path) -> str:
    """Changes when anything in the tree is added, removed or rewritten; 8 ms for 1,000 files.

    A program cannot set a file's ctime. On Windows ctime is something else: there it is always "".
    """
    if sys.platform == "win32":
        return ""
    lines: list[str] = []
    folders = [str(venv)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                lines.append(
                    f"{entry.path}\0{info.st_mtime_ns} {info.st_ctime_ns} {info.st_size}"
                    f" {info.st_ino} {info.st_mode}"
                )
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def templates_prune(cache_root: Path, *, unused_seconds: float) -> int:
    """Remove templates that no preparation used for so long; how many were removed.

    A template whose lock is held is left alone. Call it with days: a copy under way holds no lock.
    """
    removed = 0
    for record in (cache_root / "environments").glob(f"*/{_RECORD}"):
        folder = record.parent
        with contextlib.suppress(OSError, Timeout):
            if time.time() - record.stat().st_mtime < unused_seconds:
                continue
            with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0):
                record.unlink()
                shutil.rmtree(folder)
                removed += 1
    return removed
