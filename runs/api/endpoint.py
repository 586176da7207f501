"""What every endpoint is: a view of calls. A method without a call does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from rest_framework.exceptions import MethodNotAllowed, ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api.calls import Call, Problem
from runs.api_keys import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from runs.selectors import Page


class Endpoint(APIView):
    """A view of `calls`, by method. Subclasses have a method `get`, `post` or `patch` for each."""

    calls: ClassVar[Mapping[str, Call]] = {}
    is_documented: ClassVar[bool] = True

    def call_of(self, method: str | None) -> Call | None:
        return self.calls.get("GET" if method == "HEAD" else method or "")

    @property
    def allowed_methods(self) -> list[str]:
        return list(self.calls)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """What does not exist is refused before anybody is asked who they are."""
        if self.call_of(request.method) is None:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)

    def body(self) -> dict[str, Any]:
        """The request's body, valid for what the call takes. Raises ValidationError."""
        call = self.call_of(self.request.method)
        assert call is not None and call.takes is not None  # noqa: S101, PT018 (a fault of ours)
        data = self.request.data
        if not isinstance(data, dict):
            raise ValidationError("The body must be a JSON object.", code="invalid")
        return _valid(call.takes, data)

    def parameters(self) -> dict[str, Any]:
        """The query's parameters, valid for what the call takes. Raises ValidationError."""
        call = self.call_of(self.request.method)
        assert call is not None and call.query is not None  # noqa: S101, PT018 (a fault of ours)
        given = self.request.query_params
        twice = sorted(name for name in given if len(given.getlist(name)) > 1)
        if twice:
            raise ValidationError({name: ["Give it once."] for name in twice}, code="invalid")
        return _valid(call.query, given.dict())

    @property
    def caller(self) -> Caller:
        # Every call with a scope has one: permissions see to it.
        return cast(Caller, self.request.user)


def _valid(kind: type[Serializer[Any]], data: Mapping[str, Any]) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def page_response(page: Page) -> Response:
    """One page of rows, and where the next one begins (null at the end)."""
    return Response({"results": page.rows, "next_cursor": page.next_cursor})


def not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"There is no {what}.")


def unknown_fields(data: Iterable[str], known: Iterable[str]) -> dict[str, list[str]]:
    allowed = set(known)
    return {str(name)[:80]: ["There is no such field."] for name in data if name not in allowed}
