"""The queue of wake-ups: a message says that a run may have something to do, and nothing else.

Only this package imports django_q. Messages may be lost, late or doubled: rows are the truth.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from runs.writing import writing

if TYPE_CHECKING:
    from django_q.brokers import Broker

logger = logging.getLogger(__name__)

TASK = "runs.tasks.work"

_broker: Broker | None = None


class QueueAway(Exception):
    """Redis does not answer. Nothing is lost by it: recovery wakes who was not woken."""


def wake(run_pk: int) -> None:
    """Have a worker look at a run, once what is being written is committed.

    On the database's own queue the message is part of the caller's transaction. With Redis it
    follows the commit; when Redis is away that is logged, and recovery wakes the run later.
    """
    if settings.Q_CLUSTER.get("redis"):
        transaction.on_commit(lambda: _enqueue_or_say(run_pk))
        return
    # Outside of a transaction django-q2 would close the caller's connection.
    with writing():
        _enqueue(run_pk)


def waiting() -> int:
    """How many wake-ups nobody has taken yet. Raises QueueAway."""
    if not settings.Q_CLUSTER.get("redis"):
        return int(_connected().queue_size())
    from redis.exceptions import RedisError

    try:
        return int(_connected().queue_size())
    except RedisError as error:
        raise QueueAway(f"Redis (REDIS_URL) does not answer: {error}") from error


def _enqueue_or_say(run_pk: int) -> None:
    from redis.exceptions import RedisError

    try:
        _enqueue(run_pk)
    except RedisError as error:
        logger.warning("Redis (REDIS_URL) does not answer: recovery wakes the run. %s", error)


def _enqueue(run_pk: int) -> None:
    from django_q.tasks import async_task

    async_task(TASK, run_pk, broker=_connected())


def _connected() -> Broker:
    """One broker a process: django-q2 makes a new client for each message otherwise."""
    global _broker  # noqa: PLW0603 (one a process is the point)
    if _broker is None:
        from django_q.brokers import get_broker

        _broker = get_broker()
    return _broker
