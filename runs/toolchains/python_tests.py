"""How the tests of a Python project are run: pytest, Django's runner or unittest, by evidence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runs.toolchains.folders import Folder, table
from runs.toolchains.python_metadata import Metadata
from runs.toolchains.types import ToolCommand

_JUNIT = ("--junitxml={junit}",)
_TEST_FILES_READ = 20
_PYTEST_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+pytest\b", re.MULTILINE)
_PLAIN_TEST = re.compile(r"^(?:async )?def test", re.MULTILINE)

Sections = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TestRunner:
    """The chosen runner: "pytest", "django", "unittest" or "" when there is nothing to run."""

    __test__ = False  # pytest would take it for a test class

    name: str = ""
    reason: str = ""
    args: tuple[str, ...] = ()
    is_django: bool = False

    def commands(self, root: str) -> tuple[ToolCommand, ...]:
        # `python -m` puts the project's folder on sys.path, as its own users have it.
        if self.name == "pytest":
            return (ToolCommand(("python", "-m", "pytest"), cwd=root, junit_args=_JUNIT),)
        if self.name == "django":
            return (ToolCommand(("python", "manage.py", "test", "--noinput"), cwd=root),)
        if self.name == "unittest":
            argv = ("python", "-m", "unittest", "discover", *self.args)
            return (ToolCommand(argv, cwd=root),)
        return ()

    def smoke(self, root: str) -> tuple[ToolCommand, ...]:
        if self.is_django:
            return (ToolCommand(("python", "manage.py", "check"), cwd=root),)
        if self.name == "pytest":
            return (ToolCommand(("python", "-m", "pytest", "--collect-only", "-q"), cwd=root),)
        return ()


def runner_choose(
    folder: Folder, metadata: Metadata, tox: Sections, setup_cfg: Sections
) -> TestRunner:
    """pytest where anything speaks for it, then Django's runner, then unittest."""
    tests = [name for name in folder.files if _is_test(name)]
    is_django = folder.has("manage.py") and "django" in (folder.read("manage.py") or "").lower()
    why = _pytest_configured(folder, metadata, tox, setup_cfg)
    if is_django and not _django_by_pytest(why, folder, metadata, tox, setup_cfg):
        return TestRunner("django", "manage.py is there: its test runner is used", is_django=True)
    if why:
        return TestRunner("pytest", f"tests are run by pytest: {why}", is_django=is_django)
    if not tests:
        return TestRunner()
    return _by_content(folder, tests)


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith("_test.py") or (name.startswith("test_") and name.endswith(".py"))


def _pytest_configured(
    folder: Folder, metadata: Metadata, tox: Sections, setup_cfg: Sections
) -> str:
    """What says that this project uses pytest; "" when nothing does."""
    if "pytest" in metadata.tool:
        return "pyproject.toml configures it"
    if folder.has("pytest.ini") or folder.has(".pytest.ini") or folder.has("pytest.toml"):
        return "it has a configuration file"
    if "pytest" in tox or "tool:pytest" in setup_cfg:
        return "an INI file configures it"
    if any("pytest" in section.get("commands", "") for section in tox.values()):
        return "tox.ini runs it"
    if "pytest" in (folder.read("noxfile.py") or ""):
        return "noxfile.py runs it"
    if any(name.rpartition("/")[2] == "conftest.py" for name in folder.files):
        return "there is a conftest.py"
    declared = [*metadata.dependencies, *(x for v in metadata.extras.values() for x in v)]
    declared += [x for v in metadata.groups.values() for x in v]
    declared += _requirement_texts(folder)
    if any(line.lower().startswith("pytest") for line in declared):
        return "the project declares it"
    return ""


def _requirement_texts(folder: Folder) -> list[str]:
    names = [n for n in folder.names if n.endswith(".txt") and "requirements" in n]
    names += [n for n in folder.below("requirements") if n.endswith(".txt")]
    return [line for n in sorted(names)[:20] for line in (folder.read(n) or "").splitlines()]


def _django_by_pytest(
    why: str, folder: Folder, metadata: Metadata, tox: Sections, setup_cfg: Sections
) -> bool:
    """pytest runs a Django project's tests only where it was told the settings."""
    if not why:
        return False
    ini = table(metadata.tool, "pytest", "ini_options")
    names = ("DJANGO_SETTINGS_MODULE", "django_settings_module")
    sections = [ini, tox.get("pytest", {}), setup_cfg.get("tool:pytest", {})]
    if any(name in section for section in sections for name in names):
        return True
    if "DJANGO_SETTINGS_MODULE" in (folder.read("pytest.ini") or ""):
        return True
    conftests = [n for n in folder.files if n.rpartition("/")[2] == "conftest.py"]
    return any("DJANGO_SETTINGS_MODULE" in (folder.read(n) or "") for n in conftests[:5])


def _by_content(folder: Folder, tests: list[str]) -> TestRunner:
    has_unittest = False
    for name in tests[:_TEST_FILES_READ]:
        content = folder.read(name) or ""
        if _PYTEST_IMPORT.search(content) or _PLAIN_TEST.search(content):
            return TestRunner("pytest", f"tests are run by pytest: {name} is written for it")
        has_unittest = has_unittest or "unittest" in content or "TestCase" in content
    if not has_unittest:
        return TestRunner("pytest", f"tests are run by pytest: {tests[0]} is there")
    return TestRunner(
        "unittest", f"tests are run by unittest: {tests[0]} uses it", _discover_args(folder, tests)
    )


def _discover_args(folder: Folder, tests: list[str]) -> tuple[str, ...]:
    pattern = () if any("test_" in n for n in tests) else ("-p", "*_test.py")
    top = tests[0].split("/")[0] if "/" in tests[0] else ""
    if top not in {"test", "tests"} or any("/" not in name for name in tests):
        return pattern
    # A tests folder that is no package is a start of its own; the project stays importable.
    start = ("-s", top, "-t", ".") if folder.has(f"{top}/__init__.py") else ("-s", top)
    return (*start, *pattern)
