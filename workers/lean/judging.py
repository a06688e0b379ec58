"""Runs one proof on the REPL, and returns its verdict or raises the reason why the proof must run again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from farm.models import Environment, Evidence, Level, Message, Position, Reason, Sorry, Verdict, verdict
from farm.prepared_proof import Objection, Prepared, prepare
from farm.store.claims import Claim, ClaimedItem
from farm.store.lanes import lane_domain
from workers.lean.binding.checked_run import CheckedRun, run_checked
from workers.lean.feedback import read_feedback
from workers.lean.gate.objections import declared_at, object_to, object_to_statement
from workers.lean.kept_words import keep_words, most_bytes
from workers.lean.repl_events import (
    HeaderFailed,
    HeaderTimeout,
    ReplEnded,
    ReplOutOfMemory,
    ReplTimeout,
    Unguarded,
)
from workers.lean.repl_reply import Refused, Reply, Response
from workers.lean.repl_watch import Died, Watch
from workers.lean.session import Header, Session
from workers.lean.time_slices import Slices
from workers.lean.verdict import judge, lead_with, read_messages, read_sorries


class SliceExpired(Exception):
    """The proof outlasted its time slice, and made room for others: it runs again later, with its full time.

    Attributes:
        slice_s: how long the slice was.
    """

    def __init__(self, slice_s: float) -> None:
        super().__init__(f"Not finished within its slice of {slice_s:g} s")
        self.slice_s = slice_s


@dataclass(frozen=True, slots=True)
class Trial:
    """One proof, and everything that its run depends on.

    Attributes:
        lead: the text that is sent before the body, in the same command. It is the statement's front (the text before
            the theorem), or empty if the front runs by itself.
        lead_lines: the number of lines in `lead`.
        most_bytes: how many bytes of Lean's words the verdict keeps.
    """

    item: ClaimedItem
    prepared: Prepared
    queued_s: float
    timeout_s: float
    is_gated: bool
    is_checked: bool
    is_native: bool
    has_own_front: bool
    lead: str
    lead_lines: int
    wants_feedback: bool = False
    most_bytes: int = most_bytes(1)

    def place(self, position: Position) -> Position | None:
        """Return the position in the user's own text for a position in the text that was run; None if there is none."""
        return self.prepared.to_user(Position(line=position.line - self.lead_lines, column=position.column))

    def place_in_header(self, position: Position) -> Position | None:
        """Return the position in the user's own text for a position in the header.

        If the user's text begins with the header, this is the same position; otherwise there is none (None).
        """
        return position if self.prepared.code.startswith(self.prepared.header) else None


