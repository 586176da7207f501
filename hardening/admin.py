"""The admin of patterns: operators tune them in the list, write their own, and try them on a log.

What is saved goes through `hardening.services`, which checks it and keeps who changed what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path

from hardening.forms import OwnPatternForm, PatternForm, TryForm
from hardening.models import FailurePattern, MitigationEvent, PatternChange
from hardening.rows import CHOICES, OWN
from hardening.selectors import PatternFigures, pattern_figures, pattern_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model, QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponse

NOT_KNOWN = "-"
_OWN_FIELDSETS = (
    (None, {"fields": ("slug", "title", "family", *CHOICES)}),
    ("What it matches", {"fields": ("expressions", "ignore_case", "unless", "reading")}),
    ("What is done", {"fields": ("action", "parameters", "advice")}),
    ("Proof", {"fields": ("must_match", "must_not_match")}),
)
_BUILTIN_SHOWN = ("slug", "title", "family", "built_in_advice", "built_in_expressions")


class PatternList(ChangeList):
    """A page of patterns with their figures: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        figures = pattern_figures([row.slug for row in rows])
        for row in rows:
            row.figures = figures.get(row.slug, PatternFigures())


class OriginFilter(admin.SimpleListFilter):
    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        return [("builtin", "built in"), ("own", "operators' own"), ("proposed", "proposed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        match self.value():
            case "builtin":
                return queryset.filter(is_builtin=True)
            case "own":
                return queryset.filter(is_builtin=False, proposal={})
            case "proposed":
                return queryset.filter(is_builtin=False).exclude(proposal={})
        return queryset


@admin.register(FailurePattern)
class FailurePatternAdmin(admin.ModelAdmin):
    list_display = (
        "slug", "title", "family", "priority", "enabled", "mode", "cool_down_seconds", "origin",
        "hits", "fixed", "fix_rate",
    )  # fmt: skip
    list_editable = ("priority", "enabled", "mode", "cool_down_seconds")
    list_filter = (OriginFilter, "enabled", "mode", "family")
    search_fields = ("slug", "title", "advice")
    ordering = ("priority", "slug")
    list_per_page = 200
    show_full_result_count = False
    # Nothing is done to many at once: each deletion is looked at.
    actions = None
    change_list_template = "hardening/pattern_list.html"

    # --- what is shown --------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        del request, kwargs
        return PatternList

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm]:
        del request, kwargs
        return PatternForm

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> Any:
        kwargs["form"] = PatternForm if obj is not None and obj.is_builtin else OwnPatternForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        del request
        if obj is not None and obj.is_builtin:
            return [(None, {"fields": (*_BUILTIN_SHOWN, *CHOICES)})]
        if obj is not None and obj.proposal:
            return [*_OWN_FIELDSETS, ("Why it is proposed", {"fields": ("proposed_for",)})]
        return _OWN_FIELDSETS

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        del request
        if obj is None:
            return ()
        return _BUILTIN_SHOWN if obj.is_builtin else ("slug", "proposed_for")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_own = obj is None or not obj.is_builtin
        return is_own and super().has_delete_permission(request, obj)

    @admin.display(ordering="is_builtin")
    def origin(self, row: FailurePattern) -> str:
        if row.is_builtin:
            return "built in"
        return "proposed" if row.proposal else "own"

    @admin.display(description="hits, 90 days")
    def hits(self, row: Any) -> int:
        return int(row.figures.hits)

    @admin.display(description="fixed")
    def fixed(self, row: Any) -> int:
        return int(row.figures.fixed)

    @admin.display(description="fixed of tried")
    def fix_rate(self, row: Any) -> str:
        rate = row.figures.fix_rate
        return NOT_KNOWN if rate is None else f"{rate:.0%}"

    @admin.display(description="advice")
    def built_in_advice(self, row: FailurePattern) -> str:
        spec = _builtin_of(row)
        return spec.advice if spec else "This pattern is no longer built in: it does nothing."

    @admin.display(description="expressions")
    def built_in_expressions(self, row: FailurePattern) -> str:
        spec = _builtin_of(row)
        return "\n".join(spec.expressions) if spec else NOT_KNOWN

    @admin.display(description="seen")
    def proposed_for(self, row: FailurePattern) -> str:
        return "\n".join(f"{name}: {value}" for name, value in row.proposal.items())

    # --- what is saved --------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        from hardening.services import pattern_change, pattern_create

        who = request.user.get_username()
        given = form.cleaned_data
        if change:
            names = [name for name in form.changed_data if name in OWN]
            pattern_change(obj.slug, {name: given[name] for name in names}, by=who)
            return
        values = {name: given[name] for name in OWN if name in given}
        obj.pk = pattern_create(values, slug=given["slug"], by=who).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        from hardening.services import pattern_delete

        pattern_delete(obj.slug, by=request.user.get_username())

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        view = super().changeform_view
        return _refusals_told(request, lambda: view(request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        view = super().changelist_view
        return _refusals_told(request, lambda: view(request, extra_context))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        view = super().delete_view
        return _refusals_told(request, lambda: view(request, object_id, extra_context))

    # --- pages of our own -----------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="hardening_failurepattern_try"), *super().get_urls()]

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Paste a log, see what would match and run. Nothing is done and nothing is kept."""
        from hardening.trying import patterns_try

        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.POST if request.method == "POST" else None)
        trial = None
        if form.is_valid():
            given = form.cleaned_data
            trial = patterns_try(
                given["log"],
                exit_code=given["exit_code"],
                declared=given["declared"].split(),
                is_disabled_too=given["disabled"],
            )
        return self._page(request, "try", {"title": "Try it", "form": form, "trial": trial})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        del extra_context
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404("There is no such pattern.")
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        changes = [(change, _differences(change)) for change in pattern_history(row.slug)]
        context = {"title": f"History of {row.slug}", "row": row, "changes": changes}
        return self._page(request, "history", context)

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        common = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"hardening/pattern_{name}.html", {**common, **context})


def _refusals_told(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """The forms have checked; what the service still refuses (deleted meanwhile) is a message."""
    from hardening.services import PatternRefused

    try:
        return view()
    except PatternRefused as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(request.get_full_path())


def _builtin_of(row: FailurePattern) -> Any:
    from hardening.patterns import builtin

    return next((spec for spec in builtin() if spec.id == row.slug), None)


def _differences(change: PatternChange) -> list[tuple[str, Any, Any]]:
    before, after = change.before or {}, change.after or {}
    return [(name, before.get(name), after.get(name)) for name in {**before, **after}]


class _LookOnlyAdmin(admin.ModelAdmin):
    """History is seen by who may view it, and written by nobody here."""

    show_full_result_count = False
    list_per_page = 50
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False


@admin.register(PatternChange)
class PatternChangeAdmin(_LookOnlyAdmin):
    list_display = ("at", "slug", "by", "trigger", "what")
    list_filter = ("trigger",)
    search_fields = ("slug", "by")

    @admin.display(description="changed")
    def what(self, change: PatternChange) -> str:
        if change.before is None:
            return "created"
        return "deleted" if change.after is None else ", ".join(change.after)


@admin.register(MitigationEvent)
class MitigationEventAdmin(_LookOnlyAdmin):
    list_display = (
        "at", "run", "attempt", "pattern_slug", "check_name", "action", "outcome", "seconds",
        "tokens_saved_estimate",
    )  # fmt: skip
    list_filter = ("outcome", "action", "project")
    list_select_related = ("attempt__phase__run",)
    search_fields = ("=pattern_slug", "attempt__phase__run__run_id")

    @admin.display(ordering="attempt__phase__run__run_id")
    def run(self, event: Any) -> str:
        return str(event.attempt.phase.run.run_id)
