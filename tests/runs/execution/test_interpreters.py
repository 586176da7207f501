"""Which Python is chosen, and how few are asked."""

import json
import os
import sys
from pathlib import Path

import pytest

from runs.execution.environment.interpreters import (
    PROBE,
    InterpreterMissing,
    interpreter_choose,
    interpreter_running,
)
from runs.execution.process import Command, run


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


class Probe:
    """Answers as the named interpreters would; notes who was asked."""

    def __init__(self, versions: dict[Path, str]) -> None:
        self.versions, self.asked = versions, list[Path]()

    def __call__(self, path: Path) -> str | None:
        self.asked.append(path)
        if path not in self.versions:
            return None
        version = [int(part) for part in self.versions[path].split(".")]
        return json.dumps([version, str(path), str(path.parent.parent), str(path.parent.parent)])


def nobody(path: Path) -> str | None:
    raise AssertionError(f"{path} was run")


def test_the_running_interpreter_is_taken_without_asking() -> None:
    chosen = interpreter_choose(">=3.8", search_path=os.environ["PATH"], probe=nobody)
    assert chosen == interpreter_running()
    assert chosen.path.is_file()
    assert not chosen.path.is_symlink()


def test_the_newest_that_fits_is_taken_and_others_are_not_asked(tmp_path: Path) -> None:
    paths = {f"3.{minor}": program(tmp_path / f"bin/python3.{minor}") for minor in (61, 62, 63)}
    probe = Probe({path: f"{version}.4" for version, path in paths.items()})
    chosen = interpreter_choose(">=3.60,<3.63", search_path=str(tmp_path / "bin"), probe=probe)
    assert chosen.version == (3, 62, 4)
    assert probe.asked == [paths["3.62"]]


def test_a_shim_is_looked_through(tmp_path: Path) -> None:
    program(tmp_path / "shims/python3.70")
    real = program(tmp_path / "versions/3.70.1/bin/python")
    program(tmp_path / "versions/3.71.0/bin/python")
    probe = Probe({real: "3.70.1"})
    chosen = interpreter_choose("==3.70.*", search_path=str(tmp_path / "shims"), probe=probe)
    assert chosen.path == real
    assert probe.asked == [real]


def test_a_broken_interpreter_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "a/python3.80")
    good = program(tmp_path / "b/python3.80")
    search = os.pathsep.join([str(tmp_path / "a"), "relative", str(tmp_path / "b")])
    chosen = interpreter_choose("==3.80.*", search_path=search, probe=Probe({good: "3.80.0"}))
    assert chosen.path == good


def test_what_is_missing_is_said_with_what_there_is(tmp_path: Path) -> None:
    program(tmp_path / "python3.90")
    with pytest.raises(InterpreterMissing, match=r"needs Python >=4.*3\.90.*install a fitting"):
        interpreter_choose(">=4", search_path=str(tmp_path), probe=nobody)


def test_the_probe_tells_the_truth_of_a_real_interpreter(tmp_path: Path) -> None:
    result = run(Command((sys.executable, "-I", "-S", "-c", PROBE), tmp_path, {}))
    version, executable, base_prefix, _ = json.loads(result.output)
    assert version == list(sys.version_info[:3])
    assert executable == sys.executable
    assert base_prefix == sys.base_prefix
