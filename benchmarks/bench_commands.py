"""The fixed cost of our commands: `manage.py COMMAND --help` over `python -c pass`.

    python -m benchmarks.bench_commands [--rounds N] [--command NAME ...] [--imports NAME]

--help loads Django, the apps and the command's module, and ends before any work; the second kind,
for information, goes on into the system checks and the database. Both sides run byte-compiled,
with the same interpreter and environment. --imports shows what takes longest to import.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.measuring import (
    ROOT,
    Comparison,
    Sample,
    finish,
    measured,
    product_environment,
    product_load,
    rounds_run,
    workshop,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MUST = 25.0
# `python -c pass` is so short that one of them says little on a busy machine.
NOTHINGS = 5
# The best of so many counts: a preempted import looks expensive once, not always.
IMPORTS_TIMED = 7
# Commands of ours that a person or a script starts again and again.
WORKING = (("execute_run", "no-such-run"), ("migrate", "--check"))


def own_commands() -> list[str]:
    folders = ROOT.glob("*/management/commands")
    names = {path.stem for folder in folders for path in folder.glob("*.py")}
    return sorted(name for name in names if not name.startswith("_"))


def environment_of(folder: Path) -> dict[str, str]:
    """Byte code is written and read, in a folder of ours, whatever the machine prefers."""
    environment = product_environment(folder)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME", "PYTHONOPTIMIZE"):
        environment.pop(name, None)
    return environment | {"PYTHONPYCACHEPREFIX": str(folder / "byte-code")}


def manage(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *words]


def command_run(
    argv: list[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )


def compare(words: tuple[str, ...], environment: Mapping[str, str], rounds: int) -> Comparison:
    argv, nothing = manage(*words), [sys.executable, "-c", "pass"]
    is_help = words[-1:] == ("--help",)
    first = command_run(argv, environment)  # writes the byte code
    assert "Traceback" not in first.stderr, first.stderr
    assert first.returncode == 0 or not is_help, first.stderr
    command_run(nothing, environment)

    def side(argv: list[str], times: int = 1) -> Sample:
        whole = measured(lambda: [command_run(argv, environment) for _ in range(times)])
        return Sample(whole.wall / times, whole.cpu / times)

    comparison = Comparison(f"manage.py {' '.join(words)}", must=MUST if is_help else None)
    rounds_run(comparison, lambda _: side(nothing, NOTHINGS), lambda _: side(argv), rounds)
    return comparison


def imports_print(words: tuple[str, ...], environment: Mapping[str, str], most: int = 30) -> None:
    """The modules that cost most by themselves, and the packages, with all that is below them."""
    argv = manage(*words)
    best: dict[str, tuple[int, int]] = {}
    for _ in range(IMPORTS_TIMED):
        timed = command_run([argv[0], "-X", "importtime", *argv[1:]], environment)
        for line in timed.stderr.splitlines():
            parts = line.removeprefix("import time:").split("|")
            if line.startswith("import time:") and len(parts) == 3 and parts[0].strip().isdigit():
                name, now = parts[2].strip(), (int(parts[0]), int(parts[1]))
                known = best.get(name, now)
                best[name] = (min(known[0], now[0]), min(known[1], now[1]))
    rows = [(own, whole, name) for name, (own, whole) in best.items()]
    packages: dict[str, int] = {}
    for own, _, name in rows:
        packages[name.split(".")[0]] = packages.get(name.split(".")[0], 0) + own
    print(f"\n{len(rows)} modules, {sum(row[0] for row in rows) / 1000:.0f} ms. ms by package:")
    for name, own in sorted(packages.items(), key=lambda item: -item[1])[:most]:
        print(f"  {own / 1000:7.1f} {name}")
    print("ms by module: by itself, with what it imports")
    for own, whole, name in sorted(rows, key=lambda row: -row[1])[: 2 * most]:
        print(f"  {own / 1000:7.1f} {whole / 1000:7.1f} {name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--command", nargs="+", metavar="NAME", help="default: all of ours")
    parser.add_argument("--imports", metavar="NAME", help="show what this command imports")
    options = parser.parse_args()
    names = options.command or own_commands() or ["check"]
    with workshop("bench_commands") as folder:
        environment = environment_of(folder)
        if options.imports:
            command_run(manage(options.imports, "--help"), environment)
            imports_print((options.imports, "--help"), environment)
            return 0
        product_load(folder)
        asked = [(name, "--help") for name in names]
        asked += [words for words in WORKING if words[0] in {*names, "migrate"}]
        return finish([compare(words, environment, options.rounds) for words in asked])


if __name__ == "__main__":
    sys.exit(main())
