"""Projects: list, register a repository, change how its runs are prepared and checked.

Registering names a path of the server, and commands run there: both are an administrator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from runs import selectors
from runs.api import inputs, outputs
from runs.api.calls import Call
from runs.api.endpoint import Endpoint, page_response
from runs.api.finding import project_of
from runs.api_keys import Scope
from runs.projects import project_change, project_register

if TYPE_CHECKING:
    from rest_framework.request import Request


class ProjectsView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "List projects", gives=outputs.ProjectShown, query=inputs.Paging,
            is_page=True,
        ),
        "POST": Call(
            Scope.ADMIN, "Register a repository", gives=outputs.ProjectShown, status=201,
            takes=inputs.NewProject, refuses=(409, 422),
        ),
    }  # fmt: skip

    def get(self, request: Request) -> Response:
        del request
        given = self.parameters()
        return page_response(
            selectors.projects_page(cursor=given.get("cursor"), limit=given["limit"])
        )

    def post(self, request: Request) -> Response:
        del request
        project = project_register(**self.body())
        return Response(
            selectors.project_row(project.pk),
            status=201,
            headers={"Location": f"/projects/{project.name}"},
        )


class ProjectView(Endpoint):
    calls = {
        "GET": Call(Scope.READ, "A project", gives=outputs.ProjectShown),
        "PATCH": Call(
            Scope.ADMIN, "Change how a project's runs are prepared and checked",
            gives=outputs.ProjectShown, takes=inputs.ProjectChange, refuses=(422,),
        ),
    }  # fmt: skip

    def get(self, request: Request, name: str) -> Response:
        del request
        return Response(selectors.project_row(project_of(name).pk))

    def patch(self, request: Request, name: str) -> Response:
        del request
        given = self.body()
        project = project_of(name)
        project_change(project, **given)
        return Response(selectors.project_row(project.pk))
