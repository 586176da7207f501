"""The admin: everything can be looked at, nothing typed over. What may be done is an action that
calls a service, on the rows whose state allows it.

Services are imported where they are called: Django imports this module for every command.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages

from runs.models import (
    Approval,
    Artifact,
    Attempt,
    ModelCall,
    Phase,
    Project,
    Run,
    StatusChange,
)
from runs.states import RUN_RETRIABLE, RUN_TERMINAL, ApprovalState, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

RowType = TypeVar("RowType")
SHOWN_CHARS = 100


class LookOnlyAdmin(admin.ModelAdmin):
    """Rows are seen by who may view them. Statuses, history and the ledger have other writers."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may use the actions: those whom Django's own permissions let change such rows."""
        options = self.model._meta
        return request.user.has_perm(f"{options.app_label}.change_{options.model_name}")

    def each(
        self, request: HttpRequest, rows: Iterable[RowType], verb: Callable[[RowType], None]
    ) -> int:
        """Call a service for each row; returns how often it did what was asked."""
        from runs.services import RunConflict

        done = 0
        for row in rows:
            try:
                verb(row)
            except RunConflict as conflict:
                self.message_user(request, str(conflict), messages.WARNING)
            else:
                done += 1
        return done

    @admin.display(description="explanation")
    def explained(self, row: Any) -> str:
        text: str = row.explanation
        return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."


@admin.register(Project)
class ProjectAdmin(LookOnlyAdmin):
    """How runs of a project are prepared and checked is an operator's to say; what it is, is not:
    rows and mirrors go by its name and source."""

    list_display = ("name", "source", "base_ref", "created_at")
    search_fields = ("name", "source")
    readonly_fields = ("name", "source", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)


@admin.register(Run)
class RunAdmin(LookOnlyAdmin):
    list_display = (
        "run_id", "project", "state", "failure_kind", "explained", "trigger", "priority",
        "created_at", "ended_at",
    )  # fmt: skip
    list_filter = ("state", "failure_kind", "trigger", "project")
    list_select_related = ("project",)
    search_fields = ("run_id", "goal", "project__name")
    actions = ("runs_cancel", "runs_retry")

    @admin.action(description="Cancel the selected runs", permissions=["operate"])
    def runs_cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Ask for their end; those that have ended are passed over."""
        from runs.services import run_cancel

        active = queryset.exclude(state__in=[state.value for state in RUN_TERMINAL])
        done = self.each(request, active, partial(run_cancel, trigger=Trigger.ADMIN))
        self.message_user(request, f"Asked for the end of {done} runs.")

    @admin.action(description="Retry the selected runs", permissions=["operate"])
    def runs_retry(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """New tries for those that failed, were cancelled or ran out of time."""
        from runs.services import run_retry

        retriable = queryset.filter(state__in=[state.value for state in RUN_RETRIABLE])
        done = self.each(request, retriable, partial(run_retry, trigger=Trigger.ADMIN))
        self.message_user(request, f"Queued {done} runs again.")


@admin.register(Phase)
class PhaseAdmin(LookOnlyAdmin):
    list_display = ("key", "run", "position", "state", "explained", "tries", "crashes", "ended_at")
    list_filter = ("state", "requires_approval")
    list_select_related = ("run",)
    search_fields = ("key", "title", "run__run_id")


@admin.register(Attempt)
class AttemptAdmin(LookOnlyAdmin):
    list_display = (
        "number", "phase", "run", "outcome", "failure_kind", "explained", "worker",
        "lease_expires_at", "started_at", "ended_at",
    )  # fmt: skip
    list_filter = ("outcome", "failure_kind")
    list_select_related = ("phase__run",)
    search_fields = ("phase__key", "phase__run__run_id", "worker", "host")

    @admin.display(ordering="phase__run__run_id")
    def run(self, attempt: Attempt) -> str:
        return attempt.phase.run.run_id


@admin.register(StatusChange)
class StatusChangeAdmin(LookOnlyAdmin):
    list_display = (
        "at", "run", "phase", "attempt_number", "from_state", "to_state", "explained", "trigger"
    )  # fmt: skip
    list_filter = ("to_state", "trigger")
    list_select_related = ("run", "phase")
    ordering = ("-id",)
    search_fields = ("run__run_id", "phase__key", "explanation")


@admin.register(ModelCall)
class ModelCallAdmin(LookOnlyAdmin):
    list_display = (
        "at", "run", "role", "backend", "model", "total_tokens", "cost_usd", "seconds"
    )  # fmt: skip
    list_filter = ("role", "backend", "model")
    list_select_related = ("run",)
    ordering = ("-id",)
    search_fields = ("run__run_id", "model")


@admin.register(Approval)
class ApprovalAdmin(LookOnlyAdmin):
    list_display = ("question", "run", "phase", "kind", "state", "expires_at", "decided_by")
    list_filter = ("state", "kind")
    list_select_related = ("run", "phase")
    search_fields = ("run__run_id", "phase__key", "question")
    actions = ("approvals_approve", "approvals_reject")

    @admin.action(description="Approve the selected questions", permissions=["operate"])
    def approvals_approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        self._decide(request, queryset, approve=True)

    @admin.action(description="Reject the selected questions", permissions=["operate"])
    def approvals_reject(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        self._decide(request, queryset, approve=False)

    def _decide(self, request: HttpRequest, queryset: QuerySet[Approval], *, approve: bool) -> None:
        from runs.services import approval_decide

        decide = partial(approval_decide, approve=approve, decided_by=request.user.get_username())
        done = self.each(request, queryset.filter(state=ApprovalState.PENDING.value), decide)
        self.message_user(request, f"{'Approved' if approve else 'Rejected'}: {done}.")


@admin.register(Artifact)
class ArtifactAdmin(LookOnlyAdmin):
    list_display = ("name", "kind", "attempt", "run", "path", "size_bytes")
    list_filter = ("kind",)
    list_select_related = ("attempt__phase__run",)
    search_fields = ("name", "attempt__phase__run__run_id")

    @admin.display(ordering="attempt__phase__run__run_id")
    def run(self, artifact: Artifact) -> str:
        return artifact.attempt.phase.run.run_id
