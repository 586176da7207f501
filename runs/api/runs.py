"""Runs: list, make, look at, change, normalize a plan."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from runs import selectors
from runs.api import inputs, outputs
from runs.api.calls import Call, Problem
from runs.api.endpoint import Endpoint, page_response
from runs.api.finding import project_named, run_of
from runs.api.normalizing import plan_of_text
from runs.api_keys import Scope
from runs.idempotency import answered_once
from runs.reports.build import runs_facts
from runs.resuming import run_adjust
from runs.services import run_create
from runs.states import Trigger

if TYPE_CHECKING:
    from rest_framework.request import Request

    from runs.models import Project, Run
    from runs.planning.normal_types import NormalizedPlan


class RunsView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "List runs, the newest first", gives=outputs.RunShown,
            query=inputs.RunFilter, is_page=True,
        ),
        "POST": Call(
            Scope.RUN, "Make a run of a plan", gives=outputs.RunShown, status=201,
            takes=inputs.NewRun, refuses=(409, 422), headers=("Idempotency-Key",),
        ),
    }  # fmt: skip

    def get(self, request: Request) -> Response:
        del request
        given = self.parameters()
        created = {
            column: given[name]
            for name, column in (
                ("created_after", "created_at__gte"),
                ("created_before", "created_at__lt"),
            )
            if name in given
        }
        return page_response(
            selectors.runs_page(
                cursor=given.get("cursor"),
                limit=given["limit"],
                state=given.get("state", ""),
                project=given.get("project", ""),
                **created,
            )
        )

    def post(self, request: Request) -> Response:
        given = self.body()
        answer = answered_once(
            caller=self.caller.identity,
            key=request.headers.get("Idempotency-Key"),
            body=request.data,
            prepare=partial(_read, given),
            make=partial(_made, given),
        )
        headers = {"Location": f"/runs/{answer.body['run_id']}"}
        if answer.is_repeated:
            headers["Idempotent-Replayed"] = "true"
        return Response(answer.body, status=answer.status_code, headers=headers)


def _read(given: dict[str, Any]) -> tuple[Project, NormalizedPlan | None]:
    """The project, and what its raw plan means: before anything is written."""
    if ("structured_plan" in given) == ("raw_plan" in given):
        raise Problem(422, "plan_missing", "Give a structured_plan or a raw_plan, and not both.")
    project = project_named(given["project"])
    return project, plan_of_text(project, given["raw_plan"]) if "raw_plan" in given else None


def _made(
    given: dict[str, Any], read: tuple[Project, NormalizedPlan | None]
) -> tuple[int, dict[str, Any]]:
    names = ("structured_plan", "raw_plan", "run_id", "priority", "flags", "budgets")
    run = run_create(
        project=read[0],
        normalized=read[1],
        trigger=Trigger.API,
        **{name: given[name] for name in names if name in given},
    )
    return 201, run_shown(run.run_id)


def run_shown(run_id: str) -> dict[str, Any]:
    """A run that exists, as lists show it."""
    row = selectors.run_row(run_id)
    assert row is not None  # noqa: S101 (just written, or just read)
    return selectors.run_shape(row)


class NormalizeView(Endpoint):
    calls = {
        "POST": Call(
            Scope.RUN, "Read a plan from text; makes nothing", gives=outputs.Normalized,
            takes=inputs.RawPlan, refuses=(422,),
        )
    }  # fmt: skip

    def post(self, request: Request) -> Response:
        del request
        given = self.body()
        normalized = plan_of_text(project_named(given["project"]), given["raw_plan"])
        return Response(normalized.as_json())


class RunView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "A run with its phases and all their attempts", gives=outputs.RunDetail
        ),
        "PATCH": Call(
            Scope.RUN,
            "Change budgets or priority; a run that a budget had stopped goes on",
            gives=outputs.RunShown, takes=inputs.RunChange, refuses=(409, 422),
        ),
    }  # fmt: skip

    def get(self, request: Request, run_id: str) -> Response:
        del request
        return Response(_detail(run_of(run_id)))

    def patch(self, request: Request, run_id: str) -> Response:
        del request
        given = self.body()
        run = run_of(run_id)
        run_adjust(
            run,
            budgets=given.get("budgets", {}),
            priority=given.get("priority"),
            trigger=Trigger.API,
        )
        return Response(run_shown(run.run_id))


def _detail(run: Run) -> dict[str, Any]:
    facts = runs_facts([run.run_id])[run.run_id]
    return run_shown(run.run_id) | {
        "source": facts.source,
        "seconds": facts.seconds,
        "tokens_used": facts.tokens,
        "cost_usd": facts.cost_usd,
        "unpriced_calls": facts.unpriced_calls,
        "phases": [asdict(phase) for phase in facts.phases],
    }


class PlanView(Endpoint):
    calls = {"GET": Call(Scope.READ, "The plan that a run executes", gives=outputs.RunPlan)}

    def get(self, request: Request, run_id: str) -> Response:
        del request
        run = run_of(run_id)
        return Response({"run_id": run.run_id, "structured_plan": run.structured_plan})
