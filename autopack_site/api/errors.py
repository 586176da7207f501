"""The one shape of errors, whoever raises them: `{"error": {"code", "message", "details"}}`."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from runs.agents.backends import UnknownBackend
from runs.api.calls import Problem
from runs.execution.repository.git import GitFailed, GitMissing
from runs.execution.repository.sources import RepositoryProblem
from runs.idempotency import KeyMalformed, KeyReused
from runs.planning.identifiers import IdentifierInvalid
from runs.planning.schema import PlanInvalid
from runs.plans import NotAPlan
from runs.projects import ProjectInvalid
from runs.services import BudgetInvalid, ConfirmationRequired, NameTaken, RunConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# What verbs refuse, the special before the general.
REFUSALS: tuple[tuple[type[Exception], int, str], ...] = (
    (ConfirmationRequired, 409, "confirmation_required"),
    (RunConflict, 409, "conflict"),
    (NameTaken, 409, "name_taken"),
    (PlanInvalid, 422, "plan_invalid"),
    (NotAPlan, 422, "not_a_plan"),
    (BudgetInvalid, 422, "budget_invalid"),
    (ProjectInvalid, 422, "project_invalid"),
    (KeyReused, 422, "idempotency_key_reused"),
    (KeyMalformed, 400, "idempotency_key_malformed"),
    (IdentifierInvalid, 422, "identifier_invalid"),
    (UnknownBackend, 422, "unknown_backend"),
    (RepositoryProblem, 422, "repository_problem"),
    (GitFailed, 422, "repository_problem"),
    (GitMissing, 503, "git_missing"),
    (OperationalError, 503, "database_unavailable"),
)
# How soon a client may try again when the database is busy or gone.
RETRY_SECONDS = 5
# Pages for people: Django's own answers are right there.
HTML_PATHS = ("/admin/", "/ui/")
CODES = {
    400: "bad_request", 401: "not_authenticated", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type", 429: "throttled",
    500: "internal",
}  # fmt: skip


def error_body(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": dict(details or {})}}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's hook: the answer to what a view raised; None for a fault of ours."""
    del context
    answer = _refusal(error) or _framework(error)
    if answer is not None:
        set_rollback()
    return answer


def _refusal(error: Exception) -> Response | None:
    found = next((each for each in REFUSALS if isinstance(error, each[0])), None)
    if found is None:
        return None
    _, status, code = found
    message = str(error)
    details: dict[str, Any] = {}
    if isinstance(error, PlanInvalid):
        details = {"faults": [{"path": f.path, "message": f.message} for f in error.faults]}
    if isinstance(error, NotAPlan):
        details = error.normalized.as_json()
    if isinstance(error, OperationalError):
        logger.warning("The database cannot be used: %s", error)
        message = "The database cannot be used right now; try again."
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    return Response(error_body(code, message, details), status=status, headers=headers)


def _framework(error: Exception) -> Response | None:
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = Problem(413, "too_large", str(error))
    if not isinstance(error, exceptions.APIException):
        return None
    return Response(_body(error), status=error.status_code, headers=_headers(error))


def _body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return error_body("invalid", _first(error.detail), _details(error.detail))
    code, message = str(error.get_codes()), str(error.detail)
    if isinstance(error, Problem):
        return error_body(code, message, error.details)
    if not isinstance(error, exceptions.AuthenticationFailed):
        # Plain names where REST framework has longer ones.
        code = CODES.get(error.status_code, code)
    return error_body(code, message)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = dict(error.headers) if isinstance(error, Problem) else {}
    # REST framework puts these on what it raises.
    challenge, wait = getattr(error, "auth_header", None), getattr(error, "wait", None)
    if challenge:
        headers["WWW-Authenticate"] = str(challenge)
    if wait:
        headers["Retry-After"] = str(math.ceil(wait))
    return headers


def _details(detail: Any) -> dict[str, Any]:
    """What is wrong with each field; "" stands for the body as a whole."""
    fields = detail if isinstance(detail, dict) else {"": detail}
    return {"fields": fields}


def _first(detail: Any, where: str = "") -> str:
    """The first fault as a sentence that names its field."""
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            name, detail = next(iter(detail.items()))
            where = f"{where}.{name}" if where else str(name)
        else:
            detail = detail[0]
    if where in ("", "non_field_errors"):
        return str(detail)
    return f"{where}: {detail}"


# --- Django's own answers, outside of any view ------------------------------------------------


def _answer(request: HttpRequest, status: int, message: str) -> HttpResponseBase:
    del request
    return JsonResponse(error_body(CODES[status], message), status=status)


def _is_page(request: HttpRequest) -> bool:
    return request.path.startswith(HTML_PATHS)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    from django.views import defaults

    if _is_page(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, 413, str(exception))
    # A host that is not allowed is told so by name in the log; the client knows what it sent.
    return _answer(request, 400, "The request cannot be understood, or its Host is not allowed.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    from django.views import defaults

    if _is_page(request):
        return defaults.permission_denied(request, exception)
    return _answer(request, 403, "This is not allowed.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    from django.views import defaults

    if _is_page(request):
        return defaults.page_not_found(request, exception)
    return _answer(request, 404, "There is nothing here. All that there is: GET /schema")


def server_error(request: HttpRequest) -> HttpResponseBase:
    from django.views import defaults

    if _is_page(request):
        return defaults.server_error(request)
    return _answer(request, 500, "Something broke on our side; the server's log says what.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    from django.views import csrf

    if _is_page(request):
        return csrf.csrf_failure(request, reason=reason)
    return _answer(request, 403, f"The CSRF token is missing or wrong. {reason}")
