"""Python projects: what they need installed, and how their tests are run."""

from collections.abc import Iterable
from dataclasses import dataclass

from runs.toolchains import python_tests
from runs.toolchains.folders import NESTED_MAX, Folder
from runs.toolchains.python_install import Needs, install_plan
from runs.toolchains.python_metadata import Metadata, ini_read, metadata_read
from runs.toolchains.python_poetry import LOCKS
from runs.toolchains.python_tests import TestRunner
from runs.toolchains.types import PYTHON, Detection, PythonInstall, ToolCommand

MANIFESTS = frozenset(
    {
        "Pipfile", "manage.py", "noxfile.py", "poetry.lock", "pyproject.toml", "requirements.txt",
        "setup.cfg", "setup.py", "tox.ini", "uv.lock",
    }
)  # fmt: skip

_CONFIDENCE_DECLARED = 0.9
_CONFIDENCE_REQUIREMENTS = 0.8
_CONFIDENCE_TESTS = 0.6
_CONFIDENCE_SCRIPTS = 0.35
_CONFIDENCE_NO_CODE = 0.2
_MALFORMED_FACTOR = 0.5


@dataclass(frozen=True, slots=True)
class _Evidence:
    metadata: Metadata
    needs: Needs
    runner: TestRunner
    tox: dict[str, dict[str, str]]


def detect(folder: Folder) -> Detection | None:
    """A Python project, or bare scripts and tests when they are all there is; None without code."""
    sources = [name for name in folder.files if name.endswith(".py")]
    names = folder.names & MANIFESTS
    if not sources and not names:
        return None
    metadata = metadata_read(folder)
    tox = ini_read(folder, "tox.ini", metadata.problems)
    setup_cfg = ini_read(folder, "setup.cfg", []) if folder.has("setup.cfg") else {}
    runner = python_tests.runner_choose(folder, metadata, tox, setup_cfg)
    needs = install_plan(folder, metadata, runner, tox)
    evidence = _Evidence(metadata, needs, runner, tox)
    confidence, why = _confidence(sources, metadata, needs.install, runner)
    is_declared = bool(names & {"pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"})
    if is_declared and metadata.problems:
        confidence *= _MALFORMED_FACTOR
    return Detection(
        toolchain=PYTHON,
        root=folder.root,
        confidence=round(confidence, 3),
        reasons=tuple(dict.fromkeys((why, *_reasons(folder, evidence)))),
        manifests=_manifests(folder, needs.install),
        test=runner.commands(folder.root),
        smoke=runner.smoke(folder.root),
        build=_build(folder, metadata),
        requires=(),
        python=needs.install,
    )


def _confidence(
    sources: list[str], metadata: Metadata, install: PythonInstall, runner: TestRunner
) -> tuple[float, str]:
    if not sources:
        return _CONFIDENCE_NO_CODE, "there is a Python manifest but no Python file"
    if metadata.kind:
        return _CONFIDENCE_DECLARED, f"a {metadata.kind} manifest declares the project"
    if install.requirement_files:
        return _CONFIDENCE_REQUIREMENTS, f"{install.requirement_files[0]} lists its requirements"
    if runner.is_django:
        return _CONFIDENCE_REQUIREMENTS, "manage.py is there"
    if runner.name:
        return _CONFIDENCE_TESTS, "there are Python tests but no manifest"
    return _CONFIDENCE_SCRIPTS, "there are Python files but neither a manifest nor tests"


def _reasons(folder: Folder, evidence: _Evidence) -> Iterable[str]:
    yield from filter(None, (evidence.runner.reason,))
    if "tox" in evidence.tox or "testenv" in evidence.tox:
        yield "tox.ini is there: its dependencies are used, the tests are run without tox"
    if folder.has("noxfile.py"):
        yield "noxfile.py is there: the tests are run without nox"
    if folder.has("Pipfile"):
        yield "Pipfile is not read: declare the packages in requirements.txt or pyproject.toml"
    yield from evidence.needs.reasons
    yield from evidence.metadata.problems


def _manifests(folder: Folder, install: PythonInstall) -> tuple[str, ...]:
    own = folder.present(
        "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", ".python-version", *LOCKS
    )
    names = ("pyproject.toml", "setup.cfg", "setup.py")
    local = [
        path
        for of in install.local_paths
        for path in ([of] if folder.listing.is_file(of) else folder.listing.below(of))
    ]
    projects = [f"{p.path}/{n}" for p in install.projects if p.path != folder.root for n in names]
    others = [path for path in projects if folder.listing.is_file(path)]
    return tuple(dict.fromkeys((*own, *install.requirement_files, *others, *local[:NESTED_MAX])))


def _build(folder: Folder, metadata: Metadata) -> tuple[ToolCommand, ...]:
    if not metadata.has_extension_modules:
        return ()
    return (ToolCommand(("python", "setup.py", "build_ext", "--inplace"), cwd=folder.root),)
