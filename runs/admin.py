"""The admin: everything can be looked at, nothing typed over. What may be done is an action that
calls a service, on the rows whose state allows it.

Services are imported where they are called: Django imports this module for every command.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin, messages

from runs.api_keys import Scope
from runs.models import (
    ApiKey,
    Approval,
    Artifact,
    Attempt,
    IdempotencyRecord,
    ModelCall,
    Phase,
    Project,
    Run,
    StatusChange,
    WorkerNode,
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

    list_display = ("name", "source", "base_ref", "overlapping_runs", "created_at")
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
        from runs.resuming import run_take_up

        retriable = queryset.filter(state__in=[state.value for state in RUN_RETRIABLE])
        done = self.each(request, retriable, partial(run_take_up, trigger=Trigger.ADMIN))
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
        from runs.resuming import approval_answer

        decide = partial(
            approval_answer, approve=approve, decided_by=request.user.get_username(), note=""
        )
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


@admin.register(WorkerNode)
class WorkerNodeAdmin(LookOnlyAdmin):
    list_display = (
        "name", "host", "workers", "restarts", "started_at", "beat_at", "draining_at", "stopped_at"
    )  # fmt: skip
    list_filter = ("host", ("stopped_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "host")
    actions = ("nodes_drain", "nodes_resume")

    @admin.action(description="Drain the selected nodes", permissions=["operate"])
    def nodes_drain(self, request: HttpRequest, queryset: QuerySet[WorkerNode]) -> None:
        """Their workers finish their phases and start nothing more."""
        from runs.serving.node import node_drain

        done = sum(map(node_drain, queryset))
        self.message_user(request, f"{done} nodes drain: they finish what they do.")

    @admin.action(description="Let the selected nodes work again", permissions=["operate"])
    def nodes_resume(self, request: HttpRequest, queryset: QuerySet[WorkerNode]) -> None:
        """Take a drain back."""
        from runs.serving.node import node_resume

        done = sum(map(node_resume, queryset))
        self.message_user(request, f"{done} nodes work again.")


class NewKeyForm(forms.ModelForm):
    """What is asked of whoever makes a key; the key itself is made by the service."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope], widget=forms.CheckboxSelectMultiple
    )
    expires_days = forms.FloatField(
        required=False, min_value=0.01, max_value=36_500, help_text="Empty: it does not expire."
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes")


@admin.register(ApiKey)
class ApiKeyAdmin(LookOnlyAdmin):
    """Keys are made here and shown once; afterwards they can be looked at and revoked."""

    list_display = (
        "prefix", "name", "scopes", "created_by", "created_at", "expires_at", "revoked_at",
        "last_used_at",
    )  # fmt: skip
    search_fields = ("name", "prefix", "created_by")
    exclude = ("digest",)
    actions = ("keys_revoke",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del obj
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_form(
        self,
        request: HttpRequest,
        obj: ApiKey | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 (Django's own signature)
        **kwargs: Any,
    ) -> Any:
        if obj is None:
            return NewKeyForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        if obj is None:
            return ("name", "scopes", "expires_days")
        return super().get_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, *_: Any) -> None:
        """Made by the service; the row that it made takes the place of the form's."""
        from runs.api_keys import api_key_create

        given = form.cleaned_data
        row, key = api_key_create(
            name=given["name"],
            scopes=given["scopes"],
            expires_days=given["expires_days"],
            created_by=request.user.get_username(),
        )
        obj.__dict__.update(row.__dict__)
        self.message_user(
            request, f"The key of {row.name}, shown this once: {key}", messages.WARNING
        )

    @admin.action(description="Revoke the selected keys", permissions=["operate"])
    def keys_revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Close them for good."""
        from runs.api_keys import api_key_revoke

        done = sum(api_key_revoke(prefix) for prefix in queryset.values_list("prefix", flat=True))
        self.message_user(request, f"Revoked {done} keys.")


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(LookOnlyAdmin):
    list_display = ("key", "caller", "status_code", "created_at")
    search_fields = ("key", "caller")
