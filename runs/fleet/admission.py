"""Which runs a fleet takes: everything that is wrong is said at once, before anything starts."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runs import selectors
from runs.models import Run
from runs.planning.identifiers import IdentifierInvalid, run_id_check
from runs.plans import confirmation_missing
from runs.states import RUN_RETRIABLE, RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runs.models import Project

MAX_IDS_FILE_BYTES = 4_000_000
# Near ids are looked for among the latest so many.
NEAR_AMONG = 2000
NEAR_SHOWN = 3


class FleetRefused(Exception):
    """The fleet cannot be started as asked. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Ids as they are in the database, in the order asked for."""

    run_ids: tuple[str, ...]
    done: frozenset[str] = frozenset()


def ids_read(text: str) -> list[str]:
    """One id a line; blank lines and what follows a `#` do not count."""
    ids = (line.partition("#")[0].strip() for line in text.lstrip("\ufeff").splitlines())
    return [run_id for run_id in ids if run_id]


def ids_collapse(ids: Iterable[str]) -> list[str]:
    """Each id once, whatever its case. Raises FleetRefused for none and for what is no id."""
    found: dict[str, str] = {}
    faults = []
    for run_id in ids:
        try:
            run_id_check(run_id)
        except IdentifierInvalid as invalid:
            faults.append(str(invalid))
        found.setdefault(run_id.lower(), run_id)
    if faults:
        raise FleetRefused("\n".join(dict.fromkeys(faults)))
    if not found:
        raise FleetRefused("No run is named. Give run ids, or a file of them: --run-ids-file FILE.")
    return list(found.values())


def fleet_admit(ids: Sequence[str], *, source_repo: str = "") -> Admitted:
    """Look all ids up. Raises FleetRefused for unknown ones, for runs that have to be retried
    first, for those whose plan waits for a person and for those of another project than
    `source_repo` (a name, path or URL; '' for any)."""
    runs = selectors.runs_by_id(ids)
    unknown = [run_id for run_id in ids if run_id not in runs]
    if unknown:
        raise FleetRefused(unknown_explain(unknown))
    found = [runs[run_id] for run_id in ids]
    ended = [run for run in found if RunState(run.state) in RUN_RETRIABLE]
    if ended:
        raise FleetRefused("\n".join(retry_explain(run) for run in ended))
    waiting = [said for run in found if (said := unconfirmed_explain(run))]
    if waiting:
        raise FleetRefused("\n".join(waiting))
    if source_repo:
        others = [run for run in found if not is_project(run.project, source_repo)]
        if others:
            raise FleetRefused("\n".join(_other_project(run, source_repo) for run in others))
    return Admitted(
        tuple(run.run_id for run in found),
        frozenset(run.run_id for run in found if run.state == RunState.SUCCEEDED.value),
    )


def retry_explain(run: Run) -> str:
    return (
        f"Run {run.run_id} is {run.state} already. To take it up again: "
        f"manage.py run_retry {run.run_id}"
    )


def unconfirmed_explain(run: Run) -> str:
    """Why a run whose plan waits for a person cannot start; '' for others."""
    return confirmation_missing(run) if run.state == RunState.PENDING.value else ""


def unknown_explain(unknown: Sequence[str]) -> str:
    """All ids that do not exist, each with those that are nearest to it."""
    known = {
        name.lower(): name
        for name in Run.objects.order_by("-pk").values_list("run_id", flat=True)[:NEAR_AMONG]
    }
    if not known:
        return (
            f"There is no run {_listed(unknown)}, and no other one either. Create one with "
            "manage.py run_create, or try manage.py quickstart."
        )
    lines = []
    for run_id in unknown:
        near = difflib.get_close_matches(run_id.lower(), known, n=NEAR_SHOWN, cutoff=0.6)
        hint = f" Did you mean {_listed([known[name] for name in near])}?" if near else ""
        lines.append(f"There is no run {run_id!r}.{hint}")
    if not any("mean" in line for line in lines):
        latest = list(known.values())[:NEAR_SHOWN]
        lines.append(f"The latest runs are {_listed(latest)}.")
    return "\n".join(lines)


def is_project(project: Project, name: str) -> bool:
    """Whether `name` is that project's name, path or URL."""
    if name.lower() == project.name.lower() or name == project.source:
        return True
    return str(Path(name).expanduser().resolve()) == project.source


def _other_project(run: Run, source_repo: str) -> str:
    return (
        f"Run {run.run_id} belongs to project {run.project.name} ({run.project.source}), not to "
        f"{source_repo!r}. Leave it out, or change --source-repo (or SOURCE_REPO)."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
