"""What watches a server asks: is it alive, can it work, how much is there to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from autopack_site.api.metrics import metrics_text
from runs.api.calls import Call, Problem
from runs.api.endpoint import Endpoint
from runs.api_keys import Scope

if TYPE_CHECKING:
    from rest_framework.request import Request


class Said(serializers.Serializer[Any]):
    status = serializers.CharField()


class HealthView(Endpoint):
    """Asks nobody: a server whose database is away is alive, and no better for a restart."""

    authentication_classes = ()
    calls = {"GET": Call(None, "Whether the process is alive", gives=Said)}

    def get(self, request: Request) -> Response:
        del request
        return Response({"status": "ok"})


class ReadyView(Endpoint):
    authentication_classes = ()
    calls = {"GET": Call(None, "Whether it can work: database, migrations", gives=Said)}
    _is_migrated = False

    def get(self, request: Request) -> Response:
        del request
        try:
            is_migrated = _is_migrated()
        except DatabaseError as error:
            raise Problem(503, "not_ready", "The database cannot be used.") from error
        if not is_migrated:
            raise Problem(503, "not_ready", "The database lacks migrations: manage.py migrate")
        return Response({"status": "ok"})


_seen_migrated: list[bool] = []


def _is_migrated() -> bool:
    """Whether all migrations are applied. Once they are, only the connection is tried."""
    if _seen_migrated:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    _seen_migrated.append(True)
    return True


class MetricsView(Endpoint):
    calls = {"GET": Call(Scope.READ, "Figures for Prometheus", media_type="text/plain")}

    def get(self, request: Request) -> HttpResponse:
        del request
        return HttpResponse(metrics_text(), content_type="text/plain; version=0.0.4; charset=utf-8")
