"""Writing reports: whole or not at all, and known to be possible before the runs start."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class ReportUnwritable(Exception):
    """A report cannot be written where it was asked for. The message says why and what to do."""


def report_path_check(path: Path) -> None:
    """Make the folder and try to write there. Raises ReportUnwritable; leaves no file behind."""
    try:
        target = _target(path)
        if target.is_dir():
            raise ReportUnwritable(f"{path} is a folder. Name a file for the report.")
        if _is_special(target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def report_write(path: Path, content: str) -> None:
    """Put `content` at `path` in one step. Raises ReportUnwritable."""
    try:
        target = _target(path)
        if _is_special(target):
            target.write_text(content, encoding="utf-8")
            return
        _replace(target, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _target(path: Path) -> Path:
    """Where a link leads: it is the file that is replaced, not the link. (/dev/stdout leads to
    nowhere that has a name.)"""
    return path if _is_special(path) else path.resolve()


def _is_special(path: Path) -> bool:
    """A device or a pipe, which is written to and never replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _replace(target: Path, content: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
        # mkstemp makes it private; a report is as readable as any other new file.
        Path(draft).chmod(0o666 & ~_umask())
        Path(draft).replace(target)
    finally:
        Path(draft).unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def _unwritable(path: Path, error: OSError) -> ReportUnwritable:
    return ReportUnwritable(
        f"The report cannot be written to {path}: {error.strerror or error}. Name a file in a "
        "folder that you may write to."
    )
