"""So many requests a minute for each caller: a bucket of tokens that fills steadily.

It is in the memory of the one web process that there is; several would each give their share.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from runs.api_keys import Caller

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

# Callers remembered; one that is forgotten starts with a full bucket.
MAX_CALLERS = 10_000


class Buckets:
    """`take` gives 0.0, or the seconds until there is a token again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, identity: str, per_minute: float, now: float) -> float:
        rate = per_minute / 60
        with self._lock:
            level, then = self._filled.pop(identity, (per_minute, now))
            level = min(per_minute, level + (now - then) * rate)
            wait = 0.0 if level >= 1 else (1 - level) / rate
            self._filled[identity] = (level if wait else level - 1, now)
            if len(self._filled) > MAX_CALLERS:
                self._filled.popitem(last=False)
        return wait

    def forget(self) -> None:
        with self._lock:
            self._filled.clear()


buckets = Buckets()


class CallerThrottle(BaseThrottle):
    """AUTOPACK_API_RATE requests a minute (0: no limit), all of them at once if need be."""

    _wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        del view
        per_minute: float = settings.AUTOPACK_API_RATE
        caller: object = request.user
        if per_minute <= 0 or not isinstance(caller, Caller):
            return True  # calls that are open to everyone cost next to nothing
        self._wait = buckets.take(caller.identity, per_minute, time.monotonic())
        return self._wait == 0

    def wait(self) -> float:
        return self._wait
