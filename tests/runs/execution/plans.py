"""Phases of plans for the tests of the engine, written short."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# The interpreter itself: a link to it in a virtual environment is not there in a sandbox.
PYTHON = str(Path(sys.executable).resolve())


def phase(
    key: str,
    *steps: Json,
    checks: list[Any] | None = None,
    modify: tuple[str, ...] = (),
    create: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    **more: Any,
) -> Json:
    """A recipe phase that `true` validates unless `checks` are given; no scope: anywhere."""
    return {
        "id": key,
        "title": f"Phase {key}",
        "depends_on": list(after),
        "scope": {"modify": list(modify), "create": list(create)},
        "builder": {"backend": "recipe", "steps": list(steps)},
        "validation_commands": ["true"] if checks is None else checks,
        **more,
    }


def write(path: str, content: str, **more: Any) -> Json:
    return {"kind": "write_file", "path": path, "content": content, **more}


def patch(text: str, **more: Any) -> Json:
    return {"kind": "apply_patch", "patch": text, **more}


def add_line(number: int, line: str = "more") -> Json:
    """A patch that puts `line` under the only line of f<number>.txt of the usual repository."""
    name = f"f{number}.txt"
    return patch(f"--- a/{name}\n+++ b/{name}\n@@ -1 +1,2 @@\n line {number}\n+{line}\n")


def shell(script: str, *arguments: object, **more: Any) -> Json:
    """A step that runs a shell script (deliberately: what an agent's command can do)."""
    argv = ["sh", "-c", script, "sh", *map(str, arguments)]
    return {"kind": "run", "argv": argv, **more}


def sh(script: str, *arguments: object) -> list[str]:
    """A validation command that runs a shell script."""
    return ["sh", "-c", script, "sh", *map(str, arguments)]


def py(source: str, *arguments: object) -> list[str]:
    """A validation command that runs Python source with this interpreter."""
    return [PYTHON, "-I", "-S", "-c", source, *map(str, arguments)]
