"""Turns lean_interact's models into requests, and the replies into its models if the library is installed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def as_request(value: Any) -> Any:
    """Return a `Command` or `ProofStep` of lean_interact as the REPL's JSON object; return a dictionary unchanged."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if isinstance(value, BaseModel) else value


def as_response(request: dict[str, Any], reply: dict[str, Any]) -> Any:
    """Return a reply as lean_interact's model.

    The reply is returned unchanged, as a dictionary, if lean_interact is not installed or cannot read the reply (such
    as one with a deep info tree).
    """
    try:
        from lean_interact.interface import CommandResponse, LeanError, ProofStepResponse
    except (ImportError, OSError):  # lean_interact makes a folder beside its code when imported; that may be forbidden
        return reply
    kind = LeanError if set(reply) == {"message"} else ProofStepResponse if "tactic" in request else CommandResponse
    try:
        return kind.model_validate(reply)
    except (ValueError, RecursionError):
        return reply
