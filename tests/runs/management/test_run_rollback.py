"""run_rollback: phases are taken back out of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runs.execution.driving import drive
from tests.runs.execution.plans import add_line, phase
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository


def test_the_last_phase_is_taken_back(make_run: MakeRun, repository: GitRepository):
    run = make_run(phase("a", add_line(0)), phase("b", checks=["false"], after=("a",)))
    drive(run)
    assert repository.subjects("autopack/first") == ["Phase a"]
    done = call("run_rollback", "first")
    assert done.code == 0, done.errors
    assert "a is PENDING again" in done.output


@pytest.mark.django_db
def test_an_unknown_run_is_told():
    refused = call("run_rollback", "none")
    assert refused.code != 0
    assert "There is no run 'none'" in refused.errors
