"""Runs a submission for the level `checked`, on a REPL that has run only gated texts.

The farm runs commands of its own before and after the submission.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from farm.prepared_proof import Prepared
from workers.lean.binding.answers import Look, OddAnswer, read_look, read_stated
from workers.lean.binding.binder import Binder, Stated, looking, plan
from workers.lean.repl_events import GuardTripped, Unguarded
from workers.lean.repl_reply import Refused, Reply, Response
from workers.lean.session import Header, Session

Ask = Callable[[str, int | None], Response]


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """The result of a checked run.

    Attributes:
        response: Lean's response to the submission; None if the statement already failed.
        look: the result of the checks. It is empty if the checks did not run because the submission has faults.
    """

    response: Response | None
    look: Look = field(default_factory=lambda: Look(None))


def run_checked(
    session: Session,
    header: Header,
    prepared: Prepared,
    answers: Mapping[str, str],
    timeout_s: float,
    *,
    is_native: bool,
    is_clean: Callable[[Response], bool],
) -> CheckedRun:
    """Run a submission, and check that it proves its statement.

    Args:
        session: the session of a REPL that has run only gated texts.
        header: the loaded header, with the farm's commands.
        prepared: the submission, and the statement that it has to prove.
        answers: the values required of the holes, by name.
        timeout_s: seconds that the submission and the checks may take together.
        is_native: whether the submission may depend on the axioms that `native_decide` makes.
        is_clean: returns whether Lean's response to the submission is free of faults; the checks run only in this case.

    Raises:
        ReplEnded: as `Session.run` does.
        Unguarded: this REPL cannot serve the level `checked`.
    """
    deadline = time.monotonic() + timeout_s

    def left_s() -> float:
        return max(0.001, deadline - time.monotonic())

    def ask(command: str, env: int | None) -> Response:
        return session.ask(command, env, left_s())

    binder = _binder(session, header)
    stated = _state(binder, prepared, answers, ask)
    if stated.failure:
        return CheckedRun(None, Look(stated.failure))
    secret = secrets.token_hex(12)
    armed = ask(binder.arming(secret, plan(prepared, answers, stated.key)), stated.env)
    if isinstance(armed, Refused) or not armed.is_clean:
        raise Unguarded(f"The farm's checks do not work in this Lean: {armed.first_error}")
    response = session.run(header, prepared.body, left_s(), start=armed.env)
    if isinstance(response, Refused) or not is_clean(response):
        return CheckedRun(response)
    try:
        look = read_look(ask(looking(secret), response.env), secret, prepared, is_native=is_native)
    except OddAnswer as odd:
        session.end()
        raise GuardTripped(str(odd)) from odd
    session.require_token(header)
    return CheckedRun(response, look)


def _binder(session: Session, header: Header) -> Binder:
    if not session.can_sync:
        raise Unguarded("This REPL does not print the guard's token, so nothing it says reaches the level `checked`")
    if isinstance(header.binder, Binder):
        return header.binder
    raise Unguarded(f"The farm's checks do not work in this Lean, or on this header: {header.binder}")


def _state(binder: Binder, prepared: Prepared, answers: Mapping[str, str], ask: Ask) -> Stated:
    """Return how Lean reads a statement in the header's environment. A REPL process reads each statement only once."""
    text = binder.stating(prepared, answers, "")
    if text not in binder.statements:
        key = secrets.token_hex(12)
        response = ask(binder.stating(prepared, answers, key), binder.env)
        kept = 1 if prepared.holes else len(prepared.targets)
        failure = read_stated(response, key, kept)
        binder.statements[text] = Stated(response.env if isinstance(response, Reply) else -1, key, failure)
    return binder.statements[text]
