"""Verbs of projects that take what people send: checked before it is kept."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from runs.execution.repository.sources import URL, RepositoryProblem
from runs.models import Project
from runs.planning.commands import CommandInvalid, commands_of
from runs.services import project_create
from runs.writing import writing

PROJECT_SETTINGS = (
    "base_ref", "validation_commands", "placed_files", "port_names", "protected_paths",
    "overlapping_runs", "refused_diffs",
)  # fmt: skip
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


class ProjectInvalid(Exception):
    """A setting of a project cannot be kept. The message names it and says why."""


def project_register(*, name: str, source: str, **settings: Any) -> Project:
    """Register a repository with its settings.

    Raises ProjectInvalid, IdentifierInvalid, NameTaken, RepositoryProblem.
    """
    _check(settings)
    if not URL.match(source) and not source.startswith("~") and not Path(source).is_absolute():
        raise RepositoryProblem(
            "not_found",
            f"{source!r} is a relative path, and the server is not where you are. Give the whole "
            "path on the server, or a URL.",
        )
    return project_create(name=name, source=source, **settings)


def project_change(project: Project, **settings: Any) -> None:
    """Change how runs of a project are prepared and checked. Raises ProjectInvalid."""
    _check(settings)
    if settings:
        with writing():
            Project.objects.filter(pk=project.pk).update(**settings)
        project.refresh_from_db()


def _check(settings: dict[str, Any]) -> None:
    unknown = set(settings) - set(PROJECT_SETTINGS)
    if unknown:
        raise ProjectInvalid(f"A project has no {unknown.pop()!r}.")
    base_ref = settings.get("base_ref", "")
    if base_ref.startswith("-") or not base_ref.isprintable():
        raise ProjectInvalid(f"base_ref: {base_ref!r} can be no branch, tag or commit.")
    commands = settings.get("validation_commands", ())
    try:
        commands_of([each if isinstance(each, str) else tuple(each) for each in commands])
    except CommandInvalid as invalid:
        raise ProjectInvalid(f"validation_commands: {invalid}") from invalid
    for name in settings.get("port_names", ()):
        if not _VARIABLE.fullmatch(name):
            raise ProjectInvalid(f"port_names: {name!r} can be no variable of the environment.")
    for name in settings.get("placed_files", ()):
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise ProjectInvalid(f"placed_files: {name!r} is no path inside of the checkout.")
