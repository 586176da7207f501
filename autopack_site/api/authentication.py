"""Who asks: a program by its key, a person by their session (with CSRF)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed

from runs.api_keys import Caller, KeyRefused, Scope, api_key_check, scopes_contained

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from rest_framework.request import Request

CHALLENGE = 'Bearer realm="autopack"'

# What people may do, by Django's permissions; a superuser has all of them. Staff may look.
PERMISSION_SCOPES = (
    ("runs.view_run", Scope.READ),
    ("runs.change_run", Scope.RUN),
    ("runs.change_approval", Scope.APPROVE),
    ("runs.change_project", Scope.ADMIN),
)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`, or `X-API-Key: KEY`."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """The caller; None when the request has no key. Raises AuthenticationFailed."""
        text = _key_of(request)
        if text is None:
            return None
        try:
            return api_key_check(text), None
        except KeyRefused as refused:
            raise AuthenticationFailed(str(refused), refused.code) from refused

    def authenticate_header(self, request: Request) -> str:
        """What makes a refusal 401 and not 403."""
        del request
        return CHALLENGE


def _key_of(request: Request) -> str | None:
    kind, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind.lower() == "bearer":
        return str(text).strip()
    key = request.META.get("HTTP_X_API_KEY")
    return None if key is None else str(key).strip()


class PersonAuthentication(SessionAuthentication):
    """The session of the admin and the pages. What writes needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        found = super().authenticate(request)
        return (_person(found[0]), None) if found else None


def _person(user: User) -> Caller:
    names = [scope.value for name, scope in PERMISSION_SCOPES if user.has_perm(name)]
    if user.is_staff:
        names.append(Scope.READ.value)
    return Caller(f"user:{user.pk}", user.get_username(), scopes_contained(names))
