"""serve --workers 0: pages and API without a cluster; worker beside it does the work."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from tests.repositories import GitRepository
from tests.serving.server import MANAGE, Server, until
from tests.serving.test_serving import CREATE, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]


class WebOnly(Server):
    def cluster_parts(self) -> list[psutil.Process]:
        """There is nothing to wait for but the pages."""
        return [psutil.Process()] if self._is_ready() else []

    def _is_ready(self) -> bool:
        return httpx.get(f"{self.url}/ready").status_code == 200


@contextlib.contextmanager
def worker_beside(server: Server) -> Iterator[None]:
    argv = [sys.executable, str(MANAGE), "worker", "--workers", "1"]
    with subprocess.Popen(argv, env=server.env) as worker:
        try:
            yield
            worker.terminate()
            assert worker.wait(30) == 0
        finally:
            worker.kill()


def test_pages_alone_execute_nothing_until_a_worker_is_there(tmp_path: Path) -> None:
    project = GitRepository.create(tmp_path / "project", f__txt="start\n")
    server = WebOnly(tmp_path, workers=0)
    try:
        server.start()
        assert server.process is not None
        (web,) = psutil.Process(server.process.pid).children()
        assert "web" in web.cmdline()
        server.shell(CREATE, str(project.folder), "waits", "echo x >> f.txt")
        assert server.shell(STATE, "waits") == "QUEUED"
        with worker_beside(server):
            until(lambda: server.shell(STATE, "waits") == "SUCCEEDED", within=40, what="it is done")
        assert server.stop() == 0
        assert not re.search("Traceback|started again", server.log), server.log
    finally:
        for left in server.processes():
            left.kill()
