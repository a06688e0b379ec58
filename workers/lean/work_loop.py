"""The work that a token starts in a Lean process: claim chunks, run their proofs, and write their verdicts.

A token is a Celery message that says that there is work. A chunk is the items that a process claims at once. A process
keeps its token while it finds work: without prefetching, Celery takes some 80 ms to bring a new token. When it finds no
more, it lingers: it waits some seconds for new work, which rings for it (`farm/store/lingering.py`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import structlog

from farm.logs import names_of
from farm.models import Reason
from farm.store.claims import ClaimedItem
from farm.store.constants import FIRST_CANARY, ONE_OF_THEM
from farm.store.leases import Finished, Result
from farm.store.lingering import Lingering
from farm.traces import span
from workers.lean.claims import Chunk, Claims
from workers.lean.engine import Engine, undecided
from workers.lean.judging import SliceExpired
from workers.lean.repl_watch import Died, GivenUp
from workers.lean.token_summary import TokenSummary
from workers.lean.verdict_writer import VerdictWriter

# How long one task claims work, and lingers. Then Celery gets control again, for recycling, shutdown and events.
_TASK_S = 10.0
# How often a process that lingers checks for work that has rung for no process, and whether it has to stop.
_LOOK_UP_S = 0.5
# If each of the last `_SHORT_RUNS` runs took less than `_SHORT_S`, verdicts are written in groups while Lean runs the
# next proofs: between runs of some milliseconds, a round trip per verdict would take too long. This has two costs.
# Interactive work is noticed only at the next write of a group. And if the process dies before the store has a group's
# verdicts, the group's proofs run again, and nothing is charged to them.
_SHORT_RUNS = 8
_SHORT_S = 0.25

_log = structlog.get_logger()


class WorkLoop:
    """Runs the items of claimed chunks, and hands the results to the writer. One thread does this, and owns the engine.

    Args:
        claims: where work comes from.
        lingering: tells when new work has come.
        writer: where verdicts go.
        engine: runs the items.
        stopping: says whether this process has to stop.
        task_s: how long one task goes on.
        linger_s: how long to linger at most, within the task.
    """

    def __init__(
        self,
        claims: Claims,
        lingering: Lingering,
        writer: VerdictWriter,
        engine: Engine,
        stopping: Callable[[], bool],
        task_s: float = _TASK_S,
        linger_s: float = _TASK_S,
    ) -> None:
        self._claims = claims
        self._lingering = lingering
        self._writer = writer
        self._engine = engine
        self._stopping = stopping
        self._task_s = task_s
        self._linger_s = linger_s
        self._recent_s: deque[float] = deque(maxlen=_SHORT_RUNS)
        self._has_token = True

    def work(self) -> str:
        """Claim and run chunks, and linger, until the task's time is over; return a line for the log and Flower.

        Raises:
            StoreUnavailable: Redis does not answer, or a verdict could not be written for a minute. The lease lapses.
        """
        end_s, summary = time.monotonic() + self._task_s, TokenSummary()
        self._has_token, lingers_until_s = True, 0.0
        while time.monotonic() < (lingers_until_s or end_s) and not self._stopping():
            if self._work_once(summary):
                lingers_until_s = 0.0
                continue
            if self._claims.declared_bad:
                break  # this process must not judge, so no work should ring for it
            self._lingering.begin()
            if lingers_until_s:
                self._lingering.await_ring(_LOOK_UP_S)
            else:
                # Work that came before this process lingered has rung for no process. So this one claims once more,
                # and waits only then.
                lingers_until_s = min(end_s, time.monotonic() + self._linger_s)
        is_rung = bool(lingers_until_s) and self._lingering.end()
        if self._has_token or is_rung:
            # There may be more work. A new token for it goes to any process that is free.
            self._writer.publish(1)
        return str(summary)

    def _work_once(self, summary: TokenSummary) -> bool:
        """Claim and run one chunk, and add it to the summary; return whether there was a chunk."""
        asked_ns = time.time_ns()
        in_groups = self._has_short_runs()
        chunk = self._claims.take(self._engine.load_s, in_groups=in_groups, has_token=self._has_token)
        self._has_token = chunk is not None
        if chunk is None:
            return False
        claim, started = chunk.claim, time.monotonic()
        named = {"batch": claim.batch, "lease": claim.lease}
        logged = {**named, **names_of(claim.options)}
        try:
            with (
                structlog.contextvars.bound_contextvars(**logged),
                span("claim", parent=claim.trace, started_ns=asked_ns, **named, items=len(claim.items)),
            ):
                self._run_chunk(chunk)
        finally:
            self._claims.put_down()
        summary.add(claim, chunk.written)
        seconds = round(time.monotonic() - started, 3)
        _log.info("chunk.done", **logged, items=len(claim.items), written=chunk.written, seconds=seconds)
        return True

    def _run_chunk(self, chunk: Chunk) -> None:
        item = chunk.take()
        if known := chunk.known():
            self._write(chunk, known, ONE_OF_THEM if chunk.in_groups else _index(item), 0.0)
        while item is not None and chunk.goes_on:
            item = self._run_item(chunk, item)
        if indices := [*([item.index] if item else []), *chunk.drop_rest()]:
            self._writer.give_back(chunk.claim, indices)

    def _run_item(self, chunk: Chunk, item: ClaimedItem) -> ClaimedItem | None:
        """Run an item and hand in its result; return the next item, or this one if it was given up."""
        started = time.monotonic()
        found, failure = self._judge(chunk, item)
        spent_s = time.monotonic() - started
        self._recent_s.append(spent_s)
        # A write that is under way may end the chunk. It must finish before any item of the lease is given back.
        if failure and chunk.under_way:
            self._write(chunk, [], item.index, 0.0)
        elif chunk.under_way and chunk.under_way.done():
            self._await_write(chunk)
        match failure:
            case GivenUp():
                _log.info("proof.given_up", index=item.index, why=str(failure))
                chunk.goes_on = False
                return item
            case Died():
                found = self._charge(chunk, item, str(failure), spent_s)
            case SliceExpired():
                self._writer.defer(chunk.claim, item, failure.slice_s)
            case None:
                self._claims.learn(spent_s)
        # If the run failed, `_charge` or `defer` has already added its seconds to the batch's working time.
        return self._hand_in(chunk, item, found, 0.0 if failure else spent_s)

    def _judge(self, chunk: Chunk, item: ClaimedItem) -> tuple[list[Result], Died | SliceExpired | GivenUp | None]:
        """Run an item; return its result, or else the failure. The trace's span covers only this run."""
        with span("run", index=item.index) as run:
            try:
                found = self._engine.run(item, chunk.claim)
            except (Died, SliceExpired, GivenUp) as failure:
                run.note(failure=type(failure).__name__)
                return [], failure
            run.note(outcome=str(found.outcome), reason=found.reason or "", attempts=found.attempts)
            return [found], None

    def _hand_in(self, chunk: Chunk, item: ClaimedItem, found: list[Result], spent_s: float) -> ClaimedItem | None:
        """Hand an item's result to the writer; return the item to run next, or None at the end of the chunk."""
        following = chunk.take() if chunk.goes_on and not self._stopping() else None
        # The last verdict of a chunk is written before the next claim: a process holds one lease at a time.
        if following is None or not self._gathers(chunk, item):
            self._write(chunk, found, _index(following), spent_s)
        elif chunk.in_groups:
            self._follow(chunk, self._writer.gather(chunk.claim, found, spent_s))
        else:
            # Write this verdict before the next run: until then, the lease names this item as the one that runs. If the
            # process died during the next run, this item would be charged.
            self._write(chunk, found, ONE_OF_THEM, spent_s)
        return following

    def _write(self, chunk: Chunk, found: list[Result], then: int | str | None, spent_s: float) -> None:
        """Write results and the results gathered before, and read the outcome; raises as `_await_write` does."""
        self._follow(chunk, self._writer.write(chunk.claim, found, then, spent_s))
        chunk.in_groups = then == ONE_OF_THEM
        self._await_write(chunk)

    def _follow(self, chunk: Chunk, written: Future[Finished]) -> None:
        """Remember a new write, so that its outcome is read later; first read the outcome of the write before it."""
        if written is not chunk.under_way:
            self._await_write(chunk)
            chunk.under_way = written

    def _await_write(self, chunk: Chunk) -> None:
        """Wait for the write that is under way, if there is one, and read its outcome.

        Raises:
            StoreUnavailable: Redis did not answer for a minute.
        """
        if chunk.under_way is None:
            return
        finished, chunk.under_way = chunk.under_way.result(), None
        chunk.written += finished.written
        # A batch's first chunks are claimed before anything is known about its runs, so update what the claim says.
        chunk.claim = replace(chunk.claim, timed=finished.timed, longest_s=finished.longest_s)
        if finished.alarm:
            _log.critical("canary.accepted", owner=chunk.claim.owner, worker=self._claims.worker)
            self._engine.end("canary")
        if not finished.alive:
            chunk.drop_rest()
        if not finished.alive or finished.others_first:
            chunk.goes_on = False

    def _gathers(self, chunk: Chunk, item: ClaimedItem) -> bool:
        """Whether the next run may begin before this run's verdict is written."""
        claim = chunk.claim
        # After a canary, wait for the outcome: if the canary was accepted, this process has to stop judging.
        is_free = not claim.is_interactive and item.index < FIRST_CANARY
        return is_free and claim.longest_s < _SHORT_S and self._has_short_runs()

    def _has_short_runs(self) -> bool:
        return len(self._recent_s) == _SHORT_RUNS and max(self._recent_s) < _SHORT_S

    def _charge(self, chunk: Chunk, item: ClaimedItem, why: str, spent_s: float) -> list[Result]:
        """Charge an item with the death of its REPL, and give it back; if it must not run again, return its verdict."""
        # `why` is not logged: it may quote the proof, and logs hold no proofs.
        _log.warning("repl.died", index=item.index, deaths=item.deaths + 1)
        if not self._writer.charge(chunk.claim, item, spent_s):
            return []
        text = f"The REPL died {item.deaths + 1} times: {why}"
        return [undecided(item, chunk.claim, self._engine.environment, Reason.CRASHED, text)]


def _index(item: ClaimedItem | None) -> int | None:
    return item.index if item else None
