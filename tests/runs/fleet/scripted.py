"""A server on loopback that answers as it was told to, for what a good one does not do."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Answer:
    """`body` as JSON unless it is bytes; a status of 0 hangs up without a word."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scripted:
    """The answers to each "METHOD /path", in order; the last one is given again and again."""

    url: str
    answers: dict[str, list[Answer]]
    asked: list[str] = field(default_factory=list)

    def next(self, call: str) -> Answer:
        self.asked.append(call)
        left = self.answers.get(call, [Answer(404, b"nothing here")])
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def scripted(answers: dict[str, list[Answer]]) -> Iterator[Scripted]:
    script = Scripted("", answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            answer = script.next(f"{self.command} {self.path.partition('?')[0]}")
            if not answer.status:
                self.close_connection = True
                return
            body = (
                answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            )
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its own name)
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="scripted")
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
