"""The level `checked`: a submission run between the farm's own commands, on one untainted REPL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farm.statement import Statement
from workers.lean import statement as reading
from workers.lean.guard import GuardTripped
from workers.lean.session import Header, Session
from workers.lean.statement import Binding, Failure, OddAnswer, bind


class Unguarded(Exception):
    """Replies forged into this REPL's pipe could not be seen."""


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
        header: the loaded header.
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

    if not session.can_sync:
        raise Unguarded("This REPL does not print the guard's token, so nothing it says reaches the level `checked`")
    commands = bind(statement, secrets.token_hex(12))
    stated = ask(commands.definition, header.start)
    if failure := reading.read_definition(stated):
        return Checked(None, failure)
    response: Any = session.run(header, body, left_s(), start=stated.env)
    if not is_clean(response):
        return Checked(response)
    try:
        failure, axioms = _hold(commands, response.env, ask)
    except OddAnswer as odd:
        session.end()
        raise GuardTripped(str(odd)) from odd
    session.require_token(header)
    return Checked(response, failure, tuple(axioms))


def _hold(commands: Binding, env: int, ask: Callable[[str, int | None], Any]) -> tuple[Failure | None, list[str]]:
    """Return the first check that a submission's environment fails, and the axioms if it came that far.

    Raises:
        OddAnswer: Lean answered as Lean never does.
    """
    closed, name = ask(commands.closing, env), commands.statement.name
    if failure := reading.read_closing(closed):
        return failure, []
    if failure := reading.read_look(ask(commands.look, closed.env), name):
        return failure, []
    proved = ask(commands.proposal, closed.env)
    if failure := reading.read_proposal(proved, name):
        return failure, []
    axioms = reading.read_axioms(ask(commands.audit, proved.env), commands.proof_name)
    return reading.judge_axioms(axioms), axioms
