"""A node's row: that it is there, how it is, and whether people want it to drain."""

from __future__ import annotations

import logging
import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from runs.execution.process import ProcessIdentity, process_identity, process_is_alive
from runs.models import WorkerNode
from runs.queue.nodes import node_folder

if TYPE_CHECKING:
    from django.db.models import QuerySet

logger = logging.getLogger(__name__)

# A node of which nothing was heard for so many beats is taken for gone.
BEATS_MISSED = 4


class HomeDiffers(Exception):
    """Another node of this database works in another AUTOPACK_HOME."""


def home_name() -> str:
    """Names AUTOPACK_HOME for good, on whichever host it is mounted: made once, kept in it."""
    path = Path(settings.AUTOPACK_HOME) / "installation"
    draft = path.with_name(f"installation.{uuid.uuid4().hex}")
    draft.write_text(uuid.uuid4().hex, encoding="ascii")
    try:
        # Whoever is first names it.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


def _check_home(home: str) -> None:
    heard = timezone.now() - timedelta(seconds=BEATS_MISSED * settings.AUTOPACK_BEAT_SECONDS)
    stranger = nodes_running().filter(beat_at__gt=heard).exclude(home__in=["", home]).first()
    if stranger is not None:
        raise HomeDiffers(
            f"Node {stranger.name} works on this database with another AUTOPACK_HOME. What a run "
            "has made so far is in its home's repositories, so all nodes of a database share one "
            "(and one AUTOPACK_WORKTREE_BASE): mount it on this host, or use another database."
        )


def node_register(workers: int) -> WorkerNode:
    """A new row for this process; rows (and marks) of dead processes of this host are closed.

    Raises HomeDiffers.
    """
    me = process_identity()
    for other in WorkerNode.objects.filter(host=settings.AUTOPACK_HOST, stopped_at=None):
        holder = ProcessIdentity(other.pid, other.pid_started, other.boot_id, me.host)
        if not process_is_alive(holder):
            WorkerNode.objects.filter(pk=other.pk).update(stopped_at=Now())
            shutil.rmtree(node_folder(other.name), ignore_errors=True)
    home = home_name()
    _check_home(home)
    _warn_of_strangers()
    return WorkerNode.objects.create(
        name=f"{settings.AUTOPACK_HOST[:80]}:{me.pid}:{int(me.started)}",
        host=settings.AUTOPACK_HOST,
        pid=me.pid,
        pid_started=me.started,
        boot_id=me.boot_id,
        home=home,
        workers=workers,
        beat_at=Now(),
    )


def _warn_of_strangers() -> None:
    if connection.vendor != "sqlite":
        return
    heard = timezone.now() - timedelta(seconds=BEATS_MISSED * settings.AUTOPACK_BEAT_SECONDS)
    for other in nodes_running().filter(beat_at__gt=heard).exclude(host=settings.AUTOPACK_HOST)[:1]:
        logger.warning(
            "Node %s of another host works on this SQLite file, whose write-ahead log does not "
            "cross machines: the file breaks. Use PostgreSQL for several hosts (DATABASE_URL). If "
            "that is this host under its former name, all is well.", other.name,
        )  # fmt: skip


def nodes_running() -> QuerySet[WorkerNode]:
    """Those that have not said that they stopped."""
    return WorkerNode.objects.filter(stopped_at=None)


def node_beat(node: WorkerNode, *, restarts: int) -> bool:
    """Say that we live; whether people want us to drain."""
    row = WorkerNode.objects.filter(pk=node.pk)
    # Whoever took us for dead was wrong.
    row.update(beat_at=Now(), restarts=restarts, stopped_at=None)
    return row.exclude(draining_at=None).exists()


def node_drain(node: WorkerNode) -> bool:
    """Have a node finish what it does and claim nothing more; False when it does so already."""
    return bool(nodes_running().filter(pk=node.pk, draining_at=None).update(draining_at=Now()))


def node_resume(node: WorkerNode) -> bool:
    """Have a node that drains claim again; False when it does so already."""
    rows = nodes_running().filter(pk=node.pk).exclude(draining_at=None)
    return bool(rows.update(draining_at=None))


def node_close(node: WorkerNode) -> None:
    WorkerNode.objects.filter(pk=node.pk).update(stopped_at=Now())


def nodes_forget(days: int) -> int:
    """Drop the rows of nodes that stopped so long ago; how many."""
    before = timezone.now() - timedelta(days=days)
    return WorkerNode.objects.filter(stopped_at__lt=before).delete()[0]
