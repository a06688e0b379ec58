"""Asking the scripted REPL through the stock client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lean_interact import AutoLeanServer
from lean_interact.interface import (
    CommandResponse,
    Message,
)

FIB = "theorem add_zero' (x y : Nat) (h : x = y) : y + 0 = x := by\n  simp [h]"


Run = Callable[..., CommandResponse]


def ask(server: AutoLeanServer, query: Any) -> Any:
    return server.run(query, timeout=5)


def brief(messages: list[Message]) -> list[tuple[str, int, int, str]]:
    return [(one.severity, one.start_pos.line, one.start_pos.column, one.data.split("\n")[0]) for one in messages]
