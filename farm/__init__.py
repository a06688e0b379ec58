"""leanfarm: verify Lean 4 proofs and retrieve premises.

    from farm import Farm

    with Farm() as farm:
        [verdict] = farm.verify("theorem two : 1 + 1 = 2 := rfl")

The names below are those of `farm.client`. They load on first use. The reason is that most processes of the farm do not
need an HTTP client, but all of them import this package, because Python imports it along with any of its modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.client import (
        AsyncBatch,
        AsyncFarm,
        Batch,
        BatchStatus,
        Checked,
        CommandsAnswer,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        DetailedPremise,
        Farm,
        FarmError,
        Forbidden,
        Goal,
        InvalidRequest,
        Level,
        Manifest,
        NotFound,
        Outcome,
        Proof,
        RateLimited,
        Reason,
        RetrievedPremise,
        Run,
        Snippet,
        TacticsAnswer,
        TooLarge,
        Unauthorized,
        Unavailable,
        Verdict,
        proof_from_row,
        rewards,
    )

    __version__: str
else:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("leanfarm")
        if name in __all__:
            from farm import client

            return getattr(client, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


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
    "__version__",
    "proof_from_row",
    "rewards",
]
