"""django-q2's broker on Redis, with bounded waits."""

from __future__ import annotations

import time

import redis
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from redis.backoff import NoBackoff
from redis.retry import Retry

from runs.queue.nodes import node_is_draining

# A server that is gone without a word must not hold a web request or a supervisor up for ever.
# Longer than django-q2 waits for a message (1 s).
ANSWER_SECONDS = 5.0
DRAINING_SECONDS = 0.5


class PatientRedis(Redis):  # type: ignore[misc]  # django-q2 has no types
    """Enqueues and takes as django-q2's Redis broker does."""

    def dequeue(self) -> list[tuple[None, bytes]] | None:
        """The next message; None after a wait in vain."""
        # What a draining node took, its workers would put back at once, for ever.
        if node_is_draining():
            time.sleep(DRAINING_SECONDS)
            return None
        taken: list[tuple[None, bytes]] | None = super().dequeue()
        return taken

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        del list_key
        client: redis.Redis = redis.from_url(
            Conf.REDIS,
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            health_check_interval=30,
            # Its own ten would hold a request up; one is for a server that was started again.
            retry=Retry(NoBackoff(), 1),
        )
        return client
