"""A run's limits, looked at before each step: what is gone ends the run in a state that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runs import selectors
from runs.states import FailureKind, RunState

if TYPE_CHECKING:
    from runs.models import Run


BUDGETS = ("token_cap", "cost_cap_usd", "max_duration_minutes", "max_phases")


class BudgetInvalid(Exception):
    """A budget is not a positive number, or is none that runs have."""


def budgets_checked(given: dict[str, Any]) -> dict[str, Any]:
    """A copy of `given`. Raises BudgetInvalid."""
    for name, value in given.items():
        if name not in BUDGETS:
            raise BudgetInvalid(f"There is no budget {name!r}; there are {', '.join(BUDGETS)}.")
        if value is not None and (isinstance(value, bool) or not value > 0):
            raise BudgetInvalid(f"{name} is {value!r}; it must be a number above 0.")
    return dict(given)


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Where a run goes whose limit is reached, and why."""

    state: RunState
    failure_kind: FailureKind | None
    explanation: str


def limit_reached(run: Run) -> LimitReached | None:
    """The first limit of `run` (freshly read) that is used up, or None."""
    if selectors.run_active_seconds(run) > run.max_duration_minutes * 60:
        return LimitReached(
            RunState.TIMEOUT,
            None,
            f"The run took longer than its {run.max_duration_minutes:g} minutes. "
            "Raise max_duration_minutes and retry it: what is COMPLETE stays.",
        )
    if run.token_cap is None and run.cost_cap_usd is None:
        return None
    spent = selectors.run_spent(run.pk)
    if run.token_cap is not None and spent.tokens >= run.token_cap:
        return _exhausted(f"{spent.tokens} of {run.token_cap} tokens are used", "token_cap")
    if run.cost_cap_usd is not None and spent.unpriced:
        return _exhausted(
            f"{spent.unpriced} model calls have no known price, so the money left cannot be told",
            "the model's price",
        )
    if run.cost_cap_usd is not None and spent.cost_usd >= run.cost_cap_usd:
        return _exhausted(
            f"{spent.cost_usd:.4f} of {run.cost_cap_usd:.4f} USD are spent", "cost_cap_usd"
        )
    return None


def _exhausted(fact: str, raised: str) -> LimitReached:
    return LimitReached(
        RunState.FAILED,
        FailureKind.BUDGET_EXHAUSTED,
        f"{fact}. Set a higher {raised} and retry the run: what is COMPLETE stays.",
    )
