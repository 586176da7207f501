"""Ports: no two leases of a host share one, and a dead holder's is free again."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from runs.execution.environment import ports
from runs.execution.environment.ports import NoPortFree, ports_allocate

HOLDER = """
import sys, time
from pathlib import Path
from runs.execution.environment import ports
ports.FIRST_PORT = ports.LAST_PORT = int(sys.argv[2])
with ports.ports_allocate(["PORT"], lock_dir=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def one_port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Only one port can be leased."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    monkeypatch.setattr(ports, "FIRST_PORT", port)
    monkeypatch.setattr(ports, "LAST_PORT", port)
    return port


def test_each_name_gets_a_port_that_can_be_bound(tmp_path: Path) -> None:
    with ports_allocate(["PORT", "DB_PORT"], lock_dir=tmp_path) as lease:
        assert set(lease.ports) == {"PORT", "DB_PORT"}
        assert len(set(lease.ports.values())) == 2
        assert lease.env["PORT"] == str(lease.ports["PORT"])
        for port in lease.ports.values():
            with socket.socket() as server:
                server.bind(("127.0.0.1", port))


def test_a_leased_port_is_given_to_nobody_else(tmp_path: Path, one_port: int) -> None:
    with ports_allocate(["A"], lock_dir=tmp_path) as lease:
        assert lease.ports == {"A": one_port}
        with pytest.raises(NoPortFree, match="stop what"), ports_allocate(["B"], lock_dir=tmp_path):
            pass
    with ports_allocate(["B"], lock_dir=tmp_path) as lease:
        assert lease.ports == {"B": one_port}


def test_a_port_that_is_in_use_is_not_leased(tmp_path: Path, one_port: int) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", one_port))
        server.listen()
        with pytest.raises(NoPortFree), ports_allocate(["A"], lock_dir=tmp_path):
            pass
    # What was tried in vain is not kept locked either.
    FileLock(tmp_path / f"{one_port}.lock", timeout=0).acquire().lock.release()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_port_of_a_killed_holder_is_free_again(tmp_path: Path, one_port: int) -> None:
    argv = [sys.executable, "-c", HOLDER, str(tmp_path), str(one_port)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(NoPortFree), ports_allocate(["A"], lock_dir=tmp_path):
                pass
        finally:
            holder.kill()
    with ports_allocate(["A"], lock_dir=tmp_path) as lease:
        assert lease.ports == {"A": one_port}
