"""The built-in patterns, family by family."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hardening.patterns import (
    code,
    compiled_languages,
    limits,
    node,
    packaging,
    places,
    python,
    python_packages,
    services,
    system,
    version_control,
)

if TYPE_CHECKING:
    from hardening.specs import PatternSpec

_MODULES = (
    python, python_packages, node, compiled_languages, packaging, system, limits, places, services,
    version_control, code,
)  # fmt: skip


@cache
def builtin() -> tuple[PatternSpec, ...]:
    """All built-in patterns by priority, then id."""
    found = [spec for module in _MODULES for spec in module.PATTERNS]
    return tuple(sorted(found, key=lambda spec: (spec.priority, spec.id)))


def list_patterns() -> list[str]:
    """Ids of the built-in patterns by priority."""
    return [spec.id for spec in builtin()]
