"""What a token makes a Lean process do: claim chunks, run their proofs, write their verdicts.

A process keeps its token while it finds work, because a new one from Celery costs some 80 ms where prefetching is off.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from farm.errors import StoreUnavailable
from farm.figures import Series
from farm.models import Environment, Message, Reason, Verdict, verdict
from farm.queues import Tokens
from farm.settings import Settings
from farm.store.leases import Claim, ClaimedItem, DeclaredBad, Finished, Leases, Result, Warmth
from farm.store.registry import Alive
from workers.figures import Figures
from workers.lean.executor import Executor
from workers.lean.judging import SliceExpired
from workers.lean.session import Session, StartFailed
from workers.lean.watchdog import Interruption, Watchdog
from workers.lean.watching import Died, GivenUp

CHUNK = 16
# A chunk should last about this long: long enough to hide the claim, short enough to share fairly.
_CHUNK_S = 2.0
# When one proof runs longer than this, the rest of the chunk is better off elsewhere.
_SHED_AFTER_S = 2.0
# How long a process keeps its token before Celery gets a say: recycling, shutdown, events.
_TASK_S = 10.0
_START_BACKOFF_S = 2.0
# How long verdicts wait for Redis to come back before the lease is left to lapse.
_STORE_PATIENCE_S = 60

_NO_SYNC = "This REPL does not print the guard's token: replies that a proof forges may go unseen"
_NO_SANDBOX = "SANDBOX is off: proofs run with the rights of the worker, and can read and change what it can"

_log = structlog.get_logger()
_patiently = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    stop=stop_after_delay(_STORE_PATIENCE_S),
    reraise=True,
)


@dataclass(slots=True)
class Chunk:
    """The claim in hand and what of it has not begun; shared with the heartbeat, which may shed the rest."""

    claim: Claim | None = None
    rest: deque[ClaimedItem] = field(default_factory=deque)
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
        self._worker = worker
        self._session = session
        self._watchdog = watchdog
        self._environment = environment
        self._notice = notice
        self._stopping = stopping
        self._figures = figures
        self._recycle_after = settings.lean_max_tasks_per_child
        self._executor = executor
        self._chunk = Chunk()
        self._mean_s = 0.1
        self._lane = ""
        self._owner = ""
        self._revision = revision
        self._declared_bad = ""
        self._proofs = 0
        self._environment_name = settings.lean_environment

    def work(self) -> str:
        """Claim and run chunks until nothing waits or ten seconds are over; return a line for the log and Flower."""
        until, chunks, written = time.monotonic() + _TASK_S, 0, 0
        while time.monotonic() < until and not self._stopping():
            done = self._work_once()
            if done is None:
                break
            chunks, written = chunks + 1, written + done
        else:
            # There may be more: the token goes on to whoever takes it.
            self._tokens.lean(self._environment_name)
        return f"{written} proofs in {chunks} chunks"

    def _work_once(self) -> int | None:
        """Return how many verdicts one chunk gave, None when there was no chunk."""
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
        if claim is None:
            return None
        self._chunk = Chunk(claim, deque(item for item in claim.items if item.known is None))
        if self._chunk.rest:
            self._lane, self._owner = claim.lane, claim.owner
        try:
            return self._run_chunk(claim)
        finally:
            self._chunk.claim = None

    def _run_chunk(self, claim: Claim) -> int:
        item = self._chunk.take()
        written = self._answer_known(claim, item)
        while item is not None:
            started = time.monotonic()
            found = self._run_item(item, claim)
            if found is None:
                self._give_back(claim, [item.index, *self._chunk.drop_rest()])
                break
            following = self._chunk.take()
            finished = self._finish(claim, found, following, time.monotonic() - started)
            written += finished.written
            if not finished.alive:
                self._chunk.drop_rest()
                break
            if following and (finished.others_first or self._stopping()):
                self._give_back(claim, [following.index, *self._chunk.drop_rest()])
                break
            item = following
            # The batch's first chunks are claimed before anything of it was seen.
            claim = replace(claim, timed=finished.timed, longest_s=finished.longest_s)
        return written

    def _answer_known(self, claim: Claim, following: ClaimedItem | None) -> int:
        """Write the verdicts that the farm had already; return how many."""
        known = [
            item.known.model_copy(
                update={"id": item.id, "index": item.index, "cached": True, "queue_s": claim.queued_s, "attempts": 0}
            )
            for item in claim.items
            if item.known
        ]
        return self._finish(claim, known, following, 0.0).written if known else 0

    def _run_item(self, item: ClaimedItem, claim: Claim) -> list[Result] | None:
        """Return the verdicts to write, none if the item went back charged; None to give it back uncharged."""
        if self._session is None or self._executor is None:
            return [self._undecided(item, claim, Reason.FARM_ERROR, self._notice)]
        started, loading_s = time.monotonic(), self._session.loading_s
        try:
            found = self._executor.run(item, claim)
        except Died as death:
            return self._charge(item, claim, str(death), time.monotonic() - started)
        except SliceExpired as expired:
            return self._defer(item, claim, expired.slice_s)
        except GivenUp as given_up:
            _log.info("proof.given_up", batch=claim.batch, index=item.index, why=str(given_up))
            return None
        except StartFailed as failure:
            self._rest(str(failure))
            return None
        self._notice = ""
        self._proofs += 1
        spent_s = time.monotonic() - started
        self._observe(found, claim, spent_s - (self._session.loading_s - loading_s))
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

    def _defer(self, item: ClaimedItem, claim: Claim, spent_s: float) -> list[Result]:
        back = _patiently(self._leases.defer)(claim.lease, item.index, spent_s)
        self._tokens.lean(self._environment_name, back.tokens)
        return []

    def _charge(self, item: ClaimedItem, claim: Claim, why: str, spent_s: float) -> list[Result]:
        # Not `why`: it may quote the proof, and logs hold none.
        _log.warning("repl.died", batch=claim.batch, index=item.index, deaths=item.deaths + 1)
        back = _patiently(self._leases.charge)(claim.lease, item.index, spent_s)
        self._tokens.lean(self._environment_name, back.tokens)
        if not back.condemned:
            return []
        return [self._undecided(item, claim, Reason.CRASHED, f"The REPL died {item.deaths + 1} times: {why}")]

    @_patiently
    def _finish(
        self, claim: Claim, verdicts: Sequence[Result], following: ClaimedItem | None, spent_s: float
    ) -> Finished:
        then = following.index if following else None
        finished = self._leases.finish(
            claim.lease, claim.batch, verdicts, then=then, seconds=spent_s, revision=self._revision
        )
        self._tokens.lean(self._environment_name, finished.tokens)
        if finished.alarm:
            _log.critical("canary.accepted", batch=claim.batch, owner=claim.owner, worker=self._worker)
            if self._session:
                self._session.end("canary")
        return finished

    @_patiently
    def _give_back(self, claim: Claim, indices: list[int]) -> None:
        back = self._leases.release(claim.lease, indices)
        self._tokens.lean(self._environment_name, back.tokens)

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
        claim = self._chunk.claim
        return claim.lease if claim else ""

    def on_alive(self, lease: str, alive: Alive) -> None:
        """React to what a sign of life found out, and shed what waits behind a long proof."""
        chunk = self._chunk
        if chunk.claim is None or chunk.claim.lease != lease:
            return
        if not alive.lease_alive:
            chunk.drop_rest()
            self._watchdog.interrupt(Interruption.LEASE_LOST)
        elif alive.cancelled:
            self._watchdog.interrupt(Interruption.CANCELLED)
        elif self._watchdog.running_s() > _SHED_AFTER_S and (indices := chunk.drop_rest()):
            self._give_back(chunk.claim, indices)

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` to show."""
        session = self._session
        notice = self._declared_bad or self._notice
        failed = session is None or bool(notice)
        return {
            "state": "failed" if failed else "busy" if self._chunk.claim else "idle",
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
        if claim := self._chunk.claim:
            self._give_back(claim, [item.index for item in claim.items])
        if self._session:
            self._session.end()
