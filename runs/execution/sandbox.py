"""What a command may see and change: bubblewrap around it, where the host has it.

Inside there are namespaces of its own, no capabilities, an explicit list of folders (the rest of
the host's files is not there at all), a fresh HOME and /tmp, and no network unless granted. The
environment is inherited and not passed on bubblewrap's command line, which every user of the host
could read. bubblewrap only adds PWD.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from runs.execution.process import Command, CommandLimits, RunnerDied, run
from runs.execution.processes.runner.spawn import STATUS_FD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

INSTALL_BUBBLEWRAP = "Install bubblewrap (Debian, Ubuntu, Fedora: package `bubblewrap`) and allow \
user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces > 0, and on \
Ubuntu kernel.apparmor_restrict_unprivileged_userns=0 or a profile for bwrap), or set \
AUTOPACK_SANDBOX=none to run commands without a sandbox."

# Of /etc, what programs need to find users, libraries, the time and their own names. Host names
# are among it without a network too: test suites listen on "localhost".
_ETC = (
    "passwd", "group", "nsswitch.conf", "hosts", "host.conf", "services", "protocols", "localtime",
    "timezone", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "mime.types", "maven",
    "java-*",
)  # fmt: skip
_ETC_NETWORK = (
    "resolv.conf", "gai.conf", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust",
    "ca-certificates", "ca-certificates.conf",
)  # fmt: skip

# Toolchains that live in a user's home, and the files in them that hold credentials.
_TOOLCHAIN_HOMES = (
    ".asdf", ".bun", ".cargo", ".deno", ".dotnet", ".ghcup", ".gradle", ".local/bin",
    ".local/share/fnm", ".local/share/mise", ".local/share/uv", ".m2", ".nvm", ".pyenv", ".rbenv",
    ".rustup", ".sdkman", ".volta", "go",
)  # fmt: skip
_TOOLCHAIN_CREDENTIALS = (
    ".cargo/credentials", ".cargo/credentials.toml", ".gradle/gradle.properties",
    ".gradle/init.gradle", ".gradle/init.gradle.kts", ".gradle/init.d",
    ".local/share/uv/credentials", ".m2/settings.xml", ".m2/settings-security.xml",
)  # fmt: skip
_TOOLCHAIN_ROOTS = ("/nix/store", "/home/linuxbrew/.linuxbrew")

# They would act on bubblewrap itself, outside of the sandbox.
_LOADER_VARIABLES = ("LD_", "GLIBC_TUNABLES", "GCONV_PATH", "MALLOC_")

# The marker of this package: an empty file that is always there, to lay over what is hidden.
# Not /dev/null, which cannot be opened through a bind mount.
_EMPTY_FILE = Path(__file__).with_name("__init__.py")


class SandboxMode(StrEnum):
    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


class SandboxUnavailable(Exception):
    """The sandbox that the settings ask for does not work here."""


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """Absolute paths, seen inside at the same place. The deeper path rules over the shallower;
    at the same path `hidden` rules over `readable`, and that over `writable`.
    """

    writable: tuple[Path, ...]
    readable: tuple[Path, ...]
    network: bool = False
    hidden: tuple[Path, ...] = ()


def worktree_policy(
    worktree: Path,
    git_dirs: Sequence[Path],
    *,
    network: bool = False,
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    hidden: Sequence[Path] = (),
) -> SandboxPolicy:
    """The worktree writable, but for its `.git`; `git_dirs` (its bare repository) read-only.

    Who could change `.git` would point it at a repository whose configuration runs programs.
    """
    pointer = worktree / ".git"
    return SandboxPolicy(
        writable=(worktree, *writable),
        readable=(*([pointer] if os.path.lexists(pointer) else []), *git_dirs, *readable),
        network=network,
        hidden=tuple(hidden),
    )


def sandbox_resolve(setting: str) -> SandboxMode:
    """`setting` is auto, bubblewrap or none; auto takes what works.

    Raises SandboxUnavailable when bubblewrap is asked for and does not work, ValueError for
    another word. bubblewrap is tried once a process.
    """
    if setting == "none":
        return SandboxMode.NONE
    if setting not in ("auto", "bubblewrap"):
        raise ValueError(f"AUTOPACK_SANDBOX is {setting!r}: use auto, bubblewrap or none.")
    trouble = _bubblewrap_trouble()
    if not trouble:
        return SandboxMode.BUBBLEWRAP
    if setting == "bubblewrap":
        raise SandboxUnavailable(f"{trouble} {INSTALL_BUBBLEWRAP}")
    return SandboxMode.NONE


@cache
def _bubblewrap_trouble() -> str:
    """Why bubblewrap cannot be used, or "". Being installed says nothing about user namespaces."""
    if sys.platform != "linux":
        return "bubblewrap exists on Linux only."
    if not _bubblewrap():
        return "There is no bwrap on PATH."
    trial = Command(("true",), Path("/"), {"PATH": "/usr/bin:/bin"}, CommandLimits(10.0, None))
    try:
        result = run(sandbox_wrap(trial, SandboxPolicy((), ()), SandboxMode.BUBBLEWRAP))
    except RunnerDied as error:
        return str(error)
    return "" if result.ok else f"bwrap does not work here: {result.output.strip()[-300:]}."


@cache
def _bubblewrap() -> str:
    return shutil.which("bwrap") or ""


class _Rank(IntEnum):
    """At the same path the higher one is mounted last and is what one sees."""

    FRESH = 0
    TOOLCHAIN = 1
    WRITABLE = 2
    READABLE = 3
    HIDDEN = 4


_OPTION = {
    _Rank.TOOLCHAIN: "--ro-bind-try",
    _Rank.WRITABLE: "--bind",
    _Rank.READABLE: "--ro-bind",
}


def sandbox_wrap(command: Command, policy: SandboxPolicy, mode: SandboxMode) -> Command:
    """`command` inside the sandbox. People are still told of its own argv."""
    if mode is SandboxMode.NONE:
        return command
    mounts = sorted(_mounts(command, policy), key=lambda mount: (len(mount[1].parts), mount[0]))
    argv = [
        _bubblewrap(), "--unshare-all", "--die-with-parent", "--cap-drop", "ALL",
        "--json-status-fd", str(STATUS_FD), *(["--share-net"] if policy.network else []),
        *_system_arguments(network=policy.network),
    ]  # fmt: skip
    for rank, path in mounts:
        argv += _mount_arguments(rank, path)
    for key, value in command.env.items():
        if key.startswith(_LOADER_VARIABLES):
            argv += ["--setenv", key, value]
    argv += ["--remount-ro", "/", "--chdir", str(command.cwd), "--", *command.argv]
    return replace(
        command,
        argv=tuple(argv),
        env={k: v for k, v in command.env.items() if not k.startswith(_LOADER_VARIABLES)},
        shown_argv=command.asked_argv,
    )


def _mount_arguments(rank: _Rank, path: Path) -> list[str]:
    if rank is _Rank.FRESH:
        return ["--tmpfs", str(path)]
    if rank is _Rank.HIDDEN:
        if path.is_dir():
            return ["--tmpfs", str(path), "--remount-ro", str(path)]
        return ["--ro-bind", str(_EMPTY_FILE), str(path)]
    return [_OPTION[rank], str(path), str(path)]


def _mounts(command: Command, policy: SandboxPolicy) -> Iterator[tuple[_Rank, Path]]:
    fresh = [Path("/tmp"), Path("/var/tmp"), *_private_home(command)]  # noqa: S108 -- the sandbox's own
    yield from ((_Rank.FRESH, path) for path in fresh)
    home = Path.home()
    toolchains = [
        Path(sys.base_prefix),
        *map(Path, _TOOLCHAIN_ROOTS),
        *(home / name for name in _TOOLCHAIN_HOMES),
        *_opt_folders(command.env.get("PATH", "")),
    ]
    yield from ((_Rank.TOOLCHAIN, path) for path in _outside_usr(toolchains) if path.exists())
    yield from ((_Rank.WRITABLE, path) for path in _both_names(policy.writable))
    yield from ((_Rank.READABLE, path) for path in _both_names(policy.readable))
    hidden = [*(home / name for name in _TOOLCHAIN_CREDENTIALS), *_both_names(policy.hidden)]
    yield from ((_Rank.HIDDEN, path) for path in hidden if path.exists())


def _private_home(command: Command) -> list[Path]:
    """Where HOME points, an empty folder in memory, if that would hide nothing of the system."""
    home = Path(command.env.get("HOME", ""))
    is_system = len(home.parts) < 2 or home.parts[1] in ("usr", "etc", "dev", "proc")
    return [] if is_system or not home.is_absolute() else [home]


def _outside_usr(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if len(path.parts) > 1 and path.parts[1] != "usr"]


def _opt_folders(path_variable: str) -> Iterator[Path]:
    """Programs under /opt that are on PATH; not all of /opt, where servers keep their own files."""
    for entry in map(Path, path_variable.split(":")):
        if entry.parts[:2] == ("/", "opt") and len(entry.parts) > 2 and ".." not in entry.parts:
            yield entry.parent if entry.name == "bin" and len(entry.parts) > 3 else entry


def _both_names(paths: Iterable[Path]) -> Iterator[Path]:
    """Each path, and where it really is when a link is on the way."""
    for path in paths:
        if not path.is_absolute():
            raise ValueError(f"A sandbox policy needs absolute paths, not {str(path)!r}.")
        yield path
        if (real := path.resolve()) != path:
            yield real


@cache
def _system_arguments(*, network: bool) -> tuple[str, ...]:
    """The operating system itself, read-only. `--ro-bind-try`: distributions differ."""
    argv = ["--ro-bind", "/usr", "/usr", "--dev", "/dev", "--proc", "/proc"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            argv += ["--symlink", str(path.readlink()), name]
        else:
            argv += ["--ro-bind-try", name, name]
    for pattern in _ETC + (_ETC_NETWORK if network else ()):
        for path in Path("/etc").glob(pattern) if "*" in pattern else [Path("/etc", pattern)]:
            argv += ["--ro-bind-try", str(path), str(path)]
    return tuple(argv)
