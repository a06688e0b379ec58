"""One trial: a batch runs, followed by readers, while faults strike; then the invariants are checked."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from farm import Farm
from farm.errors import FarmError
from tests.chaos.faults import GONE, Fault
from tests.chaos.invariants import Tally, essence, judge
from tests.chaos.victim import Victim
from tests.chaos.workload import TIMEOUT_S
from tests.support.running import await_true

# A batch takes seconds on a calm day; a farm that has not finished it by then has lost something.
PATIENCE_S = 120.0
_STRUCK_TOGETHER = 3


@dataclass(eq=False)
class Reader(threading.Thread):
    """Follows a batch in its own thread, coming and going, and remembers which indices it saw."""

    client: Farm
    batch_id: str
    leaves_after: int | None
    seen: list[int] = field(default_factory=list)
    failure: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        try:
            cursor: str | None = None
            while True:
                batch, since = self.client.batch(self.batch_id), len(self.seen)
                for verdict in batch.results(after=cursor):
                    self.seen.append(verdict.index)
                    if self.leaves_after and len(self.seen) - since == self.leaves_after:
                        break
                else:
                    return
                cursor = batch.cursor
        except Exception as error:  # noqa: BLE001 - the trial reports it
            self.failure = error


class Submitted:
    """A batch in the middle of chaos: submitted once, again and again, and followed by two readers."""

    def __init__(self, victim: Victim, codes: Sequence[str]) -> None:
        self._victim = victim
        self._codes = codes
        self._key = uuid4().hex
        self.id = self.submit()
        self._clients = [victim.client() for _ in range(3)]
        self.readers = {
            "a reader who stays": Reader(self._clients[0], self.id, None),
            "a reader who comes and goes": Reader(self._clients[1], self.id, max(1, len(codes) // 7)),
        }
        for reader in self.readers.values():
            reader.start()

    def submit(self) -> str:
        """Return the batch of this body and key; asks again as long as the farm does not answer."""
        body = {"proofs": [{"code": code} for code in self._codes], "timeout_s": TIMEOUT_S, "cache": False}
        headers = {"Idempotency-Key": self._key}

        def answer() -> str | None:
            try:
                reply = httpx.post(f"{self._victim.farm.url}/v1/batches", json=body, headers=headers, timeout=30)
            except httpx.TransportError:
                return None
            if reply.status_code in (429, 503):
                return None
            assert reply.status_code == 202, f"a submit was answered {reply.status_code}: {reply.text[:300]}"
            return str(reply.json()["batch_id"])

        return str(await_true(answer, "a submit was taken", PATIENCE_S))

    def await_start(self) -> None:
        """Return once verdicts flow."""
        reader = self.readers["a reader who stays"]
        await_true(lambda: len(reader.seen) > len(self._codes) // 20 or not reader.is_alive(), "verdicts", PATIENCE_S)

    @property
    def is_running(self) -> bool:
        """Whether verdicts are still to come."""
        return any(reader.is_alive() for reader in self.readers.values())

    def finish(self, calm: Sequence[str]) -> Tally:
        """Wait for the end and return the result."""
        deadline = time.monotonic() + PATIENCE_S
        for reader in self.readers.values():
            reader.join(max(0.1, deadline - time.monotonic()))
        troubles = [f"{name} got {reader.failure!r}" for name, reader in self.readers.items() if reader.failure]
        troubles += [f"{name} never saw the end" for name, reader in self.readers.items() if reader.is_alive()]
        if self.is_running:
            # It has no end: verdicts that no reader got are lost.
            seen = {index for reader in self.readers.values() for index in reader.seen}
            return Tally(len(calm), lost=set(range(len(calm))) - seen, broken=troubles)
        try:
            tally = judge(self._clients[2], self.id, calm, {name: r.seen for name, r in self.readers.items()})
        except FarmError as error:
            tally = Tally(len(calm), lost=set(range(len(calm))), broken=[f"the batch cannot be read: {error!r}"])
        again = self.submit()
        if again != self.id:
            tally.broken.append("an idempotent resubmit made another batch")
        tally.broken += troubles
        for client in self._clients:
            client.close()
        return tally


def calm_run(victim: Victim, codes: Sequence[str]) -> list[str]:
    """Return the essence of every verdict on a calm day."""
    with victim.client() as client:
        verdicts = client.submit(list(codes), timeout_s=TIMEOUT_S, cache=False).wait()
    return [essence(verdict) for verdict in verdicts]


def single(victim: Victim, fault: Fault, rng: random.Random, codes: Sequence[str], calm: Sequence[str]) -> Tally:
    """Have one fault strike in the middle of a batch."""
    batch = Submitted(victim, codes)
    broken: list[str] = []
    batch.await_start()
    try:
        with resubmitting(batch):
            await_true(lambda: _has_struck(victim, fault, rng), "something to strike")
    except AssertionError as error:
        broken = [f"the strike itself: {error!r}"]
    tally = batch.finish(calm)
    tally.broken += broken
    return tally


def _has_struck(victim: Victim, fault: Fault, rng: random.Random) -> bool:
    """Strike; False if the process that was to be struck is just being replaced after the last fault."""
    try:
        fault.strike(victim, rng)
    except GONE:
        return False
    return True


@contextmanager
def resubmitting(batch: Submitted) -> Iterator[None]:
    """Submit a batch again while something happens."""
    ids: list[str] = []
    thread = threading.Thread(target=lambda: ids.append(batch.submit()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_S)
        assert ids == [batch.id], "an idempotent resubmit in the middle of it made another batch"


def together(
    victim: Victim,
    faults: Sequence[Fault],
    rng: random.Random,
    codes: Sequence[str],
    calm: Sequence[str],
    tell: Callable[[str], None],
) -> list[Tally]:
    """Have faults strike at random times, up to three at once, under one batch after another."""
    plan = [(fault, rng.uniform(0, 1.5), random.Random(rng.random())) for fault in faults]
    batches = [Submitted(victim, codes)]
    store = threading.Lock()

    def strike(fault: Fault, own_rng: random.Random) -> None:
        with _apart(fault, store):
            try:
                fault.strike(victim, own_rng)
            except GONE as error:
                # Another fault struck before, which is meant to happen.
                tell(f"  {fault.name} missed: {type(error).__name__}")

    with ThreadPoolExecutor(_STRUCK_TOGETHER) as pool:
        strikes = []
        for fault, pause_s, own_rng in plan:
            batches[-1].await_start()
            tell(f"  {fault.name}")
            strikes.append(pool.submit(strike, fault, own_rng))
            time.sleep(pause_s)
            if not batches[-1].is_running:
                batches.append(Submitted(victim, codes))
        for done in strikes:
            done.result()
    return [batch.finish(calm) for batch in batches]


@contextmanager
def _apart(fault: Fault, store: threading.Lock) -> Iterator[None]:
    """Keep a store from being killed while it is full, and from being filled twice."""
    with store if fault.touches_store else nullcontext():
        yield
