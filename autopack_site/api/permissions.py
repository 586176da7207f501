"""Default deny: a call that does not say who may make it is nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission

from runs.api.calls import Call, Problem
from runs.api_keys import Caller

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller has the scope of the call. Raises NotAuthenticated, Problem."""
        # An Endpoint has it; anything else gets nothing. (Views cannot be imported here: they
        # import this.)
        call_of = getattr(view, "call_of", None)
        call: Call | None = call_of(request.method) if call_of else None
        if call is None:
            return False
        if call.scope is None:
            return True
        caller: object = request.user
        if not isinstance(caller, Caller):
            raise NotAuthenticated(
                "This needs an API key (Authorization: Bearer KEY) or a session. "
                "Make a key with: manage.py create_api_key --name NAME"
            )
        if call.scope in caller.scopes:
            return True
        raise Problem(
            403,
            "scope_missing",
            f"This needs the scope {call.scope}; {caller} has {_listed(caller)}.",
            {"needs": call.scope.value, "has": sorted(caller.scopes)},
        )


def _listed(caller: Caller) -> str:
    return ", ".join(sorted(caller.scopes)) or "none"
