"""`make soak`: a farm under training-like load, whose memory, descriptors, threads and keys must stay flat.

Batches come without a pause, with repeats, errors, crashes and hangs; some are cancelled; readers come and go; premises
are retrieved. Finished batches expire after seconds, so expiry is part of it. Measurements of the last third are
compared with those of the middle third; the first third warms up.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil

from farm import Farm
from farm.errors import NotFound
from tests.chaos.invariants import survivors
from tests.chaos.victim import Victim, victim
from tests.chaos.workload import proofs
from tests.support.repl.install import install

RETENTION_S = 20
SAMPLE_EVERY_S = 2.0
BATCH_PROOFS = 200
_MB = 1 << 20
# How much more the last third may hold than the middle third: a share, and for small figures an amount.
TOLERANCES = {"memory": (0.05, 4.0), "descriptors": (0.05, 3), "threads": (0.05, 2), "keys": (0.15, 60)}
_UNITS = {"memory": "MB", "descriptors": "", "threads": "", "keys": ""}

Figures = dict[tuple[str, str], float]


@dataclass
class Load:
    """Clients of a farm in training; every thread goes on until told to stop.

    Attributes:
        counts: how many of each action were done.
        failures: errors that no client should meet.
    """

    victim: Victim
    rng: random.Random
    stopped: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def start(self) -> list[threading.Thread]:
        """Start the clients."""
        clients = [self._train, self._train, self._cancel, self._come_and_go, self._retrieve]
        threads = [threading.Thread(target=self._repeat, args=(client,), daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        return threads

    def _repeat(self, step: Callable[[Farm, random.Random], None]) -> None:
        rng = random.Random(self.rng.random())
        with self.victim.client() as client:
            while not self.stopped.is_set():
                try:
                    step(client, rng)
                except Exception as error:  # noqa: BLE001 - the run reports it
                    self.failures.append(f"{step.__name__}: {error!r}")
                    return

    def _train(self, client: Farm, rng: random.Random) -> None:
        """A step of training: a batch with repeats, a crash and a hang among it, read to the end."""
        codes = proofs(BATCH_PROOFS, rng, sleep_ms=8)
        codes += rng.sample(codes, BATCH_PROOFS // 10)
        codes += [f"example : True := trivial -- {word}" for word in ("crash!", "hang!", "spew:200000", "big:20000")]
        seen = [verdict.index for verdict in client.submit(codes, timeout_s=1.0).results()]
        if sorted(seen) != list(range(len(codes))):
            self.failures.append(f"a batch of {len(codes)} gave {len(seen)} verdicts")
        self.counts["batches"] += 1
        self.counts["verdicts"] += len(seen)

    def _cancel(self, client: Farm, rng: random.Random) -> None:
        batch = client.submit(proofs(BATCH_PROOFS, rng, sleep_ms=50), timeout_s=5.0)
        self.stopped.wait(rng.uniform(0, 1))
        batch.cancel()
        verdicts = list(batch.results())
        if len(verdicts) != BATCH_PROOFS:
            self.failures.append(f"a cancelled batch gave {len(verdicts)} verdicts")
        self.counts["cancelled"] += 1
        self.stopped.wait(4)

    def _come_and_go(self, client: Farm, rng: random.Random) -> None:
        """Read a few verdicts of somebody's batch, and leave in the middle of the stream."""
        for status in client.batches(limit=3):
            try:
                for _, _ in zip(range(rng.randint(1, 50)), client.batch(status.batch_id).results(), strict=False):
                    pass
            except NotFound:
                continue  # it has expired meanwhile
            self.counts["streams left"] += 1
        self.stopped.wait(0.5)

    def _retrieve(self, client: Farm, rng: random.Random) -> None:
        client.retrieve(f"n : Nat\n⊢ n + {rng.randint(0, 9)} = {rng.randint(0, 9)} + n", k=8)
        self.counts["retrievals"] += 1
        self.stopped.wait(0.2)


