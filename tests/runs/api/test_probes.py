"""What watches a server asks: alive, ready, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from autopack_site.api import probes
from tests.runs.factories import PhaseFactory, RunFactory

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.runs.api.conftest import Caller


def test_health_asks_nothing_of_anybody():
    # Without the fixture that opens the database: a query would be an error.
    answer = Client().get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_looks_for_the_database_and_its_migrations(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
):
    monkeypatch.setattr(probes, "_seen_migrated", [])
    client = Client()
    assert client.get("/ready").json() == {"status": "ok"}
    with django_assert_num_queries(1):
        assert client.get("/ready").status_code == 200


@pytest.mark.django_db
def test_a_database_that_lacks_a_migration_is_not_ready(monkeypatch: pytest.MonkeyPatch):
    from django.db import connection

    monkeypatch.setattr(probes, "_seen_migrated", [])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'runs'")
    answer = Client().get("/ready")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    assert "manage.py migrate" in answer.json()["error"]["message"]


@pytest.mark.django_db
def test_metrics_need_a_key_and_count_what_is_going_on(
    reader: Caller, django_assert_num_queries: DjangoAssertNumQueries
):
    assert Client().get("/metrics").status_code == 401
    PhaseFactory.create(running=True)
    RunFactory.create_batch(3, queued=True)
    reader.get("/metrics")
    with django_assert_num_queries(5):
        text = reader.get("/metrics").content.decode()
    assert 'autopack_runs_active{state="QUEUED"} 3.0' in text
    assert 'autopack_runs_active{state="AWAITING_APPROVAL"} 0.0' in text
    assert 'autopack_phases_active{state="RUNNING"} 1.0' in text
    (line,) = (x for x in text.splitlines() if x.startswith("autopack_oldest_queued_run_seconds "))
    assert 0 < float(line.split()[1]) < 60
