"""The failure patterns: what is known, how it is set, and what it has done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.selectors import patterns_list
from runs.api import outputs
from runs.api.calls import Call
from runs.api.endpoint import Endpoint, page_response
from runs.api_keys import Scope
from runs.selectors.pages import Page

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response


class PatternsView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "Every failure pattern by priority, with its figures of the last 90 days",
            gives=outputs.PatternShown, is_page=True,
        )
    }  # fmt: skip

    def get(self, request: Request) -> Response:
        """All on one page: there are hundreds of them at most."""
        del request
        return page_response(Page([row.as_json() for row in patterns_list()], None))
