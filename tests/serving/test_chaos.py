"""Runs survive: workers are killed and stopped at random, the whole server is killed once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.repositories import GitRepository
from tests.serving.server import Server, serving, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]

RUNS, PHASES, WORKERS = 8, 4, 4
KILLS = 12

CREATE = """
source, plan, count = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
project = services.project_create(name="chaos", source=source)
for number in range(count):
    run = services.run_create(project=project, structured_plan=plan, run_id=f"chaos-{number}")
    services.run_execute(run, trigger="api")
"""
STATES = """
print(json.dumps({run.run_id: [run.state, run.failure_kind] for run in Run.objects.all()}))
"""
FACTS = """
print(json.dumps({
    "held": Attempt.objects.filter(outcome="").count(),
    "succeeded": list(Attempt.objects.filter(outcome="succeeded")
        .values_list("phase__run__run_id", "phase__key")),
    "complete": list(Phase.objects.filter(state="COMPLETE").values_list("run__run_id", "key")),
    "integrations": list(StatusChange.objects.filter(to_state="COMPLETE")
        .values_list("run__run_id", "phase__key")),
    "abandoned": Attempt.objects.filter(outcome="abandoned").count(),
}))
"""


def plan() -> str:
    """Four phases, the second and third side by side, each of half a second or so."""
    phases = [
        {
            "id": f"phase-{number}",
            "title": f"Phase {number}",
            "depends_on": after,
            "scope": {"modify": [f"f{number}.txt"]},
            "builder": {
                "backend": "recipe",
                "steps": [
                    {"kind": "run", "argv": ["sh", "-c", f"sleep 0.5; echo done >> f{number}.txt"]}
                ],
            },
            "validation_commands": [f"grep -q done f{number}.txt"],
        }
        for number, after in enumerate(([], ["phase-0"], ["phase-0"], ["phase-1", "phase-2"]))
    ]
    return json.dumps({"schema_version": 1, "goal": "Survive", "phases": phases})


class Chaos(threading.Thread):
    """Kills or stops a part of the cluster every second or so, `kills` times."""

    def __init__(self, server: Server, kills: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.server, self.kills = server, kills
        self.dice = random.Random(seed)  # noqa: S311 (a test's dice)
        self.done: Counter[str] = Counter()
        self.enough = threading.Event()

    def run(self) -> None:
        while self.kills > 0 and not self.enough.wait(self.dice.uniform(0.3, 1.0)):
            parts = self.server.cluster_parts()
            if not parts:
                continue
            victim = self.dice.choice(parts)
            with contextlib.suppress(psutil.NoSuchProcess):
                if self.dice.random() < 0.3:
                    victim.suspend()
                    threading.Timer(9.0, _resume, (victim,)).start()
                    self.done["stopped"] += 1
                else:
                    victim.kill()
                    self.done["killed"] += 1
                self.kills -= 1


def _resume(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


def test_every_phase_is_committed_once_whatever_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("AUTOPACK_CHAOS_SEED", "0")) or random.randrange(10**6)  # noqa: S311
    print(f"seed {seed}")  # noqa: T201 (to do it again: AUTOPACK_CHAOS_SEED)
    repository = GitRepository.create(
        tmp_path / "project", **{f"f{number}__txt": "start\n" for number in range(PHASES)}
    )
    databases = {
        name: os.environ[f"CHAOS_{name}"]
        for name in ("DATABASE_URL", "REDIS_URL")
        if os.environ.get(f"CHAOS_{name}")
    }
    if databases:
        # Not ours alone: nothing of an earlier test may be in it.
        elsewhere = Server(tmp_path, workers=WORKERS, **databases)
        for command in (("migrate",), ("flush", "--no-input")):
            done = elsewhere.manage(*command)
            assert done.returncode == 0, done.stderr
    with serving(tmp_path, workers=WORKERS, **databases) as server:
        server.shell(CREATE, str(repository.folder), plan(), str(RUNS))
        chaos = Chaos(server, KILLS, seed)
        chaos.start()
        until(lambda: chaos.kills <= KILLS // 2, within=60, what="half of the kills")
        server.kill()
        # Nobody is left of it, although it could not say good-bye.
        until(lambda: not server.processes(), within=15, what=f"all died: {server.processes()}")
        server.start()
        until(
            lambda: all(_is_over(state) for state, _ in server.shell(STATES).values()),
            within=150,
            what=f"every run ends: {server.log[-3000:]}",
        )
        chaos.enough.set()
        chaos.join()
        states = server.shell(STATES)
        facts = server.shell(FACTS)
        assert server.stop() == 0
        until(lambda: not server.processes(), within=15, what=f"nothing left: {server.processes()}")
    _check(repository, tmp_path, states, facts)
    print(chaos.done, f"{facts['abandoned']} attempts lost", Counter(map(tuple, states.values())))  # noqa: T201


def _is_over(state: str) -> bool:
    return state in ("SUCCEEDED", "FAILED", "CANCELLED", "TIMEOUT")


def _check(
    repository: GitRepository, folder: Path, states: dict[str, list[str]], facts: dict[str, object]
) -> None:
    assert len(states) == RUNS
    for run_id, (state, kind) in states.items():
        # Three crashes of one phase are what the limit is for, and bad luck here.
        assert state == "SUCCEEDED" or kind == "crash_limit", f"{run_id}: {state} {kind}"
    assert facts["held"] == 0
    complete = sorted(map(tuple, facts["complete"]))  # type: ignore[call-overload]
    for name in ("succeeded", "integrations"):
        assert sorted(map(tuple, facts[name])) == complete, name  # type: ignore[call-overload]
    for run_id, (state, _) in states.items():
        if state != "SUCCEEDED":
            continue
        trailers = "--format=%(trailers:key=Autopack-Phase,valueonly)"
        log = repository.git("log", trailers, "--no-merges", f"main..autopack/{run_id}")
        phases = Counter(line for line in log.split("\n") if line)
        assert phases == Counter({f"phase-{number}": 1 for number in range(PHASES)}), run_id
        for number in range(PHASES):
            content = repository.git("show", f"autopack/{run_id}:f{number}.txt")
            assert content == "start\ndone", f"{run_id} f{number}.txt"
    assert sum(state == "SUCCEEDED" for state, _ in states.values()) >= RUNS // 2
    # No worktree is held by anybody, or marked as if.
    assert list((folder / "worktrees").glob("*/w*/busy")) == []
    repository.git("fsck", "--no-dangling")
