"""System checks: whatever is set up wrong is said when a command starts, with what to do about it.

`CHECKS` only look at settings and files, and run with every command. `PROCESS_CHECKS` start
programs, so they run when they are asked for: `manage.py check --deploy --tag autopack`.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

TAG = "autopack"

# The first git that merges without a worktree: `merge-tree --write-tree`.
OLDEST_GIT = (2, 38)
SANDBOX_WORDS = ("auto", "bubblewrap", "none")
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
# SQLite's write-ahead log is memory shared between processes: it does not cross machines.
NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "lustre", "nfs", "nfs4", "smb3"}
)
MOUNTS = Path("/proc/self/mounts")
GIT_DOWNLOAD = "https://git-scm.com/downloads"


def checks_register() -> None:
    """Called once, by RunsConfig.ready()."""
    for check in CHECKS:
        register(check, TAG)
    for check in PROCESS_CHECKS:
        register(check, TAG, deploy=True)


# --- Programs ---------------------------------------------------------------------------------


def _git() -> str:
    return shutil.which("git", path=settings.AUTOPACK_CHILD_ENVIRONMENT.get("PATH")) or ""


def git_check(**_: Any) -> list[CheckMessage]:
    if _git():
        return []
    return [
        Error(
            "There is no git on PATH.",
            hint=f"Install it (Debian: apt install git; others: {GIT_DOWNLOAD}), or add its "
            "folder to PATH.",
            id="autopack.E001",
        )
    ]


def git_version_check(**_: Any) -> list[CheckMessage]:
    from runs.execution.process import capture  # costs every command its start otherwise

    program = _git()
    if not program:
        return []  # git_check says so
    environment = dict(settings.AUTOPACK_CHILD_ENVIRONMENT)
    said = capture((program, "--version"), cwd=Path(program).parent, env=environment).stdout
    found = re.search(rb"(\d{1,4})\.(\d{1,4})", said)
    if found and (int(found[1]), int(found[2])) >= OLDEST_GIT:
        return []
    shown = said.decode(errors="replace").strip()[:80] or "of an unknown version"
    return [
        Error(
            f"git is too old: {program} is {shown!r}.",
            hint=f"Install git {'.'.join(map(str, OLDEST_GIT))} or newer ({GIT_DOWNLOAD}): phases "
            "that ran side by side are merged with `git merge-tree --write-tree`.",
            id="autopack.E002",
        )
    ]


def sandbox_check(**_: Any) -> list[CheckMessage]:
    word = settings.AUTOPACK_SANDBOX
    if word not in SANDBOX_WORDS:
        return [
            Error(
                f"AUTOPACK_SANDBOX is {word!r}.",
                hint=f"Set it to {', '.join(SANDBOX_WORDS[:-1])} or {SANDBOX_WORDS[-1]}.",
                id="autopack.E003",
            )
        ]
    if word == "none" or shutil.which("bwrap"):
        return []
    return [_no_sandbox("There is no bwrap on PATH.")]


def sandbox_works_check(**_: Any) -> list[CheckMessage]:
    from runs.execution.sandbox import INSTALL_BUBBLEWRAP, SandboxUnavailable, sandbox_resolve

    if settings.AUTOPACK_SANDBOX not in SANDBOX_WORDS[:2] or not shutil.which("bwrap"):
        return []  # not wanted, or sandbox_check says so
    try:
        sandbox_resolve("bubblewrap")
    except SandboxUnavailable as unavailable:
        return [_no_sandbox(str(unavailable).removesuffix(INSTALL_BUBBLEWRAP).strip())]
    return []


def _no_sandbox(trouble: str) -> CheckMessage:
    from runs.execution.sandbox import INSTALL_BUBBLEWRAP

    if settings.AUTOPACK_SANDBOX == "bubblewrap":
        return Error(
            f"AUTOPACK_SANDBOX asks for bubblewrap, which cannot be used: {trouble}",
            hint=INSTALL_BUBBLEWRAP,
            id="autopack.E004",
        )
    return CheckWarning(
        f"Commands of plans run without a sandbox, with all the rights of this user: {trouble}",
        hint=INSTALL_BUBBLEWRAP,
        id="autopack.W001",
    )


# --- Folders ----------------------------------------------------------------------------------


def folders_check(**_: Any) -> Iterator[CheckMessage]:
    home, base = Path(settings.AUTOPACK_HOME), Path(settings.AUTOPACK_WORKTREE_BASE)
    for name, path, number in (
        ("AUTOPACK_HOME", home, "E005"),
        ("AUTOPACK_WORKTREE_BASE", base, "E006"),
    ):
        if trouble := _not_writable(path):
            yield Error(
                f"{name} is {path}, where nothing can be written: {trouble}.",
                hint=f"Set {name} to a folder that this user may write to.",
                id=f"autopack.{number}",
            )
    taken = [home / name for name in ("repositories", "runs", "cache", "ports")]
    if home.is_relative_to(base) or any(base.is_relative_to(path) for path in taken):
        yield Error(
            f"AUTOPACK_WORKTREE_BASE ({base}) and AUTOPACK_HOME ({home}) are in each other's way.",
            hint="Set AUTOPACK_WORKTREE_BASE to a folder of its own: neither one that holds "
            "AUTOPACK_HOME nor one of the folders that Autopack makes in it.",
            id="autopack.E007",
        )
    if around := _checkout_around(base):
        yield CheckWarning(
            f"AUTOPACK_WORKTREE_BASE ({base}) is inside the git checkout {around}.",
            hint="Tools that look upwards from a worktree for their settings find that checkout's. "
            "Set AUTOPACK_WORKTREE_BASE to a folder outside of any checkout.",
            id="autopack.W002",
        )
    around = _checkout_around(home)
    if around and home != settings.BASE_DIR / ".autopack":
        yield CheckWarning(
            f"AUTOPACK_HOME ({home}) is inside the git checkout {around}.",
            hint="`git add -A` there would commit the database and the secret key. Set "
            "AUTOPACK_HOME to a folder outside of any checkout.",
            id="autopack.W003",
        )


def _not_writable(path: Path) -> str:
    """Why no file could be made below `path`, which need not exist yet; '' when one could."""
    existing = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return "" if os.access(existing, os.W_OK | os.X_OK) else f"{existing} belongs to others"


def _checkout_around(path: Path) -> Path | None:
    return next((folder for folder in (path, *path.parents) if (folder / ".git").exists()), None)


# --- Database ---------------------------------------------------------------------------------


def database_check(**_: Any) -> Iterator[CheckMessage]:
    database: dict[str, Any] = dict(connections["default"].settings_dict)
    if database["ATOMIC_REQUESTS"]:
        yield Error(
            "ATOMIC_REQUESTS is on: a request would hold its transaction while programs run.",
            hint="Take it out of DATABASES; services open the transactions they need.",
            id="autopack.E008",
        )
    if not database["ENGINE"].endswith("sqlite3"):
        return
    options = database["OPTIONS"]
    has_wal = re.search(r"journal_mode\s*=\s*wal\b", options.get("init_command") or "", re.I)
    is_immediate = str(options.get("transaction_mode") or "").upper() == "IMMEDIATE"
    if not has_wal or not is_immediate:
        yield Error(
            "SQLite is not set up for several writers: they would fail with 'database is locked'.",
            hint='Give DATABASES["default"]["OPTIONS"] transaction_mode IMMEDIATE and an '
            "init_command with PRAGMA journal_mode=WAL, as autopack_site/settings.py does.",
            id="autopack.E009",
        )
    kind = _file_system(Path(str(database["NAME"])))
    if kind in NETWORK_FILE_SYSTEMS:
        yield CheckWarning(
            f"The SQLite file {database['NAME']} is on a network file system ({kind}).",
            hint="Its write-ahead log needs a local disk: set AUTOPACK_HOME to one, or use "
            "PostgreSQL by setting DATABASE_URL.",
            id="autopack.W004",
        )


def _file_system(path: Path) -> str:
    """The type of the file system that `path` is on, by the mount table; '' where there is none."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    kind, longest = "", 0
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # The table writes the spaces of a path as \040.
        point = Path(fields[1].replace("\\040", " "))
        if len(point.parts) >= longest and path.is_relative_to(point):
            kind, longest = fields[2], len(point.parts)
    return kind


