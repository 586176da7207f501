"""A process is told from a later one of its number, and killed with all below it."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from runs.execution.process import (
    process_identity,
    process_is_alive,
    process_tree_kill,
)
from runs.execution.processes.runner import tree
from tests.runs.execution.processes import (
    eventually,
    is_alive,
    pid_in,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_identity_tells_a_process_from_a_later_one_of_its_number():
    mine = process_identity()
    assert process_is_alive(mine)
    assert process_identity() == mine
    assert mine.pid == os.getpid()
    for change in ({"started": mine.started - 1}, {"boot_id": "other"}, {"host": "other"}):
        fields = {name: getattr(mine, name) for name in ("pid", "started", "boot_id", "host")}
        assert not process_is_alive(type(mine)(**{**fields, **change}))


def test_a_zombie_and_a_gone_process_are_not_alive():
    process = subprocess.Popen(["true"])
    identity = process_identity(process.pid)
    assert eventually(lambda: not is_alive(process.pid))
    assert not process_is_alive(identity)
    process.wait()
    assert not process_is_alive(identity)
    with pytest.raises(psutil.NoSuchProcess):
        process_identity(process.pid)


def test_a_tree_is_killed_and_only_the_right_one(tmp_path):
    script = f"trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/pid; sleep 60' & wait"
    with subprocess.Popen(["sh", "-c", script]) as process:
        child = pid_in(tmp_path / "pid")
        identity = process_identity(process.pid)
        other = type(identity)(process.pid, identity.started + 1, identity.boot_id, identity.host)
        assert process_tree_kill(other, 0.1) == 0
        assert is_alive(child)
        assert process_tree_kill(identity, 0.1) == 3
        assert process.wait(5) == -signal.SIGKILL  # and nobody else has waited for it
    assert eventually(lambda: not is_alive(child))
    assert process_tree_kill(identity, 0.1) == 0


def test_the_way_without_proc_finds_the_same_tree():
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = tree.children_proc(process.pid)
        assert len(found) == 1
        assert tree.children_ps()(process.pid) == found
        assert set(found) | {process.pid} <= set(tree.descendants(os.getpid()))
        os.kill(found[0], signal.SIGKILL)
        process.kill()
