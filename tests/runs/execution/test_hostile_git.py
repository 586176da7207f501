"""A command that plants a repository of its own in the worktree: our git never obeys it.

What the planted settings would run leaves a marker; each test first shows that they do run when a
git that believes them looks (the control), so that an absent marker means something.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from runs.execution.sandbox import SandboxUnavailable, sandbox_resolve
from runs.models import Attempt
from runs.states import RunState
from tests.repositories import PERSON, GitRepository
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import Json, add_line, phase, sh, shell

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


def with_bubblewrap() -> bool:
    try:
        sandbox_resolve("bubblewrap")
    except SandboxUnavailable:
        return False
    return True


MODES = [
    "none",
    pytest.param(
        "bubblewrap",
        marks=pytest.mark.skipif(not with_bubblewrap(), reason="bubblewrap does not work here"),
    ),
]

# $1 is the folder to become a repository's .git, $2 what its settings run. It has a commit and an
# index first: git asks fsmonitor of what it tracks.
PLANT = """
[ -e "$1/hooks/post-commit" ] && exit 0
mkdir -p "$1" || exit 0
planted() { git -c user.name=x -c user.email=x@y --git-dir="$dir" --work-tree="${dir%/*}" "$@"; }
dir=$1
if ! [ -e "$1/index" ]; then
  planted init -q && planted add -A && planted commit -q --allow-empty -m planted || exit 0
fi
mkdir -p "$1/hooks" "$1/info"
cat > "$1/config" <<END
[core]
  repositoryformatversion = 0
  bare = false
  fsmonitor = "$2"
  sshCommand = "$2"
  editor = "$2"
  pager = "$2"
  hooksPath = $1/hooks
[diff]
  external = "$2"
[filter "planted"]
  clean = "$2"
  smudge = "$2"
  process = "$2"
  required = true
[commit]
  gpgSign = true
[gpg]
  program = "$2"
END
echo '* filter=planted diff=planted merge=planted' > "$1/info/attributes"
for hook in pre-commit post-commit post-checkout reference-transaction post-index-change; do
  printf '#!/bin/sh\\n%s\\n' "$2" > "$1/hooks/$hook"; chmod +x "$1/hooks/$hook"
done
"""


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """An absolute path of a program that leaves a marker beside itself."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/marker\n")
    program.chmod(0o755)
    return program


def sprung(trap: Path) -> bool:
    marker = trap.with_name("marker")
    was = marker.exists()
    marker.unlink(missing_ok=True)
    return was


def plant(where: str, trap: Path, before: str = "true", after: str = "true") -> Json:
    """A step that does `before`, plants at `where` (a shell word), and does `after`."""
    script = f'{before}\nset -- "{where}" "$1"\n{PLANT}\n{after}\ntrue'
    return shell(script, trap)


def test_the_control_a_git_that_believes_the_planted_settings_runs_what_they_say(
    repository: GitRepository, trap: Path
) -> None:
    git_dir = repository.folder / ".git"
    subprocess.run(["sh", "-c", PLANT, "sh", git_dir, trap], check=True)
    subprocess.run(["git", "status"], cwd=repository.folder, env=PERSON, capture_output=True)
    assert sprung(trap)


