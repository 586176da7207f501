"""Calls that are to be there and are not yet: they say so, and the document leaves them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from runs.api.calls import Call, Problem
from runs.api.endpoint import Endpoint
from runs.api_keys import Scope

if TYPE_CHECKING:
    from rest_framework.request import Request


class ComingView(Endpoint):
    """501 for whoever may read."""

    is_documented = False
    calls = {"GET": Call(Scope.READ, "Not there yet")}

    def get(self, request: Request) -> NoReturn:
        raise Problem(501, "not_implemented", f"{request.path} is not there yet.")
