"""Reading JUnit XML that a project's own command wrote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs.execution.checks import junit
from runs.execution.checks.junit import junit_parse

SAMPLE = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="s" tests="4">
  <testcase classname="m.A" name="good" time="0.25"/>
  <testcase classname="m.A" name="bad" time="1,000.5"><failure>x &lt; y</failure></testcase>
  <testcase classname="m.A" name="broken" time="nan"><error/></testcase>
  <testcase classname="m.A" name="left out"><skipped/></testcase>
</testsuite></testsuites>"""


def write(folder: Path, text: str | bytes, name: str = "junit.xml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_results_are_told_apart(tmp_path: Path):
    results, reason = junit_parse([write(tmp_path, SAMPLE)])
    assert results is not None
    assert reason == ""
    assert results.passed == {"m.A::good"}
    assert results.failed == {"m.A::bad", "m.A::broken"}
    assert results.skipped == {"m.A::left out"}
    assert results.seconds["m.A::good"] == 0.25
    assert results.seconds["m.A::bad"] == 1000.5
    assert results.seconds["m.A::broken"] == 0.0


def test_several_files_are_one_result_and_the_worst_counts(tmp_path: Path):
    first = write(tmp_path, SAMPLE)
    again = '<testsuite><testcase classname="m.A" name="good"><error/></testcase></testsuite>'
    results = junit_parse([first, write(tmp_path, again, "b.xml")]).results
    assert results is not None
    assert "m.A::good" in results.failed
    assert "m.A::good" not in results.passed


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>',
        "<testsuite><testcase",
        "",
        "not xml",
        b"\xff\xfe\x00",
        '<?xml version="1.0" encoding="no-such-encoding"?><testsuite/>',
        "<a>" * 200 + "</a>" * 200,
    ],
)
def test_hostile_or_broken_xml_gives_a_reason_and_no_results(tmp_path: Path, text: str | bytes):
    results, reason = junit_parse([write(tmp_path, text)])
    assert results is None
    assert reason.startswith("junit.xml could not be read")


def test_one_broken_file_spoils_all(tmp_path: Path):
    assert junit_parse([write(tmp_path, SAMPLE), write(tmp_path, "<", "b.xml")]).results is None


def test_a_missing_file_is_said(tmp_path: Path):
    assert "could not be read" in junit_parse([tmp_path / "none.xml"]).reason
    assert junit_parse([]).reason == "no JUnit file was written"


def test_size_and_number_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(junit, "MAX_BYTES", 100)
    assert junit_parse([write(tmp_path, SAMPLE)]).results is None
    monkeypatch.setattr(junit, "MAX_BYTES", 10_000)
    monkeypatch.setattr(junit, "MAX_TESTS", 1)
    results = junit_parse([write(tmp_path, SAMPLE)]).results
    assert results is not None
    assert results.is_truncated
    assert results.failed == {"m.A::bad", "m.A::broken"}  # failures are never left out


def test_what_pytest_writes_is_read(tmp_path: Path):
    write(
        tmp_path,
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): assert 0\n"
        "@pytest.mark.skip\n"
        "def test_c(): pass\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_d(n): assert n == 1\n",
        "test_x.py",
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junit-xml=out.xml"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    results = junit_parse([tmp_path / "out.xml"]).results
    assert results is not None
    assert results.passed == {"test_x::test_a", "test_x::test_d[1]"}
    assert results.failed == {"test_x::test_b", "test_x::test_d[2]"}
    assert results.skipped == {"test_x::test_c"}
