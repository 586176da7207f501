"""worker: workers without web pages."""

from argparse import ArgumentParser
from typing import Any

from runs.management.edge import CHECK_TAG, EdgeCommand, positive_int


class Command(EdgeCommand):
    help = """\
Runs workers without the web pages: more of them for a server that `serve` runs, in a container of
their own for example. All share the database, AUTOPACK_HOME and AUTOPACK_WORKTREE_BASE (at the same
paths) and, when it is used, Redis (REDIS_URL); docs/deployment.md says more.

SIGTERM or Ctrl-C: nothing new is started, and phases under way may end for AUTOPACK_DRAIN_SECONDS
(120); what then still runs is queued again. A second one stops at once."""
    examples = """\
examples:
  manage.py worker                 as many workers as AUTOPACK_WORKERS says
  manage.py worker --workers 8
"""
    requires_system_checks = (CHECK_TAG,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--workers",
            type=positive_int,
            metavar="N",
            help="Phases at the same time on this host.",
        )

    def act(self, options: dict[str, Any]) -> None:
        from django.conf import settings

        from runs.serving.supervisor import Supervisor

        workers = options["workers"] or settings.AUTOPACK_WORKERS
        supervisor = Supervisor(workers=workers, others=(), say=self.say)
        self.say(f"{workers} workers on {supervisor.node.name}. Ctrl-C to stop.")
        supervisor.run()
        self.say("Stopped.")
