"""What a token makes a Lean process do: claim chunks, run their proofs, write their verdicts.

A process keeps its token while it finds work, because a new one from Celery costs some 80 ms where prefetching is off.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import structlog

from farm.figures import Series
from farm.models import Environment, Message, Reason, Verdict, verdict
from farm.queues import Tokens
from farm.settings import Settings
from farm.store.batches import FIRST_CANARY
from farm.store.leases import Claim, ClaimedItem, DeclaredBad, Finished, Leases, Result, Warmth
from farm.store.registry import Alive
from farm.traces import span
from workers.figures import Figures
from workers.lean.executor import Executor
from workers.lean.judging import SliceExpired
from workers.lean.repl_watch import Died, GivenUp
from workers.lean.session import Session, StartFailed
from workers.lean.token_summary import TokenSummary
from workers.lean.verdict_writer import VerdictWriter
from workers.lean.watchdog import Interruption, Watchdog

CHUNK = 16
# A chunk should last about this long: long enough to hide the claim, short enough to share fairly.
_CHUNK_S = 2.0
# When one proof runs longer than this, the rest of the chunk is better off elsewhere.
_SHED_AFTER_S = 2.0
# How long a process keeps its token before Celery gets a say: recycling, shutdown, events.
_TASK_S = 10.0
_START_BACKOFF_S = 2.0
# While so many runs took less than this, a verdict is written while Lean runs the next proof already: between runs of
# some milliseconds a round trip is felt. At most one verdict is under way, so the price is bounded: interactive work is
# seen one such run later, and should the process die before the store has answered, the death is charged to the proof
# before.
_SHORT_RUNS = 8
_SHORT_S = 0.25
_NO_SYNC = "This REPL does not print the guard's token: replies that a proof forges may go unseen"
_NO_SANDBOX = "SANDBOX is off: proofs run with the rights of the worker, and can read and change what it can"

_log = structlog.get_logger()


@dataclass(slots=True)
class Chunk:
    """A claim and what of it has not begun; shared with the heartbeat, which may shed the rest.

    Attributes:
        claim: the claim, with what was seen of its batch since.
        rest: what has not begun.
        under_way: a write that has begun and whose outcome was not taken in.
        written: verdicts that were the first of their proofs.
        goes_on: whether what is left is still to be run here, as far as is known.
    """

    claim: Claim
    rest: deque[ClaimedItem]
    under_way: Future[Finished] | None = None
    written: int = 0
    goes_on: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> ClaimedItem | None:
        """Return the next item to run."""
        with self.lock:
            return self.rest.popleft() if self.rest else None

    def drop_rest(self) -> list[int]:
        """Return the indices of what has not begun, and forget them."""
        with self.lock:
            indices = [item.index for item in self.rest]
            self.rest.clear()
            return indices


class Runner:
    """One Lean process at work. `session` is None on a host without Lean: every proof is then undecided."""

    def __init__(
        self,
        settings: Settings,
        leases: Leases,
        tokens: Tokens,
        worker: str,
        session: Session | None,
        watchdog: Watchdog,
        environment: Environment,
        revision: str,
        executor: Executor | None,
        notice: str,
        stopping: Callable[[], bool],
        figures: Figures,
    ) -> None:
        self._leases = leases
        self._tokens = tokens
        self._writer = VerdictWriter(leases, tokens, settings.lean_environment, revision)
        self._worker = worker
        self._session = session
        self._watchdog = watchdog
        self._environment = environment
        self._notice = notice
        self._stopping = stopping
        self._figures = figures
        self._recycle_after = settings.lean_max_tasks_per_child
        self._executor = executor
        self._chunk: Chunk | None = None
        self._mean_s = 0.1
        self._recent_s: deque[float] = deque(maxlen=_SHORT_RUNS)
        self._lane = ""
        self._owner = ""
        self._revision = revision
        self._declared_bad = ""
        self._proofs = 0
        self._environment_name = settings.lean_environment

    def work(self) -> str:
        """Claim and run chunks until nothing waits or ten seconds are over; return a line for the log and Flower."""
        until, summary = time.monotonic() + _TASK_S, TokenSummary()
        while time.monotonic() < until and not self._stopping():
            if not self._work_once(summary):
                break
        else:
            # There may be more: the token goes on to whoever takes it.
            self._tokens.lean(self._environment_name)
        return str(summary)

    def _work_once(self, summary: TokenSummary) -> bool:
        """Run one chunk and enter it into the summary; return whether there was one."""
        asked_ns = time.time_ns()
        claim = self._claim()
        if claim is None:
            return False
        chunk = Chunk(claim, deque(item for item in claim.items if item.known is None))
        if chunk.rest:
            self._lane, self._owner = claim.lane, claim.owner
        self._chunk, started = chunk, time.monotonic()
        named = {"batch": claim.batch, "lease": claim.lease}
        try:
            with (
                structlog.contextvars.bound_contextvars(**named),
                span("claim", parent=claim.trace, started_ns=asked_ns, **named, items=len(claim.items)),
            ):
                self._run_chunk(chunk)
        finally:
            self._chunk = None
        _note(chunk, time.monotonic() - started, summary)
        return True

    def _claim(self) -> Claim | None:
        """Return what there is to do; None when nothing waits, or this process may not judge."""
        most = max(1, min(CHUNK, int(_CHUNK_S / self._mean_s)))
        warmth = Warmth(self._lane, self._owner, self._session.load_s if self._session else 0.0)
        try:
            claim = self._leases.claim(
                self._environment_name, self._worker, warmth=warmth, most=most, revision=self._revision
            )
        except DeclaredBad as bad:
            _log.error("worker.declared_bad", why=str(bad))
            self._declared_bad = str(bad)
            return None
        self._declared_bad = ""
        return claim

    def _run_chunk(self, chunk: Chunk) -> None:
        item = chunk.take()
        if known := _known(chunk.claim):
            self._begin_write(chunk, known, item, 0.0)
            self._await_write(chunk)
        while item is not None and chunk.goes_on:
            started = time.monotonic()
            with span("run", index=item.index) as run:
                found = self._run_item(item, chunk)
                for each in found or ():
                    run.note(outcome=str(each.outcome), reason=each.reason or "", attempts=each.attempts)
            self._recent_s.append(time.monotonic() - started)
            # What was written meanwhile may have ended the chunk.
            self._await_write(chunk)
            if found is None:
                break
            item = self._hand_in(chunk, item, found)
        self._give_back(chunk, item)

    def _hand_in(self, chunk: Chunk, item: ClaimedItem, found: list[Result]) -> ClaimedItem | None:
        """Have written what was found on an item; return the item to run next, None at the end of the chunk."""
        following = chunk.take() if chunk.goes_on else None
        self._begin_write(chunk, found, following, self._recent_s[-1])
        # The last verdict of a chunk is written before the next claim: who claims holds nothing else.
        if following is None or not self._is_in_a_hurry(chunk, item):
            self._await_write(chunk)
        return following

    def _begin_write(self, chunk: Chunk, found: list[Result], following: ClaimedItem | None, spent_s: float) -> None:
        chunk.under_way = self._writer.write(chunk.claim, found, following, spent_s)

    def _await_write(self, chunk: Chunk) -> None:
        """Wait for the write that is under way, if one is, and take in what it found out.

        Raises:
            StoreUnavailable: Redis was away for a minute.
        """
        if chunk.under_way is None:
            return
        finished, chunk.under_way = chunk.under_way.result(), None
        chunk.written += finished.written
        # A batch's first chunks are claimed before anything of it was seen.
        chunk.claim = replace(chunk.claim, timed=finished.timed, longest_s=finished.longest_s)
        if finished.alarm:
            _log.critical("canary.accepted", owner=chunk.claim.owner, worker=self._worker)
            if self._session:
                self._session.end("canary")
        if not finished.alive:
            chunk.drop_rest()
        if not finished.alive or finished.others_first or self._stopping():
            chunk.goes_on = False

    def _is_in_a_hurry(self, chunk: Chunk, item: ClaimedItem) -> bool:
        """Whether the next run may begin before this one's verdict is written."""
        longest_s = max(chunk.claim.longest_s, *self._recent_s)
        # After a canary it has to be known: an accepted one ends this process's work.
        return len(self._recent_s) == _SHORT_RUNS and longest_s < _SHORT_S and item.index < FIRST_CANARY

    def _give_back(self, chunk: Chunk, item: ClaimedItem | None) -> None:
        """Give an item back, and what comes after it."""
        if indices := [*([item.index] if item else []), *chunk.drop_rest()]:
            self._writer.give_back(chunk.claim, indices)

    def _run_item(self, item: ClaimedItem, chunk: Chunk) -> list[Result] | None:
        """Return the verdicts to write, none if the item went back charged; None to give it back uncharged."""
        claim = chunk.claim
        if self._session is None or self._executor is None:
            return [self._undecided(item, claim, Reason.FARM_ERROR, self._notice)]
        started, loading_s = time.monotonic(), self._session.loading_s
        try:
            found = self._executor.run(item, claim)
        except Died as death:
            spent_s = time.monotonic() - started
            self._await_write(chunk)
            return self._charge(item, claim, str(death), spent_s)
        except SliceExpired as expired:
            self._await_write(chunk)
            self._writer.defer(claim, item, expired.slice_s)
            return []
        except GivenUp as given_up:
            _log.info("proof.given_up", index=item.index, why=str(given_up))
            return None
        except StartFailed as failure:
            self._rest(str(failure))
            return None
        self._notice = ""
        self._proofs += 1
        spent_s = time.monotonic() - started
        beside_loads_s = spent_s - (self._session.loading_s - loading_s)
        self._observe(found, claim, beside_loads_s)
        if self._session.ran >= self._recycle_after:
            self._session.end("recycled")
        self._mean_s = 0.8 * self._mean_s + 0.2 * max(0.001, spent_s)
        return [found]

    def _observe(self, found: Result, claim: Claim, spent_s: float) -> None:
        self._figures.observe(Series.QUEUE, claim.queued_s)
        self._figures.observe(Series.RUN, found.time_s)
        self._figures.observe(Series.OVERHEAD, max(0.0, spent_s - found.time_s))

    def _rest(self, why: str) -> None:
        """A host that cannot start a REPL must not burn through the queue: say so, and wait a little."""
        _log.error("repl.start_failed", error=why)
        self._notice = why
        time.sleep(_START_BACKOFF_S)

    def _charge(self, item: ClaimedItem, claim: Claim, why: str, spent_s: float) -> list[Result]:
        # Not `why`: it may quote the proof, and logs hold none.
        _log.warning("repl.died", index=item.index, deaths=item.deaths + 1)
        if not self._writer.charge(claim, item, spent_s):
            return []
        return [self._undecided(item, claim, Reason.CRASHED, f"The REPL died {item.deaths + 1} times: {why}")]

    def _undecided(self, item: ClaimedItem, claim: Claim, reason: Reason, text: str) -> Verdict:
        return verdict(
            item.id,
            item.index,
            reason=reason,
            queue_s=claim.queued_s,
            attempts=item.attempts,
            messages=[Message(severity="info", data=text)],
            environment=self._environment,
        )

    # What follows is called by the heartbeat's thread.

    def lease(self) -> str:
        """Return the lease in hand, empty between claims."""
        chunk = self._chunk
        return chunk.claim.lease if chunk else ""

    def on_alive(self, lease: str, alive: Alive) -> None:
        """React to what a sign of life found out, and shed what waits behind a long proof."""
        chunk = self._chunk
        if chunk is None or chunk.claim.lease != lease:
            return
        if not alive.lease_alive:
            chunk.drop_rest()
            self._watchdog.interrupt(Interruption.LEASE_LOST)
        elif alive.cancelled:
            self._watchdog.interrupt(Interruption.CANCELLED)
        elif self._watchdog.running_s() > _SHED_AFTER_S and (indices := chunk.drop_rest()):
            self._writer.give_back(chunk.claim, indices)

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` to show."""
        session = self._session
        notice = self._declared_bad or self._notice
        failed = session is None or bool(notice)
        return {
            "state": "failed" if failed else "busy" if self._chunk else "idle",
            "notice": notice or self._warning(),
            "engine": f"Lean {self._environment.lean_version}" if session else "no Lean",
            "sandbox": ", ".join(self._environment.sandbox),
            "header": session.warm_header if session else "",
            "proofs": self._proofs,
            "restarts": session.restarts if session else 0,
            "memory_mb": round(session.memory_mb(), 1) if session else 0.0,
        }

    def _warning(self) -> str:
        session = self._session
        if session and "seccomp" not in self._environment.sandbox:
            return _NO_SANDBOX
        return _NO_SYNC if session and session.ran and not session.can_sync else ""

    def close(self) -> None:
        """Give back what is in hand and end the REPL."""
        if chunk := self._chunk:
            self._writer.give_back(chunk.claim, [item.index for item in chunk.claim.items])
        if self._session:
            self._session.end()


def _note(chunk: Chunk, seconds: float, summary: TokenSummary) -> None:
    """Write down what a chunk came to."""
    claim = chunk.claim
    summary.add(claim, chunk.written)
    _log.info(
        "chunk.done",
        batch=claim.batch,
        lease=claim.lease,
        items=len(claim.items),
        written=chunk.written,
        seconds=round(seconds, 3),
    )


def _known(claim: Claim) -> list[Result]:
    """Return the verdicts of a claim that the farm had already."""
    return [
        item.known.model_copy(
            update={"id": item.id, "index": item.index, "cached": True, "queue_s": claim.queued_s, "attempts": 0}
        )
        for item in claim.items
        if item.known
    ]
