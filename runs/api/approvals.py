"""Questions that runs ask people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from runs import selectors
from runs.api import inputs, outputs
from runs.api.calls import Call
from runs.api.endpoint import Endpoint, not_found, page_response
from runs.api_keys import Scope
from runs.models import Approval
from runs.resuming import approval_answer

if TYPE_CHECKING:
    from rest_framework.request import Request


class ApprovalsView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "List questions, the oldest first", gives=outputs.ApprovalShown,
            query=inputs.ApprovalFilter, is_page=True,
        )
    }  # fmt: skip

    def get(self, request: Request) -> Response:
        del request
        given = self.parameters()
        return page_response(
            selectors.approvals_page(
                cursor=given.get("cursor"),
                limit=given["limit"],
                state=given.get("state", ""),
                run_id=given.get("run_id", ""),
            )
        )


class DecideView(Endpoint):
    calls = {
        "POST": Call(
            Scope.APPROVE, "Answer a question", gives=outputs.ApprovalShown,
            takes=inputs.Decision, refuses=(409,),
        )
    }  # fmt: skip

    def post(self, request: Request, approval_id: str) -> Response:
        del request
        given = self.body()
        approval = (
            Approval.objects.filter(pk=int(approval_id)).select_related("run", "phase").first()
        )
        if approval is None:
            raise not_found(f"approval {approval_id}")
        approval_answer(
            approval,
            approve=given["decision"] == "approve",
            decided_by=self.caller.name,
            note=given["note"],
        )
        return Response(selectors.approval_shape(selectors.approval_row(approval.pk)))
