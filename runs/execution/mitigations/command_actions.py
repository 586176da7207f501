"""Actions that change how a command is run: where, on which tests, with which variables."""

from __future__ import annotations

import os.path
import re
from typing import TYPE_CHECKING

from django.conf import settings

from runs.execution.environment.ports import ports_allocate
from runs.execution.mitigations.hostile import folder_inside, number, path_inside, variable
from runs.execution.mitigations.types import Applied, NotPossible
from runs.states import Stage
from runs.toolchains.detection import test_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runs.execution.mitigations.types import Step

_WORKERS = re.compile(
    r"(-j|--jobs=|--parallel=|--workers=|--maxWorkers=|--numprocesses=|-n=?)(\d{1,4}|auto)"
)
_WORKER_OPTIONS = frozenset(
    {"-j", "--jobs", "--parallel", "--workers", "--maxWorkers", "-n", "--numprocesses", "-p"}
)
_PATH_CHARS = 1000
# What tools read for how much they do at once, besides their options.
ONE_AT_A_TIME = {
    "MAKEFLAGS": "-j1",
    "CMAKE_BUILD_PARALLEL_LEVEL": "1",
    "CARGO_BUILD_JOBS": "1",
    "GOMAXPROCS": "1",
    "PYTEST_XDIST_AUTO_NUM_WORKERS": "1",
    "npm_config_jobs": "1",
    "MAX_JOBS": "1",
    "OMP_NUM_THREADS": "1",
    "RUST_TEST_THREADS": "1",
}


def _changed(step: Step, **values: object) -> Callable[[], None]:
    """Change the step's command; returns the undo."""
    before = {name: getattr(step, name) for name in values}
    for name, value in values.items():
        setattr(step, name, value)

    def undo() -> None:
        for name, value in before.items():
            setattr(step, name, value)

    return undo


def _needs_command(step: Step) -> None:
    if not step.argv:
        raise NotPossible("There is no command whose call could be changed.")


def run_in_folder(step: Step, parameters: Mapping[str, str]) -> Applied:
    _needs_command(step)
    folder, _ = folder_inside(step.trial.bench.tree, parameters["folder"])
    if folder == step.cwd:
        raise NotPossible(f"It is run in {folder} as it is.")
    _refuse_another_file(step, folder)
    return Applied(f"run in {step.cwd}", f"run in {folder}", _changed(step, cwd=folder))


def _refuse_another_file(step: Step, folder: str) -> None:
    """What a command names must really be missing where it looks, and must not be something that
    the change under test has put elsewhere: its own output may have sent us there."""
    tree = step.trial.bench.tree
    changed = {change.path for change in step.trial.changes}
    for word in step.argv[1:]:
        if word.startswith(("-", "/")) or "\0" in word or len(word) > _PATH_CHARS:
            continue
        if os.path.lexists(tree / step.cwd / word):
            raise NotPossible(f"{word} is in {step.cwd}, where the command looks for it.")
        there = os.path.normpath(word if folder == "." else f"{folder}/{word}")
        if there.replace(os.sep, "/") in changed:
            raise NotPossible(f"{there} was made by the change that is to be checked.")


