"""What can be done to a run: execute, cancel, retry, roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from runs.api import inputs, outputs
from runs.api.calls import Call
from runs.api.endpoint import Endpoint
from runs.api.finding import run_of
from runs.api.runs import run_shown
from runs.api_keys import Scope
from runs.resuming import run_take_up
from runs.rollback import run_rollback
from runs.services import run_cancel, run_execute
from runs.states import Trigger

if TYPE_CHECKING:
    from rest_framework.request import Request


class ExecuteView(Endpoint):
    calls = {
        "POST": Call(
            Scope.RUN, "Have a run executed; again while it is active: the same answer",
            gives=outputs.RunShown, status=202, refuses=(409,),
        )
    }  # fmt: skip

    def post(self, request: Request, run_id: str) -> Response:
        del request
        run = run_of(run_id)
        run_execute(run, trigger=Trigger.API)
        return Response(run_shown(run.run_id), status=202)


class CancelView(Endpoint):
    calls = {
        "POST": Call(
            Scope.RUN, "Ask for a run's end; what it has integrated is published",
            gives=outputs.RunShown, status=202, refuses=(409,),
        )
    }  # fmt: skip

    def post(self, request: Request, run_id: str) -> Response:
        del request
        run = run_of(run_id)
        run_cancel(run, trigger=Trigger.API)
        return Response(run_shown(run.run_id), status=202)


class RetryView(Endpoint):
    calls = {
        "POST": Call(
            Scope.RUN, "Take a FAILED, TIMEOUT or CANCELLED run up again",
            gives=outputs.RunShown, status=202, refuses=(409,),
        )
    }  # fmt: skip

    def post(self, request: Request, run_id: str) -> Response:
        del request
        run = run_of(run_id)
        run_take_up(run, trigger=Trigger.API)
        return Response(run_shown(run.run_id), status=202)


class RollbackView(Endpoint):
    calls = {
        "POST": Call(
            Scope.RUN, "Take the last integrated phase, or all of them, back out of a run",
            gives=outputs.RolledBack, takes=inputs.Rollback, refuses=(409, 422),
        )
    }  # fmt: skip

    def post(self, request: Request, run_id: str) -> Response:
        del request
        given = self.body()
        run = run_of(run_id)
        taken = run_rollback(run, whole=given["all"], trigger=Trigger.API)
        return Response(
            {
                "run_id": run.run_id,
                "state": run.state,
                "phases": [phase.key for phase in taken],
                "explanation": run.explanation,
            }
        )
