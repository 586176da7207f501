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
from runs.fleet.admission import FleetRefused, unconfirmed_explain
from runs.fleet.plan_files import plan_file_read
from runs.fleet.plans import project_find
from runs.plans import plan_normalize
from runs.services import BudgetInvalid, project_ensure, run_create
from runs.states import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runs.fleet.plan_files import PlanFile
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
            structured_plan=plan_file_read(str(path), sys.stdin.buffer).structured,
            run_id=run_id,
            trigger=Trigger.CLI,
        )
    return Prepared(project, tuple(sample.plans))


def project_prepare(name: str, plans: Sequence[str], *, keep_going: bool) -> Prepared:
    """A run for each plan file on a repository of the user's.

    Every plan is looked at before the first run is made. A run whose plan a person has to confirm
    is made and told among the faulty. Raises FleetRefused when one is faulty (with `keep_going`:
    when all are), RepositoryProblem for what is no good repository.
    """
    good, faulty = [], []
    for path in plans:
        try:
            good.append((path, plan_file_read(path, sys.stdin.buffer)))
        except FleetRefused as refused:
            faulty.append(str(refused))
    if faulty and not (keep_going and good):
        raise FleetRefused("\n".join(faulty))
    project = project_find(name)
    good, more = _plans_only(good, project)
    faulty += more
    if more and not (keep_going and good):
        raise FleetRefused("\n".join(faulty))
    made = []
    for path, plan in good:
        try:
            run = run_create(
                project=project,
                structured_plan=plan.structured,
                raw_plan=plan.text,
                file_name=plan.name,
                trigger=Trigger.CLI,
            )
        except (UnknownBackend, BudgetInvalid) as problem:
            if not keep_going:
                raise
            faulty.append(f"{path}: {problem}")
            continue
        waits = unconfirmed_explain(run)
        if waits:
            faulty.append(f"{path}: {waits}")
        else:
            made.append(run)
    if not made:
        raise FleetRefused("\n".join(faulty))
    return Prepared(project, tuple(run.run_id for run in made), tuple(faulty))


def _plans_only(
    files: Sequence[tuple[str, PlanFile]], project: Project
) -> tuple[list[tuple[str, PlanFile]], list[str]]:
    """Those that are plans, and what is wrong with the others. The trees are remembered, so that
    reading a text once more is cheap."""
    good, faulty = [], []
    for path, plan in files:
        if plan.structured is None:
            normalized = plan_normalize(raw_plan=plan.text, project=project, file_name=plan.name)
            if not normalized.ok:
                faulty.append(f"{path}: {normalized.error}")
                continue
        good.append((path, plan))
    return good, faulty
