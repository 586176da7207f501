"""Status of a run over HTTP: p95 against a plain answer of the same server, and its queries.

    python -m benchmarks.bench_status [--rounds N] [--requests N]

The server is uvicorn with autopack_site.asgi:application, as `serve` runs it, on 1,000 runs of 20
phases. Both kinds of request go over connections that stay open, taking turns one by one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.measuring import Comparison, Sample, finish, product_load, workshop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS, PHASES = 1000, 20
MUST, AIM = 5.0, 3.0
WARM_UP = 300


def rows_make() -> tuple[str, str]:
    """1,000 runs of 20 phases, half of them done, with some model calls; a run's id and a key."""
    from django.utils import timezone

    from runs.api_keys import api_key_create
    from runs.models import ModelCall, Phase, Project, Run

    now = timezone.now()
    project = Project.objects.create(name="bench", source="/nowhere")
    plan = {"schema_version": 1, "goal": "g", "phases": [{"id": f"p{n}"} for n in range(PHASES)]}
    runs = Run.objects.bulk_create(
        Run(
            run_id=f"run-{number}", project=project, goal="Make it so.", structured_plan=plan,
            explanation="Started from 0123456789ab.", started_at=now, state="RUNNING",
        )
        for number in range(RUNS)
    )  # fmt: skip
    Phase.objects.bulk_create(
        (
            Phase(
                run=run, key=f"p{number}", position=number, title=f"The phase number {number}",
                spec={"id": f"p{number}"}, explanation="Validated and integrated.", fence=1,
                commit="0" * 40, started_at=now,
                state="COMPLETE" if number < PHASES // 2 else "PENDING",
            )
            for run in runs
            for number in range(PHASES)
        ),
        batch_size=1000,
    )  # fmt: skip
    ModelCall.objects.bulk_create(
        (
            ModelCall(
                run=run, role="builder", backend="b", model="m", input_tokens=1000, cost_usd=1
            )
            for run in runs
            for _ in range(PHASES // 2)
        ),
        batch_size=1000,
    )
    _, key = api_key_create(name="bench", scopes=["read"])
    return runs[RUNS // 2].run_id, key


@contextlib.contextmanager
def server_run(folder: Path) -> Iterator[int]:
    """uvicorn on a free port, with the settings of this process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "benchmarks.server_settings"}
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "uvicorn", "autopack_site.asgi:application",
                "--port", str(port), "--log-level", "warning", "--no-access-log",
            ],
            env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"The server did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(20)


class Connection:
    """One request at a time over a connection that stays open, with next to no work of its own."""

    def __init__(self, port: int, path: str, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}")
        self._request = "\r\n".join((*head, "", "")).encode()

    def ask(self) -> tuple[float, bytes]:
        """Seconds until the whole answer was here, and its body."""
        began = time.perf_counter()
        self._socket.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._socket.recv(65536)
        seconds = time.perf_counter() - began
        assert head.startswith(b"HTTP/1.1 200"), head
        return seconds, body


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def compare(port: int, run_id: str, key: str, rounds: int, requests: int) -> list[Comparison]:
    plain, status = Connection(port, "/plain", key), Connection(port, f"/runs/{run_id}/status", key)
    comparison = Comparison("status of a run, p95", must=MUST, aim=AIM)
    middle = Comparison("status of a run, median")
    for _ in range(WARM_UP):
        plain.ask()
        _, body = status.ask()
    for _ in range(rounds):
        pairs = [(plain.ask()[0], status.ask()[0]) for _ in range(requests)]
        sides = [list(side) for side in zip(*pairs, strict=True)]
        # CPU is not told apart by side: one server answers both.
        for measure, into in ((p95, comparison), (statistics.median, middle)):
            into.reference.append(Sample(measure(sides[0]), 1.0))
            into.ours.append(Sample(measure(sides[1]), 1.0))
    print(f"The status has {len(body)} bytes.")
    return [comparison, middle]


def queries_print(run_id: str, key: str) -> None:
    """Those of one request, the key's included, in this process."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"Authorization": f"Bearer {key}", "Host": "127.0.0.1"})
    client.get(f"/runs/{run_id}/status")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"/runs/{run_id}/status").status_code == 200
    print(f"Queries of one status request: {len(captured)}")
    for query in captured.captured_queries:
        print(f"  {query['sql'][:150]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400, help="of each kind, each round")
    options = parser.parse_args()
    with workshop("bench_status") as folder:
        product_load(folder)
        run_id, key = rows_make()
        queries_print(run_id, key)
        with server_run(folder) as port:
            return finish(compare(port, run_id, key, options.rounds, options.requests))


if __name__ == "__main__":
    sys.exit(main())
