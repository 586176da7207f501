"""Failures that another call of the command heals: where, on what, with which variables."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.states import RunState
from tests.runs.execution.driving import drive
from tests.runs.execution.hardened import ONCE, Hardened, doctor, hardened, told
from tests.runs.execution.plans import PYTHON, add_line, phase, py, sh, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.repositories import GitRepository

__all__ = ["doctor", "hardened"]

pytestmark = pytest.mark.django_db(transaction=True)

# A stand-in for a file that only the change under test has: at the base these checks pass.
# Without the plugins of whoever runs these tests: loading them takes seconds.
PYTEST = (
    "env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", sys.executable, "-m", "pytest", "-q",
    "-pno:cacheprovider",
)  # fmt: skip
BEFORE = "cat f0.txt ../f0.txt ../../f0.txt 2>/dev/null | grep -q more || exit 0; "


@pytest.fixture(autouse=True)
def impatient(settings: Settings) -> None:
    settings.AUTOPACK_MITIGATION_WAIT_SECONDS = 0.05


def late(*argv: object) -> list[str]:
    """A command that does nothing at the base, where it would fail in the same way."""
    return sh(f'{BEFORE}exec "$@"', *argv)


def a(*checks: object) -> dict[str, object]:
    return phase("a", add_line(0), checks=list(checks), limits=ONCE)


def test_a_check_that_is_run_in_the_wrong_folder(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.write("tools/app/verify.py", "open('data.txt')\n")
    repository.write("tools/app/data.txt", "x\n")
    repository.commit()
    report = hardened.heals(
        a(late(PYTHON, "verify.py")), pattern="wrong_working_dir", action="run_in_folder"
    )
    assert "run in tools/app" in report.mitigations[0]["after"]


def test_a_step_of_a_recipe_that_is_run_in_the_wrong_folder(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.write("tools/make.py", "open('../f0.txt', 'a').write('more\\n')\n")
    repository.commit()
    hardened.heals(
        phase("a", {"kind": "run", "argv": [PYTHON, "make.py"]}, checks=["true"], limits=ONCE),
        pattern="wrong_working_dir",
        action="run_in_folder",
    )
    assert repository.show("autopack/on", "f0.txt") == "line 0\nmore"


def test_a_folder_that_does_not_help_is_left_again(
    hardened: Hardened, repository: GitRepository, home: Path
) -> None:
    repository.write("tools/verify.py", "import nothing_at_all\n")
    repository.commit()
    said = "python: can't open file 'verify.py': [Errno 2] No such file"
    check = sh(f'{BEFORE}echo "FOLDER=${{PWD##*/}}"; echo; echo "{said}"; exit 2')
    hardened.undoes(a(check), action="run_in_folder")
    log = (home / "runs/on/a/1/attempt.log").read_text()
    assert seen_in(log, "FOLDER")[:3] == ["tree", "tools", "tree"]


TESTS = (
    "import unittest\n\n\nclass Prices(unittest.TestCase):\n    def test_sum(self):\n        pass\n"
)


def test_a_test_that_lies_elsewhere_than_the_command_says(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.write("tests/unit/test_prices.py", TESTS)
    repository.commit()
    report = hardened.heals(
        a(late(*PYTEST, "tests/test_prices.py")),
        pattern="missing_test_path",
        action="adjust_test_command",
    )
    assert "tests/unit/test_prices.py" in report.mitigations[0]["after"]


def test_a_test_that_the_command_finds_is_not_run_elsewhere(
    hardened: Hardened, repository: GitRepository
) -> None:
    """The code under test prints what would send the check to a test of the builder's own."""
    lie = "raise SystemExit('ERROR: file or directory not found: tests/test_prices.py')\n"
    repository.write("tests/test_prices.py", "import sys\nsys.path[0] = '.'\nimport shop\n")
    repository.commit(shop__py="PRICE = 1\n")
    run = hardened.run(
        phase(
            "a", write("shop.py", lie), write("mine/test_prices.py", TESTS), limits=ONCE,
            checks=[[PYTHON, "tests/test_prices.py"]],
        )
    )  # fmt: skip
    (report,) = drive(run)
    # People may be asked to look for the tests anew; nothing is run elsewhere by itself.
    assert run.state == RunState.AWAITING_APPROVAL
    assert [m["outcome"] for m in report.mitigations] == ["awaiting_approval"], told([report])
    assert run.approvals.get().details["action"] == {
        "kind": "adjust_test_command", "parameters": {"path": ""},
    }  # fmt: skip


def test_a_check_that_is_found_is_not_run_in_another_folder(
    hardened: Hardened, repository: GitRepository
) -> None:
    lie = "print(\"python: can't open file 'verify.py': [Errno 2] No such file\")\n"
    repository.commit(verify__py="import shop\nassert shop.PRICE == 1\n", shop__py="PRICE = 1\n")
    run = hardened.run(
        phase(
            "a", write("shop.py", f"{lie}PRICE = 2\n"), write("mine/verify.py", "pass\n"),
            limits=ONCE, checks=[[PYTHON, "verify.py"]],
        )
    )  # fmt: skip
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert [m["outcome"] for m in report.mitigations] == ["refused"], told([report])


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of loopback at which somebody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


