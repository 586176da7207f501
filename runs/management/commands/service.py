"""service: one process below `serve` or `worker`."""

import os
from argparse import ArgumentParser
from typing import Any

from runs.management.edge import EdgeCommand


class Command(EdgeCommand):
    help = """\
One of the processes that `serve` and `worker` start and look after: you need not call it. It ends
with the process that started it."""
    examples = """\
examples:
  manage.py service web --port 8080      the web pages alone, until the shell that it is in ends
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=("cluster", "web"), help="Which.")
        parser.add_argument("--parent", type=int, help="The process that it ends with.")
        parser.add_argument("--host", default="127.0.0.1", help="web: the address to listen on.")
        parser.add_argument("--port", type=int, default=8000, help="web: the port to listen on.")

    def act(self, options: dict[str, Any]) -> None:
        from runs.execution.process import die_with_parent

        die_with_parent(options["parent"] or os.getppid())
        if options["name"] == "cluster":
            from runs.queue.cluster import cluster_run

            cluster_run()
        else:
            from runs.serving.web import web_run

            web_run(options["host"], options["port"])
