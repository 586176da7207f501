"""The whole OpenAPI document against what the server does: no 5xx, nothing undocumented, no way
round a scope. `make fuzz` looks longer (AUTOPACK_FUZZ_EXAMPLES)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.utils import timezone

from runs.models import Approval
from tests.runs.api.conftest import caller_of
from tests.runs.factories import AttemptFactory, PhaseFactory, ProjectFactory, RunFactory

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.slow
EXAMPLES = os.environ.get("AUTOPACK_FUZZ_EXAMPLES", "6")
# CI tries the same each time, so that red means a change; a longer look is a new one each time.
SEED = ["--seed", "1"] if "AUTOPACK_FUZZ_EXAMPLES" not in os.environ else []
BOUND = 60 * max(1.0, int(EXAMPLES) / 6)
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# Noted with every use of a key, whatever is asked for.
NOTED = {"apikey"}


def rows() -> dict[str, list[dict[str, Any]]]:
    """All that is in the tables of runs."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("runs").get_models()
        if model._meta.model_name not in NOTED
    }


def seed(home: Path) -> None:
    """What schemathesis.toml names: runs and a project `seen`, an approval 1."""
    ProjectFactory.create(name="seen")
    run = RunFactory.create(run_id="seen", running=True)
    phase = PhaseFactory.create(run=run, key="a", running=True)
    AttemptFactory.create(phase=phase, number=1, fence=1, failed=True)
    folder = home / "runs" / "seen" / "a" / "1"
    folder.mkdir(parents=True)
    (folder / "attempt.log").write_text("a log\n")
    (folder / "diff.patch").write_text("a diff\n")
    Approval.objects.create(
        pk=1, run=run, phase=phase, kind="phase", question="?",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip


def fuzzed(server: str, folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("schemathesis")
    headers = ["--header", f"Authorization: Bearer {key}"] if key else []
    return subprocess.run(
        [
            str(program), "--config-file", str(CONFIGURATION), "run", f"{server}/schema", *headers,
            "--max-examples", EXAMPLES, "--no-color", "--workers", "1", *SEED,
        ],
        cwd=folder, capture_output=True, text=True, timeout=BOUND, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["", "read", "admin"])
def test_the_document_is_what_the_server_does(
    server: str,
    home: Path,
    tmp_path: Path,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    scope: str,
):
    caplog.set_level("ERROR", logger="django")
    settings.AUTOPACK_API_RATE = 0
    seed(home)
    key = caller_of(scope).key if scope else ""
    before = rows()
    done = fuzzed(server, tmp_path, key)
    told = done.stdout.partition("= FAILURES =")[2] or done.stdout
    assert done.returncode == 0, told[:8000] + done.stderr[-2000:]
    assert re.search(r"Tested: 2\d", done.stdout), "all operations were tried"
    if scope != "admin":
        assert rows() == before, "nothing may be written without a scope that says so"
