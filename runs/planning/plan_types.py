"""The structured plan (schema version 1) as values. Frozen, and every sequence is a tuple.

The JSON form, what each field means and its limits are in `plan_schema`; the names are the same.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

SCHEMA_VERSION = 1


class Category(StrEnum):
    FEATURE = "feature"
    BUGFIX = "bugfix"
    REFACTOR = "refactor"
    TESTS = "tests"
    DOCS = "docs"
    CONFIG = "config"
    MIGRATION = "migration"
    INFRASTRUCTURE = "infrastructure"
    RESEARCH = "research"
    OTHER = "other"


class Complexity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class StepKind(StrEnum):
    """What a step of a recipe does."""

    APPLY_PATCH = "apply_patch"
    WRITE_FILE = "write_file"
    RUN = "run"


class PlanFlag(StrEnum):
    """What a plan may switch on or off for its run; unset means the server's own setting."""

    INTENTION_CONTEXT = "intention_context"
    FAILURE_HARDENING = "failure_hardening"
    TELEMETRY_DB = "telemetry_db"


# A command as a person writes it (see runs.planning.commands), or an argv.
ValidationCommand = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    text: str
    done: bool = False
    paths: tuple[str, ...] = ()
    subtasks: tuple["Task", ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a phase may write, as gitignore-style patterns (see runs.planning.scopes).

    `modify` and `create` both empty: anywhere.
    """

    modify: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    read_only_context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InferredPath:
    """A path that the normalizer believes a phase is about; `score` is from 0 to 1."""

    path: str
    score: float


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the recipe backend. `attempts`: the attempts it is done in; empty, in all.

    apply_patch uses `patch` (a unified diff); write_file `path`, `content` and `executable`;
    run `argv`, `cwd` (relative, "." is the root) and `network`. The rest keeps its default.
    """

    kind: StepKind
    patch: str = ""
    path: str = ""
    content: str = ""
    executable: bool = False
    argv: tuple[str, ...] = ()
    cwd: str = "."
    network: bool = False
    attempts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BuilderSpec:
    """What builds a phase. `backend` is a slug; whether it is installed is checked elsewhere."""

    backend: str = "recipe"
    model: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one phase; None is the server's default. Lock files are a matter of scope."""

    timeout_seconds: int | None = None
    inactivity_seconds: int | None = None
    max_attempts: int | None = None
    max_files: int | None = None
    max_added_lines: int | None = None
    max_deleted_lines: int | None = None
    max_deleted_files: int | None = None
    network: bool = False


@dataclass(frozen=True, slots=True)
class Budgets:
    """Budgets of the whole run; None is no cap of the plan's own."""

    token_cap: int | None = None
    cost_cap_usd: Decimal | None = None
    max_duration_minutes: int | None = None
    max_phases: int | None = None


@dataclass(frozen=True, slots=True)
class PhasePlan:
    """One phase. `tier` groups phases for people; the order of work comes from `depends_on`."""

    id: str
    title: str
    description: str = ""
    tier: int = 0
    depends_on: tuple[str, ...] = ()
    category: Category = Category.OTHER
    complexity: Complexity = Complexity.MEDIUM
    tasks: tuple[Task, ...] = ()
    deliverables: tuple[str, ...] = ()
    acceptance_criteria: tuple[str, ...] = ()
    scope: Scope = Scope()
    inferred_paths: tuple[InferredPath, ...] = ()
    validation_commands: tuple[ValidationCommand, ...] = ()
    builder: BuilderSpec = BuilderSpec()
    limits: Limits = Limits()
    requires_approval: bool = False


@dataclass(frozen=True, slots=True)
class StructuredPlan:
    """A whole plan. Phases keep the order in which they were written.

    `flags` maps names of `PlanFlag` to booleans; it is not to be changed (and takes no part in
    the hash, being a dict).
    """

    goal: str = ""
    non_goals: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    acceptance_criteria: tuple[str, ...] = ()
    budgets: Budgets = Budgets()
    flags: dict[str, bool] = field(default_factory=dict, hash=False)
    phases: tuple[PhasePlan, ...] = ()
    validation_commands: tuple[ValidationCommand, ...] = ()
    schema_version: int = SCHEMA_VERSION
