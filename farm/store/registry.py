"""The processes that work in the farm: their signs of life, and the switch that drains the farm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from farm.models import DEFAULT_ENVIRONMENT, Environment, FarmStatus, QueueStatus, WorkerKind, WorkerStatus
from farm.store.client import AsyncRedisClient, RedisClient, Value, in_ms
from farm.store.connection import translated
from farm.store.environments import environment_names, in_order
from farm.store.events import add_event
from farm.store.records import read_json_record, read_known_fields
from farm.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Alive:
    """The reply to a sign of life.

    Attributes:
        lease_alive: whether the lease that the process named is alive; if so, it has been renewed.
        cancelled: whether the batch of this lease has been cancelled.
    """

    lease_alive: bool
    cancelled: bool


class Registry:
    """Gives the signs of life of one worker process, over a blocking client.

    Args:
        client: the store.
        kind: the room in which the process works: Lean, embed or premises.
        worker: the id of the process.
        environment: the Lean environment for which a Lean worker works; other rooms do not use it.
        serves: the description of this environment that a Lean worker puts in its verdicts.
    """

    def __init__(
        self,
        client: RedisClient,
        kind: WorkerKind,
        worker: str,
        environment: str = DEFAULT_ENVIRONMENT,
        serves: Environment | None = None,
    ) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._kind = kind
        self._worker = worker
        self._environment = environment
        self._serves = (serves or Environment()).model_dump_json() if kind is WorkerKind.LEAN else ""

    def beat(self, *, lease: str = "", **fields: str | float) -> Alive:
        """Give a sign of life, renew the lease, and publish `fields` in the process's `WorkerStatus`.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        shown: list[Value] = ["kind", self._kind.value, "environment", self._environment]
        for name, value in fields.items():
            shown += [name, value]
        with translated():
            reply = self._scripts.run("renew", self._worker, self._environment, lease, self._serves, *shown)
        lease_alive, cancelled = cast("tuple[int, int]", reply)
        return Alive(bool(lease_alive), bool(cancelled))

    def leave(self) -> None:
        """Remove this process from the list of live processes."""
        with translated():
            pipe = self._client.pipeline()
            pipe.zrem("farm:workers", self._worker)
            pipe.zrem(f"farm:workers:{self._environment}", self._worker)
            pipe.delete(f"farm:worker:{self._worker}")
            pipe.execute()


def worker_statuses(shown: Iterable[tuple[str, dict[bytes, bytes]]], now_ms: int) -> list[WorkerStatus]:
    """Return the status of processes, from the names of the processes and the records of their last signs of life.

    A process is left out if it is gone, or if this release cannot read its record.
    """
    found = (_worker_status(name, fields, now_ms) for name, fields in shown if fields)
    return [status for status in found if status]


def _worker_status(worker: str, fields: dict[bytes, bytes], now_ms: int) -> WorkerStatus | None:
    known = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    seen_ms, serves = int(known.pop("seen_ms", now_ms)), known.pop("serves", "")
    status = read_known_fields(
        WorkerStatus,
        {
            "id": worker,
            **known,
            "serves": read_json_record(Environment, serves) if serves else None,
            "seen_s": max(0.0, (now_ms - seen_ms) / 1000),
        },
    )
    return status if status and status.kind.is_known else None


async def read_status(client: AsyncRedisClient) -> FarmStatus:
    """Return the state of the farm: every live worker, and how many proofs wait and run in each environment."""
    with translated():
        now_ms = in_ms(await client.time())
        await client.zremrangebyscore("farm:workers", 0, now_ms - 1)
        names = [name.decode() for name in await client.zrange("farm:workers", 0, -1)]
        environments = in_order(await client.zrange("farm:environments", 0, -1))
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(f"farm:worker:{name}")
        for environment in environments:
            pipe.hmget(f"farm:counts:{environment}", "pending", "leased")
        pipe.exists("farm:draining")
        *replies, draining = await pipe.execute()
    shown = cast("list[dict[bytes, bytes]]", replies[: len(names)])
    workers = worker_statuses(zip(names, shown, strict=True), now_ms)
    counts = zip(environments, cast("list[list[bytes | None]]", replies[len(names) :]), strict=True)
    queues = [QueueStatus(environment=e, pending=int(p or 0), leased=int(r or 0)) for e, (p, r) in counts]
    return FarmStatus(workers=sorted(workers, key=lambda w: (w.kind, w.id)), queues=queues, draining=bool(draining))


def set_draining(client: RedisClient, draining: bool) -> None:
    """Stop claims in the whole farm, or allow them again; if this is a change, add an event to the history."""
    with translated():
        was_draining = bool(client.exists("farm:draining"))
        if draining:
            client.set("farm:draining", 1)
        else:
            client.delete("farm:draining")
    if draining is not was_draining:
        add_event(client, "drain", "The farm began to drain" if draining else "The farm takes work again")


def leased_total(client: RedisClient) -> int:
    """Return how many items workers hold, in all environments."""
    with translated():
        return sum(int(client.hget(f"farm:counts:{name}", "leased") or 0) for name in environment_names(client))


async def read_totals(client: AsyncRedisClient) -> dict[tuple[str, str], int]:
    """Return how many verdicts have ever been written, by (outcome, reason)."""
    with translated():
        totals = await client.hgetall("farm:totals")
    return {
        (outcome, reason): int(count)
        for name, count in totals.items()
        for outcome, _, reason in [name.decode().partition(":")]
    }
