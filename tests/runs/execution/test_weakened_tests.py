"""Which changes are flagged as making the tests say less."""

from pathlib import Path

import pytest

from runs.execution.checks.junit import TestResults
from runs.execution.checks.weakened_tests import (
    MAX_FLAGS,
    Severity,
    WeakenedTest,
    is_test_file,
    weakened_by_diff,
    weakened_by_results,
)
from runs.execution.diffs.diff import diff_parse
from tests.runs.execution.diff_repository import Repository

PYTHON = (
    "import pytest\n\n\ndef test_one():\n    assert f(1) == 1\n    assert f(2) == 2\n\n\n"
    "def test_two():\n    assert g()\n\n\nasync def test_three():\n    assert h()\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.write("tests/test_a.py", PYTHON)
    repository.write("src/app.py", "def test_connection():\n    assert True\n")
    return repository


def flags(repository: Repository) -> list[WeakenedTest]:
    return list(weakened_by_diff(diff_parse(repository.raw())))


def kinds(repository: Repository) -> list[tuple[str, str]]:
    return [(str(flag.kind), str(flag.severity)) for flag in flags(repository)]


def test_a_deleted_test_file_is_flagged(repository: Repository):
    repository.commit()
    (repository.folder / "tests/test_a.py").unlink()
    (flag,) = flags(repository)
    assert (flag.path, flag.kind, flag.severity) == ("tests/test_a.py", "file_deleted", "high")
    assert "3 tests" in flag.detail


def test_a_removed_test_is_flagged_by_name(repository: Repository):
    repository.commit()
    cut = PYTHON.index("def test_two")
    repository.write("tests/test_a.py", PYTHON[:cut] + PYTHON[PYTHON.index("async def") :])
    (flag,) = flags(repository)
    assert (flag.kind, flag.severity) == ("test_removed", Severity.HIGH)
    assert "'test_two'" in flag.detail


def test_a_test_that_moved_or_changed_its_signature_is_not_flagged(repository: Repository):
    repository.commit()
    cut = PYTHON.index("def test_two")
    end = PYTHON.index("async def")
    repository.write("tests/test_b.py", PYTHON[cut:end])
    kept = PYTHON[:cut] + PYTHON[end:]
    repository.write("tests/test_a.py", kept.replace("def test_one()", "def test_one(tmp_path)"))
    assert flags(repository) == []


def test_a_file_that_moved_is_not_flagged(repository: Repository):
    repository.commit()
    repository.write("tests/new/test_z.py", PYTHON.replace("f(1)", "f(9)").replace("g()", "k()"))
    (repository.folder / "tests/test_a.py").unlink()
    assert flags(repository) == []


def test_of_two_equal_names_one_addition_makes_up_for_one(repository: Repository):
    repository.write("tests/test_b.py", "def test_one():\n    assert 1\n")
    repository.commit()
    repository.write("tests/test_a.py", PYTHON[PYTHON.index("def test_two") :])
    repository.write("tests/test_b.py", "x = 1\n")
    repository.write("tests/test_c.py", "def test_one():\n    assert 2\n")
    assert kinds(repository) == [("test_removed", "high")]


def test_a_renamed_test_weighs_little(repository: Repository):
    repository.commit()
    repository.write("tests/test_a.py", PYTHON.replace("test_two", "test_second"))
    assert kinds(repository) == [("test_removed", "low")]


def test_removed_assertions_are_flagged(repository: Repository):
    repository.commit()
    repository.write("tests/test_a.py", PYTHON.replace("    assert f(2) == 2\n", ""))
    assert kinds(repository) == [("assertions_removed", "medium")]


def test_code_that_is_no_test_is_not_looked_at(repository: Repository):
    repository.commit()
    repository.write("src/app.py", "x = 1\n")
    assert flags(repository) == []


def test_new_tests_are_no_weakening(repository: Repository):
    repository.commit()
    repository.write("tests/test_a.py", PYTHON + "\n\ndef test_four():\n    assert 4\n")
    assert flags(repository) == []


@pytest.mark.parametrize(
    ("path", "line", "severity"),
    [
        ("tests/test_a.py", "@pytest.mark.skip(reason='later')", "high"),
        ("tests/test_a.py", "@pytest.mark.skipif(True, reason='x')", "high"),
        ("tests/test_a.py", "@pytest.mark.skipif(sys.platform == 'win32', reason='x')", "low"),
        ("tests/test_a.py", "@pytest.mark.xfail", "high"),
        ("tests/test_a.py", "    pytest.skip('later')", "high"),
        ("tests/test_a.py", "@unittest.skip('later')", "high"),
        ("tests/test_a.py", "    self.skipTest('later')", "high"),
        ("tests/test_a.py", "pytestmark = pytest.mark.skip", "high"),
        ("web/a.test.ts", "it.skip('adds', () => {", "high"),
        ("web/a.test.ts", "describe.skip('sum', () => {", "high"),
        ("web/a.test.ts", "xit('adds', () => {", "high"),
        ("web/a.test.ts", "it.only('adds', () => {", "high"),
        ("web/a.test.ts", "test.todo('adds')", "high"),
        ("pkg/a_test.go", '\tt.Skip("later")', "high"),
        ("src/lib.rs", "    #[ignore]", "high"),
        ("src/test/java/ATest.java", "    @Disabled", "high"),
        ("src/test/java/ATest.java", '    @Ignore("later")', "high"),
    ],
)
def test_a_new_skip_is_flagged(repository: Repository, path: str, line: str, severity: str):
    text = repository.folder / path
    repository.write(path, text.read_text() if text.exists() else "first\n")
    repository.commit()
    repository.write(path, text.read_text() + line + "\n")
    (flag,) = flags(repository)
    assert (flag.kind, flag.severity) == ("skip_added", severity)
    assert flag.detail == line.strip()
    assert text.read_text().split("\n")[flag.line - 1] == line


def test_a_skip_that_was_there_already_is_not_flagged(repository: Repository):
    skipped = PYTHON.replace("def test_two", "@pytest.mark.skip(reason='a')\ndef test_two")
    repository.write("tests/test_a.py", skipped)
    repository.commit()
    repository.write("tests/test_a.py", skipped.replace("reason='a'", "reason='b'"))
    assert flags(repository) == []


@pytest.mark.parametrize(
    ("path", "before", "after", "name"),
    [
        ("a.test.js", "it('adds', () => {\n});\nit('b', f);\n", "it('b', f);\n", "adds"),
        ("a_test.go", "func TestA(t *testing.T) {\n}\nvar x = 1\n", "var x = 1\n", "TestA"),
        (
            "src/lib.rs",
            "fn a() {}\n#[test]\nfn test_adds() {}\n",
            "fn a() {}\n",
            "test_adds",
        ),
        ("FooTest.java", "class A {\n  public void testBar() {}\n}\n", "class A {\n}\n", "testBar"),
    ],
)
def test_other_languages_are_read(repository: Repository, path, before, after, name):
    repository.write(path, before)
    repository.commit()
    repository.write(path, after)
    (flag,) = flags(repository)
    assert flag.kind == "test_removed"
    assert name in flag.detail


def test_markers_count_where_names_say_nothing(repository: Repository):
    body = "class A {\n  @Test\n  void shouldAdd() {}\n  @Test\n  void shouldSum() {}\n}\n"
    repository.write("ATest.java", body)
    repository.commit()
    repository.write("ATest.java", body.replace("  @Test\n  void shouldSum() {}\n", ""))
    assert kinds(repository) == [("test_removed", "medium")]
    repository.write("BTest.java", "class B {\n  @Test\n  void shouldSum() {}\n}\n")
    assert flags(repository) == []


def test_flags_are_bounded_and_the_worst_are_kept(repository: Repository):
    many = "".join(f"def test_{number}():\n    assert 1\n" for number in range(200))
    repository.write("tests/test_many.py", many)
    repository.commit()
    repository.write("tests/test_many.py", "x = 1\n")
    found = flags(repository)
    assert len(found) == MAX_FLAGS
    assert found[-1].detail == "and 151 more"


def test_results_tell_what_is_gone_or_skipped_now():
    base = TestResults(passed=frozenset({"a", "b", "c"}), failed=frozenset({"d"}))
    now = TestResults(passed=frozenset({"a", "new"}), skipped=frozenset({"b", "d"}))
    assert [(str(f.kind), f.detail) for f in weakened_by_results(base, now)] == [
        ("test_now_skipped", "b"),
        ("test_now_skipped", "d"),
        ("test_disappeared", "c"),
    ]
    assert weakened_by_results(base, base) == ()


def test_tests_are_told_from_other_files():
    tests = ["tests/x.py", "test_a.py", "a_test.go", "a.spec.ts", "FooTest.java", "conftest.py"]
    others = ["src/contest.py", "latest.py", "tests/data.json", "src/testing_ground.txt", "a.py"]
    assert [path for path in tests + others if is_test_file(path)] == tests