def sample(ill: Victim) -> Figures:
    """Return the memory in MB, descriptors and threads of every kind of process, and what the store holds."""
    figures: Figures = defaultdict(float)
    for process in [psutil.Process(ill.farm.up.pid), *ill.services()]:
        _measure(process, _name(process), figures)
        if process.name() != "valkey-server":
            for number, child in enumerate(process.children() if process.pid != ill.farm.up.pid else []):
                _measure(child, f"{_name(process)} process {number}", figures)
    info, store = ill.redis().info(), ill.redis()
    figures["Valkey's data", "memory"] = info["used_memory"] / _MB
    figures["Valkey's data", "keys"] = store.dbsize()
    return dict(figures)


def _name(process: psutil.Process) -> str:
    if process.name() == "valkey-server":
        return "valkey"
    words = [word for word in process.cmdline() if not word.startswith("-")]
    return "supervisor" if words[-1] == "up" else words[-1].removeprefix("workers.")


def _measure(process: psutil.Process, name: str, figures: Figures) -> None:
    try:
        with process.oneshot():
            figures[name, "memory"] = process.memory_info().rss / _MB
            figures[name, "descriptors"] = process.num_fds()
            figures[name, "threads"] = process.num_threads()
    except psutil.Error:
        return  # replaced meanwhile


@dataclass(frozen=True)
class Trend:
    """One figure in the middle third and in the last."""

    who: str
    what: str
    middle: float
    last: float

    @property
    def is_flat(self) -> bool:
        """Whether the last third holds no more than the tolerance allows."""
        share, amount = TOLERANCES[self.what]
        return self.last <= self.middle + max(share * self.middle, amount)


def trends(samples: list[Figures]) -> list[Trend]:
    """Compare the last third of the samples with the middle one, by medians."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    figures = sorted({key for row in middle for key in row} & {key for row in last for key in row})

    def median(rows: list[Figures], key: tuple[str, str]) -> float:
        return statistics.median(row[key] for row in rows if key in row)

    return [Trend(*key, median(middle, key), median(last, key)) for key in figures]


def soak(ill: Victim, minutes: float, seed: int, out: Path) -> tuple[list[Trend], Load]:
    """Load a farm for some minutes; write every sample as a line of JSON."""
    load, samples = Load(ill, random.Random(seed)), []
    threads = load.start()
    until = time.monotonic() + minutes * 60
    with out.open("wb") as file:
        while time.monotonic() < until and not load.failures:
            time.sleep(SAMPLE_EVERY_S)
            samples.append(sample(ill))
            row = {f"{who} {what}": round(value, 2) for (who, what), value in samples[-1].items()}
            file.write(orjson.dumps({"left_s": round(until - time.monotonic()), **row, **load.counts}) + b"\n")
    load.stopped.set()
    for thread in threads:
        thread.join(120)
    return trends(samples), load


def table(found: list[Trend]) -> str:
    """Return the trends in Markdown."""
    lines = ["| who | what | middle third | last third | |", "| --- | --- | ---: | ---: | --- |"]
    for each in found:
        word = "" if each.is_flat else "**grows**"
        lines.append(f"| {each.who} | {each.what} {_UNITS[each.what]} | {each.middle:.1f} | {each.last:.1f} | {word} |")
    return "\n".join(lines)


def main() -> None:
    """Run; exit 0 only if everything stayed flat and no client met a failure."""
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "leanfarm-soak.jsonl")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="leanfarm-soak-") as name:
        folder = Path(name)
        settings = {"RETENTION_S": str(RETENTION_S), "LEAN_MAX_DEATHS": "3"}
        with victim(folder / "farm", install(folder / "repl"), small_disk=False, **settings) as ill:
            found, load = soak(ill, given.minutes, given.seed, given.out)
        left = list(survivors(folder))
    print(table(found), f"\n{given.minutes:g} minutes: {dict(load.counts)}; samples in {given.out}", sep="\n")
    bad = [*load.failures, *left, *(f"{each.who} {each.what} grows" for each in found if not each.is_flat)]
    print(*bad, sep="\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
