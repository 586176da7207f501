"""Which builder a name stands for. One table; nothing registers itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.agents.mock import MockBuilder
from runs.agents.recipe import RecipeBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.agents.types import Builder

BUILDERS: dict[str, Callable[[], Builder]] = {"recipe": RecipeBuilder, "mock": MockBuilder}


class UnknownBackend(Exception):
    """A plan names a backend that this installation does not have."""


def builder_get(name: str) -> Builder:
    """The builder called `name`. Raises UnknownBackend, which lists those there are."""
    try:
        return BUILDERS[name]()
    except KeyError:
        known = ", ".join(sorted(BUILDERS))
        raise UnknownBackend(
            f"There is no builder backend {name!r}. Known here: {known}."
        ) from None
