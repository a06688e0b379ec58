"""What must hold after every fault, written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from farm import Farm, Verdict
from tests.support.open_store import OpenStore
from tests.support.running import processes_of

# Keys that describe the farm, not a batch. Celery's own are its bindings, and lists of tokens of a few hundred bytes.
FARM_KEYS = (
    "_kombu.",
    "unacked",
    "lean.",
    "embed",
    "premises",
    "farm:worker",
    "farm:counts:",
    "farm:totals",
    "farm:granted:",
    "farm:environments",
    "farm:events",
    "farm:serves",
    "farm:tokens:",
    "farm:idle:",
    "farm:lingering:",
    "farm:ring:",
    "farm:looked:",
    "farm:batches",
    "farm:corpus",
    "farm:called:",
    "farm:counters",
    "farm:expiries",
    "farm:figures",
    "farm:history",
    "farm:schema",
    "farm:served:",
    "farm:usage",
)
_OF_A_RUN = {"time_s", "queue_s", "attempts", "cached", "environment"}


@dataclass
class Tally:
    """What a batch lost, doubled or changed, and every broken rule in words; all empty when it came through whole."""

    items: int
    lost: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every invariant holds."""
        return not (self.lost or self.doubled or self.changed or self.broken)


def essence(verdict: Verdict) -> str:
    """Return what a verdict says about the proof, without the fields that belong to one run of it."""
    return verdict.model_dump_json(exclude=_OF_A_RUN)


def judge(client: Farm, batch_id: str, calm: Sequence[str], seen: Mapping[str, Sequence[int]]) -> Tally:
    """Compare a finished batch with the calm run of the same proofs.

    Args:
        client: reads the batch anew, from its start.
        batch_id: the batch.
        calm: the essence of each verdict of the calm run.
        seen: for every reader that followed the batch through the chaos, the indices in the order it got them.
    """
    batch, tally = client.batch(batch_id), Tally(len(calm))
    afterwards = list(batch.results())
    for reader, indices in {"a reader afterwards": [v.index for v in afterwards], **seen}.items():
        tally.lost |= set(range(len(calm))) - set(indices)
        tally.doubled |= {index for index, times in Counter(indices).items() if times > 1}
        if sorted(indices) != list(range(len(calm))):
            tally.broken.append(f"{reader} saw {len(indices)} of {len(calm)} verdicts")
    tally.changed = {v.index for v in afterwards if v.index >= len(calm) or essence(v) != calm[v.index]}
    status, outcomes = batch.status(), Counter(v.outcome.value for v in afterwards)
    counters = (status.done, status.total, *status.counts.model_dump().values())
    if counters != (len(calm), len(calm), *(outcomes[name] for name in status.counts.model_dump())):
        tally.broken.append(f"counters {counters} against results {dict(outcomes)}")
    if status.state.value != "done":
        tally.broken.append(f"the batch is {status.state.value}")
    return tally


def _batch_of(store: OpenStore, name: str) -> str:
    """Return the batch with which a key is deleted; empty if it is no batch's."""
    if name.startswith(("farm:batch:", "farm:holding:")):
        return name.split(":")[2]
    if name.startswith("farm:idempotency:"):
        return (store.hget(name, "batch") or b"").decode()
    return ""


def leftovers(store: OpenStore, longest_s: int) -> Iterator[str]:
    """Yield, in words, what finished work left in the store that will not go by itself within `longest_s`."""
    latest_ms = (store.time()[0] + longest_s) * 1000
    given_back = {batch.decode() for batch in store.zrangebyscore("farm:expiries", 0, latest_ms)}
    for key in store.scan_iter(count=1000):
        name, ttl_s = key.decode(), store.ttl(key)
        is_gone, is_bounded = ttl_s == -2, 0 <= ttl_s <= longest_s
        # Keys that the reaper will delete have a later end of their own, in case the reaper is away.
        is_bounded |= _batch_of(store, name) in given_back
        if not (is_gone or is_bounded or name.startswith(FARM_KEYS)):
            yield f"{name} stays ({ttl_s} s)"
    for key in store.scan_iter("farm:counts:*"):
        counts = {name.decode(): int(value) for name, value in store.hgetall(key).items()}
        if any(counts.values()):
            yield f"{key.decode()} is {counts}"


def uncounted(store: OpenStore, decided: int) -> Iterator[str]:
    """Yield, in words, where the farm's totals differ from the verdicts of its batches."""
    total = sum(int(count) for count in store.hvals("farm:totals"))
    if total != decided:
        yield f"/metrics counts {total} verdicts where the batches have {decided}"


def survivors(folder: Path) -> Iterator[str]:
    """Yield the processes of a stopped farm that still run."""
    for process in processes_of(folder):
        try:
            yield f"{process.pid} {' '.join(process.cmdline())} still runs"
        except psutil.Error:
            continue