# --- Numbers ----------------------------------------------------------------------------------


def leases_check(**_: Any) -> Iterator[CheckMessage]:
    lease, beat = settings.AUTOPACK_LEASE_SECONDS, settings.AUTOPACK_BEAT_SECONDS
    if not 0 < beat < lease / 2:
        yield Error(
            f"A worker would speak every {beat:g} s under a lease of {lease:g} s.",
            hint="Set AUTOPACK_BEAT_SECONDS above 0 and below half of AUTOPACK_LEASE_SECONDS, so "
            "that one late beat does not lose the lease. The defaults are 15 and 60.",
            id="autopack.E010",
        )
    if settings.AUTOPACK_GRACE_SECONDS < 0:
        yield Error(
            f"AUTOPACK_GRACE_SECONDS is {settings.AUTOPACK_GRACE_SECONDS:g}.",
            hint="Set it to 0 or more seconds; the default is 30.",
            id="autopack.E010",
        )


def patience_check(**_: Any) -> Iterator[CheckMessage]:
    """Recovery and drain; a lease that ends before recovery looks costs time, not work."""
    recovery, drain = settings.AUTOPACK_RECOVERY_SECONDS, settings.AUTOPACK_DRAIN_SECONDS
    if not 0 < recovery < math.inf:
        yield Error(
            f"AUTOPACK_RECOVERY_SECONDS is {recovery:g}.",
            hint="Set it above 0; the default is 10.",
            id="autopack.E013",
        )
    elif recovery > settings.AUTOPACK_LEASE_SECONDS:
        yield CheckWarning(
            f"Recovery looks every {recovery:g} s only, for leases of "
            f"{settings.AUTOPACK_LEASE_SECONDS:g} s: lost work is taken up late.",
            hint="Set AUTOPACK_RECOVERY_SECONDS below AUTOPACK_LEASE_SECONDS.",
            id="autopack.W006",
        )
    if not 0 <= drain < math.inf:
        yield Error(
            f"AUTOPACK_DRAIN_SECONDS is {drain:g}.",
            hint="Set it to 0 (phases are stopped at once and queued again) or more seconds.",
            id="autopack.E013",
        )


