"""Plans as people write them: read against the tree they are about, confirmed when in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runs.approvals import approval_request
from runs.states import ApprovalKind, ApprovalState

if TYPE_CHECKING:
    from runs.execution.repository.trees import KnownTree
    from runs.models import Approval, Project, Run
    from runs.planning.normal_types import NormalizedPlan

SHOWN_REASONS = 3


class NotAPlan(Exception):
    """The text is no plan; the message says what is missing, `normalized` all that was seen."""

    def __init__(self, normalized: NormalizedPlan) -> None:
        super().__init__(normalized.error)
        self.normalized = normalized


def plan_normalize(
    *, raw_plan: str, project: Project | None = None, source: str = "", file_name: str = ""
) -> NormalizedPlan:
    """What a text means as a plan for the repository of `project`, or at `source` (a path, URL or
    plain folder; '' for none). Makes nothing; no model is called.

    A text that is no plan gives `ok` False and the reason. Raises RepositoryProblem, GitMissing,
    GitFailed.
    """
    from runs.execution.repository.trees import tree_of_list, tree_of_source

    if project is not None:
        tree = tree_of_source(project.source, ref=project.base_ref, project_name=project.name)
    elif source:
        tree = tree_of_source(source)
    else:
        tree = tree_of_list(())
    return plan_normalize_on(tree, raw_plan=raw_plan, file_name=file_name)


def plan_normalize_on(tree: KnownTree, *, raw_plan: str, file_name: str = "") -> NormalizedPlan:
    """`plan_normalize` on a tree that is known already."""
    from runs.planning.normalizer import normalize

    return normalize(
        raw_plan, index=tree.index, toolchains=tree.toolchains, file_name=file_name
    )  # fmt: skip


def unreadable(error: str) -> NormalizedPlan:
    """The answer for what could not be read at all."""
    from runs.planning.normal_types import NormalizedPlan

    return NormalizedPlan(
        ok=False, error=error, format="", confidence=0.0, confidence_reasons=(), warnings=(),
        requires_confirmation=False, decisions=(), structured_plan=None,
    )  # fmt: skip


def kept_of(normalized: NormalizedPlan) -> dict[str, Any]:
    """What is kept with the run: all but the plan, which the run has."""
    return {name: part for name, part in normalized.as_json().items() if name != "structured_plan"}


def confirmation_ask(run: Run, normalized: NormalizedPlan) -> Approval:
    """Ask a person to look at a plan that was read with doubts."""
    doubts = [warning.message for warning in normalized.warnings if warning.needs_confirmation]
    doubts += [reason.message for reason in normalized.confidence_reasons if reason.effect < 0]
    why = " ".join(doubts[:SHOWN_REASONS])
    return approval_request(
        run,
        None,
        ApprovalKind.PLAN,
        f"Was the plan of {run.run_id} read as it is meant (confidence "
        f"{normalized.confidence:.2f})? {why}".rstrip(),
        kept_of(normalized),
    )


def confirmation_missing(run: Run) -> str:
    """Why a run whose plan must be confirmed may not start, and what to do; '' when it may."""
    if not run.plan_normalization.get("requires_confirmation"):
        return ""
    asked = run.approvals.filter(kind=ApprovalKind.PLAN.value).order_by("pk").last()
    if asked is None or asked.state == ApprovalState.APPROVED.value:
        return ""
    if asked.state == ApprovalState.PENDING.value:
        return (
            f"A person must confirm the plan of {run.run_id} first: {asked.question} "
            f"Confirm it with: manage.py approval_decide {asked.pk} approve (or: reject)"
        )
    return (
        f"The plan of {run.run_id} was not confirmed (approval {asked.pk} is {asked.state}). "
        "Change the text where it was misread, and create another run of it."
    )