class Judge:
    """Runs proofs on one session, under watch.

    Args:
        session: the REPL.
        watch: watches the runs from outside.
        environment: the Lean environment, as verdicts describe it.
        slices: gives each run its time slice, after which the run may have to make room for others.
    """

    def __init__(self, session: Session, watch: Watch, environment: Environment, slices: Slices) -> None:
        self._session = session
        self._watch = watch
        self._environment = environment
        self._slices = slices
        self._started = 0.0

    def run(self, item: ClaimedItem, claim: Claim) -> Verdict:
        """Return the verdict on a claimed proof.

        Raises:
            Died: the REPL died or sent a false reply while running the proof.
            SliceExpired: the proof outlasted its slice, and others come first.
            GivenUp: the batch is cancelled, the lease is lost, or this process has to stop.
            StartFailed: this host cannot start a REPL.
        """
        trial = _trial(item, claim)
        self._started = time.monotonic()
        self._session.lists_tactics = trial.wants_feedback
        if objection := _objection(trial, claim):
            return self._verdict(trial, objection.reason, messages=[objection.message])
        self._session.enter(_domain(trial, claim))
        fresh = self._session.pid is None or self._session.holds_only(trial.prepared.header)
        found = self._attempt(trial, claim)
        if found.reason is Reason.OUT_OF_MEMORY and not fresh:
            # Environments of earlier proofs, or other headers, may fill this REPL. So the proof runs in an empty REPL
            # before it is blamed.
            found = self._attempt(trial, claim)
            found = found.model_copy(update={"attempts": trial.item.attempts + 1})
        return found

    def _attempt(self, trial: Trial, claim: Claim) -> Verdict:
        self._started = time.monotonic()
        try:
            return self._elaborate(trial, claim)
        except HeaderFailed as failure:
            return self._reject_header(trial, failure)
        except HeaderTimeout:
            text = f"The header did not load within {self._watch.header_timeout_s:g} s (LEAN_HEADER_TIMEOUT_S)"
            return self._undecided(trial, Reason.TIMEOUT, text)
        except Unguarded as error:
            return self._undecided(trial, Reason.FARM_ERROR, str(error))
        except ReplTimeout:
            return self._undecided(trial, Reason.TIMEOUT, f"Lean did not finish within {trial.timeout_s:g} s")
        except ReplOutOfMemory:
            text = "The proof took more memory than one REPL may have (LEAN_MEMORY_LIMIT_MB)"
            return self._undecided(trial, Reason.OUT_OF_MEMORY, text)
        except ReplEnded as error:
            raise Died(str(error)) from error

    def _elaborate(self, trial: Trial, claim: Claim) -> Verdict:
        header = self._watch.load(trial.prepared.header, is_checked=trial.is_checked)
        self._started = time.monotonic()
        slice_ = self._slices.of(trial.item, claim, self._session.load_s)
        try:
            with self._session.sliced(slice_):
                return self._watch.run(trial.timeout_s, lambda: self._run(trial, header))
        except ReplTimeout as error:
            if slice_ and slice_.is_deferred:
                raise SliceExpired(slice_.seconds) from error
            raise

    def _run(self, trial: Trial, header: Header) -> Verdict:
        if not trial.is_checked:
            with self._session.running(header, trial.lead + trial.prepared.body, trial.timeout_s) as response:
                return self._decide(trial, header, CheckedRun(response))
        run = run_checked(
            self._session,
            header,
            trial.prepared,
            trial.item.proof.answers or {},
            trial.timeout_s,
            is_native=trial.is_native,
            is_clean=lambda response: self._reason(trial, response) is None,
        )
        return self._decide(trial, header, run)

    def _decide(self, trial: Trial, header: Header, run: CheckedRun) -> Verdict:
        response, loaded = run.response, header.response if header.start is not None else None
        if isinstance(response, Refused):
            kept, _ = keep_words([Message(severity="error", data=response.message)], [], trial.most_bytes)
            return self._verdict(trial, Reason.ERROR, messages=kept)
        messages, sorries = self._read(trial, response)
        warnings = [*trial.prepared.notes, *(read_messages(loaded, trial.place_in_header) if loaded else [])]
        reason, failure = judge(messages, sorries), run.look.failure
        said = lead_with(reason, warnings + messages) if reason else warnings + messages
        if failure:
            reason = failure.reason
            pos = declared_at(trial.prepared, failure.name)
            said = [Message(severity="error", pos=pos, data=failure.text), *said]
        kept_messages, kept_sorries = keep_words(said, sorries, trial.most_bytes)
        return self._verdict(
            trial,
            reason,
            messages=kept_messages,
            sorries=kept_sorries,
            axioms=list(run.look.axioms),
            feedback=read_feedback(response, messages, trial.place) if trial.wants_feedback and reason else [],
            evidence=self._evidence(trial, "failed" if failure else None if reason else "proved", run.look.values),
        )

    def _read(self, trial: Trial, response: Reply | None) -> tuple[list[Message], list[Sorry]]:
        if response is None:
            return [], []
        return read_messages(response, trial.place), read_sorries(response, trial.place)

    def _reason(self, trial: Trial, response: Response) -> Reason | None:
        """Return why Lean's response rejects a submission; None if it does not. The checks come later."""
        if isinstance(response, Refused):
            return Reason.ERROR
        return judge(*self._read(trial, response))

    def _evidence(self, trial: Trial, statement: str | None = None, values: dict[str, str] | None = None) -> Evidence:
        asked = statement if trial.is_checked else None
        gate = "strict" if trial.is_gated else "off"
        answers = {name: trial.prepared.values.get(name, printed) for name, printed in (values or {}).items()}
        front = "own" if trial.has_own_front else None
        return Evidence.model_validate(
            {"gate": gate, "statement": asked, "answers": answers, "native": trial.is_native, "front": front}
        )

    def _reject_header(self, trial: Trial, failure: HeaderFailed) -> Verdict:
        response = failure.response
        if failure.is_silent:
            messages = [Message(severity="error", pos=Position(line=1, column=0), data=failure.text)]
        elif isinstance(response, Reply):
            messages = read_messages(response, trial.place_in_header)
        else:
            messages = [Message(severity="error", data=response.message)]
        # If the statement has a header, the submission runs with that header, and its own imports do not matter.
        challenge = trial.prepared.challenge
        is_stated = challenge is not None and bool(challenge.header)
        kept, _ = keep_words(messages, [], trial.most_bytes)
        return self._verdict(trial, Reason.INVALID_STATEMENT if is_stated else Reason.ERROR, messages=kept)

    def _undecided(self, trial: Trial, reason: Reason, text: str) -> Verdict:
        return self._verdict(trial, reason, messages=[Message(severity="info", data=text)])

    def _verdict(
        self, trial: Trial, reason: Reason | None, *, evidence: Evidence | None = None, **more: Any
    ) -> Verdict:
        return verdict(
            trial.item.id,
            trial.item.index,
            reason=reason,
            time_s=round(time.monotonic() - self._started, 6),
            queue_s=round(trial.queued_s, 6),
            attempts=trial.item.attempts,
            environment=self._environment,
            level=Level.CHECKED if trial.is_checked else Level.COMPILED,
            evidence=evidence or self._evidence(trial),
            **more,
        )


