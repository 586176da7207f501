"""The server as people run it: uvicorn and our ASGI application, in a thread of the test, on the
test's own database."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from autopack_site.asgi_handler import ThreadedASGIHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND = 20.0


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that ends with the block, its database connections too."""
    application = ThreadedASGIHandler()
    config = uvicorn.Config(
        application, log_level="critical", access_log=False, lifespan="on",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    thread = threading.Thread(target=server.run, args=([listening],), name="server")
    thread.start()
    try:
        until = time.monotonic() + BOUND
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < until, "the server did not start in time"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(BOUND)
        application.close()
        listening.close()
