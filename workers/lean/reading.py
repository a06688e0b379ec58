"""What a submission's text alone says against it, before any REPL sees it; positions are in the user's own text."""

from __future__ import annotations

from dataclasses import dataclass

from farm.models import Message, Position, Proof, Reason
from farm.source import assemble, imported, parsed, split_header
from farm.statement import begins_file, declaration
from workers.lean.gate import place, refuse


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a text is rejected as it stands."""

    reason: Reason
    message: Message


def object_to(proof: Proof, *, is_gated: bool, is_checked: bool) -> Objection | None:
    """Return the first thing that speaks against a text.

    Args:
        proof: what was submitted.
        is_gated: whether the gate is `strict`.
        is_checked: whether it is to be held to its statement.
    """
    found = _refused(proof) if is_gated else None
    if found is None and is_checked:
        found = _other_imports(proof)
    if found is None and proof.statement and begins_file(proof.code) and declared_at(proof) is None:
        found = _objection(Reason.MISSING, f"There is no theorem `{parsed(proof.statement).name}`")
    return found


def declared_at(proof: Proof) -> Position | None:
    """Where the user's own text declares what the statement names; None where it does not."""
    at = declaration(proof.code, parsed(proof.statement).name) if proof.statement else None
    return None if at is None else place(proof.code, at)


def _refused(proof: Proof) -> Objection | None:
    if found := refuse(proof.code):
        pos, end = place(proof.code, found.start), place(proof.code, found.end)
        return _objection(found.reason, found.text, pos, end)
    if proof.statement and (found := refuse(proof.statement)):
        return _objection(found.reason, f"In the statement: {found.text}")
    return None


def _other_imports(proof: Proof) -> Objection | None:
    """Imports decide what a statement means: where it has its own, the text may have no others."""
    meant = imported(split_header(proof.statement or "").header)
    has = imported(split_header(assemble(proof).text).header)
    if not meant or meant == has:
        return None
    differing = ", ".join(f"`{line}`" for line in sorted(meant ^ has))
    text = f"The text does not import what its statement does; they differ in {differing}"
    return _objection(Reason.STATEMENT, text, Position(line=1, column=0))


def _objection(reason: Reason, text: str, pos: Position | None = None, end: Position | None = None) -> Objection:
    return Objection(reason, Message(severity="error", pos=pos, end_pos=end, data=text))
