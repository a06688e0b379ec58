"""The models of all requests and answers over HTTP, which the farm and its SDK share."""

from farm.models.answers import Answer
from farm.models.batches import (
    BatchAccepted,
    BatchRequest,
    BatchState,
    BatchStatus,
    Counts,
    Item,
    ItemName,
    ItemsPage,
    MatchesPage,
    NamesPage,
    RerunRequest,
    ResultsPage,
    Verified,
)
from farm.models.commands import Commands, CommandsAnswer, CommandsRequest, LeanRequest
from farm.models.environments import EnvironmentList, EnvironmentStatus, lean_part
from farm.models.feedback import Feedback
from farm.models.history import Alarm, AlarmKind, History, HistoryEvent, HostMinute, Minute
from farm.models.hosts import HostSettings
from farm.models.lean_tasks import Task, as_task
from farm.models.positions import Position
from farm.models.premises import (
    DetailedPremise,
    NewPremise,
    RetrieveBatchRequest,
    RetrievedBatch,
    RetrievedPremise,
    RetrieveRequest,
)
from farm.models.proofs import DEFAULT_ENVIRONMENT, EnvironmentName, Level, Options, Proof, as_proof
from farm.models.reports import Report, ReportRequest
from farm.models.rows import RowFields, RowsAnswer, RowsRequest
from farm.models.tactics import Candidates, Goal, GoalAnswer, Status, TacticsAnswer, TacticsRequest, Tried
from farm.models.verdicts import (
    POLICY_VERSION,
    Environment,
    Evidence,
    Message,
    Outcome,
    Reason,
    Sorry,
    Verdict,
    rewards,
    verdict,
)
from farm.models.workers import FarmStatus, QueueStatus, WorkerKind, WorkerStatus

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "POLICY_VERSION",
    "Alarm",
    "AlarmKind",
    "Answer",
    "BatchAccepted",
    "BatchRequest",
    "BatchState",
    "BatchStatus",
    "Candidates",
    "Commands",
    "CommandsAnswer",
    "CommandsRequest",
    "Counts",
    "DetailedPremise",
    "Environment",
    "EnvironmentList",
    "EnvironmentName",
    "EnvironmentStatus",
    "Evidence",
    "FarmStatus",
    "Feedback",
    "Goal",
    "GoalAnswer",
    "History",
    "HistoryEvent",
    "HostMinute",
    "HostSettings",
    "Item",
    "ItemName",
    "ItemsPage",
    "LeanRequest",
    "Level",
    "MatchesPage",
    "Message",
    "Minute",
    "NamesPage",
    "NewPremise",
    "Options",
    "Outcome",
    "Position",
    "Proof",
    "QueueStatus",
    "Reason",
    "Report",
    "ReportRequest",
    "RerunRequest",
    "ResultsPage",
    "RetrieveBatchRequest",
    "RetrieveRequest",
    "RetrievedBatch",
    "RetrievedPremise",
    "RowFields",
    "RowsAnswer",
    "RowsRequest",
    "Sorry",
    "Status",
    "TacticsAnswer",
    "TacticsRequest",
    "Task",
    "Tried",
    "Verdict",
    "Verified",
    "WorkerKind",
    "WorkerStatus",
    "as_proof",
    "as_task",
    "lean_part",
    "rewards",
    "verdict",
]
