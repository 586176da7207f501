"""Plan files and projects as commands are given them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from runs.fleet.admission import FleetRefused
from runs.models import Project
from runs.planning.schema import MAX_DOCUMENT_BYTES, PlanInvalid, plan_dump, plan_loads

if TYPE_CHECKING:
    from typing import Any

MAX_FAULTS_SHOWN = 50


def plan_read(name: str, stdin: IO[bytes]) -> dict[str, Any]:
    """The structured plan in a file (- for stdin), as JSON. Raises FleetRefused with every fault
    on a line of its own."""
    data = _bytes_of(name, stdin)
    try:
        return plan_dump(plan_loads(data))
    except PlanInvalid as invalid:
        where = "stdin" if name == "-" else name
        if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
            raise FleetRefused(
                f"{where} is no structured plan: those are JSON (see manage.py "
                "export_plan_schema). Plans written as plain text come with the normalizer."
            ) from invalid
        faults = [f"{where}: {fault}" for fault in invalid.faults[:MAX_FAULTS_SHOWN]]
        more = len(invalid.faults) - MAX_FAULTS_SHOWN
        if more > 0:
            faults.append(f"{where}: and {more} more")
        raise FleetRefused("\n".join(faults)) from invalid


def _bytes_of(name: str, stdin: IO[bytes]) -> bytes:
    # One byte more than a plan may have: the parser says that it is too large.
    most = MAX_DOCUMENT_BYTES + 1
    if name == "-":
        return stdin.read(most)
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise FleetRefused(
            f"{name} cannot be read: {error.strerror}. Name a plan file (JSON), or - for stdin."
        ) from error


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
