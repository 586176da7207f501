"""What is kept of a failed command's output, and the names of the tests that failed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs.execution.checks.failing_section import failing_section, normalised_section
from runs.execution.checks.failing_tests import failing_test_names

NOISE = "".join(f"collecting thing {n}\n" for n in range(2000))


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


PYTEST = ("-m", "pytest", "-p", "no:cacheprovider")


def test_pytest_gives_the_failure_and_the_summary(tmp_path: Path):
    (tmp_path / "test_x.py").write_text(
        "def test_good(): pass\ndef test_bad():\n    value = 3\n    assert value == 4\n"
        + "".join(f"def test_{n}(): assert '{'x' * 300}' == ''\n" for n in range(40))
    )
    output = run(tmp_path, *PYTEST, "--color=yes")
    section = failing_section(output)
    assert len(section) <= 4000
    assert "\x1b" not in section
    assert section.startswith("=")
    assert "assert 3 == 4" in section
    assert "41 failed, 1 passed" in section
    names = failing_test_names(output)
    assert len(names) == 41
    assert names[0] == "test_x.py::test_bad"


def test_pytest_that_could_not_collect_names_the_file(tmp_path: Path):
    (tmp_path / "test_x.py").write_text("import no_such_module_anywhere\n")
    output = run(tmp_path, *PYTEST)
    assert failing_test_names(output) == ("test_x.py",)
    assert "No module named 'no_such_module_anywhere'" in failing_section(output)


def test_unittest_gives_its_blocks(tmp_path: Path):
    (tmp_path / "test_x.py").write_text(
        "import unittest\nclass A(unittest.TestCase):\n"
        "    def test_one(self): self.assertEqual(1, 2)\n"
        "    def test_two(self): raise KeyError('k')\n"
        "    def test_three(self): pass\n"
    )
    output = run(tmp_path, "-m", "unittest", "-v")
    assert set(failing_test_names(output)) == {
        "test_one (test_x.A.test_one)",
        "test_two (test_x.A.test_two)",
    }
    section = failing_section(output)
    assert "AssertionError: 1 != 2" in section
    assert "FAILED (failures=1, errors=1)" in section
    assert "test_three" not in section


def test_a_traceback_is_found_in_a_long_log(tmp_path: Path):
    (tmp_path / "x.py").write_text("def f():\n    raise ValueError('the reason')\nf()\n")
    section = failing_section(NOISE + run(tmp_path, "x.py"))
    assert section.startswith("Traceback")
    assert section.endswith("ValueError: the reason")


@pytest.mark.parametrize(
    ("output", "names", "first"),
    [
        (
            "=== RUN   TestA\n    a_test.go:7: no\n--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/sub"
            " (0.00s)\nFAIL\nFAIL\texample.org/m\t0.012s\nok  \texample.org/n\t0.1s\nFAIL\n",
            ("example.org/m.TestA", "example.org/m.TestA/sub"),
            "--- FAIL: TestA",
        ),
        ("FAIL\texample.org/m [build failed]\n", ("example.org/m",), "FAIL"),
        (
            "running 2 tests\ntest a::b ... FAILED\ntest a::c ... ok\n\nfailures:\n\n"
            "---- a::b stdout ----\nthread panicked\n",
            ("a::b",),
            "failures:",
        ),
        (
            "PASS src/a.test.js\n  ● sum \u203a adds\n\n    expect(received)\n",
            ("sum \u203a adds",),
            "● sum",
        ),
        (
            "  2 passing\n  1 failing\n\n  1) sum adds:\n     AssertionError\n",
            ("sum adds:",),
            "1 failing",
        ),
        ("TAP version 13\nok 1 - a\nnot ok 2 - b\n", ("b",), "not ok 2"),
        (
            "[INFO] x\n[ERROR] Tests run: 2, Failures: 1\n[ERROR]   FooTest.bar:12 expected\n",
            ("FooTest.bar",),
            "[ERROR] Tests run",
        ),
        ("> Task :test\nFooTest > bar() FAILED\n", ("FooTest > bar()",), "> Task"),
        ("src/a.ts(3,7): error TS2322: no\n", (), "src/a.ts(3,7)"),
        ("Compiling x\nerror[E0308]: mismatched types\n --> src/lib.rs:2:5\n", (), "error[E0308]"),
        ("a.c: In function\na.c:3:5: error: 'x' undeclared\n", (), "a.c:3:5"),
        ("added 1\nnpm ERR! code ELIFECYCLE\n", (), "npm ERR!"),
        ("make: *** [all] Error 2\n", (), "make: ***"),
    ],
)
def test_other_tools_are_read(output: str, names: tuple[str, ...], first: str):
    assert failing_test_names(output) == names
    assert failing_section(output).lstrip().startswith(first)


def test_a_captured_log_line_is_no_failed_test():
    assert failing_test_names("ERROR    root:test_x.py:3 boom\nERROR: could not find it\n") == ()


def test_without_any_sign_the_last_lines_are_given():
    section = failing_section(NOISE)
    assert section.endswith("collecting thing 1999")
    assert len(section) <= 4000


def test_zero_errors_is_no_sign_of_an_error():
    output = "step failed: disk\n" + "fine\n" * 20 + "0 errors, 0 failures\n"
    assert "step failed: disk" in failing_section(output)


def test_a_long_line_does_not_push_the_others_out():
    section = failing_section(f"fatal: x\n{'y' * 5000}\nthe reason\n{'z' * 5000}\nend\n")
    assert "the reason" in section.split("\n")
    assert section.endswith("end")


def test_progress_bars_and_colours_are_taken_out():
    output = "10%\r50%\r\x1b[31mTraceback (most recent call last):\x1b[0m\r\nKeyError: 'x'\r\n"
    assert failing_section(output) == "Traceback (most recent call last):\nKeyError: 'x'"


@pytest.mark.parametrize(
    "output",
    [
        "x" * 200_000,
        "=" * 200_000,
        "\x1b[" * 100_000,
        "a:" * 100_000,
        "a/" * 100_000,
        "(1,1" * 50_000,
        "error: " * 30_000,
        "\n" * 65_536,
        " " * 200_000,
        "FAILED a::" * 20_000,
        "a.b" * 60_000,
        "\r" * 200_000,
        "1\n" * 32_768,
    ],
    ids=lambda output: repr(output[:6]),
)
def test_hostile_output_takes_no_time(output: str):
    started = time.process_time()
    section = failing_section(output)
    normalised_section(section)
    failing_test_names(output)
    assert time.process_time() - started < 0.5  # some 5 ms; quadratic work would take minutes
    assert len(section) <= 4000


def test_two_runs_of_the_same_failure_are_the_same_after_normalising():
    first = "/home/a/b/x.py:12: Boom at 0x7f12ab34 in 0.12s\n==== 1 failed in 0.12s ====\nwant 3"
    second = "/var/q/x.py:345: Boom at 0x7fdeadbe in 11.9s\n=== 1 failed in 11.9s ===\nwant 3"
    assert normalised_section(first) == normalised_section(second)
    assert normalised_section(first) != normalised_section(first.replace("want 3", "want 4"))
