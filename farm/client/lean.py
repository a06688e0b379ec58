"""Conversion from and to LeanInteract's own models, where lean_interact is installed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def as_request(value: Any) -> Any:
    """Return a `Command` or `ProofStep` of lean_interact as fields with the REPL's names; any other value unchanged."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if isinstance(value, BaseModel) else value


def as_response(request: dict[str, Any], reply: dict[str, Any]) -> Any:
    """Return a reply as lean_interact's model, or unchanged if lean_interact is not installed.

    A reply that the installed lean_interact cannot read, such as a deep info tree, also stays a dictionary.
    """
    try:
        from lean_interact.interface import CommandResponse, LeanError, ProofStepResponse
    except (ImportError, OSError):  # lean_interact's import makes a folder beside it, which may not be allowed
        return reply
    kind = LeanError if set(reply) == {"message"} else ProofStepResponse if "tactic" in request else CommandResponse
    try:
        return kind.model_validate(reply)
    except (ValueError, RecursionError):
        return reply