SERVE = """
import os, socket, sys
server = socket.socket()
if "more" in open("f0.txt").read():
    server.bind(("127.0.0.1", int(os.environ.get("PORT", sys.argv[1]))))
"""


def test_a_port_that_is_taken(
    hardened: Hardened, repository: GitRepository, taken_port: int
) -> None:
    told_by = "print('listening on port', os.environ.get('PORT', sys.argv[1]), flush=True)\n"
    repository.commit(serve__py=SERVE.replace("server =", f"{told_by}server ="))
    report = hardened.heals(
        a([PYTHON, "serve.py", str(taken_port)]), pattern="port_in_use", action="pick_free_port"
    )
    assert "PORT=" in report.mitigations[0]["after"]


def test_a_port_that_nobody_could_be_told_of_stays(
    hardened: Hardened, repository: GitRepository, taken_port: int
) -> None:
    fixed = SERVE.replace('os.environ.get("PORT", sys.argv[1])', "sys.argv[1]")
    repository.commit(serve__py=fixed.replace("server =", "print('port', sys.argv[1])\nserver ="))
    run = hardened.run(a([PYTHON, "serve.py", str(taken_port)]))
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert [m["outcome"] for m in report.mitigations] == ["refused"], told([report])


def test_text_that_is_no_ascii_in_a_place_that_speaks_only_that(hardened: Hardened) -> None:
    prints = "import sys; print('\\u2713' if 'more' in open('f0.txt').read() else '')"
    command = ["env", "LC_ALL=C", "PYTHONCOERCECLOCALE=0", PYTHON, "-S", "-c", prints]
    strict = ["env", "-u", "PYTHONIOENCODING", *command]
    report = hardened.heals(
        a(sh('export PYTHONUTF8="${PYTHONUTF8:-0}"; exec "$@"', *strict)),
        pattern="encoding_error",
        action="set_environment_variable",
    )
    assert report.mitigations[0]["after"].endswith("PYTHONUTF8=1")


HUNGRY = """
import mmap, os, resource
many = int(os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "8"))
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
blocks = [bytearray(80 << 20) for _ in range(many if "more" in open("f0.txt").read() else 0)]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's here")
def test_too_much_at_once_for_the_memory(hardened: Hardened) -> None:
    hardened.heals(a(py(HUNGRY)), pattern="out_of_memory", action="lower_parallelism")


def test_a_port_that_does_not_help_is_given_back(
    hardened: Hardened, repository: GitRepository, home: Path
) -> None:
    project = services.project_create(
        name="own", source=str(repository.folder), port_names=["PORT"]
    )
    said = "OSError: [Errno 98] Address already in use: port $PORT"
    check = sh(f'{BEFORE}echo "PORT=$PORT"; echo; echo "{said}"; exit 1')
    hardened.undoes(a(check), action="pick_free_port", project=project)
    first, other, last, *_ = seen_in((home / "runs/on/a/1/attempt.log").read_text(), "PORT")
    assert first == last != other


# --- What did not help is taken back ----------------------------------------------------------


def seen_in(log: str, name: str) -> list[str]:
    """The values of a variable that each run of a check printed, in order."""
    return [
        line.removeprefix(f"{name}=") for line in log.splitlines() if line.startswith(f"{name}=")
    ]


@pytest.mark.parametrize(
    ("said", "action", "name", "value"),
    [
        (
            "UnicodeEncodeError: 'ascii' codec can't encode character 'x' in position 0",
            "set_environment_variable", "PYTHONUTF8", "1",
        ),
        ("MemoryError", "lower_parallelism", "MAKEFLAGS", "-j1"),
    ],
)  # fmt: skip
def test_a_variable_that_does_not_help_is_gone_again(
    hardened: Hardened, home: Path, said: str, action: str, name: str, value: str
) -> None:
    check = sh(f'{BEFORE}echo "{name}=${name}"; echo; echo "{said}"; exit 1')
    hardened.undoes(a(check), action=action)
    seen = seen_in((home / "runs/on/a/1/attempt.log").read_text(), name)
    assert seen[:3] == ["", value, ""], "before, with it, and when the check was run once more"


def test_a_test_path_that_does_not_help_is_the_old_one_again(
    hardened: Hardened, repository: GitRepository, home: Path
) -> None:
    repository.write("tests/unit/test_prices.py", TESTS)
    repository.commit()
    said = "ERROR: file or directory not found: tests/test_prices.py"
    check = sh(f'{BEFORE}echo "ASKED=$1"; echo; echo "{said}"; exit 4', "tests/test_prices.py")
    hardened.undoes(a(check), action="adjust_test_command")
    seen = seen_in((home / "runs/on/a/1/attempt.log").read_text(), "ASKED")
    assert seen[:3] == [
        "tests/test_prices.py", "tests/unit/test_prices.py", "tests/test_prices.py",
    ]  # fmt: skip
