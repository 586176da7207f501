"""What the plan normalizer gives back. Frozen; every sequence is a tuple; the same text and the
same tree give the same bytes.

A reader shows the notes without parsing their messages: each has a `code` from a closed list and
says which phase, path and line it is about.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runs.planning.schema import StructuredPlan, plan_dump

CONFIRMATION_BELOW = 0.7
"""Confidence under which a person has to look at the plan before it runs (0 to 1)."""


class ReasonCode(StrEnum):
    """Why the confidence is what it is."""

    FORMAT_KNOWN = "format_known"
    FORMAT_GUESSED = "format_guessed"
    FORMAT_PROSE = "format_prose"
    NOT_A_PLAN = "not_a_plan"
    TASKS_FOUND = "tasks_found"
    FEW_TASKS = "few_tasks"
    PATHS_FOUND = "paths_found"
    PATHS_MISSING = "paths_missing"
    PATHS_INFERRED = "paths_inferred"
    NO_PATHS = "no_paths"
    COMMANDS_FOUND = "commands_found"
    COMMANDS_DETECTED = "commands_detected"
    NO_COMMANDS = "no_commands"
    GOAL_MISSING = "goal_missing"
    ALL_DONE = "all_done"
    NEEDS_DECISION = "needs_decision"


class WarningCode(StrEnum):
    """What a person should look at before the plan runs."""

    NOT_A_PLAN = "not_a_plan"
    PATH_NOT_FOUND = "path_not_found"
    PATH_OUTSIDE = "path_outside"
    PATHS_LIMITED = "paths_limited"
    COMMAND_BLOCK = "command_block"
    COMMAND_RISKY = "command_risky"
    COMMAND_INVALID = "command_invalid"
    PATCH_FOUND = "patch_found"
    PATCH_INVALID = "patch_invalid"
    ALL_DONE = "all_done"
    PHASE_DONE = "phase_done"
    PHASE_SPLIT = "phase_split"
    PHASES_MERGED = "phases_merged"
    TEXT_CUT = "text_cut"
    DEPENDENCY_UNKNOWN = "dependency_unknown"
    DEPENDENCY_CYCLE = "dependency_cycle"
    OPEN_QUESTION = "open_question"
    TOO_LARGE = "too_large"
    JSON_INVALID = "json_invalid"


class DecisionCode(StrEnum):
    """What the normalizer chose, and why is in the message."""

    READER = "reader"
    PHASES = "phases"
    PATH_MODIFY = "path_modify"
    PATH_CREATE = "path_create"
    PATH_CONTEXT = "path_context"
    PATH_RESOLVED = "path_resolved"
    PATH_INFERRED = "path_inferred"
    VALIDATION_FROM_TEXT = "validation_from_text"
    VALIDATION_DETECTED = "validation_detected"
    PARALLEL = "parallel"
    DEPENDENCY = "dependency"
    BUDGET = "budget"
    TASK_DONE = "task_done"
    PHASE_DONE = "phase_done"
    PATCH_STEP = "patch_step"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of the confidence. `effect` is what it added (0 to 1) or took off (negative)."""

    code: ReasonCode
    message: str
    effect: float = 0.0


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """`line` counts from 1 in the text, 0 when it is about no line; "" means about no phase."""

    code: WarningCode
    message: str
    phase_id: str = ""
    path: str = ""
    line: int = 0
    suggestions: tuple[str, ...] = ()
    """Paths of the repository that may have been meant, best first."""
    needs_confirmation: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`score` is from 0 to 1; 1 when there was nothing to weigh."""

    code: DecisionCode
    message: str
    phase_id: str = ""
    path: str = ""
    line: int = 0
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class NormalizedPlan:
    """The answer to a raw plan: the fields of POST /runs/normalize, and nothing else.

    Refused: `ok` is False, `error` says what is missing, `structured_plan` is None.
    """

    ok: bool
    error: str
    format: str
    confidence: float
    confidence_reasons: tuple[Reason, ...]
    warnings: tuple[PlanWarning, ...]
    requires_confirmation: bool
    decisions: tuple[Decision, ...]
    structured_plan: StructuredPlan | None

    def as_json(self) -> dict[str, Any]:
        """The JSON form; its `structured_plan` can be posted unchanged to create a run."""
        plan = self.structured_plan
        return {
            "ok": self.ok,
            "error": self.error,
            "format": self.format,
            "confidence": self.confidence,
            "confidence_reasons": [
                {"code": r.code.value, "message": r.message, "effect": r.effect}
                for r in self.confidence_reasons
            ],
            "warnings": [_warning(warning) for warning in self.warnings],
            "requires_confirmation": self.requires_confirmation,
            "decisions": [_decision(decision) for decision in self.decisions],
            "structured_plan": None if plan is None else plan_dump(plan),
        }

    def as_bytes(self) -> bytes:
        """`as_json` as one line of UTF-8; equal results are equal bytes."""
        return json.dumps(self.as_json(), ensure_ascii=False, separators=(",", ":")).encode()


def _warning(warning: PlanWarning) -> dict[str, Any]:
    return {
        "code": warning.code.value,
        "message": warning.message,
        "phase_id": warning.phase_id,
        "path": warning.path,
        "line": warning.line,
        "suggestions": list(warning.suggestions),
        "needs_confirmation": warning.needs_confirmation,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "code": decision.code.value,
        "message": decision.message,
        "phase_id": decision.phase_id,
        "path": decision.path,
        "line": decision.line,
        "score": decision.score,
    }
