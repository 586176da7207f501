"""Another process of ours in a test: the same home, worktrees and database as the test's."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.runs.execution.processes import ROOT

# Executes the run that is named by the first argument, as `manage.py execute_run` does.
DRIVE = """
import sys
import django
django.setup()
from runs.execution.driver import Drive, run_drive
from runs.models import Run
print(run_drive(Drive(run=Run.objects.select_related("project").get(run_id=sys.argv[1]))))
"""


def process(code: str, *arguments: object, **environment: object) -> subprocess.Popen[str]:
    """Start Python `code` in a session of its own; the test kills it or waits for it."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "autopack_site.settings",
            "DATABASE_URL": database_url(),
            "AUTOPACK_HOME": str(settings.AUTOPACK_HOME),
            "AUTOPACK_WORKTREE_BASE": str(settings.AUTOPACK_WORKTREE_BASE),
            "AUTOPACK_SANDBOX": "none",
            "AUTOPACK_HOST": settings.AUTOPACK_HOST,
            **{name: str(value) for name, value in environment.items()},
        },
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def database_url() -> str:
    """The test's own database, as another process is told of it."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    user, secret = (quote(database[name], safe="") for name in ("USER", "PASSWORD"))
    place = f"{database['HOST']}:{database['PORT'] or 5432}"
    return f"postgres://{user}{f':{secret}' if secret else ''}@{place}/{database['NAME']}"
