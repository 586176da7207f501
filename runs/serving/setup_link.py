"""The one-time link that makes the first administrator.

Its secret is kept hashed in a file beside the database, and only while there is no user. Whoever
can read our terminal is trusted with it, as with `createsuperuser`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def server_url(host: str, port: int) -> str:
    """Where a browser finds the server that listens there, by a name that it answers to: the
    proxy's when one ends TLS, never an address that means "all of this machine's"."""
    names = [name.removeprefix(".") for name in settings.ALLOWED_HOSTS if name != "*"]
    if settings.AUTOPACK_BEHIND_TLS:
        public = [name for name in names if name not in LOCAL_NAMES]
        return f"https://{(public or names or ['localhost'])[0]}"
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        return f"http://{(names or ['localhost'])[0]}:{port}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def setup_url(base: str) -> str:
    """A new link (older ones end), or '' when there is a user already."""
    if get_user_model().objects.exists():
        setup_close()
        return ""
    token = secrets.token_urlsafe(24)
    path = _path()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_digest(token))
    return f"{base}/setup/{token}"


def setup_is_open(token: str) -> bool:
    """Whether this token may make the first administrator now."""
    try:
        kept = _path().read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    is_ours = hmac.compare_digest(kept, _digest(token))
    return is_ours and not get_user_model().objects.exists()


def setup_close() -> bool:
    """End the link; False when somebody else has just used it."""
    try:
        _path().unlink()
    except FileNotFoundError:
        return False
    return True


def _path() -> Path:
    return Path(settings.AUTOPACK_HOME) / "setup_token"


def _digest(token: str) -> str:
    # A random secret of 192 bits needs no salt and no stretching.
    return hashlib.sha256(token.encode()).hexdigest()
