"""The SDK: a core without I/O, and two shells that do the I/O for it, one synchronous and one asynchronous.

The SDK needs httpx and pydantic. Of the farm's own code, it imports only the models and the errors.
"""

from farm.client.asynchronous import AsyncBatch, AsyncFarm
from farm.client.batch import Batch
from farm.client.columns import proof_from_row
from farm.client.manifest import Manifest
from farm.client.run import Run
from farm.client.sync import Farm
from farm.errors import (
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    FarmError,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from farm.models import (
    BatchStatus,
    CommandsAnswer,
    DetailedPremise,
    Goal,
    Level,
    Outcome,
    Proof,
    Reason,
    RetrievedPremise,
    TacticsAnswer,
    Verdict,
    rewards,
)
from farm.models.kimina import Checked, Snippet

__all__ = [
    "AsyncBatch",
    "AsyncFarm",
    "Batch",
    "BatchStatus",
    "Checked",
    "CommandsAnswer",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "DetailedPremise",
    "Farm",
    "FarmError",
    "Forbidden",
    "Goal",
    "InvalidRequest",
    "Level",
    "Manifest",
    "NotFound",
    "Outcome",
    "Proof",
    "RateLimited",
    "Reason",
    "RetrievedPremise",
    "Run",
    "Snippet",
    "TacticsAnswer",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Verdict",
    "proof_from_row",
    "rewards",
]
