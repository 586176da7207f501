"""Fixtures for the tests of fleets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runs.fleet.manage import children_use_test_database

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun


@pytest.fixture
def fleet_runs(make_run: MakeRun, settings: Settings) -> MakeRun:
    """`make_run` for runs that a fleet of this process executes."""
    children_use_test_database(settings)
    return make_run
