"""What goes into hardening and what comes out: plain frozen values, no ORM, nothing of runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hardening.families import Family


class Mode(StrEnum):
    """What an operator lets a pattern do."""

    SUGGEST = "suggest"
    APPLY = "apply"


class Risk(StrEnum):
    """What may be done with an action without a person: do it, ask for approval, only say it."""

    APPLY = "apply"
    ASK = "ask"
    SUGGEST = "suggest"


class ActionKind(StrEnum):
    """The closed list of what a mitigation can be. `Action.parameters` of each:

    install_package        ecosystem (python|node|...), package, module
    install_from_manifest  ecosystem
    run_in_folder          folder (relative to the repository, "." for its root)
    adjust_test_command    path (the test path that does not exist), or nothing: discover anew
    set_executable_bit     path
    revert_out_of_scope    paths (one a line)
    wait_and_retry         delay_seconds, attempts
    pick_free_port         port
    remove_git_lock        path
    regenerate_lock_file   ecosystem, tool
    set_environment_variable  name, value
    prune_caches           nothing
    lower_parallelism      nothing
    suggest_only           nothing: `text` is all there is
    """

    INSTALL_PACKAGE = "install_package"
    INSTALL_FROM_MANIFEST = "install_from_manifest"
    RUN_IN_FOLDER = "run_in_folder"
    ADJUST_TEST_COMMAND = "adjust_test_command"
    SET_EXECUTABLE_BIT = "set_executable_bit"
    REVERT_OUT_OF_SCOPE = "revert_out_of_scope"
    WAIT_AND_RETRY = "wait_and_retry"
    PICK_FREE_PORT = "pick_free_port"
    REMOVE_GIT_LOCK = "remove_git_lock"
    REGENERATE_LOCK_FILE = "regenerate_lock_file"
    SET_ENVIRONMENT_VARIABLE = "set_environment_variable"
    PRUNE_CACHES = "prune_caches"
    LOWER_PARALLELISM = "lower_parallelism"
    SUGGEST_ONLY = "suggest_only"


# Which parameters each kind must have; others are refused.
REQUIRED: dict[ActionKind, frozenset[str]] = {
    ActionKind.INSTALL_PACKAGE: frozenset({"ecosystem", "package", "module"}),
    ActionKind.INSTALL_FROM_MANIFEST: frozenset({"ecosystem"}),
    ActionKind.RUN_IN_FOLDER: frozenset({"folder"}),
    ActionKind.ADJUST_TEST_COMMAND: frozenset({"path"}),
    ActionKind.SET_EXECUTABLE_BIT: frozenset({"path"}),
    ActionKind.REVERT_OUT_OF_SCOPE: frozenset({"paths"}),
    ActionKind.WAIT_AND_RETRY: frozenset({"delay_seconds", "attempts"}),
    ActionKind.PICK_FREE_PORT: frozenset({"port"}),
    ActionKind.REMOVE_GIT_LOCK: frozenset({"path"}),
    ActionKind.REGENERATE_LOCK_FILE: frozenset({"ecosystem", "tool"}),
    ActionKind.SET_ENVIRONMENT_VARIABLE: frozenset({"name", "value"}),
    ActionKind.PRUNE_CACHES: frozenset(),
    ActionKind.LOWER_PARALLELISM: frozenset(),
    ActionKind.SUGGEST_ONLY: frozenset(),
}


class ActionInvalid(ValueError):
    """An action with parameters that its kind does not have, or without those it needs."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `parameters` hold text from a log: whoever applies it checks them again
    (paths stay inside of the worktree, names are names) and builds argv from them, never a shell
    string. `text` says in a sentence what and why."""

    kind: ActionKind
    risk: Risk
    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given, needed = set(self.parameters), REQUIRED[self.kind]
        if given != needed:
            raise ActionInvalid(
                f"{self.kind} takes {sorted(needed) or 'no parameters'}, not {sorted(given)}"
            )

    def as_json(self) -> dict[str, object]:
        return {
            "kind": str(self.kind),
            "risk": str(self.risk),
            "text": self.text,
            **({"parameters": dict(self.parameters)} if self.parameters else {}),
        }


class Project(Protocol):
    """What hardening asks about the project's files. `hardening.project.ProjectListing` is one
    made from a list of paths."""

    def has_path(self, path: str) -> bool:
        """Whether a file or folder is at `path` (relative to the repository, slashes)."""

    def has_module(self, name: str) -> bool:
        """Whether the first part of a dotted Python name is a module or package of the project,
        wherever it lies (root, src/, or nested: it is project-local either way)."""

    def folders_with(self, path: str) -> tuple[str, ...]:
        """Folders (relative, "." for the root) in which the relative `path` exists, nearest to
        the root first."""


@dataclass(frozen=True, slots=True)
class Output:
    """The failed step's real output: its whole log as a file, or head and tail as kept in memory
    (and the failing section when somebody cut it out). A file is read in windows."""

    head: str = ""
    tail: str = ""
    failing_section: str = ""
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class FailureContext:
    """A failed step as `runs` saw it. All but the output may be unknown (a pasted log)."""

    output: Output
    exit_code: int | None = None
    argv: tuple[str, ...] = ()
    cwd: str = "."  # relative to the repository
    toolchains: tuple[str, ...] = ()  # names of runs.toolchains: python, node, go, rust, java...
    project: Project | None = None
    # Names as declared, by ecosystem (python, node, ...). None: unknown.
    declared: Mapping[str, frozenset[str]] | None = None
    out_of_scope: tuple[str, ...] = ()  # changed paths that the phase may not touch
    timed_out: bool = False

    @classmethod
    def of_text(cls, text: str) -> FailureContext:
        """Nothing known but what was printed."""
        return cls(output=Output(head=text))


@dataclass(frozen=True, slots=True)
class DoctorBaseline:
    """What a Doctor call costs here: the estimate of what a fixed failure saved."""

    tokens: int
    source: Literal["run", "installation", "default"]
    sample_size: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where it stands: `line` counts from 1 in the text that was matched (of a file: in the
    file), `start` and `end` are characters within `text`, the line (cut at 400 characters)."""

    line: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """One pattern that fits. `score` is 0 to 1; `specifics` are named facts (module, package,
    path, port, ...), all taken from the log and so untrusted."""

    pattern_id: str
    family: Family
    priority: int
    score: float
    evidence: tuple[Evidence, ...]
    specifics: Mapping[str, str]
    actions: tuple[Action, ...]

    @property
    def is_applicable(self) -> bool:
        return any(action.risk is Risk.APPLY for action in self.actions)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The match to act on (None: a genuine failure, or nothing known) and the other ones."""

    best: Match | None
    alternatives: tuple[Match, ...] = ()
