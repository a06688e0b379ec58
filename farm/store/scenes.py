"""Looks at the store, for the history and for the alarms.

A look first reads names. Then it reads the state of what they name, and the counts. The state gives a `Scene`, from
which the alarms are made. The scene and the counts give a `Look`, from which the minutes of the history are made.

Each `ask_…` function queues commands on a pipeline, and its `read_…` function takes the replies. Neither of them sends
anything, so the pipeline may belong to the reaper's client or to the API's client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import orjson

from farm.alarms import Misread, Scene, Watch
from farm.history import Look, SeenWorker, wanted
from farm.store.client import AsyncRedisClient, Queue, RedisClient, in_ms
from farm.store.connection import translated
from farm.store.environments import in_order
from farm.store.priority_classes import PriorityClass
from farm.store.records import read_json_record
from farm.store.registry import worker_statuses

P = TypeVar("P", bound=Queue)
_Fields: TypeAlias = dict[bytes, bytes]

_LATEST_BATCHES = 50
_RECENT_MS = 3_600_000
_OF_BATCH = ("invalid_statements", "finished_ms", "options", "owner")


@dataclass(frozen=True, slots=True)
class Names:
    """The first replies of a look: the store's time, what the last look left behind, and the names of what to read."""

    now_ms: int
    turn: str
    watch: Watch | None
    workers: list[str]
    environments: list[str]
    batches: list[str]
    paused: dict[str, str]


def ask_names(pipe: P) -> P:
    """Queue the commands that read the names for a look; `read_names` reads the replies."""
    pipe.time()
    pipe.hmget("farm:history", ["turn", "watch"])
    pipe.zrange("farm:workers", 0, -1)
    pipe.zrange("farm:environments", 0, -1)
    pipe.zrange("farm:batches", 0, _LATEST_BATCHES - 1, desc=True)
    pipe.hgetall("farm:paused")
    return pipe


_NameReplies: TypeAlias = tuple[tuple[int, int], list[bytes | None], list[bytes], list[bytes], list[bytes], _Fields]


def read_names(replies: Sequence[object]) -> Names:
    """Return the names that the replies to `ask_names` hold."""
    time, (turn, watch), workers, environments, batches, paused = cast("_NameReplies", replies)
    return Names(
        in_ms(time),
        (turn or b"").decode(),
        # If another release wrote the watch, and this one cannot read it, the next look replaces it.
        read_json_record(Watch, watch) if watch else None,
        [name.decode() for name in workers],
        in_order(environments),
        [name.decode().rpartition("/")[2] for name in batches],
        {owner.decode(): batch.decode() for owner, batch in paused.items()},
    )


def ask_scene(pipe: P, names: Names) -> P:
    """Queue the commands that read the state of everything in `names`; `read_scene` reads the replies."""
    for name in names.workers:
        pipe.hgetall(f"farm:worker:{name}")
    for batch in names.batches:
        pipe.hmget(f"farm:batch:{batch}", _OF_BATCH)
    for environment in names.environments:
        for priority in PriorityClass:
            pipe.exists(f"farm:owners:{environment}:{priority}")
    pipe.exists("farm:draining")
    return pipe


def read_scene(names: Names, replies: Sequence[object]) -> Scene:
    """Return the scene that the replies to `ask_scene` describe."""
    found = iter(replies)
    shown = [(name, cast("_Fields", next(found))) for name in names.workers]
    misread = [_misread(batch, cast("list[bytes | None]", next(found)), names.now_ms) for batch in names.batches]
    claimable = [each for each in names.environments if _count(found, len(PriorityClass))]
    is_draining = bool(next(found))
    return Scene(
        names.now_ms,
        worker_statuses(shown, names.now_ms),
        [] if is_draining else claimable,
        names.paused,
        [each for each in misread if each],
        names.watch,
    )


def _count(replies: Iterator[object], most: int) -> int:
    """Read the next `most` replies, which are replies to EXISTS; return how many of the keys exist."""
    return sum(cast("int", next(replies)) for _ in range(most))


def _misread(batch: str, fields: list[bytes | None], now_ms: int) -> Misread | None:
    invalid, finished_ms, options, owner = ((each or b"").decode() for each in fields)
    is_recent = not finished_ms or now_ms - int(finished_ms) < _RECENT_MS
    if not int(invalid or 0) or not is_recent:
        return None
    return Misread(batch, owner, orjson.loads(options).get("label") or batch, int(invalid))


def ask_counts(pipe: P, environments: Iterable[str]) -> P:
    """Queue the commands that read the counts for a minute of the history; `read_look` reads the replies."""
    pipe.hgetall("farm:totals")
    pipe.hgetall("farm:figures")
    for environment in environments:
        pipe.hmget(f"farm:counts:{environment}", ["pending", "leased"])
    return pipe


def read_look(scene: Scene, replies: Sequence[object]) -> Look:
    """Return the look that consists of a scene and the replies to `ask_counts`."""
    totals, figures, *counts = cast("tuple[_Fields, _Fields, *tuple[list[bytes | None], ...]]", replies)
    return Look(
        at_ms=scene.now_ms,
        totals=_counters(totals),
        figures=wanted(_counters(figures)),
        workers={each.id: SeenWorker(**each.model_dump(include=_SEEN)) for each in scene.workers},
        pending=sum(int(pending or 0) for pending, _ in counts),
        leased=sum(int(leased or 0) for _, leased in counts),
        claimable=list(scene.claimable),
    )


_SEEN = set(SeenWorker.model_fields)


def _counters(fields: _Fields) -> dict[str, int]:
    return {name.decode(): int(count) for name, count in fields.items()}


def read_names_now(client: RedisClient) -> Names:
    """Return the names for a look, as the store has them now.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with translated():
        return read_names(ask_names(client.pipeline(transaction=False)).execute())


def look(client: RedisClient, names: Names) -> tuple[Scene, Look]:
    """Look at the store in one pipeline; return the scene for the alarms, and the look for the history.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with translated():
        pipe = ask_counts(ask_scene(client.pipeline(transaction=False), names), names.environments)
        replies = pipe.execute()
    at = len(replies) - 2 - len(names.environments)
    scene = read_scene(names, replies[:at])
    return scene, read_look(scene, replies[at:])


async def read_scene_now(client: AsyncRedisClient) -> Scene:
    """Return the scene, as the store shows it now, over the API's client.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with translated():
        names = read_names(await ask_names(client.pipeline(transaction=False)).execute())
        return read_scene(names, await ask_scene(client.pipeline(transaction=False), names).execute())
