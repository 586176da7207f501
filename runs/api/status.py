"""The status of a run: asked for again and again, so it is quick and says when nothing is new."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

from runs import selectors
from runs.api import outputs
from runs.api.calls import JSON, Call
from runs.api.endpoint import Endpoint, not_found
from runs.api_keys import Scope

if TYPE_CHECKING:
    from rest_framework.request import Request

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=DjangoJSONEncoder().default
).encode


class StatusView(Endpoint):
    calls = {
        "GET": Call(
            Scope.READ, "Where a run is", gives=outputs.RunStatus, also=(304,),
            headers=("If-None-Match",),
        )
    }  # fmt: skip

    def get(self, request: Request, run_id: str) -> HttpResponse:
        """Not rendered by REST framework: the tag is made of the bytes."""
        status = selectors.run_status(run_id)
        if status is None:
            raise not_found(f"run {run_id!r}")
        content = _encode(status).encode()
        tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
        if tag in request.META.get("HTTP_IF_NONE_MATCH", ""):
            return HttpResponse(status=304, headers={"ETag": tag})
        return HttpResponse(
            content, content_type=JSON, headers={"ETag": tag, "Cache-Control": "private, no-cache"}
        )
