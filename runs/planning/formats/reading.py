"""What every reader gives: a plan in the author's words, not yet checked against a repository."""

from dataclasses import dataclass, field
from enum import StrEnum

from runs.planning.formats.document import Document


class Evidence(StrEnum):
    """How sure the reader is that this is what the author meant."""

    KNOWN = "known"
    """The marks of a format that a tool writes."""
    LISTED = "listed"
    """Check boxes, or lists under headings that say what they are."""
    GUESSED = "guessed"
    """Sentences or lists that read like work."""


@dataclass(frozen=True, slots=True)
class DraftTask:
    """`done` None: nothing was said. `details` are the lines below it, word for word."""

    text: str
    line: int
    done: bool | None = None
    number: str = ""
    children: "tuple[DraftTask, ...]" = ()
    details: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    """Numbers of tasks or phases, as written."""
    is_parallel: bool = False
    last_line: int = 0
    """The last line of the text that belongs to it; 0 when the text is not read by lines."""


@dataclass(frozen=True, slots=True)
class DraftPhase:
    """A group of tasks. `spans`: the lines (first, last) that belong to it, from 1."""

    title: str
    line: int
    tasks: tuple[DraftTask, ...]
    number: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    body: str = ""
    """Prose of the phase, word for word."""
    acceptance_criteria: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    is_parallel: bool = False
    done: bool = False
    """The heading itself says that it is done."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A plan as it was read. No phases: nothing to do was found, and `missing` says what."""

    format: str
    evidence: Evidence = Evidence.GUESSED
    goal: str = ""
    phases: tuple[DraftPhase, ...] = ()
    acceptance_criteria: tuple[str, ...] = ()
    non_goals: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    commands: tuple[tuple[str, int], ...] = ()
    """Checks that the format has a field for, with their line."""
    missing: str = ""
    questions: tuple[tuple[str, int], ...] = ()
    """Open questions, with their line."""
    document: Document | None = None
    """The text as it was parsed; None for data."""
    structured: dict[str, object] | None = field(default=None)
    """A structured plan of our own schema, valid or not."""