def _objection(trial: Trial, claim: Claim) -> Objection | None:
    """Return the first objection to a submission's text; None if the REPL may get it."""
    if not trial.is_gated:
        return trial.prepared.objection
    found = object_to(trial.prepared, native=trial.is_native)
    if trial.has_own_front and claim.options.get("front") == "gated":
        found = found or object_to_statement(trial.item.proof.statement or "")
    return found or trial.prepared.objection


def _domain(trial: Trial, claim: Claim) -> str:
    """Return the trust domain of a run.

    This is usually the lane's domain. If the gate refuses the statement's front, the run gets a domain of its own: it
    shares this domain only with the owner's other runs on the same statement.
    """
    if not trial.has_own_front:
        return lane_domain(claim.lane)
    return f"{claim.owner}:{sha256((trial.item.proof.statement or '').encode()).hexdigest()}"


def _trial(item: ClaimedItem, claim: Claim) -> Trial:
    options = claim.options
    is_gated, is_checked = options["gate"] == "strict", options["level"] != Level.COMPILED
    prepared, statement = prepare(item.proof), item.proof.statement
    lead = "" if is_checked or not prepared.front else prepared.front.removesuffix("\n") + "\n"
    return Trial(
        item,
        prepared,
        claim.queued_s,
        options["timeout_s"],
        is_gated=is_gated,
        is_checked=is_checked,
        is_native=is_gated and options.get("native", False),
        has_own_front=is_gated and statement is not None and object_to_statement(statement) is not None,
        lead=lead,
        lead_lines=lead.count("\n"),
        wants_feedback=options.get("feedback", False),
        most_bytes=most_bytes(claim.total, is_interactive=claim.is_interactive),
    )
