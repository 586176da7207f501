"""Actions that change the tree: the executable bit, hunks out of scope, lock files."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

from runs.execution.diffs.governance_types import Violation
from runs.execution.diffs.protected_paths import is_ci_file, is_environment_file
from runs.execution.mitigations.candidate import candidate_change
from runs.execution.mitigations.hostile import file_inside
from runs.execution.mitigations.types import Applied, NotPossible
from runs.planning.scopes import ScopeMatcher
from runs.states import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runs.execution.mitigations.types import Step

EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
# What may be taken back: a file in the wrong place. A secret or a link out of the repository is a
# reason to look, not to tidy up.
_REVERTIBLE = frozenset({Violation.OUT_OF_SCOPE, Violation.LOCK_FILE})


def set_executable_bit(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Give a script its bit: in the tree while it is built, as a part of the candidate after."""
    trial = step.trial
    path, target = _script(step, parameters["path"])
    mode = target.stat().st_mode
    git = trial.bench.workspace.git
    tracked = git.text("ls-files", "--stage", "--", f":(top,literal){path}")
    if sys.platform != "win32" and mode & stat.S_IXUSR:
        raise NotPossible(f"{path} has its executable bit.")
    if target.read_bytes()[:2] not in (b"#!", b"\x7fE"):
        raise NotPossible(f"{path} is no script: it has no first line that names its interpreter.")
    before, after = f"{path}: {stat.filemode(mode)}", f"{path}: executable"
    if not tracked and step.stage is not Stage.BUILD:
        raise NotPossible(f"{path} is not part of the work: only a tracked file gets its bit.")
    _refuse_protected(step, path)
    if step.stage is Stage.BUILD:
        placed = trial.placed_paths
        trial.placed_paths = (*placed, path)
        target.chmod(mode | EXECUTABLE)

        def undo() -> None:
            trial.placed_paths = placed
            target.chmod(mode)

        return Applied(before, after, undo)

    def change() -> None:
        target.chmod(target.stat().st_mode | EXECUTABLE)
        git.call("update-index", "--chmod=+x", "--", path)

    return Applied(before, after, candidate_change(trial, change, makes=(path,)))


def _refuse_protected(step: Step, path: str) -> None:
    protected = ScopeMatcher(tuple(step.trial.session.run.project.protected_paths))
    if is_ci_file(path) or is_environment_file(path) or protected.matches(path):
        raise NotPossible(f"{path} is protected: a person has to change it.")


def _script(step: Step, text: str) -> tuple[str, Path]:
    """The script as the log has it: seen from the step's folder, else from the repository."""
    tree = step.trial.bench.tree
    places = [text] if step.cwd == "." else [f"{step.cwd}/{text}", text]
    for place in places:
        try:
            return file_inside(tree, place)
        except NotPossible as problem:
            last = problem
    raise last


def revert_out_of_scope(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Keep what is in the phase's scope of a refused diff, and take the rest back."""
    trial = step.trial
    verdict = trial.verdict
    if step.stage is not Stage.GOVERN or verdict is None:
        raise NotPossible("Only a diff that was refused can be cut to its scope.")
    refused = [file for file in verdict.files if not file.allowed]
    other = [file for file in refused if not set(file.violations) <= _REVERTIBLE]
    if other:
        raise NotPossible(f"More than the scope is at stake: {other[0].explanation}.")
    named = set(parameters["paths"].split("\n"))
    if not refused or not {file.path for file in refused} <= named:
        raise NotPossible("The refused files are others than those to be taken back.")
    kept = verdict.in_scope_patch
    if not kept:
        raise NotPossible("Nothing of the change is in the phase's scope.")
    git = trial.bench.workspace.git

    def change() -> None:
        git.call("read-tree", "--reset", "-u", trial.base)
        git.call("apply", "--index", "--whitespace=nowarn", stdin=kept)

    undo = candidate_change(trial, change)
    names = ", ".join(file.path for file in refused[:5])
    more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
    before = f"{len(verdict.files)} files changed, {len(refused)} of them out of scope"
    return Applied(before, f"taken back: {names}{more}", undo)
