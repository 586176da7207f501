"""What belongs to a run: its events and its artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs import selectors
from runs.api import inputs, outputs
from runs.api.calls import Call
from runs.api.endpoint import Endpoint, page_response
from runs.api.finding import run_pk_of
from runs.api_keys import Scope

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response


class EventsView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "What happened to a run, from the first event on",
            gives=outputs.EventShown, query=inputs.Paging, is_page=True,
        )
    }  # fmt: skip

    def get(self, request: Request, run_id: str) -> Response:
        del request
        given = self.parameters()
        pk, _ = run_pk_of(run_id)
        return page_response(
            selectors.events_page(pk, cursor=given.get("cursor"), limit=given["limit"])
        )


class ArtifactsView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "The files that a run's attempts left",
            gives=outputs.ArtifactShown, query=inputs.Paging, is_page=True,
        )
    }  # fmt: skip

    def get(self, request: Request, run_id: str) -> Response:
        del request
        given = self.parameters()
        pk, _ = run_pk_of(run_id)
        return page_response(
            selectors.artifacts_page(pk, cursor=given.get("cursor"), limit=given["limit"])
        )