def adjust_test_command(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Name the place where a test is now, or run the tests that the toolchains find."""
    argv = argv_for_tests(step, parameters)
    before = " ".join(step.argv)
    return Applied(before, " ".join(argv), _changed(step, argv=argv))


def argv_for_tests(step: Step, parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The command that `adjust_test_command` would run. Raises NotPossible."""
    _needs_command(step)
    if step.stage is not Stage.VALIDATE:
        raise NotPossible("Only a check has a test command.")
    path = parameters["path"]
    return _argv_with(step, path) if path else _argv_found(step)


def _argv_with(step: Step, path: str) -> tuple[str, ...]:
    plain, target = path_inside(step.trial.bench.tree, path)
    if not target.exists():
        raise NotPossible(f"{plain} is not there either.")
    name = plain.rsplit("/", 1)[-1]
    found = plain if step.cwd == "." else os.path.relpath(plain, step.cwd).replace(os.sep, "/")
    argv, folder = list(step.argv), step.trial.bench.tree / step.cwd
    for position, word in enumerate(argv[1:], start=1):
        asked, colons, selected = word.partition("::")
        if len(asked) > _PATH_CHARS or "\0" in asked or os.path.lexists(folder / asked):
            continue  # what is there is tested where it is
        if asked.rstrip("/").rsplit("/", 1)[-1] == name and asked.rstrip("/") != found:
            argv[position] = f"{found}{colons}{selected}"
            return tuple(argv)
    raise NotPossible(f"The command names no {name} that could be another one.")


def _argv_found(step: Step) -> tuple[str, ...]:
    found = [c for c in test_commands(step.trial.detections) if c.cwd == step.cwd]
    if not found or found[0].argv == step.argv:
        raise NotPossible("The toolchains know no other command for the tests.")
    return found[0].argv


def pick_free_port(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Lease a free port for the variable that held the taken one."""
    taken = str(number(parameters["port"], 1, 65_535))
    bench = step.trial.bench
    ours = [name for name, value in {**bench.extra_env, **step.env}.items() if value == taken]
    name = ours[0] if ours else _port_variable(step)
    lease = step.trial.ports.enter_context(
        ports_allocate([name], lock_dir=settings.AUTOPACK_HOME / "ports")
    )
    kept = {each: value for each, value in step.env.items() if each != name}
    undo_own, undo_all = _changed(step, env=kept), _with_variables(step, lease.env)

    def undo() -> None:
        undo_own()
        undo_all()

    return Applied(f"port {taken}", f"{name}={lease.env[name]}", undo)


def _port_variable(step: Step) -> str:
    """PORT, if any file of the project speaks of it: else nobody would read it."""
    git = step.trial.bench.workspace.git
    found = git.call("grep", "-q", "-w", "-F", "--cached", "PORT", expected=(0, 1))
    if found.returncode:
        raise NotPossible("No variable is known by which the port could be changed.")
    return "PORT"


def set_environment_variable(step: Step, parameters: Mapping[str, str]) -> Applied:
    name, value = variable(parameters["name"], parameters["value"])
    bench = step.trial.bench
    if bench.extra_env.get(name) == value:
        raise NotPossible(f"{name} is {value} as it is.")
    before = f"{name}={bench.extra_env[name]}" if name in bench.extra_env else f"{name} is not set"
    return Applied(before, f"{name}={value}", _with_variables(step, {name: value}))


def lower_parallelism(step: Step, parameters: Mapping[str, str]) -> Applied:
    """One at a time: by the variables that tools read, and by the options of the command."""
    del parameters
    bench = step.trial.bench
    argv = _one_worker(step.argv)
    if argv == step.argv and ONE_AT_A_TIME.items() <= bench.extra_env.items():
        raise NotPossible("It does one thing at a time as it is.")
    undo_argv = _changed(step, argv=argv)
    undo_variables = _with_variables(step, ONE_AT_A_TIME)

    def undo() -> None:
        undo_argv()
        undo_variables()

    return Applied("as many at once as the tools choose", "one at a time", undo)


def _one_worker(argv: tuple[str, ...]) -> tuple[str, ...]:
    found = list(argv)
    for position, word in enumerate(argv[1:], start=1):
        match = _WORKERS.fullmatch(word)
        if match:
            found[position] = f"{match[1]}1"
        elif argv[position - 1] in _WORKER_OPTIONS and (word.isdecimal() or word == "auto"):
            found[position] = "1"
    return tuple(found)


def _with_variables(step: Step, values: Mapping[str, str]) -> Callable[[], None]:
    """Set variables for all that the attempt runs from now on; returns the undo."""
    bench = step.trial.bench
    before = dict(bench.extra_env)
    bench.extra_env |= values

    def undo() -> None:
        bench.extra_env.clear()
        bench.extra_env |= before

    return undo
