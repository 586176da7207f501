"""What the Doctor solves again and again is proposed as a pattern, disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

from hardening.models import FailurePattern
from runs.agents.types import Diagnosis, DoctorAction, NullDoctor
from runs.mined import failures_mined
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import add_line, phase, sh

if TYPE_CHECKING:
    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)
# Fails in the first attempt, in words that no pattern knows, and goes well in the second.
ONCE = sh(
    '[ "$AUTOPACK_ATTEMPT" -gt 1 ] || { echo "fatal: frobnicator $$ is not calibrated"; exit 3; }'
)


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    def diagnose(self: NullDoctor, request: Any, section: str, bench: Any) -> Diagnosis:
        del self, request, bench
        fix = {"kind": "wait_and_retry", "parameters": {"delay_seconds": "1", "attempts": "2"}}
        return Diagnosis(
            DoctorAction.EXECUTE_FIX, f"Calibrate it.\n{section}", 0.9, is_called=True, fix=fix
        )

    monkeypatch.setattr(NullDoctor, "diagnose", diagnose)


@pytest.mark.usefixtures("doctor")
def test_three_failures_solved_alike_become_one_disabled_pattern(make_run: MakeRun) -> None:
    for number in range(3):
        drive(make_run(phase("a", add_line(0), checks=[ONCE]), run_id=f"run-{number}"))
    mined = list(failures_mined())
    assert [(each.is_solved, str(each.action)) for each in mined] == [(True, "wait_and_retry")] * 3
    assert "frobnicator" in mined[0].text
    call_command("mine_patterns")
    proposed = FailurePattern.objects.exclude(proposal={}).get()
    assert not proposed.enabled


def test_what_nobody_solved_is_told_and_not_proposed(make_run: MakeRun) -> None:
    for number in range(3):
        drive(make_run(phase("a", add_line(0), checks=[ONCE]), run_id=f"run-{number}"))
    assert [each.is_solved for each in failures_mined()] == [False] * 3
    call_command("mine_patterns")
    assert not FailurePattern.objects.exclude(proposal={}).exists()
