"""Workers beside plain django-q2: a phase's cost, how soon a wake-up begins, what idling costs.

    python -m benchmarks.bench_workers [--rounds N]

A phase: ours is `manage.py worker --workers 2` as it is, and one run that is a chain of phases,
each of which writes a file and is validated by `true`. Counted is from the end of the first
attempt to the end of the last, divided by the attempts in between: claim, worktree, recipe,
governance, logs, rows, report. Taken off is what the worker waited for git (processes, git that is
asked over a pipe, libgit2's commit) and for the phase's own command, `true`; the meters for that
are in benchmarks/metered.py. django-q2 is a chain of tasks that do nothing, at save_limit 0, on a
SQLite file with the same options, from the first's begin to the last's.

A wake-up: from just before the message is put until the task's function begins; one at a time,
with pauses, so that the workers are at rest. Idling: CPU of all processes of `worker`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass

from benchmarks.measuring import Comparison, comparisons_print, workshop
from benchmarks.worker_clusters import Ours, Plain

PHASES, WAKE_UPS, IDLE_SECONDS = 60, 60, 15.0
# django-q2's own default, and the fastest at which its idle cost stays below a tenth of a core.
POLLS = (0.2, 0.02)


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure of ours alone; `must` gates, `aim` is what we are after."""

    name: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None

    @property
    def is_missed(self) -> bool:
        return self.must is not None and self.value > self.must

    def __str__(self) -> str:
        verdict = "info" if self.must is None and self.aim is None else "PASS"
        if self.aim is not None:
            reached = self.value <= self.aim
            verdict = "PASS (aim reached)" if reached else f"PASS (aim {self.aim:g} not reached)"
        if self.is_missed:
            verdict = f"MISS (must <= {self.must:g})"
        return f"  {self.name}: {self.value:.2f} {self.unit}  {verdict}"


# --- The comparison ---------------------------------------------------------------------------


def chains_compare(ours: Ours, plain: list[Plain], rounds: int) -> tuple[list[Comparison], Bound]:
    names = ["a phase without git, beside a chain polling every 0.2 s", "  every 0.02 s (gate)"]
    slow, fast = Comparison(names[0]), Comparison(names[1], must=1.0)
    many = Comparison("  24 chains of 4 at once, no poll waited for")
    parts: list[dict[str, float]] = []

    def take_ours() -> None:
        sample, part = ours.chain(PHASES)
        slow.ours.append(sample)
        fast.ours.append(sample)
        parts.append(part)

    order = (
        take_ours,
        lambda: slow.reference.append(plain[0].chain(PHASES // 2)),
        lambda: fast.reference.append(plain[1].chain(PHASES)),
        lambda: many.ours.append(ours.many(24, 4)),
        lambda: many.reference.append(plain[1].many(24, 4)),
    )
    for number in range(rounds):
        for take in order if number % 2 else reversed(order):
            take()
            for each in plain:
                each.forget()
    print("\nOf a phase, ms: " + ", ".join(
        f"{name} {statistics.median(part[name] for part in parts) * 1000:.2f}"
        for name in parts[0]
    ))  # fmt: skip
    cost = statistics.median(sample.wall for sample in fast.ours) * 1000
    return [slow, fast, many], Bound("a phase without git and its command", cost, "ms", aim=1.5)


def wake_ups_compare(ours: Ours, plain: list[Plain]) -> list[Bound]:
    found = ours.wake_ups(WAKE_UPS)
    bounds = []
    for name, seconds, must, aim in (
        ("enqueue to start", found, 50.0, 15.0),
        *(
            (f"  django-q2, polling every {poll:g} s", each.wake_ups(WAKE_UPS), None, None)
            for each, poll in zip(plain, POLLS, strict=True)
        ),
    ):
        p95 = statistics.quantiles(seconds, n=20)[-1] * 1000
        bounds.append(Bound(f"{name}, p50", statistics.median(seconds) * 1000, "ms", must, aim))
        bounds.append(Bound(f"{name}, p95", p95, "ms"))
    return bounds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with workshop("workers") as folder:
        plain = [Plain(folder / f"q2-{poll:g}", poll) for poll in POLLS]
        ours = Ours(folder)
        comparisons, cost = chains_compare(ours, plain, options.rounds)
        bounds = [cost, *wake_ups_compare(ours, plain)]
        idle = ours.idle_percent(IDLE_SECONDS)
        bounds.append(Bound("idling, 2 workers", idle, "% of a core", must=4.0))
    comparisons_print(comparisons)
    print("\nOurs alone:")
    for bound in bounds:
        print(bound)
    missed = [each.name for each in (*comparisons, *bounds) if each.is_missed]
    if missed:
        print(f"Missed: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
