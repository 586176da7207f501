"""Values that go into the governance of a diff and come out of it."""

from dataclasses import dataclass
from enum import StrEnum

from runs.execution.diffs.secrets_scan import SecretFinding


class Violation(StrEnum):
    OUT_OF_SCOPE = "out_of_scope"
    PROTECTED = "protected"
    LOCK_FILE = "lock_file"
    TOO_LARGE = "too_large"
    TOO_MANY_DELETIONS = "too_many_deletions"
    SYMLINK_ESCAPE = "symlink_escape"
    SECRET = "secret"  # noqa: S105 - the name of a violation
    SUBMODULE = "submodule"
    GIT_INTERNAL = "git_internal"
    CASE_COLLISION = "case_collision"
    WINDOWS_NAME = "windows_name"


@dataclass(frozen=True, slots=True)
class GovernanceRules:
    """What a phase may change.

    `modify` and `create` are gitignore-style patterns (both empty: the whole repository);
    `protected` are the project's own, on top of those known by name; `allowed_placed_files` are
    exact paths that our own actions wrote: in scope, and neither protected nor lock files.
    The limits keep a change to what a person can review; sizes are bytes of a file's change.
    """

    modify: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    allowed_placed_files: tuple[str, ...] = ()
    max_files: int = 200
    max_added_lines: int = 20_000
    max_deleted_lines: int = 10_000
    max_deleted_files: int = 50
    max_file_bytes: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileVerdict:
    path: str
    allowed: bool
    violations: tuple[Violation, ...]
    explanation: str
    secrets: tuple[SecretFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`violations` are those of the change as a whole; `ok`: neither they nor a file's exist."""

    files: tuple[FileVerdict, ...]
    violations: tuple[Violation, ...]
    ok: bool
    explanation: str
    in_scope_patch: bytes
    out_of_scope_patch: bytes