WAYS = {
    "a pointer to it": ("$PWD/evil/.git", "true", 'rm .git; echo "gitdir: $PWD/evil/.git" > .git'),
    "a folder in the pointer's place": ("$PWD/.git", "rm .git", "true"),
    "a link in the pointer's place": ("$PWD/evil/.git", "true", "rm .git; ln -s evil/.git .git"),
    "a repository around tracked files": ("$PWD/folder/.git", "true", "true"),
    "a new nested repository": ("$PWD/nested/.git", "mkdir nested; echo x > nested/x", "true"),
    "a common folder of git's": ("$PWD/evil/.git", "true", 'echo "$PWD/evil/.git" > commondir'),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_a_planted_repository_is_obeyed_by_no_git_of_ours(
    way: str, mode: str, make_run: MakeRun, repository: GitRepository, trap: Path,
    settings: Settings,
) -> None:  # fmt: skip
    settings.AUTOPACK_SANDBOX = mode
    repository.commit("folder", **{"folder/tracked.txt": "tracked\n"})
    where, before, after = WAYS[way]
    step = plant(where, trap, before, f"rm -rf evil.keep; {after}")
    check = [sh("true")]
    run = make_run(
        # Planted by a build, planted by a check, and met by the phases and the run after it.
        phase("a", add_line(0), step, checks=check, limits={"max_attempts": 2}),
        phase("b", add_line(1), checks=[step["argv"]], after=("a",), limits={"max_attempts": 2}),
        phase("c", add_line(2), checks=check, after=("b",)),
    )
    drive(run)
    later = make_run(
        phase("p", add_line(0), checks=[step["argv"]]),
        phase("q", add_line(1), checks=check, after=("p",)),
        run_id="later",
    )
    drive(later)
    assert not sprung(trap)
    assert not Attempt.objects.filter(outcome="errored").exists(), [
        attempt.explanation for attempt in Attempt.objects.filter(outcome="errored")
    ]


@pytest.mark.parametrize("mode", MODES)
def test_the_next_phase_and_the_next_run_find_the_right_pointer(
    mode: str, make_run: MakeRun, repository: GitRepository, trap: Path, settings: Settings
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    swap = plant(*_with_trap(trap, WAYS["a pointer to it"]))
    clean = sh('grep -q "^gitdir: .*/repositories/.*/worktrees/" .git && test ! -e evil')
    run = make_run(
        phase("a", add_line(0), checks=[swap["argv"]]),
        phase("b", add_line(1), checks=[clean], after=("a",), limits={"max_attempts": 1}),
    )
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    later = make_run(phase("a", add_line(0), checks=[clean]), run_id="later")
    drive(later)
    assert later.state == RunState.SUCCEEDED, later.explanation
    assert not sprung(trap)


def _with_trap(trap: Path, way: tuple[str, str, str]) -> tuple[str, Path, str, str]:
    return way[0], trap, way[1], way[2]


def test_settings_that_a_command_puts_into_our_own_repository_are_overruled(
    make_run: MakeRun, trap: Path
) -> None:
    # It can without a sandbox only, and then it is no more than the command could do itself; but it
    # would go on doing it in every later run.
    hook = 'd=$(git rev-parse --git-common-dir); mkdir -p "$d/hooks"; cp "$1" "$d/hooks/{0}"'
    hooks = "; ".join(hook.format(name) for name in ("post-checkout", "reference-transaction"))
    settle = f'{hooks}; git config core.fsmonitor "$1"; git config diff.external "$1"; true'
    for run_id in ("first", "second"):
        run = make_run(
            phase("a", add_line(0), shell("true"), checks=[sh(settle, trap)]),
            phase("b", shell("echo x > new.txt"), after=("a",)),
            run_id=run_id,
        )
        drive(run)
        assert run.state == RunState.SUCCEEDED, run.explanation
        assert not sprung(trap), run_id


# --- Submodules -------------------------------------------------------------------------------


COPY = 'real=$(git -C sub rev-parse --absolute-git-dir); cp -r "$real" {0}; rm -f {0}/hooks/*'
PLANTED_SUBMODULES = {
    "a folder": ("$PWD/sub/.git", "rm -f sub/.git", "true"),
    "a pointer": ("$PWD/evil", "true", 'rm -f sub/.git; echo "gitdir: $PWD/evil" > sub/.git'),
    # At the very commit that the project names, so that git finds nothing amiss and looks inside.
    "a copy": ("$PWD/copy", COPY.format("copy"), "rm -rf sub/.git; mv copy sub/.git"),
}


@pytest.fixture
def with_submodule(repository: GitRepository, tmp_path: Path) -> GitRepository:
    """The usual repository with a submodule `sub` that holds inner.txt."""
    inner = GitRepository.create(tmp_path / "inner", inner__txt="inner\n")
    repository.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "sub"
    )
    repository.commit("with a submodule")
    return repository


@pytest.mark.usefixtures("with_submodule")
@pytest.mark.parametrize("mode", MODES)
def test_submodules_are_there_for_commands(
    mode: str, make_run: MakeRun, settings: Settings
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    look = "grep -q inner sub/inner.txt"
    run = make_run(
        phase("a", add_line(0), shell(look), checks=[sh(look)]),
        phase("b", add_line(1), checks=[sh(look)], after=("a",)),
    )
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation


@pytest.mark.usefixtures("with_submodule")
def test_what_a_run_leaves_in_a_submodule_is_not_there_for_the_next(make_run: MakeRun) -> None:
    leave = sh("echo x > sub/left.txt; echo changed > sub/inner.txt; git init -q sub/deep; true")
    drive(make_run(phase("a", add_line(0), checks=[leave])))
    look = sh("test ! -e sub/left.txt && test ! -e sub/deep && grep -qx inner sub/inner.txt")
    later = make_run(phase("a", add_line(0), checks=[look]), run_id="later")
    drive(later)
    assert later.state == RunState.SUCCEEDED, later.explanation


@pytest.mark.usefixtures("with_submodule")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", PLANTED_SUBMODULES)
def test_a_repository_planted_in_a_submodules_place_is_obeyed_by_no_git_of_ours(
    kind: str, mode: str, make_run: MakeRun, trap: Path, settings: Settings
) -> None:
    settings.AUTOPACK_SANDBOX = mode
    where, before, after = PLANTED_SUBMODULES[kind]
    step = plant(where, trap, before, after)
    run = make_run(
        phase("a", add_line(0), step, limits={"max_attempts": 2}),
        phase("b", add_line(1), checks=[step["argv"]], limits={"max_attempts": 2}),
    )
    drive(run)
    assert not sprung(trap), "by staging, committing or cleaning up"
    later = make_run(phase("a", add_line(0)), run_id="later")
    drive(later)
    assert later.state == RunState.SUCCEEDED, later.explanation
    assert not sprung(trap), "by the next run's reset"


@pytest.mark.usefixtures("with_submodule")
def test_a_submodule_whose_source_is_gone_fails_the_run_with_its_name(
    make_run: MakeRun, tmp_path: Path
) -> None:
    (tmp_path / "inner").rename(tmp_path / "moved")
    run = make_run(phase("a", add_line(0)))
    drive(run)
    assert run.state == RunState.FAILED
    assert "sub" in run.explanation
