"""Rules for all of our commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import load_command_class

from runs.management.edge import EdgeCommand
from tests.runs.fleet.manage import ROOT, own_environment
from tests.runs.management.calls import call

COMMANDS = sorted(
    path.stem
    for path in (ROOT / "runs" / "management" / "commands").glob("*.py")
    if path.stem != "__init__"
)
# What a command may load only when it has work to do with it.
HEAVY = ("rich", "jsonschema", "rest_framework.views", "runs.execution.driver", "runs.services")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_test(name: str):
    told = re.compile(rf"[\"']{name}[\"']")
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(told.search(path.read_text(encoding="utf-8")) for path in tests), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str):
    shown = load_command_class("runs", name).create_parser("manage.py", name).format_help()
    assert "examples:" in shown
    assert f"manage.py {name}" in shown.partition("examples:")[2]
    # The description is shown in the lines that it was written in.
    assert max(len(line) for line in shown.splitlines()) <= 105


def test_help_loads_nothing_heavy(tmp_path: Path):
    names = [name for name in COMMANDS if issubclass(_class(name), EdgeCommand)]
    assert len(names) >= 8
    source = (
        "import sys, io, contextlib, django; from django.core.management import *\n"
        "django.setup()\n"
        f"for name in {names}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        ManagementUtility(['manage.py', name, '--help']).execute()\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], env=own_environment(tmp_path / "home"), cwd=ROOT,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("", "")


def _class(name: str) -> type:
    return type(load_command_class("runs", name))


@pytest.mark.parametrize("name", ["execute_run", "run_retry", "run_cancel"])
@pytest.mark.django_db
def test_an_unknown_run_is_told_before_anything_else(name: str):
    unknown = call(name, "none")
    assert unknown.code == 2
    assert "no other one either" in unknown.errors
