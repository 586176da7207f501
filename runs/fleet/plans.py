"""Projects as commands are given them, and what is said of plans that were read from text."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from runs.fleet.admission import FleetRefused
from runs.fleet.texts import one_line
from runs.models import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.models import Run


def project_find(name: str) -> Project:
    """A project by its name, else by the path or URL of its repository, registered when new.

    Raises FleetRefused when it is neither, RepositoryProblem for what is no good repository.
    """
    from runs.execution.repository.sources import URL
    from runs.services import project_ensure

    project = Project.objects.filter(name__iexact=name).first()
    if project:
        return project
    path = Path(name).expanduser()
    if URL.match(name) or path.exists():
        return project_ensure(source=name)
    known = list(Project.objects.order_by("-pk").values_list("name", flat=True)[:1000])
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or known[:5]
    there = f" There are {', '.join(near)}." if near else ""
    raise FleetRefused(
        f"{name!r} is neither a project nor a folder.{there} Give the path of a git repository to "
        "register it."
    )


def reading_lines(run: Run) -> Iterator[str]:
    """How the text of a run's plan was read; nothing for a run of a structured plan."""
    kept = run.plan_normalization
    if not kept:
        return
    yield f"Read as {one_line(kept['format'])}, confidence {kept['confidence']:.2f}."
    for warning in kept["warnings"]:
        yield f"  warning: {one_line(warning['message'])}"


def confirmation_lines(run: Run) -> Iterator[str]:
    """What to do about a plan that a person has to confirm; nothing for others."""
    from runs.plans import confirmation_missing

    said = confirmation_missing(run)
    if said:
        yield one_line(said, 1000)
        yield f"Look at it with: manage.py normalize_plan FILE --repo {run.project.source}"
