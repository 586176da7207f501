"""Routes: the API at bare paths, the admin, and what tells a machine how the server is."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from autopack_site.api.documents import DocsView, SchemaView
from autopack_site.api.probes import HealthView, MetricsView, ReadyView
from autopack_site.setup_page import setup_page

admin.autodiscover()
admin.site.site_header = admin.site.site_title = "Autopack"

urlpatterns = [
    path("", RedirectView.as_view(url="/ui/")),
    # Until there are pages, the API's own documentation is the place to start from.
    path("ui/", RedirectView.as_view(url="/docs")),
    path("setup/<str:token>", setup_page),
    path("admin/", admin.site.urls),
    path("health", HealthView.as_view()),
    path("ready", ReadyView.as_view()),
    path("metrics", MetricsView.as_view()),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsView.as_view()),
    path("", include("runs.api.urls")),
]

handler400 = "autopack_site.api.errors.bad_request"
handler403 = "autopack_site.api.errors.permission_denied"
handler404 = "autopack_site.api.errors.page_not_found"
handler500 = "autopack_site.api.errors.server_error"
