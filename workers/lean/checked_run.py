"""The level `checked`: a submission run between the farm's own commands, on one untainted REPL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farm.statement import Statement
from workers.lean.guard import GuardTripped
from workers.lean.session import Header, Session
from workers.lean.statement_binding import (
    Binder,
    Failure,
    OddAnswer,
    Stated,
    first_error,
    looking,
    read_look,
    read_stated,
)

Ask = Callable[[str, int | None], Any]


class Unguarded(Exception):
    """What this REPL says reaches no `checked`: forged replies could go unseen, or the farm's commands are unknown."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out of a checked run.

    Attributes:
        response: Lean's response to the submission; None where the statement already failed.
        failure: the first check that failed; None if none did, or none ran because the submission has faults.
        axioms: the full names of the axioms of the proof, where it came that far.
    """

    response: Any
    failure: Failure | None = None
    axioms: tuple[str, ...] = ()


def run_checked(
    session: Session,
    header: Header,
    body: str,
    statement: Statement,
    timeout_s: float,
    is_clean: Callable[[Any], bool],
) -> Checked:
    """Run a submission and hold it to its statement.

    Args:
        session: a REPL that served nothing but gated texts.
        header: the loaded header, with the farm's commands.
        body: the submission behind its header.
        statement: what it has to prove.
        timeout_s: seconds for everything together.
        is_clean: whether a response to the submission deserves the checks.

    Raises:
        TimeoutError, ReplGone, GuardTripped: as `Session.run`.
        Unguarded: this REPL cannot be guarded.
    """
    deadline = time.monotonic() + timeout_s

    def left_s() -> float:
        return max(0.001, deadline - time.monotonic())

    def ask(command: str, env: int | None) -> Any:
        return session.ask(command, env, left_s())

    binder = _binder(session, header)
    stated = _state(binder, statement, ask)
    if stated.failure:
        return Checked(None, stated.failure)
    secret = secrets.token_hex(12)
    armed = ask(binder.arming(secret, stated, statement.name), stated.env)
    if error := first_error(armed):
        raise Unguarded(f"The farm's checks do not work in this Lean: {error}")
    response: Any = session.run(header, body, left_s(), start=armed.env)
    if not is_clean(response):
        return Checked(response)
    try:
        failure, axioms = read_look(ask(looking(secret), response.env), secret, statement.name)
    except OddAnswer as odd:
        session.end()
        raise GuardTripped(str(odd)) from odd
    session.require_token(header)
    return Checked(response, failure, tuple(axioms))


def _binder(session: Session, header: Header) -> Binder:
    if not session.can_sync:
        raise Unguarded("This REPL does not print the guard's token, so nothing it says reaches the level `checked`")
    if isinstance(header.binder, Binder):
        return header.binder
    raise Unguarded(f"The farm's checks do not work in this Lean, or on this header: {header.binder}")


def _state(binder: Binder, statement: Statement, ask: Ask) -> Stated:
    """Return a statement as Lean reads it on a header; it is read once in each REPL process."""
    text = binder.keeping(statement, "")
    if text not in binder.statements:
        kept = f"stated_{secrets.token_hex(12)}"
        binder.statements[text] = read_stated(ask(binder.keeping(statement, kept), binder.env), kept)
    return binder.statements[text]
