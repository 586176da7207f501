"""serve and worker: alive whatever dies, gone when told, nothing left."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.repositories import GitRepository
from tests.serving.server import QUICK, Server, serving, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psutil

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]

CREATE = """
source, run_id, script = sys.argv[1:4]
project = services.project_ensure(source=source)
phase = {
    "id": "only", "title": "Only", "validation_commands": ["true"],
    "builder": {"backend": "recipe", "steps": [{"kind": "run", "argv": ["sh", "-c", script]}]},
}
plan = {"schema_version": 1, "goal": "A test", "phases": [phase]}
run = services.run_create(project=project, structured_plan=plan, run_id=run_id)
services.run_execute(run, trigger="api")
"""
STATE = "print(json.dumps(Run.objects.get(run_id=sys.argv[1]).state))"
ATTEMPTS = """
print(json.dumps(list(Attempt.objects.filter(phase__run__run_id=sys.argv[1]).order_by("number")
    .values("outcome", "explanation", "phase__crashes"))))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("serving"), workers=2) as started:
        yield started


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    return GitRepository.create(tmp_path_factory.mktemp("projects") / "project", f__txt="start\n")


def succeeds(
    server: Server, project: GitRepository, run_id: str, script: str = "echo x >> f.txt"
) -> None:
    server.shell(CREATE, str(project.folder), run_id, script)
    until(
        lambda: server.shell(STATE, run_id) == "SUCCEEDED",
        within=40,
        what=f"{run_id}\n{server.log}",
    )


def replaced(server: Server, victims: list[psutil.Process], how: signal.Signals) -> None:
    """Send `how` to each of `victims`, and see a whole cluster without them."""
    before = {(victim.pid, victim.create_time()) for victim in victims}
    for victim in victims:
        victim.send_signal(how)

    def is_whole() -> bool:
        parts = {(part.pid, part.create_time()) for part in server.cluster_parts()}
        return bool(parts) and not parts & before

    until(is_whole, within=40, what=f"the dead are replaced\n{server.log}")


def test_a_run_is_executed(server: Server, project: GitRepository) -> None:
    succeeds(server, project, "plain")
    assert "plain" in project.git("branch", "--list", "autopack/plain")


def test_idle_workers_that_are_killed_are_replaced_and_work_goes_on(
    server: Server, project: GitRepository
) -> None:
    replaced(server, server.workers_now(), signal.SIGKILL)
    succeeds(server, project, "after-workers")


def test_a_killed_sentinel_takes_its_cluster_along_and_a_new_one_comes(
    server: Server, project: GitRepository
) -> None:
    sentinel = server.sentinel()
    assert sentinel is not None
    old = server.cluster_parts()
    sentinel.kill()
    until(lambda: not any(part.is_running() for part in old), within=10, what="the old ones died")
    until(server.cluster_parts, within=30, what=f"a new cluster\n{server.log}")
    succeeds(server, project, "after-sentinel")


def test_a_killed_master_takes_its_cluster_along_and_a_new_one_comes(
    server: Server, project: GitRepository
) -> None:
    master = server.master()
    assert master is not None
    old = server.cluster_parts()
    master.kill()
    until(lambda: not any(part.is_running() for part in old), within=10, what="the old ones died")
    until(server.cluster_parts, within=30, what=f"a new cluster\n{server.log}")
    succeeds(server, project, "after-master")


def test_a_cluster_that_hangs_is_started_again(server: Server, project: GitRepository) -> None:
    # A pusher that is stopped takes no message and is not dead: nobody but us notices.
    old = server.cluster_parts()
    server.shell(CREATE, str(project.folder), "hanging", "sleep 1; echo x >> f.txt")
    for part in old:
        part.suspend()
    until(lambda: server.shell(STATE, "hanging") == "SUCCEEDED", within=90, what=server.log)


def test_the_first_link_makes_the_administrator_once(tmp_path: Path) -> None:
    with serving(tmp_path, workers=1) as server:
        link = re.search(r"http://\S+/setup/\S+", server.log)
        assert link is not None, server.log
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(link[0])
            assert page.status_code == 200
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert token is not None
            form = {"csrfmiddlewaretoken": token[1], "username": "boss"}
            weak = browser.post(link[0], data={**form, "password1": "1", "password2": "1"})
            assert weak.status_code == 400
            secret = "correct horse battery"
            done = browser.post(link[0], data={**form, "password1": secret, "password2": secret})
            assert done.status_code == 200
            assert "/admin/" in str(done.url)
            assert "boss" in done.text.lower()
            assert browser.get(link[0]).status_code == 404
        assert httpx.get(f"{server.url}/setup/wrong").status_code == 404


def test_a_stop_lets_a_phase_end_and_leaves_nothing(tmp_path: Path, project: GitRepository) -> None:
    with serving(tmp_path, workers=1) as server:
        server.shell(CREATE, str(project.folder), "last", "sleep 2; echo x >> f.txt")
        until(lambda: server.shell(ATTEMPTS, "last"), within=20, what="it starts")
        assert server.stop() == 0
        assert server.processes() == []
        assert server.shell(STATE, "last") == "SUCCEEDED"


def test_a_stop_past_its_patience_queues_the_phase_again_which_is_no_crash(
    tmp_path: Path, project: GitRepository
) -> None:
    with serving(tmp_path, workers=1, AUTOPACK_DRAIN_SECONDS="1") as server:
        server.shell(CREATE, str(project.folder), "long", "sleep 60")
        until(lambda: server.shell(ATTEMPTS, "long"), within=20, what="it starts")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 20
        assert server.processes() == []
        (attempt,) = server.shell(ATTEMPTS, "long")
        assert attempt["outcome"] == "abandoned"
        assert attempt["phase__crashes"] == 0
        assert "stopped with its server" in attempt["explanation"]


def test_a_port_that_is_taken_is_said_before_anything_starts(server: Server) -> None:
    done = server.manage("serve", "--port", str(server.port))
    assert done.returncode == 1
    assert "--port" in done.stderr


def test_a_worker_of_its_own_executes_runs(tmp_path: Path, project: GitRepository) -> None:
    import subprocess
    import sys

    from tests.serving.server import MANAGE

    elsewhere = Server(tmp_path, workers=1)
    assert elsewhere.manage("migrate").returncode == 0
    with (tmp_path / "server.log").open("ab") as log:
        elsewhere.process = subprocess.Popen(
            [sys.executable, str(MANAGE), "worker", "--workers", "1"],
            env={**elsewhere.env, **QUICK}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        succeeds(elsewhere, project, "by-worker")
        assert elsewhere.stop() == 0
        assert elsewhere.processes() == []
    finally:
        if elsewhere.process.poll() is None:
            elsewhere.process.kill()
