"""What the processes of one node tell each other by files: who is busy, and that it drains."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings


def nodes_folder() -> Path:
    return Path(settings.AUTOPACK_HOME) / "workers"


def node_folder(name: str) -> Path:
    """Where the workers of a node say that they are busy, and are told to drain."""
    # Its name has what Windows does not let stand in a path.
    return nodes_folder() / (re.sub(r"[^A-Za-z0-9_.-]", "-", name).strip(".") or "none")


def node_is_draining() -> bool:
    """Whether the node that this process works for starts nothing more."""
    return (node_folder(settings.AUTOPACK_NODE) / "draining").exists()
