"""Rows that a path names, or the answer that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs import selectors
from runs.api.calls import Problem
from runs.api.endpoint import not_found

if TYPE_CHECKING:
    from runs.models import Project, Run


def run_of(run_id: str) -> Run:
    run = selectors.run_find(run_id)
    if run is None:
        raise not_found(f"run {run_id!r}")
    return run


def run_pk_of(run_id: str) -> tuple[int, str]:
    """The run's key, and its id as it is written."""
    row = selectors.run_row(run_id)
    if row is None:
        raise not_found(f"run {run_id!r}")
    return row["pk"], row["run_id"]


def project_of(name: str) -> Project:
    """For a project that a path names."""
    project = selectors.project_find(name)
    if project is None:
        raise not_found(f"project {name!r}")
    return project


def project_named(name: str) -> Project:
    """For a project that a body names: the address is right, what was sent is not."""
    project = selectors.project_find(name)
    if project is None:
        raise Problem(
            422, "project_unknown",
            f"There is no project {name!r}. Those there are: GET /projects; a new one: POST "
            "/projects (scope admin).",
        )  # fmt: skip
    return project