def redis_check(**_: Any) -> list[CheckMessage]:
    if not settings.REDIS_URL or _is_redis(settings.REDIS_URL):
        return []
    return [
        Error(
            # Not the URL itself: it may hold a password.
            "REDIS_URL is no address of a Redis server.",
            hint="Write redis://:password@host:6379/0 (rediss:// with TLS, unix:///path/to/socket "
            "on this host), or leave it empty: wake-ups then go through the database.",
            id="autopack.E014",
        )
    ]


def _is_redis(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    if url.scheme == "unix":
        return bool(url.path)
    return url.scheme in {"redis", "rediss"} and bool(url.hostname) and port != 0


def queue_check(**_: Any) -> Iterator[CheckMessage]:
    """A message counts as lost `retry` seconds after it was taken off the queue, which is before a
    worker starts on it: all that is ahead of it may take its `timeout` first."""
    common: dict[str, Any] = settings.Q_CLUSTER
    clusters: dict[str, dict[str, Any]] = {common["cluster_name"]: {}}
    for name, own in (clusters | common.get("ALT_CLUSTERS", {})).items():
        queue = common | own
        ahead = math.ceil((queue["queue_limit"] + 1) / queue["workers"])
        timeout, retry = queue["timeout"], queue["retry"]
        if not timeout or retry <= timeout * (1 + ahead):
            yield Error(
                f"Q_CLUSTER {name!r} would start messages twice: retry {retry}, timeout {timeout}.",
                hint="Set a timeout, and retry above timeout * (1 + ceil((queue_limit + 1) / "
                "workers)).",
                id="autopack.E011",
            )


def retention_check(**_: Any) -> list[CheckMessage]:
    if settings.AUTOPACK_RETENTION_DAYS >= 0:
        return []
    return [
        Error(
            f"AUTOPACK_RETENTION_DAYS is {settings.AUTOPACK_RETENTION_DAYS}.",
            hint="Set it to 0 (the ends of attempts are not kept) or more days.",
            id="autopack.E012",
        )
    ]


# --- Web --------------------------------------------------------------------------------------


def debug_check(**_: Any) -> list[CheckMessage]:
    strangers = sorted(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if not settings.DEBUG or not strangers:
        return []
    return [
        CheckWarning(
            f"DJANGO_DEBUG is on and {', '.join(strangers)} may be asked for: error pages show "
            "settings and code to whoever can reach this host.",
            hint="Switch DJANGO_DEBUG off, or take all but localhost out of ALLOWED_HOSTS.",
            id="autopack.W005",
        )
    ]


CHECKS = (
    git_check,
    sandbox_check,
    folders_check,
    database_check,
    leases_check,
    patience_check,
    redis_check,
    queue_check,
    retention_check,
    debug_check,
)
PROCESS_CHECKS = (git_version_check, sandbox_works_check)
