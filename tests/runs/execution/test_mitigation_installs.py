"""Failures that an installation heals: packages, all of a manifest, lock files. No index but a
folder of tiny wheels is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runs.states import ApprovalState, RunState, Trigger
from tests.repositories import GitRepository
from tests.runs.execution.driving import attempts_of, drive, phase_of
from tests.runs.execution.hardened import (
    ONCE,
    Hardened,
    doctor,
    hardened,
    log_of,
    told,
    wheel_make,
)
from tests.runs.execution.plans import add_line, phase, sh, write

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

__all__ = ["doctor", "hardened"]

pytestmark = pytest.mark.django_db(transaction=True)

PYPROJECT = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.9"
dependencies = []

[project.optional-dependencies]
words = ["tiny-words"]
tools = ["nox"]
"""
USES = "import tiny_words\n\nassert tiny_words.word() == 'here'\n"


@pytest.fixture
def shop(repository: GitRepository) -> GitRepository:
    """A Python project that declares a package in an extra which nothing installs by itself."""
    for name in ("tiny-words", "other-words"):
        wheel_make(repository.folder / "wheels", name)
    wheel_make(repository.folder / "wheels", "nox", script="nox")
    repository.write("pyproject.toml", PYPROJECT)
    repository.write("requirements.txt", "--no-index\n--find-links wheels\n")
    repository.write("shop.py", "PRICE = 1\n")
    repository.commit()
    return repository


def uses(source: str = USES) -> dict[str, object]:
    steps = [write("use.py", source)]
    return phase("a", *steps, checks=["python use.py"], limits=ONCE)


def test_a_declared_package_that_is_not_installed(hardened: Hardened, shop: GitRepository) -> None:
    report = hardened.heals(uses(), pattern="python_missing_dep", action="install_package")
    assert report.mitigations[0]["evidence"].endswith("No module named 'tiny_words'")
    assert shop.files("autopack/on") == shop.files("main") | {"use.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is Linux's")
def test_a_declared_package_is_installed_inside_of_the_sandbox(
    hardened: Hardened, shop: GitRepository, settings: Settings
) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    settings.AUTOPACK_SANDBOX = "bubblewrap"
    run = hardened.run(uses())
    reports = drive(run)
    assert run.state == RunState.SUCCEEDED, told(reports)
    assert reports[0].hardening_hits == 1


def test_what_one_attempt_installs_the_next_one_has_not(
    hardened: Hardened, shop: GitRepository
) -> None:
    drive(hardened.run(uses()))
    other = hardened.make_run(uses(), run_id="other")
    drive(other)
    assert other.state == RunState.FAILED, "the package came from a cache or another's copy"


def test_two_missing_packages_one_after_the_other(hardened: Hardened, shop: GitRepository) -> None:
    shop.commit(pyproject__toml=PYPROJECT.replace('"nox"', '"other-words"'))
    run = hardened.run(uses(f"{USES}import other_words\n"))
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED, told([report])
    assert [m["outcome"] for m in report.mitigations] == ["failed_differently", "fixed"]
    assert (report.hardening_hits, report.doctor_calls_skipped) == (2, 1)


def test_an_installation_that_does_not_help_is_taken_back(
    hardened: Hardened, shop: GitRepository, home: Path
) -> None:
    stubborn = "raise ModuleNotFoundError(\"No module named 'tiny_words'\")\n"
    hardened.undoes(uses(stubborn), action="install_package")
    assert hardened.doctor.asked
    environments = (home.parent / "worktrees").rglob("environment/venv")
    assert all(not list(venv.rglob("tiny_words*")) for venv in environments)


def test_a_name_that_nobody_vouches_for_is_asked_about_and_installed_once_approved(
    hardened: Hardened, shop: GitRepository
) -> None:
    from runs import services

    run = hardened.run(uses("import other_words\n"))
    (asked,) = drive(run)
    assert run.state == RunState.AWAITING_APPROVAL, told([asked])
    assert asked.mitigations[-1]["outcome"] == "awaiting_approval"
    assert phase_of(run, "a").tries == 0
    approval = run.approvals.get()
    assert approval.kind == "action"
    assert approval.details["action"] == {
        "kind": "install_package",
        "parameters": {"ecosystem": "python", "module": "other_words", "package": "other_words"},
    }
    services.approval_decide(approval, approve=True, decided_by="Ada")
    (done,) = drive(run)
    assert run.state == RunState.SUCCEEDED, told([done])
    assert [m["outcome"] for m in done.mitigations] == ["fixed"]


