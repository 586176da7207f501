"""Which Python a project's environment is made from: the real binary, never a slow shim."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runs.toolchains.python_versions import Version, version_fits, version_parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROBE = (
    "import json, sys; print(json.dumps([list(sys.version_info[:3]), sys.executable,"
    " sys.base_prefix, sys.prefix]))"
)
PROBES_MAX = 12
_NAME = re.compile(r"python(3(?:\.(\d{1,2}))?)?(?:\.exe)?")

# What a path turned out to be, for the life of this process: a probe costs 10 ms, a shim 100 ms.
_probed: dict[tuple[str, int], Interpreter | None] = {}


class InterpreterMissing(Exception):
    """No Python of this host is a version that the project accepts."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    path: Path
    version: Version
    prefix: Path
    """What a sandbox must let the environment read: the standard library is there."""

    @property
    def version_text(self) -> str:
        return ".".join(str(part) for part in self.version)


def interpreter_running() -> Interpreter:
    """The Python that runs us, its virtual environment looked through."""
    path = Path(sys.executable)
    # On Windows (not run there) the python.exe of an environment is a launcher, not a link.
    path = Path(sys.base_prefix, "python.exe") if sys.platform == "win32" else path.resolve()
    return Interpreter(path, tuple(sys.version_info[:3]), Path(sys.base_prefix))


def interpreter_choose(
    requires_python: str, *, search_path: str, probe: Callable[[Path], str | None]
) -> Interpreter:
    """The running interpreter when it fits, else the newest of PATH (and of pyenv) that does.

    `probe` runs a candidate with PROBE and gives its output, None when it failed; at most
    PROBES_MAX candidates are run. Raises InterpreterMissing, which says what to install.
    """
    running = interpreter_running()
    if version_fits(running.version, requires_python):
        return running
    seen = [running.version_text]
    probes = 0
    for path, hint in sorted(_candidates(search_path), key=lambda c: c[1], reverse=True):
        if not _may_fit(hint, requires_python):
            if hint:
                seen.append(".".join(str(part) for part in hint))
            continue
        if probes >= PROBES_MAX:
            break
        probes += 1
        found = _probed_interpreter(path, probe)
        if found is not None and version_fits(found.version, requires_python):
            return found
        seen += [found.version_text] if found else []
    raise InterpreterMissing(
        f"the project needs Python {requires_python} and this host has only"
        f" {', '.join(sorted(set(seen), key=version_key))}: install a fitting version"
        " (`uv python install`, pyenv or the system's packages) and put it on the worker's PATH,"
        " or widen requires-python"
    )


def version_key(text: str) -> Version:
    return version_parse(text) or ()


def _candidates(search_path: str) -> Iterator[tuple[Path, Version]]:
    """Programs named like a Python, with what their name or folder tells of the version."""
    folders = [Path(entry) for entry in search_path.split(os.pathsep) if entry]
    for folder in dict.fromkeys(folders):
        if not folder.is_absolute():
            continue
        # A shim decides anew at each start, in 100 ms; the versions it chooses from lie beside it.
        versions = folder.parent / "versions"
        if folder.name == "shims" and versions.is_dir():
            for home in versions.iterdir():
                binary = home / "bin" / "python"
                if binary.is_file():
                    yield binary, version_parse(home.name) or ()
            continue
        try:
            names = os.listdir(folder)  # noqa: PTH208 -- names only: PATH folders hold thousands
        except OSError:
            continue
        for name in names:
            match = _NAME.fullmatch(name)
            if match and os.access(folder / name, os.X_OK):
                yield folder / name, (3, int(match[2])) if match[2] else ()


def _may_fit(hint: Version, requires_python: str) -> bool:
    """Whether some release that the hint stands for could fit; no hint: it could."""
    if len(hint) != 2:
        return not hint or version_fits(hint, requires_python)
    return any(version_fits((*hint, patch), requires_python) for patch in (0, 5, 10, 99))


def _probed_interpreter(path: Path, probe: Callable[[Path], str | None]) -> Interpreter | None:
    key = (str(path), path.stat().st_mtime_ns)
    if key not in _probed:
        _probed[key] = _parsed(probe(path))
    return _probed[key]


def _parsed(output: str | None) -> Interpreter | None:
    try:
        version, executable, base_prefix, prefix = json.loads((output or "").splitlines()[-1])
        path = Path(executable).resolve()
        if base_prefix != prefix and sys.platform == "win32":
            path = Path(base_prefix, "python.exe")
        return Interpreter(path, tuple(int(part) for part in version), Path(base_prefix))
    except (ValueError, TypeError, IndexError):
        return None
