"""A running Autopack server as its clients see it: a URL and a key, and answers in JSON.

Everything that is asked may be asked twice, so whatever the network loses is asked again.
"""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runs.fleet.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0
# A server that asks for more patience than this is asked again sooner.
LONGEST_RETRY_AFTER_SECONDS = 60.0
REQUEST_SECONDS = 30.0
# No answer of the API is larger; what is cut here is no JSON any more.
MAX_BYTES = 64_000_000
BUSY = frozenset({429, 500, 502, 503, 504})


class RemoteRefused(Exception):
    """The server said no. `status` is HTTP's, `code` the API's own word ('' for none)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class RemoteAway(Exception):
    """The server cannot be reached, or is too busy to answer. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Its value, whatever the case of its name; '' without one."""
        return next((v for n, v in self.headers.items() if n.lower() == name.lower()), "")

    def json(self) -> Any:
        """Raises ValueError."""
        return json.loads(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key is for the server it was made on, and goes to no other."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


@dataclass(slots=True)
class Remote:
    """`url` without a path of a call, `key` of a scope that may do what is asked. Threads share
    it. A connection a request: there is one in five seconds. Proxies are those of the
    environment."""

    url: str
    key: str

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")

    def call(
        self,
        method: str,
        path: str,
        *,
        pause: Callable[[float], bool],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, 2xx or 304. What the network loses is asked again, until `pause` (it waits
        so many seconds) returns True. Raises RemoteRefused, RemoteAway."""
        tries = 0
        while True:
            try:
                answer = self._ask(method, path, headers or {})
            except ValueError as error:
                raise RemoteAway(self._odd_url(error)) from error
            except (OSError, HTTPException) as error:
                trouble, wait = self._away(error), 0.0
            else:
                if answer.status not in BUSY:
                    return self._looked_at(answer)
                trouble, wait = self._busy(answer), _retry_after(answer)
            if pause(max(wait, backoff(tries))):
                raise RemoteAway(trouble)
            tries += 1

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write http://HOST:PORT or https://HOST")
        request = urllib.request.Request(  # noqa: S310 (its scheme was looked at)
            f"{self.url}{path}",
            method=method,
            headers={
                "Authorization": f"Bearer {self.key}", "Accept": "application/json", **headers
            },
        )  # fmt: skip
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=REQUEST_SECONDS) as found:
                return Answer(found.status, dict(found.headers), found.read(MAX_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read(MAX_BYTES))

    def json(self, method: str, path: str, *, pause: Callable[[float], bool]) -> dict[str, Any]:
        """The object in the answer. Raises RemoteRefused, RemoteAway."""
        return self.object_of(self.call(method, path, pause=pause))

    def object_of(self, answer: Answer) -> dict[str, Any]:
        """Raises RemoteRefused for what is no JSON object."""
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RemoteRefused(answer.status, "", self._not_ours(answer))
        return found

    def _looked_at(self, answer: Answer) -> Answer:
        if 200 <= answer.status < 300 or answer.status == 304:
            return answer
        if 300 <= answer.status < 400:
            raise RemoteRefused(
                answer.status, "",
                f"{self.url} sends us to {one_line(answer.header('Location'))}. Set "
                "AUTOPACK_API_URL to where the server really is.",
            )  # fmt: skip
        try:
            error = answer.json()["error"]
            code, message = str(error["code"]), one_line(str(error["message"]), 1000)
        except (ValueError, KeyError, TypeError):
            raise RemoteRefused(answer.status, "", self._not_ours(answer)) from None
        raise RemoteRefused(answer.status, code, self._explained(answer, message))

    def _explained(self, answer: Answer, message: str) -> str:
        if answer.status == 401:
            return (
                f"{self.url} does not take the key in AUTOPACK_API_KEY: {message} On the server, "
                "manage.py create_api_key --name NAME makes one."
            )
        if answer.status == 403:
            return f"The key in AUTOPACK_API_KEY may not do this on {self.url}: {message}"
        return message

    def _away(self, error: Exception) -> str:
        reason = getattr(error, "reason", error)
        why = str(reason) or type(reason).__name__
        return (
            f"No Autopack server can be reached at {self.url} ({why}). Start one there with "
            "manage.py serve, or set AUTOPACK_API_URL. To execute the runs on this machine "
            "instead: --executor cli"
        )

    def _busy(self, answer: Answer) -> str:
        return f"{self.url} answers {answer.status} again and again. Try later."

    def _not_ours(self, answer: Answer) -> str:
        return (
            f"{self.url} answers {answer.status}, but not as an Autopack server does. "
            "Check AUTOPACK_API_URL."
        )

    def _odd_url(self, error: ValueError) -> str:
        return f"AUTOPACK_API_URL is {self.url!r}, which is no URL that can be asked: {error}"


def backoff(tries: int) -> float:
    """Seconds to wait after so many tries: twice as long each time, and never two clients alike."""
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(tries, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 (spreads the load, hides nothing)


def _retry_after(answer: Answer) -> float:
    """What the server asks for, in seconds; 0.0 when it does not, or in a way nobody reads."""
    text = answer.header("Retry-After")
    seconds = float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0
    return min(seconds, LONGEST_RETRY_AFTER_SECONDS)


def patient_for(seconds: float) -> Callable[[float], bool]:
    """A `pause` that gives up when so many seconds have passed since now."""
    until = time.monotonic() + seconds

    def pause(wait: float) -> bool:
        if time.monotonic() + wait > until:
            return True
        time.sleep(wait)
        return False

    return pause
