"""Calls: who may make them, what they take, what they give; and how they are refused.

A `Call` is the one description of an operation: permissions, validation and the OpenAPI document
all read it, so that none of them can say something else.

REST framework's views are not imported here: they load the plumbing, which needs this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rest_framework import status
from rest_framework.exceptions import APIException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.serializers import Serializer

    from runs.api_keys import Scope

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation.

    `scope`: who may; None for everyone. `takes`: the body, `query`: the parameters, `gives`: one
    object, or a page of them (`is_page`), or nothing that JSON has (`media_type`). `refuses`:
    statuses of its own beside those that every call of its kind has.
    """

    scope: Scope | None
    summary: str
    gives: type[Serializer[Any]] | None = None
    status: int = status.HTTP_200_OK
    takes: type[Serializer[Any]] | None = None
    query: type[Serializer[Any]] | None = None
    is_page: bool = False
    media_type: str = JSON
    also: tuple[int, ...] = ()
    refuses: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()


class Problem(APIException):
    """A refusal with a status, a code for programs and a message for people."""

    def __init__(
        self,
        status_code: int,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, code)
        self.status_code = status_code
        self.details = dict(details or {})
        self.headers = dict(headers or {})
