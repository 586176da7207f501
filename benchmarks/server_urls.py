"""The product's routes, and a plain answer."""

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import include, path

if TYPE_CHECKING:
    from django.http import HttpRequest


def plain(_request: "HttpRequest") -> HttpResponse:
    return HttpResponse(b"ok", content_type="text/plain")


urlpatterns = [path("plain", plain), path("", include("autopack_site.urls"))]
