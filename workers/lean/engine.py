"""The engine of a Lean process: it runs items on the REPL, under watch.

A host without Lean has a different engine (`NoLean`), and every verdict of that engine says that there is no Lean.
"""

from __future__ import annotations

import time
import traceback
from typing import Protocol

import structlog

from farm import toolchains
from farm.metric_series import MetricSeries
from farm.models import Environment, Message, Reason, Verdict, verdict
from farm.store.claims import Claim, ClaimedItem
from farm.store.leases import Result
from workers.lean.executor import Executor
from workers.lean.judging import SliceExpired
from workers.lean.repl_events import ReplEvent, StartFailed
from workers.lean.repl_watch import Died, GivenUp
from workers.lean.session import Session
from workers.lean.watchdog import Interruption, Watchdog
from workers.metric_counts import Metrics

_START_BACKOFF_S = 2.0
_NO_SYNC = "This REPL does not print the guard's token: replies that a proof forges may go unseen"
_NO_SANDBOX = "SANDBOX is off: proofs run with the rights of the worker, and can read and change all that it can"
_UNREADABLE = "This worker cannot read the task, which another release stored: send it again to a farm of one release"

_log = structlog.get_logger()


class Engine(Protocol):
    """The interface that the work loop and the signs of life use, with or without Lean.

    Only the thread that built the engine may call `run`, `warm` and `end`; any thread may call the rest.

    Attributes:
        environment: the Lean environment, as verdicts describe it.
    """

    environment: Environment

    @property
    def load_s(self) -> float:
        """Seconds that it would take to change to another header."""

    @property
    def failure(self) -> str:
        """What prevents this engine from judging, as a text for the operator; empty while it can judge."""

    @property
    def warning(self) -> str:
        """A warning for the operator about an engine that works; empty if there is none."""

    def run(self, item: ClaimedItem, claim: Claim) -> Result:
        """Return the verdict on a proof, or the answer to another task.

        Raises:
            Died: the REPL died or sent a false reply during the run. This death is charged to the item.
            SliceExpired: the item outlasted its time slice, and goes to the end of its batch.
            GivenUp: the item must not or cannot be finished here. It is given back, and nothing is charged to it.
        """

    def warm(self, header: str) -> None:
        """Load a header before a proof needs it."""

    def end(self, cause: str = "fresh") -> None:
        """Kill the REPL; the next run gets a new one, whose start is counted under the cause."""

    def interrupt(self, interruption: Interruption) -> None:
        """End the present run, if there is one; that run then raises `GivenUp`."""

    def running_s(self) -> float:
        """Return how many seconds the present run has taken so far; 0 between runs."""

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` that describe this engine."""


class LeanEngine:
    """Judges on the one REPL of this process. The REPL belongs to the thread that built the engine.

    Args:
        session: the REPL.
        watchdog: ends runs on the REPL from outside.
        executor: runs each kind of task on the REPL.
        environment: the Lean environment, as verdicts describe it.
        recycle_after: the number of proofs after which the REPL is replaced.
        figures: where runs are counted.
    """

    def __init__(
        self,
        session: Session,
        watchdog: Watchdog,
        executor: Executor,
        environment: Environment,
        recycle_after: int,
        figures: Metrics,
    ) -> None:
        self._session = session
        self._watchdog = watchdog
        self._executor = executor
        self.environment = environment
        self._recycle_after = recycle_after
        self._figures = figures
        self._failure = ""
        self._ran = 0

    @property
    def load_s(self) -> float:
        """Seconds that the last start of the REPL and the last load of a header took together."""
        return self._session.load_s

    @property
    def failure(self) -> str:
        """Why the REPL does not start; empty again once a run has ended."""
        return self._failure

    @property
    def warning(self) -> str:
        """Which protection this REPL lacks, and which known faults its Lean has; empty if there are none."""
        unsafe = _NO_SANDBOX if "seccomp" not in self.environment.sandbox else ""
        unseen = _NO_SYNC if self._session.ran and not self._session.can_sync else ""
        return ". ".join(filter(None, [unsafe or unseen, toolchains.warning(self.environment.lean_version)]))

    def run(self, item: ClaimedItem, claim: Claim) -> Result:
        """Return the verdict on a proof, or the answer to another task; raises as `Engine.run` does."""
        if item.task is None:
            return undecided(item, claim, self.environment, Reason.FARM_ERROR, _UNREADABLE)
        started, loading_s = time.monotonic(), self._session.loading_s
        if item.deaths and not self._session.holds_only():
            # What earlier proofs left in the REPL may have caused the death: run the proof in one that holds nothing.
            self._session.end()
        try:
            found = self._executor.run(item, claim)
        except StartFailed as failure:
            self._rest(str(failure))
            raise GivenUp("The REPL does not start") from failure
        except (Died, SliceExpired, GivenUp):
            raise
        except Exception as error:
            self._end_unread(error)
            raise Died("An error of the farm itself ended this run; the worker's log has it as `run.failed`") from error
        self._failure = ""
        self._ran += 1
        beside_loads_s = time.monotonic() - started - (self._session.loading_s - loading_s)
        self._observe(found, claim, beside_loads_s)
        if self._session.ran >= self._recycle_after:
            self._session.end("recycled")
        return found

    def warm(self, header: str) -> None:
        """Load a header before a proof needs it; a failure is only logged."""
        try:
            self._session.ensure_alive()
            self._session.load(header)
        except ReplEvent as error:
            _log.warning("header.not_warm", header=header, error=str(error))

    def end(self, cause: str = "fresh") -> None:
        """Kill the REPL and all that it started."""
        self._session.end(cause)

    def interrupt(self, interruption: Interruption) -> None:
        """End the present run, if there is one."""
        self._watchdog.interrupt(interruption)

    def running_s(self) -> float:
        """Return how many seconds the present run has taken so far; 0 between runs."""
        return self._watchdog.running_s()

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` that describe this REPL."""
        return {
            "engine": f"Lean {self.environment.lean_version}",
            "sandbox": ", ".join(self.environment.sandbox),
            "header": self._session.warm_header,
            "proofs": self._ran,
            "restarts": self._session.restarts,
            "memory_mb": round(self._session.memory_mb(), 1),
        }

    def _rest(self, why: str) -> None:
        """Log that the REPL does not start, and wait a little: else this host would fail one item after another."""
        _log.error("repl.start_failed", error=why)
        self._failure = why
        time.sleep(_START_BACKOFF_S)

    def _end_unread(self, error: Exception) -> None:
        """End the REPL after an error in the farm's own code: this REPL's replies may have caused the error."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        # The error's text is not logged: it may quote the proof, and logs hold no proofs.
        _log.error("run.failed", error=type(error).__name__, where=f"{last.filename}:{last.lineno}")
        self._session.end("guard")

    def _observe(self, found: Result, claim: Claim, spent_s: float) -> None:
        self._figures.observe(MetricSeries.QUEUE, claim.queued_s)
        self._figures.observe(MetricSeries.RUN, found.time_s)
        self._figures.observe(MetricSeries.OVERHEAD, max(0.0, spent_s - found.time_s))


