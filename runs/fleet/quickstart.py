"""quickstart in steps: a database, runs, and (by runs.fleet.parallel) their execution."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from filelock import FileLock

from runs.agents.backends import UnknownBackend
from runs.fleet.admission import FleetRefused
from runs.fleet.plans import plan_read, project_find
from runs.services import BudgetInvalid, project_ensure, run_create
from runs.states import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runs.models import Project

# Two quickstarts at once: the second one waits for the tables of the first.
MIGRATE_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Prepared:
    """Runs that wait to be executed. `faulty`: plans that were left out, by their faults."""

    project: Project
    run_ids: tuple[str, ...]
    faulty: tuple[str, ...] = ()


def database_prepare(say: Callable[[str], None]) -> None:
    """Make the tables of the embedded database. Another one is its operators' business.

    Raises FleetRefused when a database of another kind lacks tables.
    """
    with FileLock(settings.AUTOPACK_HOME / "migrate.lock", timeout=MIGRATE_PATIENCE_SECONDS):
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return
        if connection.vendor != "sqlite":
            raise FleetRefused(
                "The database of DATABASE_URL has not all of Autopack's tables. quickstart makes "
                "them in its own SQLite file only; for yours run: manage.py migrate"
            )
        call_command("migrate", interactive=False, verbosity=0)
        say(f"The database is ready: {settings.DATABASES['default']['NAME']}")


def sample_prepare(say: Callable[[str], None]) -> Prepared:
    """A fresh sample repository with a run for each bundled plan."""
    from runs.samples.sample import sample_make

    sample = sample_make(Path(settings.AUTOPACK_HOME))
    say(f"A fresh sample repository: {sample.repository}")
    project = project_ensure(source=str(sample.repository))
    for run_id, path in sample.plans.items():
        run_create(
            project=project,
            structured_plan=plan_read(str(path), sys.stdin.buffer),
            run_id=run_id,
            trigger=Trigger.CLI,
        )
    return Prepared(project, tuple(sample.plans))


def project_prepare(name: str, plans: Sequence[str], *, keep_going: bool) -> Prepared:
    """A run for each plan file on a repository of the user's.

    Every plan is looked at before the first run is made. Raises FleetRefused when one is faulty
    (with `keep_going`: when all are), RepositoryProblem for what is no good repository.
    """
    good, faulty = [], []
    for path in plans:
        try:
            good.append((path, plan_read(path, sys.stdin.buffer)))
        except FleetRefused as refused:
            faulty.append(str(refused))
    if faulty and not (keep_going and good):
        raise FleetRefused("\n".join(faulty))
    project = project_find(name)
    made = []
    for path, plan in good:
        try:
            made.append(run_create(project=project, structured_plan=plan, trigger=Trigger.CLI))
        except (UnknownBackend, BudgetInvalid) as problem:
            if not keep_going:
                raise
            faulty.append(f"{path}: {problem}")
    if not made:
        raise FleetRefused("\n".join(faulty))
    return Prepared(project, tuple(run.run_id for run in made), tuple(faulty))
