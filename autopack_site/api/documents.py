"""The OpenAPI document and the pages that show it; both are open to everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView
from rest_framework.response import Response

if TYPE_CHECKING:
    from rest_framework.request import Request


class SchemaView(SpectacularJSONAPIView):
    """The document, made once."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        return Response(_document(self, request))


_made: list[dict[str, Any]] = []


def _document(view: SchemaView, request: Request) -> dict[str, Any]:
    if not _made:
        generator = view.generator_class(
            urlconf=view.urlconf, api_version=view.api_version, patterns=view.patterns
        )
        _made.append(cast(Any, generator).get_schema(request=request, public=True))
    return _made[0]


class DocsView(SpectacularSwaggerView):
    """Its scripts and styles are served from here (drf-spectacular's sidecar), not from a CDN."""

    url_name = "schema"
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
