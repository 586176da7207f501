"""serve: the whole server in one command."""

from argparse import ArgumentParser
from typing import Any

from runs.management.edge import CHECK_TAG, EdgeCommand, positive_int


def worker_count(text: str) -> int:
    """0, for none, or more."""
    return 0 if text == "0" else positive_int(text)


class Command(EdgeCommand):
    help = """\
The server in one command: web pages and API, workers, and recovery of whatever broke. It makes
or upgrades its tables when it starts. With no user yet, it prints a link that makes the
administrator; the link works once.

Everything below this process ends with it. A server that was killed, or whose host was, is just
started again: runs go on where they were.

SIGTERM or Ctrl-C: nothing new is started, and phases under way may end for AUTOPACK_DRAIN_SECONDS
(120); what then still runs is queued again. A second one stops at once."""
    examples = """\
examples:
  manage.py serve                              on http://127.0.0.1:8000/
  manage.py serve --port 8080 --workers 8
  manage.py serve --host 0.0.0.0               for others: set ALLOWED_HOSTS, put TLS before it
  manage.py serve --workers 0                  web pages and API only; beside it: worker
"""
    requires_system_checks = (CHECK_TAG,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
        parser.add_argument(
            "--port", type=positive_int, default=8000, help="(default: %(default)s)"
        )
        parser.add_argument(
            "--workers",
            type=worker_count,
            metavar="N",
            help="Phases at the same time on this host; 0: none (default: AUTOPACK_WORKERS).",
        )

    def act(self, options: dict[str, Any]) -> None:
        from django.conf import settings
        from django.core.management import call_command

        from runs.serving.children import Child
        from runs.serving.setup_link import server_url, setup_url
        from runs.serving.sockets import port_check
        from runs.serving.supervisor import Supervisor

        host, port = options["host"], options["port"]
        port_check(host, port)
        call_command("migrate", interactive=False, verbosity=0)
        workers = (
            options["workers"] if options["workers"] is not None else settings.AUTOPACK_WORKERS
        )
        web = Child("web", ("--host", host, "--port", str(port)))
        supervisor = Supervisor(workers=workers, others=(web,), say=self.say)
        base = server_url(host, port)
        has = f"with {workers} workers" if workers else "without workers (manage.py worker)"
        self.say(f"Autopack on {base}/ {has}. Ctrl-C to stop.")
        if link := setup_url(base):
            self.say(f"Nobody can log in yet. Make the administrator (once, by you): {link}")
        supervisor.run()
        self.say("Stopped.")
