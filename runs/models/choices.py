"""Enumerations of runs.states as the choices and constraints of columns."""

from enum import StrEnum

from django.db.models import CheckConstraint, Q


def choices_of(states: type[StrEnum]) -> list[tuple[str, str]]:
    return [(state.value, state.value.replace("_", " ").lower()) for state in states]


def one_of(
    column: str, states: type[StrEnum], *, name: str, blank: bool = False
) -> CheckConstraint:
    """The data rule that `column` holds one of `states` (or the empty text, when `blank`)."""
    values = [state.value for state in states] + ([""] if blank else [])
    return CheckConstraint(condition=Q(**{f"{column}__in": values}), name=name)
