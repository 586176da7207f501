"""django-q2's broker on the database, woken by a bell instead of polling, first in first out."""

from __future__ import annotations

import logging
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from runs.queue.bell import HAS_PIPES, Listener, ring
from runs.queue.nodes import node_is_draining

logger = logging.getLogger(__name__)

# Without a ring: for messages of other hosts, and of those who died before they rang.
LOOK_SECONDS = 0.5 if HAS_PIPES else 0.05


class BellBroker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """Enqueues and takes as django-q2's ORM broker does; differs in how it waits."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key or Conf.CLUSTER_NAME)
        self._listener = Listener()

    def enqueue(self, task: str) -> int:
        pk = int(super().enqueue(task))
        transaction.on_commit(ring, robust=True)
        return pk

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The next messages, locked until they are acknowledged; None after a wait in vain."""
        # What a draining node took, its workers would put back at once, for ever.
        taken = None if node_is_draining() else self._take()
        if taken is None:
            self._listener.wait(LOOK_SECONDS)
        return taken

    def acknowledge(self, task_id: int) -> None:
        """With the database away the message stays, and is one wake-up too many some day; an
        exception would end the process that acknowledges."""
        try:
            super().acknowledge(task_id)
        except DatabaseError as error:
            logger.warning("A message could not be taken off the queue: %s", error)
            connections[Conf.ORM].close()

    def _take(self) -> list[tuple[int, str]] | None:
        """None when there is nothing; [] when another cluster was first, and there may be more."""
        rows: Any = self.get_connection()
        found = list(
            rows.filter(key=self.list_key, lock__lt=timezone.now()).order_by("pk")[: Conf.BULK]
        )
        if not found:
            return None
        return [
            (row.pk, row.payload)
            for row in found
            # Whoever moves the lock has it.
            if OrmQ.objects.filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))
        ]
