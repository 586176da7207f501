"""The rows of runs. Statuses are written by runs.querysets only."""

from runs.models.api_key import ApiKey, IdempotencyRecord
from runs.models.approval import Approval
from runs.models.artifact import Artifact
from runs.models.attempt import Attempt
from runs.models.history import StatusChange
from runs.models.ledger import ModelCall
from runs.models.phase import Phase
from runs.models.project import Project
from runs.models.run import Run
from runs.models.worker_node import WorkerNode

__all__ = [
    "ApiKey",
    "Approval",
    "Artifact",
    "Attempt",
    "IdempotencyRecord",
    "ModelCall",
    "Phase",
    "Project",
    "Run",
    "StatusChange",
    "WorkerNode",
]
