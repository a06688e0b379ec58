"""The gate's objections to a submission, before a REPL gets the text; positions are in the user's own text."""

from __future__ import annotations

from functools import lru_cache

from farm.challenge import Challenge
from farm.commands import cut_commands
from farm.declarations import declaration
from farm.models import Message, Position, Reason
from farm.prepared_proof import Objection, Prepared
from workers.lean.gate.masking import mask
from workers.lean.gate.strict import Refusal, place, refuse


def object_to(prepared: Prepared, *, native: bool) -> Objection | None:
    """Return the first objection of the `strict` gate to a submission; None if the submission passes.

    Args:
        prepared: what was submitted.
        native: whether `native_decide` may pass.
    """
    asked = prepared.challenge
    statement = asked.text.text[len(asked.header) :] if asked else ""
    found = refuse(prepared.own, ahead=statement, native=native)
    if found is None:
        return _object_to_sequel(prepared, asked) if asked else None
    return _objection(found, found.text, place(prepared.code, found.start), place(prepared.code, found.end))


def _object_to_sequel(prepared: Prepared, asked: Challenge) -> Objection | None:
    """Object to a text that could continue the meaning of a macro at the end of the statement's front.

    At the level `compiled`, the front and the text run as one: `>>= f` would make a program of the macro's quotation.
    """
    if all(command.keyword != "macro" for command in asked.own):
        return None
    first = next((command.start for command in cut_commands(prepared.body).commands), len(prepared.body))
    if not mask(prepared.body[:first]).code.strip():
        return None
    text = "The text has to begin with a command, because the statement has a macro before the theorem"
    return Objection(Reason.POLICY, Message(severity="error", data=text))


@lru_cache(maxsize=1024)
def object_to_statement(statement: str) -> Objection | None:
    """Return the first objection of the `strict` gate to a statement; None if the statement passes.

    The answer is cached, because many proofs have the same statement.
    """
    found = refuse(statement, is_front=True)
    return _objection(found, f"In the statement: {found.text}") if found else None


def declared_at(prepared: Prepared, name: str = "") -> Position | None:
    """Return where the user's own text declares a theorem or value that is asked for; None if it does not.

    Args:
        prepared: what was submitted.
        name: the full name; if it is empty, the last name that is asked for.
    """
    asked = prepared.targets or prepared.holes
    if not (name := name or (asked[-1].name if asked else "")):
        return None
    found = [command.name_at for command in cut_commands(prepared.code).commands if command.full_name() == name]
    # The statement's front may leave a namespace open, in which the text goes on.
    at = found[0] if found else declaration(prepared.code, name)
    return None if at is None else prepared.place(at)


def _objection(found: Refusal, text: str, pos: Position | None = None, end: Position | None = None) -> Objection:
    return Objection(found.reason, Message(severity="error", pos=pos, end_pos=end, data=text))