class NoLean:
    """Judges nothing: every proof is undecided, and its verdict says what an operator has to do.

    Args:
        environment: what verdicts say about this host.
        notice: what an operator has to do.
    """

    load_s = 0.0
    warning = ""

    def __init__(self, environment: Environment, notice: str) -> None:
        self.environment = environment
        self.failure = notice

    def run(self, item: ClaimedItem, claim: Claim) -> Result:
        """Return an `undecided` verdict, whose message says why there is no Lean."""
        return undecided(item, claim, self.environment, Reason.FARM_ERROR, self.failure)

    def warm(self, header: str) -> None:
        """Do nothing: there is no REPL."""

    def end(self, cause: str = "fresh") -> None:
        """Do nothing: there is no REPL."""

    def interrupt(self, interruption: Interruption) -> None:
        """Do nothing: a run without Lean ends at once."""

    def running_s(self) -> float:
        """Return 0: a run without Lean ends at once."""
        return 0.0

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` that say that there is no Lean."""
        return {"engine": "no Lean", "sandbox": "", "header": "", "proofs": 0, "restarts": 0, "memory_mb": 0.0}


def undecided(item: ClaimedItem, claim: Claim, environment: Environment, reason: Reason, text: str) -> Verdict:
    """Return an `undecided` verdict whose message says why."""
    return verdict(
        item.id,
        item.index,
        reason=reason,
        queue_s=claim.queued_s,
        attempts=item.attempts,
        messages=[Message(severity="info", data=text)],
        environment=environment,
    )
