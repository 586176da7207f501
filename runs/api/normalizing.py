"""The one place where the API has a text read as a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.plans import NotAPlan, plan_normalize

if TYPE_CHECKING:
    from runs.models import Project
    from runs.planning.normal_types import NormalizedPlan


def plan_of_text(project: Project, raw_plan: str) -> NormalizedPlan:
    """What a text means as a plan for a project. Raises NotAPlan; RepositoryProblem, GitMissing,
    GitFailed. It reads a repository, so no transaction should be open."""
    normalized = plan_normalize(raw_plan=raw_plan, project=project)
    if not normalized.ok:
        raise NotAPlan(normalized)
    return normalized
