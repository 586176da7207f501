"""Failures that a change of the candidate heals: the bit of a script, hunks out of scope."""

from __future__ import annotations

import pytest

from hardening.models import MitigationEvent
from runs import services
from runs.states import RunState
from tests.repositories import GitRepository
from tests.runs.execution.driving import drive
from tests.runs.execution.hardened import ONCE, Hardened, doctor, hardened
from tests.runs.execution.plans import add_line, phase, sh, shell, write

__all__ = ["doctor", "hardened"]

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = "#!/bin/sh\ngrep -q more f0.txt\n"


def mode_of(repository: GitRepository, branch: str, path: str) -> str:
    return repository.git("ls-tree", branch, path).split()[0]


def test_a_script_without_its_bit_that_a_check_calls(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.commit(check__sh=SCRIPT)
    report = hardened.heals(
        phase("a", add_line(0), modify=("f0.txt",), checks=[sh("./check.sh")], limits=ONCE),
        pattern="executable_bit_missing",
        action="set_executable_bit",
    )
    # The bit is part of what arrives, although the scope does not name the script.
    assert mode_of(repository, "autopack/on", "check.sh") == "100755"
    assert repository.show("autopack/on", "f0.txt") == "line 0\nmore"
    assert [file["path"] for file in report.files] == ["check.sh", "f0.txt"]
    event = MitigationEvent.objects.get()
    assert (event.pattern_slug, event.outcome) == ("executable_bit_missing", "fixed")
    assert event.doctor_skipped


def test_a_script_without_its_bit_that_is_the_check_itself(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.commit(check__sh=SCRIPT)
    hardened.heals(
        phase("a", add_line(0), checks=["./check.sh"], limits=ONCE),
        pattern="executable_bit_missing",
        action="set_executable_bit",
    )
    assert mode_of(repository, "autopack/on", "check.sh") == "100755"


def test_a_step_of_a_recipe_whose_script_lacks_its_bit(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.commit(make__sh="#!/bin/sh\necho more >> f0.txt\n")
    report = hardened.heals(
        phase("a", shell("./make.sh"), modify=("f0.txt",), limits=ONCE),
        pattern="executable_bit_missing",
        action="set_executable_bit",
    )
    assert report.mitigations[0]["stage"] == "build"
    assert mode_of(repository, "autopack/on", "make.sh") == "100755"
    assert repository.show("autopack/on", "f0.txt") == "line 0\nmore"


def test_a_bit_that_does_not_help_is_taken_back(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.commit(check__sh=SCRIPT)
    stubborn = sh("./check.sh; echo 'sh: 1: ./check.sh: Permission denied'; exit 126")
    report = hardened.undoes(
        phase("a", add_line(0), checks=[stubborn], limits=ONCE), action="set_executable_bit"
    )
    (mirror,) = (repository.folder.parent / "home" / "repositories").glob("*.git")
    assert mode_of(GitRepository(mirror), report.commit, "check.sh") == "100644"
    assert hardened.doctor.asked, "what was not fixed goes on to the Doctor"


@pytest.mark.parametrize(
    "path", ["../outside.sh", "link/check.sh", ".git/hooks/x.sh", "deep/../../outside.sh"]
)
def test_a_path_of_a_log_never_leads_out_of_the_worktree(
    hardened: Hardened, repository: GitRepository, path: str
) -> None:
    outside = repository.folder.parent / "outside.sh"
    outside.write_text(SCRIPT)
    outside.chmod(0o644)
    (repository.folder / "link").symlink_to(repository.folder.parent)
    repository.commit()
    said = sh('echo "sh: 1: $1: Permission denied"; exit 126', f"./{path}")
    run = hardened.run(phase("a", add_line(0), checks=[said], limits=ONCE))
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert not [m for m in report.mitigations if m["outcome"] not in ("refused", "suggested")]
    assert outside.stat().st_mode & 0o111 == 0


def test_what_lies_outside_of_the_scope_is_taken_back_and_the_rest_kept(
    hardened: Hardened, repository: GitRepository
) -> None:
    report = hardened.heals(
        phase(
            "a", add_line(0), add_line(1), write("stray.txt", "x\n"), modify=("f0.txt",),
            checks=["grep -q more f0.txt"], limits=ONCE,
        ),
        pattern="scope_mismatch",
        action="revert_out_of_scope",
    )  # fmt: skip
    assert report.mitigations[0]["stage"] == "govern"
    assert report.governance["ok"]
    assert repository.show("autopack/on", "f0.txt") == "line 0\nmore"
    assert repository.show("autopack/on", "f1.txt") == "line 1"
    assert "stray.txt" not in repository.files("autopack/on")


def test_a_change_that_lies_outside_of_the_scope_altogether_is_refused_as_ever(
    hardened: Hardened, repository: GitRepository
) -> None:
    run = hardened.run(phase("a", add_line(1), modify=("f0.txt",), limits=ONCE))
    (report,) = drive(run)
    assert (run.state, report.failure_kind) == (RunState.FAILED, "policy_violation")
    assert [m["outcome"] for m in report.mitigations] == ["refused"]


def test_a_secret_out_of_scope_is_not_tidied_away(hardened: Hardened) -> None:
    key = "aws = '" + "AKIA" + "Q3EGRN5TW6JZKHL2'\n"
    run = hardened.run(
        phase("a", add_line(0), write("f9.txt", key), modify=("f0.txt",), limits=ONCE)
    )
    (report,) = drive(run)
    assert (run.state, report.failure_kind) == (RunState.FAILED, "policy_violation")
    assert "fixed" not in [m["outcome"] for m in report.mitigations]


def test_a_diff_that_stays_refused_is_kept_as_it_was_made(
    hardened: Hardened, repository: GitRepository
) -> None:
    """Cut to its scope it would still be too large: the cut is taken back."""
    run = hardened.run(
        phase(
            "a", add_line(0), add_line(1), add_line(2), modify=("f0.txt", "f1.txt"),
            limits={"max_attempts": 1, "max_files": 1},
        )
    )  # fmt: skip
    (report,) = drive(run)
    assert (run.state, report.failure_kind) == (RunState.FAILED, "policy_violation")
    assert [m["outcome"] for m in report.mitigations] == ["refused"]
    (mirror,) = (repository.folder.parent / "home" / "repositories").glob("*.git")
    kept = GitRepository(mirror)
    assert [kept.show(report.commit, f"f{n}.txt") for n in (0, 1, 2)] == [
        "line 0\nmore", "line 1\nmore", "line 2\nmore",
    ]  # fmt: skip


def test_a_bit_lets_no_line_of_the_builder_out_of_its_scope(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.commit(make__sh="#!/bin/sh\necho more >> f0.txt\n")
    run = hardened.run(
        phase(
            "a", shell("echo 'echo evil' >> make.sh"), shell("./make.sh"), modify=("f0.txt",),
            limits=ONCE,
        )
    )  # fmt: skip
    (report,) = drive(run)
    assert run.state == RunState.SUCCEEDED, report.explanation
    assert [m["action"] for m in report.mitigations] == [
        "set_executable_bit", "revert_out_of_scope",
    ]  # fmt: skip
    assert "evil" not in repository.show("autopack/on", "make.sh")
    assert [file["path"] for file in report.files] == ["f0.txt"]


def test_a_protected_script_gets_its_bit_from_a_person_only(
    hardened: Hardened, repository: GitRepository
) -> None:
    repository.commit(check__sh=SCRIPT)
    project = services.project_create(
        name="own", source=str(repository.folder), protected_paths=["check.sh"]
    )
    run = hardened.run(phase("a", add_line(0), checks=["./check.sh"], limits=ONCE), project=project)
    (report,) = drive(run)
    assert run.state == RunState.FAILED
    assert report.mitigations[0]["outcome"] == "refused"
    assert report.hardening_hits == 0
    assert "protected" in report.mitigations[0]["why"]
