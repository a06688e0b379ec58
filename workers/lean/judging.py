"""Running one proof to its verdict, or to the reason why it must run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from farm.models import Environment, Message, Position, Reason, Verdict, verdict
from farm.source import Source, Text, assemble, split_header
from farm.store.lanes import lane_domain
from farm.store.leases import Claim, ClaimedItem
from workers.lean.guard import GuardTripped, ReplGone
from workers.lean.session import Header, HeaderFailed, Session
from workers.lean.slices import first_slice_s
from workers.lean.verdict import bounded, judge, read_messages, read_sorries
from workers.lean.watchdog import Interruption, Watchdog

T = TypeVar("T")


class Died(Exception):
    """The REPL died or lied under this proof: charged to it, and tried again alone."""


class SliceExpired(Exception):
    """The proof ran longer than its first slice: it comes again, with its full time.

    Attributes:
        slice_s: the slice.
    """

    def __init__(self, slice_s: float) -> None:
        super().__init__(f"Not finished within its first {slice_s:g} s")
        self.slice_s = slice_s


class HeaderTimeout(TimeoutError):
    """The header did not load in time."""


class GivenUp(Exception):
    """This process may not or need not finish the proof: given back uncharged."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One proof on its way through the REPL."""

    item: ClaimedItem
    text: Text
    source: Source
    queued_s: float
    timeout_s: float
    is_sliced: bool = False


class Judge:
    """Runs proofs on one session, under one watchdog."""

    def __init__(self, session: Session, watchdog: Watchdog, environment: Environment, header_timeout_s: float) -> None:
        self._session = session
        self._watchdog = watchdog
        self._environment = environment
        self._header_timeout_s = header_timeout_s
        self._started = 0.0

    def run(self, item: ClaimedItem, claim: Claim) -> Verdict:
        """Return the verdict on a claimed proof.

        Raises:
            Died: the REPL died or lied under it.
            SliceExpired: its first slice is over, and it has not finished.
            GivenUp: the batch is cancelled, the lease lost, or the process is to stop.
            StartFailed: this host cannot start a REPL.
        """
        text = assemble(item.proof)
        timeout_s = claim.options["timeout_s"]
        slice_s = None if item.slow else first_slice_s(timeout_s, claim.timed, claim.longest_s, self._session.load_s)
        trial = Trial(
            item, text, split_header(text.text), claim.queued_s, slice_s or timeout_s, is_sliced=slice_s is not None
        )
        self._session.enter(lane_domain(claim.lane))
        fresh = self._session.pid is None or self._session.ran == 0
        found = self._attempt(trial)
        if found.reason is Reason.OUT_OF_MEMORY and not fresh:
            # Earlier proofs' environments filled this REPL: the proof deserves an empty one before it is blamed.
            found = self._attempt(trial)
            found = found.model_copy(update={"attempts": trial.item.attempts + 1})
        return found

    def _attempt(self, trial: Trial) -> Verdict:
        self._started = time.monotonic()
        try:
            response, warnings = self._elaborate(trial)
        except HeaderFailed as failure:
            return self._reject_header(trial, failure)
        except HeaderTimeout:
            text = f"The header did not load within {self._header_timeout_s:g} s (LEAN_HEADER_TIMEOUT_S)"
            return self._undecided(trial, Reason.TIMEOUT, text)
        except TimeoutError as error:
            if trial.is_sliced:
                raise SliceExpired(trial.timeout_s) from error
            return self._undecided(trial, Reason.TIMEOUT, f"Lean did not finish within {trial.timeout_s:g} s")
        except MemoryError:
            text = "The proof took more memory than one REPL may have (LEAN_MEMORY_LIMIT_MB)"
            return self._undecided(trial, Reason.OUT_OF_MEMORY, text)
        return self._decide(trial, response, warnings)

    def _elaborate(self, trial: Trial) -> tuple[Any, list[Message]]:
        """Return LeanInteract's response to the body, and what Lean said about the header.

        A run that the watchdog ended looks like a death of the REPL: what it was is known only here.
        """
        self._session.ensure_alive()
        try:
            header = self._load(trial.source.header)
            self._started = time.monotonic()
            response = self._watched(
                trial.timeout_s, lambda: self._session.run(header, trial.source.body, trial.timeout_s)
            )
        except (ReplGone, GuardTripped) as error:
            raise Died(str(error)) from error
        said = header.response if header.start is not None else None
        warnings = read_messages(said, Source("", "", ""), trial.text.lines_before) if said else []
        return response, warnings

    def _load(self, header: str) -> Header:
        try:
            return self._watched(self._header_timeout_s, lambda: self._session.load(header))
        except TimeoutError as error:
            raise HeaderTimeout(str(error)) from error

    def _watched(self, timeout_s: float, run: Callable[[], T]) -> T:
        self._watchdog.begin(self._session.pid, timeout_s)
        try:
            return run()
        except (ReplGone, GuardTripped, TimeoutError) as error:
            _translate(self._watchdog.end(), error)
            raise
        finally:
            self._watchdog.end()

    def _decide(self, trial: Trial, response: Any, warnings: list[Message]) -> Verdict:
        if not hasattr(response, "messages"):  # LeanError: the REPL refused the command as a whole
            messages = [Message(severity="error", data=response.message)]
            return self._verdict(trial, Reason.ERROR, messages=messages)
        messages = warnings + read_messages(response, trial.source, trial.text.lines_before)
        sorries = read_sorries(response, trial.source, trial.text.lines_before)
        return self._verdict(trial, judge(messages, sorries), messages=bounded(messages), sorries=sorries)

    def _reject_header(self, trial: Trial, failure: HeaderFailed) -> Verdict:
        response: Any = failure.response
        if failure.is_silent:
            text = "The header did not load: it imports a module that is not there, or one that is broken"
            messages = [Message(severity="error", pos=Position(line=1, column=0), data=text)]
        elif hasattr(response, "messages"):
            messages = read_messages(response, Source("", "", ""), trial.text.lines_before)
        else:
            messages = [Message(severity="error", data=response.message)]
        return self._verdict(trial, Reason.ERROR, messages=bounded(messages))

    def _undecided(self, trial: Trial, reason: Reason, text: str) -> Verdict:
        return self._verdict(trial, reason, messages=[Message(severity="info", data=text)])

    def _verdict(self, trial: Trial, reason: Reason | None, **evidence: Any) -> Verdict:
        return verdict(
            trial.item.id,
            trial.item.index,
            reason=reason,
            time_s=round(time.monotonic() - self._started, 6),
            queue_s=round(trial.queued_s, 6),
            attempts=trial.item.attempts,
            environment=self._environment,
            **evidence,
        )


def _translate(interruption: Interruption | None, error: Exception) -> None:
    """Raise what an interruption from outside means; do nothing if there was none."""
    match interruption:
        case Interruption.MEMORY:
            raise MemoryError from error
        case Interruption.DEADLINE:
            raise TimeoutError from error
        case Interruption.CANCELLED | Interruption.LEASE_LOST | Interruption.STOPPING:
            raise GivenUp(interruption.value) from error
