"""The OpenAPI document, made of the calls themselves.

What every call of a kind answers when it refuses is added here, once: whoever writes a view names
only what is special about it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from runs.api.calls import JSON, Call

ERROR = {"$ref": "#/components/schemas/Error"}
TEXTS = {
    304: "Nothing is new since that tag",
    400: "The request is malformed",
    401: "No key, or one that opens nothing",
    403: "The caller lacks the scope",
    404: "There is no such thing",
    409: "Not in its present state",
    413: "The body is too large",
    415: "The body is no JSON",
    416: "There is no such part",
    422: "Well-formed, and cannot be done",
    429: "Too many requests; see Retry-After",
    501: "Not there yet",
    503: "The database is busy or away; see Retry-After",
}
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "Sent again with the same key and body, a request gets the same answer and makes nothing.",
        {"type": "string", "pattern": "^[!-~]{1,200}$"},
    ),
    "If-None-Match": ("The ETag seen last.", {"type": "string"}),
    "Range": ("A part, like bytes=1000-", {"type": "string"}),
}
APPENDED: dict[str, Any] = {
    "schemas": {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message", "details"],
                    "properties": {
                        "code": {"type": "string", "description": "For programs."},
                        "message": {"type": "string", "description": "For people."},
                        "details": {"type": "object", "additionalProperties": {}},
                    },
                }
            },
        }
    },
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A person who has logged in; what writes needs the CSRF token.",
        },
    },
}


def only_documented(endpoints: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """drf-spectacular's hook: endpoints that are there, and methods that have a call."""
    from runs.api.endpoint import Endpoint  # views load this module

    return [
        endpoint
        for endpoint in endpoints
        if issubclass(endpoint[3].cls, Endpoint)
        and endpoint[3].cls.is_documented
        and endpoint[2] in endpoint[3].cls.calls
    ]


def completed(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's hook: the shape of errors, the ways to say who asks, and bodies without
    names that nobody knows."""
    for kind, components in APPENDED.items():
        result["components"].setdefault(kind, {}).update(components)
    for name, schema in result["components"]["schemas"].items():
        if name.removeprefix("Patched") in _strict_names():
            schema["additionalProperties"] = False
    return result


@cache
def _strict_names() -> frozenset[str]:
    from runs.api.fields import Strict

    def below(kind: type) -> set[str]:
        children: list[type] = kind.__subclasses__()
        return {kind.__name__}.union(*(below(child) for child in children))

    return frozenset(below(Strict))


class CallSchema(AutoSchema):
    """An operation as its Call describes it."""

    @property
    def _call(self) -> Call:
        return cast(Call, cast(Any, self.view).calls[self.method])

    def get_operation_id(self) -> str:
        words = [part for part in self.path.strip("/").split("/") if part]
        named = [part.strip("{}") for part in words]
        return "_".join([self.method.lower(), *named]) if named else "root"

    def get_summary(self) -> str:
        return self._call.summary

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's own form
        scope = self._call.scope
        return f"Scope: {scope}." if scope else "Open to everyone."

    def get_tags(self) -> list[str]:
        return [self.path.strip("/").split("/")[0]]

    def get_auth(self) -> list[dict[str, Any]]:
        if self._call.scope is None:
            return []
        return [{name: []} for name in APPENDED["securitySchemes"]]

    def get_request_serializer(self) -> Any:
        return self._call.takes

    def get_filter_backends(self) -> list[Any]:
        return []

    def get_override_parameters(self) -> list[Any]:
        return [self._call.query] if self._call.query else []

    def get_response_serializers(self) -> Any:
        call = self._call
        if call.gives is None:
            return {(call.status, call.media_type): str}
        if not call.is_page:
            return {call.status: call.gives}
        page = inline_serializer(
            f"{call.gives.__name__}Page",
            {
                "results": call.gives(many=True),
                "next_cursor": serializers.CharField(allow_null=True),
            },
        )
        return {call.status: page}

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        call = self._call
        operation.setdefault("security", [])
        answers = operation["responses"]
        for status in call.also:
            answers[str(status)] = {"description": TEXTS.get(status, "A part of it")}
            if status < 300:
                answers[str(status)]["content"] = answers[str(call.status)]["content"]
        for status in sorted(self._refusals(call)):
            answers[str(status)] = {
                "description": TEXTS[status],
                "content": {JSON: {"schema": ERROR}},
            }
        for name in call.headers:
            description, schema = HEADERS[name]
            operation.setdefault("parameters", []).append(
                {"name": name, "in": "header", "description": description, "schema": schema}
            )
        return operation

    def _refusals(self, call: Call) -> set[int]:
        found = {400, 503, *call.refuses}
        if call.scope is not None:
            found |= {401, 403, 429}
        if "{" in self.path:
            found.add(404)
        if call.takes is not None:
            found |= {413, 415, 422}
        return found
