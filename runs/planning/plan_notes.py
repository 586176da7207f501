"""Warnings and decisions, gathered while a plan is put together."""

from dataclasses import dataclass, field

from runs.planning.normal_types import Decision, DecisionCode, PlanWarning, WarningCode

MAX_NOTES = 500
"""Warnings, and decisions, that are told; those that ask for a person always are."""


@dataclass(slots=True)
class Notes:
    warnings: list[PlanWarning] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def warn(self, code: WarningCode, message: str, phase_id: str = "", **more: object) -> None:
        """`more`: path, line, suggestions, needs_confirmation."""
        warning = PlanWarning(code, message, phase_id, **more)  # type: ignore[arg-type]  # the dataclass names them
        if warning.needs_confirmation or len(self.warnings) < MAX_NOTES:
            self.warnings.append(warning)

    def decide(self, code: DecisionCode, message: str, phase_id: str = "", **more: object) -> None:
        """`more`: path, line, score."""
        if len(self.decisions) < MAX_NOTES:
            self.decisions.append(Decision(code, message, phase_id, **more))  # type: ignore[arg-type]  # as above

    @property
    def needs_confirmation(self) -> bool:
        return any(warning.needs_confirmation for warning in self.warnings)
