"""Makefiles: a fall-back for projects that no other adapter knows."""

import re

from runs.toolchains.folders import Folder
from runs.toolchains.types import MAKE, Detection, ToolCommand

MANIFESTS = frozenset({"GNUmakefile", "Makefile", "makefile"})

_CONFIDENCE = 0.4
_TARGET = re.compile(r"^([A-Za-z0-9][A-Za-z0-9_. -]{0,200}?) *::?(?!=)", re.MULTILINE)


def detect(folder: Folder) -> Detection | None:
    """Targets `test` or `check`, and `build` or `all`; None when there is none of them."""
    # The order in which make itself looks for its file.
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if folder.has(name):
            break
    targets = {t for line in _TARGET.findall(folder.read(name) or "") for t in line.split()}
    test = next((t for t in ("test", "check", "tests") if t in targets), "")
    build = next((t for t in ("build", "all") if t in targets), "")
    if not test and not build:
        return None
    return Detection(
        toolchain=MAKE,
        root=folder.root,
        confidence=_CONFIDENCE if test else _CONFIDENCE / 2,
        reasons=(f"{name} has the target {' and '.join(filter(None, (test, build)))}",),
        manifests=(folder.path(name),),
        build=_target(build, folder),
        test=_target(test, folder),
        requires=("make",),
    )


def _target(name: str, folder: Folder) -> tuple[ToolCommand, ...]:
    return (ToolCommand(("make", name), cwd=folder.root),) if name else ()
