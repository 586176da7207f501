"""Decides which files of a diff may stay: scope, protected paths, sizes, links, secrets. Pure.

Judged is the resulting diff, whatever made it. A verdict tells the allowed part of the diff from
the refused one; both are patches that git applies to the base.
"""

from collections.abc import Callable, Sequence
from typing import Final

from runs.execution.diffs.diff import ChangeKind, FileChange
from runs.execution.diffs.file_judge import FileJudge
from runs.execution.diffs.governance_types import FileVerdict, GovernanceRules, Verdict, Violation
from runs.execution.diffs.protected_paths import shown

__all__ = ["FileVerdict", "GovernanceRules", "Verdict", "Violation", "govern"]

_SHOWN_FILES: Final = 5  # what a sentence can name and still be read
_ADVICE: Final = {
    Violation.OUT_OF_SCOPE: "keep to the phase's scope, or add these paths to it",
    Violation.PROTECTED: "leave protected files alone, or have a person change them",
    Violation.LOCK_FILE: "name the lock file in the phase's scope when it has to change",
    Violation.TOO_LARGE: "split the phase, or leave generated files out",
    Violation.TOO_MANY_DELETIONS: "delete less, or raise the project's limit",
    Violation.SYMLINK_ESCAPE: "link only to relative paths inside of the repository",
    Violation.SECRET: "read secrets from the environment instead of writing them down",
    Violation.SUBMODULE: "name the submodule's path in the phase's scope when it has to change",
    Violation.GIT_INTERNAL: "leave git's own files alone",
    Violation.CASE_COLLISION: "choose names that differ by more than case",
    Violation.WINDOWS_NAME: "choose a name that every system can check out",
}


def govern(
    changes: Sequence[FileChange],
    rules: GovernanceRules,
    *,
    read_link: Callable[[str], str],
    case_twin: Callable[[str], str | None] | None = None,
) -> Verdict:
    """Judge each file and the whole.

    `read_link(path)` gives the target of a symbolic link of the changed tree (OSError: refused).
    `case_twin(path)` may give a tracked path that differs from `path` by case only; collisions
    inside of the diff are found without it.
    """
    judge = FileJudge(rules, changes, read_link, case_twin)
    files = [judge.file(change) for change in changes]
    _refuse_replacements(changes, files)
    whole = _judge_whole(changes, rules)
    refused = [file for file in files if not file.allowed]
    pairs = list(zip(changes, files, strict=True))
    return Verdict(
        files=tuple(files),
        violations=tuple(violation for violation, _ in whole),
        ok=not refused and not whole,
        explanation=_explain(files, refused, whole),
        in_scope_patch=b"".join(change.patch for change, file in pairs if file.allowed),
        out_of_scope_patch=b"".join(change.patch for change, file in pairs if not file.allowed),
    )


def _refuse_replacements(changes: Sequence[FileChange], files: list[FileVerdict]) -> None:
    """Refuse a file that needs a refused removal: a folder where a file was, or the reverse."""
    kept = {
        path
        for change, file in zip(changes, files, strict=True)
        if not file.allowed
        for path in change.old_paths
    }
    if not kept:
        return
    kept_folders = {folder for path in kept for folder in _folders(path)}
    for index, change in enumerate(changes):
        path = change.path
        is_new = change.kind in (ChangeKind.ADDED, ChangeKind.RENAMED)
        if not (files[index].allowed and is_new):
            continue
        if path in kept_folders or any(folder in kept for folder in _folders(path)):
            files[index] = FileVerdict(
                path=path,
                allowed=False,
                violations=(Violation.OUT_OF_SCOPE,),
                explanation=f"`{shown(path)}` takes the place of a path that may not be removed",
            )


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _judge_whole(
    changes: Sequence[FileChange], rules: GovernanceRules
) -> list[tuple[Violation, str]]:
    deleted = sum(change.kind is ChangeKind.DELETED for change in changes)
    added_lines = sum(change.added_lines for change in changes)
    deleted_lines = sum(change.deleted_lines for change in changes)
    limits = (
        (Violation.TOO_LARGE, len(changes), rules.max_files, "changes {} files"),
        (Violation.TOO_LARGE, added_lines, rules.max_added_lines, "adds {} lines"),
        (Violation.TOO_MANY_DELETIONS, deleted, rules.max_deleted_files, "deletes {} files"),
        (Violation.TOO_MANY_DELETIONS, deleted_lines, rules.max_deleted_lines, "deletes {} lines"),
    )
    found: dict[Violation, str] = {}
    for violation, value, limit, text in limits:
        if value > limit:
            sentence = f"the attempt {text.format(value)}, more than the {limit} allowed"
            found.setdefault(violation, sentence)
    return list(found.items())


def _explain(
    files: list[FileVerdict], refused: list[FileVerdict], whole: list[tuple[Violation, str]]
) -> str:
    """A sentence for people and for the next attempt: the first files, why, and what to do."""
    if not refused and not whole:
        return f"all {len(files)} changed files are allowed" if files else "nothing was changed"
    parts = [text for _, text in whole]
    if refused:
        named = "; ".join(file.explanation for file in refused[:_SHOWN_FILES])
        more = f"; and {len(refused) - _SHOWN_FILES} more" if len(refused) > _SHOWN_FILES else ""
        parts.append(f"{len(refused)} of {len(files)} changed files are refused: {named}{more}")
    violations = dict.fromkeys(
        [violation for violation, _ in whole] + [v for file in refused for v in file.violations]
    )
    advice = "; ".join(_ADVICE[violation] for violation in violations)
    return f"{'; '.join(parts)}. What to do: {advice}."
