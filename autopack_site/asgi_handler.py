"""Django under ASGI, with a thread for each request that is being answered, and no more hops.

Django's own handler runs every synchronous middleware and view through a thread made for that
request, and each of those threads opens a database connection of its own. Here a request is
answered in one go by a thread of a pool, whose connections live on; only bodies that stream
asynchronously (a followed log, events) stay on the event loop, where thousands may wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import JsonResponse
from django.urls import set_script_prefix

from autopack_site.api.metrics import note_answer

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.http import HttpResponseBase

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_END = object()


class TooLarge(Exception):
    """The body is larger than AUTOPACK_API_BODY_BYTES; it was not read to its end."""


class ThreadedASGIHandler(ASGIHandler):
    """As many requests at a time as AUTOPACK_WEB_THREADS; more wait their turn."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[BaseDatabaseWrapper] = []
        self._threads = ThreadPoolExecutor(
            settings.AUTOPACK_WEB_THREADS, "request", initializer=self._note_connection
        )

    def _note_connection(self) -> None:
        self._opened.append(connections[DEFAULT_DB_ALIAS])

    def close(self) -> None:
        """Wait for the requests that are being answered, and let the database go. A server that is
        told to stop within a time does not come here: it ends, and so do its connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for opened in self._opened:
            opened.inc_thread_sharing()  # its thread is gone
            opened.close()

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's)
        """All of it synchronous: it runs in the thread of its request."""
        del is_async
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self.handle(scope, receive, send)
        else:
            raise ValueError(f"There is nothing here for {scope['type']} connections.")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, have a thread answer, send what it says."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        except TooLarge:
            await self.send_response(_too_large(), send)
            return
        with contextlib.closing(body):
            response = await self._in_thread(self._answer, scope, body)
            if not response.streaming:
                await self.send_response(response, send)
                return
            try:
                await self._stream(response, receive, send)
            finally:
                await self._in_thread(response.close)

    async def read_body(self, receive: Receive) -> Any:
        """The body in memory or, when it is long, in a file. Raises RequestAborted, TooLarge."""
        body = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (the caller closes it)
            settings.FILE_UPLOAD_MAX_MEMORY_SIZE, "w+b"
        )
        left = settings.AUTOPACK_API_BODY_BYTES
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            part = message.get("body", b"")
            left -= len(part)
            if left < 0:
                body.close()
                raise TooLarge
            body.write(part)
            if not message.get("more_body", False):
                body.seek(0)
                return body

    def _answer(self, scope: Scope, body: Any) -> HttpResponseBase:
        """In a thread of the pool: from the first signal of a request to the last."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refused = self.create_request(scope, body)
        response = self.get_response(request) if request else refused
        assert response is not None  # noqa: S101 (create_request gives one of the two)
        note_answer(request, response)
        if not response.streaming:
            response.close()  # sends request_finished, which this thread's connections need
        return response

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *arguments))

    async def _stream(self, response: Any, receive: Receive, send: Send) -> None:
        """Send a body as it comes, and stop when the client has gone."""
        if not response.is_async:
            response.streaming_content = self._parts(iter(response))
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _parts(self, content: Any) -> AsyncIterator[bytes]:
        """What a synchronous iterator gives, each part fetched in a thread."""
        while (part := await self._in_thread(next, content, _END)) is not _END:
            yield part


def _too_large() -> HttpResponseBase:
    message = f"The body is larger than {settings.AUTOPACK_API_BODY_BYTES} bytes."
    return JsonResponse(
        {"error": {"code": "too_large", "message": message, "details": {}}},
        status=413,
        headers={"Connection": "close"},
    )
