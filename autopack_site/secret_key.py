"""The installation's own DJANGO_SECRET_KEY, made once and shared by all of its processes."""

import contextlib
import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def read_or_make_secret_key(home: Path) -> str:
    """Return the key kept in `home`/secret_key, making it (mode 0600) when there is none.

    Two processes that start at once agree: the file is written whole under another name and then
    linked to its own, which only one of them can do.
    """
    path = home / "secret_key"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=home, prefix="secret_key.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(get_random_secret_key())
        # When another process was first, its key is the installation's.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return path.read_text(encoding="ascii").strip()
