"""Judges one file of a diff: its path, its name, where it links to, its size, secrets in it."""

import unicodedata
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from runs.execution.diffs.diff import ChangeKind, FileChange, added_text, binary_bytes, removed_text
from runs.execution.diffs.governance_types import FileVerdict, GovernanceRules, Violation
from runs.execution.diffs.protected_paths import (
    is_ci_file,
    is_environment_file,
    is_git_configuration,
    is_git_internal,
    is_key_file,
    is_lock_file,
    shown,
    windows_problem,
)
from runs.execution.diffs.secrets_scan import SecretFinding, secrets_in
from runs.planning.scopes import ScopeMatcher

_RISKY_ATTRIBUTES: Final = (b"filter", b"diff", b"merge", b"binary", b"encoding", b"[attr]")


class FileJudge:
    """The rules, made ready once for all files of a diff."""

    def __init__(
        self,
        rules: GovernanceRules,
        changes: Sequence[FileChange],
        read_link: Callable[[str], str],
        case_twin: Callable[[str], str | None] | None,
    ) -> None:
        self._rules = rules
        self._read_link = read_link
        self._case_twin = case_twin
        scope = rules.modify + rules.create
        self._scope = _matcher(scope) if scope else None
        self._protected = _matcher(rules.protected) if rules.protected else None
        self._listed, self._lock_patterns = _listed(scope)
        self._placed = frozenset(rules.allowed_placed_files)
        self._removed = {path for change in changes for path in change.old_paths}
        self._folded: dict[str, str] = {}

    def file(self, change: FileChange) -> FileVerdict:
        found: list[tuple[Violation, str]] = []
        for path in (change.path, change.old_path):
            if path is not None:
                found.extend(self._judge_path(change, path))
        if change.kind is not ChangeKind.DELETED:
            found.extend(self._judge_name(change))
        if change.is_symlink:
            found.extend(self._judge_link(change))
        secrets: tuple[SecretFinding, ...] = ()
        size = max(len(change.patch), binary_bytes(change))
        if size > self._rules.max_file_bytes:
            limit = self._rules.max_file_bytes
            found.append((Violation.TOO_LARGE, f"changes {size} bytes, more than {limit}"))
        else:
            secrets = secrets_in(change, is_lock_file=is_lock_file(change.path))
        if secrets:
            found.append((Violation.SECRET, _describe_secrets(secrets)))
        if not found:
            return FileVerdict(change.path, allowed=True, violations=(), explanation="")
        reasons = ", and ".join(dict.fromkeys(text for _, text in found))
        return FileVerdict(
            path=change.path,
            allowed=False,
            violations=tuple(dict.fromkeys(violation for violation, _ in found)),
            explanation=f"`{shown(change.path)}` {reasons}",
            secrets=secrets,
        )

    def _judge_path(self, change: FileChange, path: str) -> list[tuple[Violation, str]]:
        """What the name of a path (new or old) forbids."""
        if is_git_internal(path):
            return [(Violation.GIT_INTERNAL, "belongs to git itself")]
        if path in self._placed:
            return []
        if is_environment_file(path):
            return [(Violation.PROTECTED, "holds a deployment's own settings")]
        if path in self._listed:
            return []
        if is_lock_file(path) and not self._names_lock_file(path):
            return [(Violation.LOCK_FILE, "is a lock file that the scope does not name")]
        reason = self._protection(change, path)
        if reason:
            return [(Violation.PROTECTED, reason)]
        if change.is_submodule:
            return [(Violation.SUBMODULE, "is a submodule that the scope does not name")]
        if self._scope is not None and not self._scope.matches(path):
            return [(Violation.OUT_OF_SCOPE, "is outside of the phase's scope")]
        return []

    def _protection(self, change: FileChange, path: str) -> str:
        if is_ci_file(path):
            return "is CI configuration"
        if is_key_file(path):
            return "has the name of a private key or a file of credentials"
        if is_git_configuration(path) and _is_risky_configuration(change):
            return "configures git"
        if self._protected is not None and self._protected.matches(path):
            return "is protected by the project"
        return ""

    def _names_lock_file(self, path: str) -> bool:
        """Whether a pattern that means lock files (`**` and `src/` do not) matches this one."""
        name = path.rsplit("/", 1)[-1]
        return any(
            fnmatchcase(name, last) and _matcher((pattern,)).matches(path)
            for pattern, last in self._lock_patterns
        )

    def _judge_name(self, change: FileChange) -> list[tuple[Violation, str]]:
        """What makes a name that the change brings into the tree a bad one."""
        path = change.path
        found: list[tuple[Violation, str]] = []
        folded = unicodedata.normalize("NFC", path).casefold()
        other = self._folded.setdefault(folded, path)
        is_new = change.kind in (ChangeKind.ADDED, ChangeKind.RENAMED)
        if is_new and path not in self._listed:
            problem = windows_problem(path)
            if problem:
                found.append((Violation.WINDOWS_NAME, problem))
        if is_new and other == path and self._case_twin is not None:
            twin = self._case_twin(path)
            if twin is not None and twin not in self._removed:
                other = twin
        if other != path:
            text = f"differs from `{shown(other)}` by case only"
            found.append((Violation.CASE_COLLISION, text))
        return found

    def _judge_link(self, change: FileChange) -> list[tuple[Violation, str]]:
        try:
            target = self._read_link(change.path)
        except OSError as error:
            return [(Violation.SYMLINK_ESCAPE, f"is a link that could not be read ({error})")]
        problem = _link_problem(change.path, target)
        return [(Violation.SYMLINK_ESCAPE, problem)] if problem else []


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> ScopeMatcher:
    return ScopeMatcher(patterns)


@lru_cache(maxsize=256)
def _listed(scope: tuple[str, ...]) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """The exact paths that a scope lists, and its patterns that mean lock files by their name."""
    exact = frozenset(pattern.removeprefix("./").removeprefix("/") for pattern in scope)
    lasts = ((pattern, pattern.rsplit("/", 1)[-1]) for pattern in scope if pattern[:1] != "!")
    return exact, tuple(
        (pattern, last)
        for pattern, last in lasts
        if is_lock_file(last) or "lock" in last.lower().replace("block", "")
    )


def _link_problem(path: str, target: str) -> str:
    """Why a link leads out of the tree; empty when it does not.

    `..` after a name is refused: where it leads depends on whether that name is a link itself.
    """
    if not target or target.startswith(("/", "\\")) or "\\" in target or target[1:2] == ":":
        return "is a link to an absolute path"
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if ups > path.count("/") or ".." in parts[ups:]:
        return "is a link that leads out of the repository"
    if is_git_internal(target):
        return "is a link into git's own files"
    return ""


def _is_risky_configuration(change: FileChange) -> bool:
    if change.path.lower().endswith(".gitmodules") or change.old_path is not None:
        return True
    if change.is_symlink or change.is_binary or change.kind is ChangeKind.DELETED:
        return True
    lines = [line.text.lower() for line in added_text(change)]
    lines.extend(line.lower() for line in removed_text(change))
    return any(word in line for line in lines for word in _RISKY_ATTRIBUTES)


def _describe_secrets(secrets: tuple[SecretFinding, ...]) -> str:
    first = secrets[0]
    where = f"in line {first.line}" if first.line else "in its content"
    more = f" and {len(secrets) - 1} more" if len(secrets) > 1 else ""
    return f"adds what looks like a secret {where}: {first.detector} {first.evidence}{more}"
