"""Keys of the API: made once and shown once, recognised in constant time, revoked for good."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from runs.models import ApiKey
from runs.statements import GIVEN_TEXT, KeptQuery

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

logger = logging.getLogger(__name__)

_KEY = re.compile(r"autopack_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_PREFIX_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MAX_DAYS = 36_500
# How exact last_used_at is: a key that is used all the time costs a write a minute.
USED_EVERY = timedelta(minutes=1)


_BY_PREFIX = KeptQuery(
    lambda: (
        ApiKey.objects.filter(prefix=GIVEN_TEXT)
        .order_by()
        .values_list("pk", "name", "digest", "scopes", "expires_at", "revoked_at", "last_used_at")
    )
)


class Scope(StrEnum):
    """What a caller may do. `run` and `approve` contain `read`; `admin` contains all."""

    READ = "read"
    RUN = "run"
    APPROVE = "approve"
    ADMIN = "admin"


_CONTAINED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.RUN: frozenset({Scope.RUN, Scope.READ}),
    Scope.APPROVE: frozenset({Scope.APPROVE, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


def scopes_contained(names: Iterable[str]) -> frozenset[Scope]:
    """All scopes that these ones come to. A name that is no scope (any more) gives nothing."""
    known = set(Scope)
    return frozenset().union(*(_CONTAINED[Scope(name)] for name in names if name in known))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key or a person. Stands where Django has a user."""

    identity: str
    name: str
    scopes: frozenset[Scope]

    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def pk(self) -> str:
        return self.identity

    def __str__(self) -> str:
        return self.name


class KeyRefused(Exception):
    """The key opens nothing. `code` says why: key_unknown, key_revoked or key_expired."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyInvalid(Exception):
    """A key cannot be made as asked. The message says why."""


def api_key_create(
    *, name: str, scopes: Iterable[str], expires_days: float | None = None, created_by: str = ""
) -> tuple[ApiKey, str]:
    """Make a key; returns its row and the key itself, which is nowhere else.

    Raises KeyInvalid for no name, for no scope or one that there is not, and for an odd expiry.
    """
    wanted = _scopes_checked(scopes)
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise KeyInvalid("A key needs a name of 1 to 100 printable characters: who uses it?")
    if expires_days is not None and not 0 < expires_days <= MAX_DAYS:
        raise KeyInvalid(f"A key lives for more than 0 and at most {MAX_DAYS} days, or for good.")
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
    text = f"autopack_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        digest=_digest(text),
        scopes=wanted,
        created_by=created_by[:150],
        expires_at=timezone.now() + timedelta(days=expires_days) if expires_days else None,
    )
    return row, text


def _scopes_checked(scopes: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(scopes))
    unknown = [name for name in wanted if name not in set(Scope)]
    if unknown:
        raise KeyInvalid(f"There is no scope {unknown[0]!r}; there are {', '.join(Scope)}.")
    if not wanted:
        raise KeyInvalid(f"Say what the key may do: {', '.join(Scope)}.")
    return wanted


def api_key_check(text: str) -> Caller:
    """The caller that a key stands for: one query. Raises KeyRefused."""
    found = _KEY.fullmatch(text)
    row = _BY_PREFIX.row(found[1]) if found else None
    # Compared even when there is no such prefix, so that the time taken does not tell.
    is_right = hmac.compare_digest(_digest(text), row[2] if row else "0" * 64)
    if row is None or not is_right:
        raise KeyRefused("key_unknown", "There is no such API key. Make one: create_api_key.")
    pk, name, _, scopes, expires_at, revoked_at, last_used_at = row
    if revoked_at is not None:
        raise KeyRefused("key_revoked", f"This API key was revoked on {revoked_at:%Y-%m-%d}.")
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise KeyRefused("key_expired", f"This API key expired on {expires_at:%Y-%m-%d}.")
    if last_used_at is None or now - last_used_at >= USED_EVERY:
        _note_use(pk, now)
    return Caller(f"key:{pk}", name, _scopes_of(tuple(scopes)))


@cache
def _scopes_of(names: tuple[str, ...]) -> frozenset[Scope]:
    return scopes_contained(names)


def _note_use(pk: int, now: datetime) -> None:
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    try:
        # One of several that find it stale writes.
        ApiKey.objects.filter(stale, pk=pk).update(last_used_at=now)
    except DatabaseError as error:
        logger.warning("The use of key %s is not noted: %s", pk, error)


def api_key_revoke(prefix: str) -> bool:
    """Close a key for good; False when there is none (of which this is the prefix) to close."""
    open_keys = ApiKey.objects.filter(prefix=prefix, revoked_at=None)
    return bool(open_keys.update(revoked_at=timezone.now()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
