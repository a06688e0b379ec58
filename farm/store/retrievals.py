"""Premise queries on their way from the API to an embed worker, a premise worker, and the API's reply list."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import uuid4

import orjson

from farm.errors import RateLimited
from farm.models import NewPremise
from farm.store.client import AsyncRedisClient
from farm.store.codec import pack, raw, unpack
from farm.store.connection import translated
from farm.store.scripts import AsyncScripts

Names = Sequence[int | str] | None

MOST_BYTES = 512 << 20
_INTS, _JSON = b"i", b"j"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One premise query.

    Attributes:
        states: the goals. Each goal gets an answer of its own; the other fields apply to all goals.
        imported_modules: the modules that are accessible, as ids or names. If this and `local_premises` are both None,
            the whole corpus is accessible; with an empty list, no module is. A list that holds only ids is an `array`
            once the query has been read from the store.
        reply: the list to which the answer goes.
        deadline_ms: the time until which the client waits, as Unix time by the API's clock. Workers use the time in
            `farm:flights` instead.
        is_detailed: whether the answer says more about a premise than its score and name.
        takes_positions: whether the answer may name a new premise by its position in `new_premises`, so that its text
            is not sent back with every goal. The API of an earlier release does not know such rows.
        embed_s: how many seconds the embedding took; 0 before the query has been embedded.
        model: the name of the embedder that made the query's vectors; empty if there are no vectors yet, or if a worker
            of an earlier release made them.
    """

    states: list[str]
    k: int
    imported_modules: Names
    local_premises: Names
    imported_all_modules: Names
    new_premises: list[NewPremise]
    caller_in_module_system: bool
    reply: str
    deadline_ms: int
    is_detailed: bool = False
    takes_positions: bool = False
    embed_s: float = field(default=0.0, compare=False)
    model: str = field(default="", compare=False)
    id: str = field(default_factory=lambda: uuid4().hex)

    @property
    def texts(self) -> list[str]:
        """The texts to embed: the goals, then the new premises."""
        return [*self.states, *(premise.decl for premise in self.new_premises)]


def _pack_names(names: Names) -> bytes:
    """Pack ids as int32, so that a reader copies 130 000 ids without parsing them; pack names as JSON."""
    try:
        return _INTS + array("i", cast("list[int]", names)).tobytes() if names is not None else _JSON + b"null"
    except (TypeError, OverflowError):
        return _JSON + orjson.dumps(names)


def _unpack_names(blob: bytes) -> Names:
    if blob[:1] == _JSON:
        names: Names = orjson.loads(blob[1:])
        return names
    return array("i", blob[1:])


def dump(retrieval: Retrieval) -> dict[str, bytes]:
    """Return a query as the fields of its hash."""
    request = {
        "states": retrieval.states,
        "k": retrieval.k,
        "new": [[premise.name, premise.decl] for premise in retrieval.new_premises],
        "module_system": retrieval.caller_in_module_system,
        "reply": retrieval.reply,
        "deadline_ms": retrieval.deadline_ms,
        "detailed": retrieval.is_detailed,
        "takes_positions": retrieval.takes_positions,
    }
    return {
        "request": pack(request),
        "modules": _pack_names(retrieval.imported_modules),
        "locals": _pack_names(retrieval.local_premises),
        "imported_all": _pack_names(retrieval.imported_all_modules),
    }


def load(id: str, fields: dict[bytes, bytes]) -> Retrieval | None:
    """Return the query that a hash holds; None if another release wrote the hash and this release cannot read it."""
    try:
        return _load(id, fields)
    except (KeyError, TypeError, ValueError):
        return None


def _load(id: str, fields: dict[bytes, bytes]) -> Retrieval:
    request = unpack(fields[b"request"])
    return Retrieval(
        states=request["states"],
        k=request["k"],
        imported_modules=_unpack_names(fields[b"modules"]),
        local_premises=_unpack_names(fields[b"locals"]),
        imported_all_modules=_unpack_names(fields[b"imported_all"]),
        new_premises=[NewPremise(name=name, decl=decl) for name, decl in request["new"]],
        caller_in_module_system=request["module_system"],
        reply=request["reply"],
        deadline_ms=request["deadline_ms"],
        is_detailed=request["detailed"],
        takes_positions=request.get("takes_positions", False),
        embed_s=float(fields.get(b"embed_s", 0)),
        model=fields.get(b"model", b"").decode(),
        id=id,
    )


_REFUSALS = {
    -1: "Too many bytes of premise queries are already waiting: try again in a moment",
    -2: "Too many texts already wait to be embedded (EMBED_SERVICE_MAX_CONCURRENT_INPUTS): try again in a moment",
}


class Retrievals:
    """Submits and gives up premise queries, over the API's client.

    Args:
        client: the API's client.
        most_inputs: how many texts may wait to be embedded in the whole farm. A query that is alone may have more.
        most_bytes: how many bytes all queries in the farm may hold together.
    """

    def __init__(self, client: AsyncRedisClient, *, most_inputs: int = 1 << 31, most_bytes: int = MOST_BYTES) -> None:
        self._client = client
        self._scripts = AsyncScripts(client)
        self._most_inputs = most_inputs
        self._most_bytes = most_bytes

    async def submit(self, retrieval: Retrieval, ttl_ms: int, inputs: int | None = None) -> bool:
        """Put a query on the embed room's queue; return True if the caller must publish a token for it.

        Args:
            retrieval: the query.
            ttl_ms: after how many milliseconds the query expires, so that it no longer counts towards the limits.
            inputs: how many texts of the query probably have to be embedded; None means all.

        Raises:
            RateLimited: too many queries wait already; this query was not stored.
            StoreUnavailable: Redis does not answer.
        """
        inputs = len(retrieval.texts) if inputs is None else inputs
        fields = [part for field in dump(retrieval).items() for part in field]
        limits = (self._most_bytes, self._most_inputs)
        with translated():
            reply = await self._scripts.run("retrieval", "admit", retrieval.id, ttl_ms, *limits, inputs, *fields)
        if reply in _REFUSALS:
            raise RateLimited(_REFUSALS[reply])
        return bool(reply)

    async def is_in_flight(self, retrieval: Retrieval) -> bool:
        """Whether a query still waits for its answer; False if it has been answered, given up, or lost by the store."""
        with translated():
            return await self._client.zscore("farm:flights", retrieval.id) is not None

    async def give_up(self, retrieval: Retrieval) -> None:
        """Remove a query for which nobody waits any more; nothing happens if the query has been answered."""
        with translated():
            await self._scripts.run("retrieval", "give_up", retrieval.id)


@dataclass(frozen=True, slots=True)
class ServedCorpus:
    """The edition of the corpus, and its lists of names as the API serves them."""

    snapshot: str
    modules_json: bytes
    premises_json: bytes


async def read_edition(client: AsyncRedisClient) -> str:
    """Return the edition of the published corpus; empty while there is none."""
    with translated():
        return (await client.hget("farm:corpus", "snapshot") or b"").decode()


async def read_corpus(client: AsyncRedisClient, known: ServedCorpus | None) -> ServedCorpus | None:
    """Return the published corpus, or `known` itself if the edition has not changed; None while there is none."""
    with translated():
        snapshot = await client.hget("farm:corpus", "snapshot")
        if snapshot is None:
            return None
        if known and known.snapshot == snapshot.decode():
            return known
        fields = await client.hgetall("farm:corpus")
    return ServedCorpus(fields[b"snapshot"].decode(), raw(fields[b"modules"]), raw(fields[b"premises"]))
