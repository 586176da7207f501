"""Git LFS: large files are real in the worktrees, and what a phase makes of them arrives."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from runs.states import RunState
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import phase, sh, shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("git-lfs"), reason="needs git-lfs (apt install git-lfs)"),
]


@pytest.fixture
def lfs_repository(repository: GitRepository, tmp_path: Path) -> GitRepository:
    """The usual repository with a file of 12 bytes kept in LFS."""
    repository.git("lfs", "install", "--local", "--skip-repo")
    repository.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    repository.write("big.bin", "large as it is")
    repository.commit("A large file")
    assert "oid sha256" in repository.git("show", "HEAD:big.bin")
    return repository


def test_a_large_file_is_real_in_the_worktree_and_its_change_arrives_in_the_branch(
    make_run: MakeRun, lfs_repository: GitRepository
) -> None:
    run = make_run(
        phase(
            "a",
            shell('grep -q "large as it is" big.bin && echo changed > big.bin'),
            checks=[sh("grep -q changed big.bin")],
        )
    )
    drive(run)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, run.explanation
    pointer = lfs_repository.git("show", f"{run.branch}:big.bin")
    assert "oid sha256" in pointer
    # A person checks the branch out: the content must be there.
    lfs_repository.git("checkout", "-q", run.branch)
    assert (lfs_repository.folder / "big.bin").read_text() == "changed\n"