def test_a_name_that_was_not_approved_is_never_installed(
    hardened: Hardened, shop: GitRepository, home: Path
) -> None:
    from runs import services

    run = hardened.run(uses("import other_words\n"))
    drive(run)
    services.approval_decide(run.approvals.get(), approve=False, decided_by="Ada")
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, "requires_human_review")
    services.run_retry(run, trigger=Trigger.CLI)
    drive(run)
    assert run.state == RunState.FAILED
    assert run.approvals.count() == 1
    assert run.approvals.get().state == ApprovalState.REJECTED
    assert len(attempts_of(run, "a")) == 2
    assert "pip install" not in log_of(run, "a", home)


def test_a_name_that_the_builder_itself_declared_vouches_for_nothing(
    hardened: Hardened, shop: GitRepository
) -> None:
    invented = PYPROJECT.replace('["nox"]', '["nox", "other-words"]')
    run = hardened.run(
        phase(
            "a", write("pyproject.toml", invented), write("use.py", "import other_words\n"),
            checks=["python use.py"], limits=ONCE,
        )
    )  # fmt: skip
    drive(run)
    assert run.state == RunState.AWAITING_APPROVAL


def test_a_tool_that_comes_with_the_manifest(hardened: Hardened, shop: GitRepository) -> None:
    hardened.heals(
        phase(
            "a",
            add_line(0),
            limits=ONCE,
            checks=[sh("grep -q more f0.txt || exit 0; nox > said; grep -q here said")],
        ),
        pattern="missing_system_binary",
        action="install_from_manifest",
    )


UV = Path(sys.executable).with_name("uv")


@pytest.mark.skipif(not UV.exists(), reason="uv is not installed beside this Python")
def test_a_lock_file_that_is_older_than_its_manifest(
    hardened: Hardened, repository: GitRepository
) -> None:
    """The phase adds an extra; the lock of the project does not know it yet."""
    plain = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
    repository.commit(pyproject__toml=plain)
    subprocess.run([UV, "lock", "--offline", "-q"], cwd=repository.folder, check=True)
    repository.commit("lock")
    newer = plain.replace("1.0", "2.0").replace(">=3.9", ">=3.10")
    report = hardened.heals(
        phase(
            "a", write("pyproject.toml", newer), modify=("pyproject.toml",),
            checks=[[str(UV), "lock", "--check", "--offline"]], limits=ONCE,
        ),
        pattern="stale_lockfile_uv",
        action="regenerate_lock_file",
    )  # fmt: skip
    assert 'version = "2.0"' in repository.show("autopack/on", "uv.lock")
    assert {file["path"] for file in report.files} == {"pyproject.toml", "uv.lock"}


@pytest.mark.skipif(not UV.exists(), reason="uv is not installed beside this Python")
def test_a_lock_file_made_anew_in_vain_is_the_old_one_again(
    hardened: Hardened, repository: GitRepository
) -> None:
    plain = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
    repository.commit(pyproject__toml=plain)
    subprocess.run([UV, "lock", "--offline", "-q"], cwd=repository.folder, check=True)
    repository.commit("stale", pyproject__toml=plain.replace("1.0", "2.0"))
    said = "The lockfile at `uv.lock` needs to be updated, but `--locked` was provided."
    stubborn = sh(f"grep -q more f0.txt || exit 0; echo 'error: {said}'; exit 1")
    report = hardened.undoes(
        phase("a", add_line(0), modify=("f0.txt",), checks=[stubborn], limits=ONCE),
        action="regenerate_lock_file",
    )
    assert [file["path"] for file in report.files] == ["f0.txt"]
    (mirror,) = (repository.folder.parent / "home" / "repositories").glob("*.git")
    assert GitRepository(mirror).show(report.commit, "uv.lock") == repository.show(
        "main", "uv.lock"
    )


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_node_package_that_is_declared_and_not_installed(
    hardened: Hardened, repository: GitRepository
) -> None:
    manifest = {"name": "shop", "version": "1.0.0", "dependencies": {"tiny": "file:./vendor/tiny"}}
    repository.write("package.json", json.dumps(manifest))
    tiny = {"name": "tiny", "version": "1.0.0", "main": "index.js"}
    repository.write("vendor/tiny/package.json", json.dumps(tiny))
    repository.write("vendor/tiny/index.js", "module.exports = 1;\n")
    repository.write(".gitignore", "node_modules\n")
    lock = ["npm", "install", "--package-lock-only", "--offline", "--no-audit", "--no-fund"]
    subprocess.run(lock, cwd=repository.folder, check=True, capture_output=True)
    repository.commit()
    # What the preparation installed is lost once, as by a clean-up script.
    mark = repository.folder.parent / "lost"
    lose = sh(
        'test -e "$1" || rm -rf node_modules; touch "$1"; test ! -e use.js || node use.js', mark
    )
    hardened.heals(
        phase("a", write("use.js", "require('tiny');\n"), checks=[lose], limits=ONCE),
        pattern="node_missing_dep",
        action="install_from_manifest",
        again=mark.unlink,
    )
