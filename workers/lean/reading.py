"""What a submission's text alone says against it, before any REPL sees it; positions are in the user's own text."""

from __future__ import annotations

from farm.models import Message, Position, Reason
from farm.prepared import Objection, Prepared
from farm.statement import declaration
from workers.lean.gate import place, refuse


def object_to(prepared: Prepared, statement: str | None, *, is_gated: bool) -> Objection | None:
    """Return the first thing that speaks against a text.

    Args:
        prepared: what was submitted.
        statement: what it is held to.
        is_gated: whether the gate is `strict`.
    """
    found = _refused(prepared, statement) if is_gated else None
    return found or prepared.objection


def declared_at(prepared: Prepared) -> Position | None:
    """Where the user's own text declares the last thing that is asked for; None where it does not."""
    asked = prepared.targets or prepared.holes
    at = declaration(prepared.code, asked[-1].name) if asked else None
    return None if at is None else prepared.place(at)


def _refused(prepared: Prepared, statement: str | None) -> Objection | None:
    if found := refuse(prepared.own):
        pos, end = place(prepared.code, found.start), place(prepared.code, found.end)
        return _objection(found.reason, found.text, pos, end)
    if statement and (found := refuse(statement)):
        return _objection(found.reason, f"In the statement: {found.text}")
    return None


def _objection(reason: Reason, text: str, pos: Position | None = None, end: Position | None = None) -> Objection:
    return Objection(reason, Message(severity="error", pos=pos, end_pos=end, data=text))
