"""Finds the projects of a repository: one Detection a root and a toolchain, best first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from runs.toolchains import go, java, make, node, python, rust
from runs.toolchains.folders import LOWERED, Folder, Listing, parent
from runs.toolchains.types import (
    MAKE,
    TRUSTED_CONFIDENCE,
    Detection,
    ProjectTree,
    ToolCommand,
)

DETECTIONS_MAX = 50
ROOTS_MAX = 400
"""Roots looked at, shallowest first: a tree with more manifests is a collection of fixtures."""

_SUBFOLDER_FACTOR = 0.9
_LOWERED_FACTOR = 0.4

_ADAPTERS: tuple[tuple[frozenset[str], Callable[[Folder], Detection | None]], ...] = (
    (python.MANIFESTS, python.detect),
    (node.MANIFESTS, node.detect),
    (go.MANIFESTS, go.detect),
    (rust.MANIFESTS, rust.detect),
    (java.MANIFESTS, java.detect),
    (make.MANIFESTS, make.detect),
)


def toolchains_detect(tree: ProjectTree) -> tuple[Detection, ...]:
    """The projects of `tree`, best first; at most DETECTIONS_MAX. Deterministic, never raises.

    Folders of other people's code are not looked at; projects among examples, fixtures and
    documentation have their confidence lowered.
    """
    listing = Listing(tree)
    found: list[Detection] = []
    roots = _roots(listing)
    for root, names in roots:
        folder = listing.folder(root)
        for manifests, detect in _ADAPTERS:
            if not names.isdisjoint(manifests):
                found += _weighed(detect(folder))
    if python.MANIFESTS.isdisjoint(roots[0][1]):
        # Scripts and tests without a manifest, but for those of projects that have one.
        projects = (root for root, names in roots[1:] if not names.isdisjoint(python.MANIFESTS))
        found += _weighed(python.detect(listing.folder(".", frozenset(projects))))
    found.sort(key=lambda d: (-d.confidence, d.root.count("/"), d.root, d.toolchain))
    return tuple(found[:DETECTIONS_MAX])


def trusted(detections: Sequence[Detection]) -> tuple[Detection, ...]:
    """Those worth preparing and testing: of the root project, else of the sub-projects."""
    good = [d for d in detections if d.confidence >= TRUSTED_CONFIDENCE and d.toolchain != MAKE]
    good = good or [d for d in detections if d.toolchain == MAKE]
    return tuple([d for d in good if d.root == "."] or good)


def test_commands(detections: Sequence[Detection]) -> tuple[ToolCommand, ...]:
    """What validation falls back to when a plan names no command; empty when nothing is known."""
    commands = _tests(trusted(detections))
    if commands:
        return commands
    # A root project without tests of its own: its sub-projects', then a Makefile's.
    good = [d for d in detections if d.confidence >= TRUSTED_CONFIDENCE and d.toolchain != MAKE]
    return _tests(good) or _tests(d for d in detections if d.toolchain == MAKE and d.root == ".")


# pytest would collect a function with this name from any test module that imports it.
test_commands.__test__ = False  # type: ignore[attr-defined]


def _tests(detections: Iterable[Detection]) -> tuple[ToolCommand, ...]:
    return tuple(dict.fromkeys(command for d in detections for command in d.test))


def _roots(listing: Listing) -> list[tuple[str, set[str]]]:
    wanted = frozenset[str]().union(*(manifests for manifests, _ in _ADAPTERS))
    roots: dict[str, set[str]] = {".": set()}
    for path in listing.paths:
        name = path.rpartition("/")[2]
        if name in wanted:
            roots.setdefault(parent(path), set()).add(name)
    ordered = sorted(roots, key=lambda root: (root != ".", root.count("/"), root))
    return [(root, roots[root]) for root in ordered[:ROOTS_MAX]]


def _weighed(detection: Detection | None) -> list[Detection]:
    if detection is None:
        return []
    if detection.root == ".":
        return [replace(detection, confidence=round(detection.confidence, 3))]
    confidence = detection.confidence * _SUBFOLDER_FACTOR
    reasons = detection.reasons
    lowered = sorted(LOWERED.intersection(detection.root.split("/")))
    if lowered:
        confidence *= _LOWERED_FACTOR
        reasons = (*reasons, f"it lies in {lowered[0]}/, which is rarely the project that matters")
    return [replace(detection, confidence=round(confidence, 3), reasons=reasons)]
