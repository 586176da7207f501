"""Paths of the API. Ids are matched without case; what can be no id is no path."""

from django.urls import path, re_path

from runs.api.acts import CancelView, ExecuteView, RetryView, RollbackView
from runs.api.approvals import ApprovalsView, DecideView
from runs.api.coming import ComingView
from runs.api.logs import DiffView, LogView
from runs.api.parts import ArtifactsView, EventsView
from runs.api.patterns import PatternsView
from runs.api.projects import ProjectsView, ProjectView
from runs.api.runs import NormalizeView, PlanView, RunsView, RunView
from runs.api.status import StatusView

ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
RUN = rf"^runs/(?P<run_id>{ID})"
PHASE = rf"{RUN}/phases/(?P<phase>{ID})"

urlpatterns = [
    path("runs", RunsView.as_view()),
    path("runs/normalize", NormalizeView.as_view()),
    re_path(rf"{RUN}\Z", RunView.as_view()),
    re_path(rf"{RUN}/status\Z", StatusView.as_view()),
    re_path(rf"{RUN}/plan\Z", PlanView.as_view()),
    re_path(rf"{RUN}/execute\Z", ExecuteView.as_view()),
    re_path(rf"{RUN}/cancel\Z", CancelView.as_view()),
    re_path(rf"{RUN}/retry\Z", RetryView.as_view()),
    re_path(rf"{RUN}/rollback\Z", RollbackView.as_view()),
    re_path(rf"{RUN}/events\Z", EventsView.as_view()),
    re_path(rf"{RUN}/artifacts\Z", ArtifactsView.as_view()),
    re_path(rf"{PHASE}/log\Z", LogView.as_view()),
    re_path(rf"{PHASE}/diff\Z", DiffView.as_view()),
    path("projects", ProjectsView.as_view()),
    re_path(rf"^projects/(?P<name>{ID})\Z", ProjectView.as_view()),
    path("approvals", ApprovalsView.as_view()),
    re_path(r"^approvals/(?P<approval_id>[0-9]{1,18})/decide\Z", DecideView.as_view()),
    path("patterns", PatternsView.as_view()),
    path("experiments", ComingView.as_view()),
]
