"""What plain django-q2 runs in bench_workers: the time at which it begins, and nothing else."""

import os
import time
from pathlib import Path


def step(number: int) -> None:
    began = time.perf_counter()
    with (Path(os.environ["Q2_FOLDER"]) / f"begins-{os.getpid()}").open("a") as file:
        file.write(f"{number} {began}\n")


def enqueue_chain(count: int) -> None:
    from django_q.tasks import async_chain

    async_chain([("benchmarks.q2_tasks.step", (number,)) for number in range(count)])
