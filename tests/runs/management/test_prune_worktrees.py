"""prune_worktrees: idle worktrees are given back, those in use are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.runs.execution.driving import drive, in_background
from tests.runs.execution.plans import add_line, phase
from tests.runs.fleet.gates import Gate
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun


def test_idle_worktrees_go_and_a_dry_run_only_says_so(make_run: MakeRun, tmp_path: Path):
    drive(make_run(phase("a", add_line(0))))
    (tree,) = (tmp_path / "worktrees").rglob("tree")
    assert f"would remove {tree}" in call("prune_worktrees", "--dry-run").output
    assert tree.is_dir()
    assert f"removed {tree}" in call("prune_worktrees").output
    assert not tree.exists()


def test_a_worktree_in_use_stays(make_run: MakeRun, tmp_path: Path):
    gate = Gate(tmp_path)
    run = make_run(phase("a", checks=[gate.check]))
    with in_background(run) as background:
        gate.reached()
        assert "Worktrees in use: 1." in call("prune_worktrees", "--no-gc").output
        gate.open()
        background()
    assert run.state == "SUCCEEDED"
