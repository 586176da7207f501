"""A request that is sent again gets the answer that it got, and makes nothing twice.

The record is written in the transaction that makes what is asked for, so there is never a record
of something that is not there, nor one that is still being made.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError
from django.utils import timezone

from runs.models import IdempotencyRecord
from runs.writing import writing

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_KEY_CHARS = 200
# After a day nobody repeats a request any more.
KEPT = timedelta(hours=24)


class KeyMalformed(Exception):
    """The Idempotency-Key is none. The message says why."""


class KeyReused(Exception):
    """The Idempotency-Key belongs to another request."""


@dataclass(frozen=True, slots=True)
class Answer:
    status_code: int
    body: dict[str, Any]
    is_repeated: bool = False


def answered_once(
    *,
    caller: str,
    key: str | None,
    body: object,
    prepare: Callable[[], T],
    make: Callable[[T], tuple[int, dict[str, Any]]],
) -> Answer:
    """The answer of `make`, or the one that this caller's key got before; None for no key.

    `make` gets what `prepare` gives: the one is called in a transaction, the other before it
    begins, so that it may take its time. What they raise leaves no record: a refused request may
    be mended and sent again with its
    key. Raises KeyMalformed, KeyReused.
    """
    if key is None:
        return _made(make(prepare()))
    if not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise KeyMalformed(f"An Idempotency-Key has 1 to {MAX_KEY_CHARS} printable characters.")
    fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    known = _known(caller, key, fingerprint)
    if known:
        return known
    prepared = prepare()
    try:
        with writing():
            IdempotencyRecord.objects.filter(
                caller=caller, created_at__lt=timezone.now() - KEPT
            ).delete()
            answer = _made(make(prepared))
            IdempotencyRecord.objects.create(
                caller=caller,
                key=key,
                fingerprint=fingerprint,
                status_code=answer.status_code,
                answer=answer.body,
            )
    except IntegrityError:
        # The same request, sent twice at once: the other one was first, ours is undone.
        known = _known(caller, key, fingerprint)
        if known is None:
            raise
        return known
    return answer


def _made(answer: tuple[int, dict[str, Any]]) -> Answer:
    # As JSON has it, so that the first answer and the repeated one are the same.
    return Answer(answer[0], json.loads(json.dumps(answer[1], cls=DjangoJSONEncoder)))


def _known(caller: str, key: str, fingerprint: str) -> Answer | None:
    record = IdempotencyRecord.objects.filter(
        caller=caller, key=key, created_at__gte=timezone.now() - KEPT
    ).first()
    if record is None:
        return None
    if record.fingerprint != fingerprint:
        raise KeyReused(
            f"The Idempotency-Key {key!r} was used for another request. Take a new one for each."
        )
    return Answer(record.status_code, record.answer, is_repeated=True)
