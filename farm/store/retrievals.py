"""Premise queries on their way: API → embed worker → premise worker → the API's reply list.

farm:retrieval:R      hash    request(JSON) modules locals imported_all(int32 bytes or JSON) vectors(float32 bytes)
farm:waiting:ROOM     list    retrievals that wait for a room (embed, premises)
farm:called:ROOM      string  present while a token for the room is on its way; expires, so a lost token heals
farm:corpus           hash    snapshot, modules, premises: what the premise worker answers with
farm:reply:API        list    answers for one API process and boot; expires
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import orjson

from farm.models import NewPremise
from farm.store.codec import pack, raw, unpack
from farm.store.connection import AsyncRedisClient, RedisClient, translated

Names = list[int | str] | None

_TOKEN_TTL_MS = 5_000
_REPLY_TTL_S = 60
_INTS, _JSON = b"i", b"j"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One premise query.

    Attributes:
        imported_modules: ids or names; None is not the same as none.
        deadline_ms: Unix time after which nobody waits any more.
        reply: the list the answer goes to.
    """

    state: str
    k: int
    imported_modules: Names
    local_premises: Names
    imported_all_modules: Names
    new_premises: list[NewPremise]
    caller_in_module_system: bool
    reply: str
    deadline_ms: int
    id: str = field(default_factory=lambda: uuid4().hex)

    @property
    def texts(self) -> list[str]:
        """What has to be embedded: the goal, then the new premises."""
        return [self.state, *(premise.decl for premise in self.new_premises)]


def _pack_names(names: Names) -> bytes:
    """Ids travel as int32, so that 130 000 of them are a copy and no parse."""
    try:
        return _INTS + array("i", cast("list[int]", names)).tobytes() if names is not None else _JSON + b"null"
    except (TypeError, OverflowError):
        return _JSON + orjson.dumps(names)


def _unpack_names(blob: bytes) -> Names:
    if blob[:1] == _JSON:
        names: Names = orjson.loads(blob[1:])
        return names
    numbers = array("i")
    numbers.frombytes(blob[1:])
    return list(numbers)


def _dump(retrieval: Retrieval) -> dict[str, bytes]:
    request = {
        "state": retrieval.state,
        "k": retrieval.k,
        "new": [[premise.name, premise.decl] for premise in retrieval.new_premises],
        "module_system": retrieval.caller_in_module_system,
        "reply": retrieval.reply,
        "deadline_ms": retrieval.deadline_ms,
    }
    return {
        "request": pack(request),
        "modules": _pack_names(retrieval.imported_modules),
        "locals": _pack_names(retrieval.local_premises),
        "imported_all": _pack_names(retrieval.imported_all_modules),
    }


def _load(id: str, fields: dict[bytes, bytes]) -> Retrieval:
    request = unpack(fields[b"request"])
    return Retrieval(
        state=request["state"],
        k=request["k"],
        imported_modules=_unpack_names(fields[b"modules"]),
        local_premises=_unpack_names(fields[b"locals"]),
        imported_all_modules=_unpack_names(fields[b"imported_all"]),
        new_premises=[NewPremise(name=name, decl=decl) for name, decl in request["new"]],
        caller_in_module_system=request["module_system"],
        reply=request["reply"],
        deadline_ms=request["deadline_ms"],
        id=id,
    )


async def submit(client: AsyncRedisClient, retrieval: Retrieval, ttl_ms: int) -> bool:
    """Hand a query to the embed room; True when the caller must publish a token for it.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    key = f"farm:retrieval:{retrieval.id}"
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, mapping=_dump(retrieval))
    pipe.pexpire(key, ttl_ms)
    pipe.rpush("farm:waiting:embed", retrieval.id)
    pipe.set("farm:called:embed", 1, nx=True, px=_TOKEN_TTL_MS)
    with translated():
        *_, call = await pipe.execute()
    return bool(call)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the API must know of the corpus to answer the lists of names."""

    snapshot: str
    modules_json: bytes
    premises_json: bytes


async def read_corpus(client: AsyncRedisClient, known: Corpus | None) -> Corpus | None:
    """Return the corpus the premise worker answers with; `known` itself when it has not changed."""
    with translated():
        snapshot = await client.hget("farm:corpus", "snapshot")
        if snapshot is None:
            return None
        if known and known.snapshot == snapshot.decode():
            return known
        fields = await client.hgetall("farm:corpus")
    return Corpus(fields[b"snapshot"].decode(), raw(fields[b"modules"]), raw(fields[b"premises"]))


class Room:
    """The queue of one room (`embed` or `premises`), over a worker's blocking client."""

    def __init__(self, client: RedisClient, name: str) -> None:
        self._client = client
        self._name = name

    def open(self) -> None:
        """Let the next query send a token again; called before draining, so that none is missed."""
        with translated():
            self._client.delete(f"farm:called:{self._name}")

    def take(self, most: int) -> list[tuple[Retrieval, bytes]]:
        """Return up to `most` waiting queries with their vectors (float32 bytes, empty before embedding).

        Queries nobody waits for any more are left out; none at all means that nothing waits.
        """
        with translated():
            while ids := self._client.lpop(f"farm:waiting:{self._name}", most):
                if alive := self._read(ids):
                    return alive
        return []

    def _read(self, ids: list[bytes]) -> list[tuple[Retrieval, bytes]]:
        pipe = self._client.pipeline(transaction=False)
        for id_ in ids:
            pipe.hgetall(f"farm:retrieval:{id_.decode()}")
        pipe.time()
        *rows, (seconds, micros) = pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        # One that expired while it was embedded is back with its vectors alone.
        found = [(id_.decode(), row) for id_, row in zip(ids, rows, strict=True) if b"request" in row]
        loaded = [(_load(id_, row), row.get(b"vectors", b"")) for id_, row in found]
        return [(retrieval, vectors) for retrieval, vectors in loaded if retrieval.deadline_ms > now_ms]

    def pass_on(self, room: str, vectors: dict[str, bytes]) -> bool:
        """Hand embedded queries to the next room; True when the caller must publish a token for it."""
        pipe = self._client.pipeline(transaction=True)
        for id_, blob in vectors.items():
            pipe.hset(f"farm:retrieval:{id_}", "vectors", blob)
            pipe.pexpire(f"farm:retrieval:{id_}", _REPLY_TTL_S * 1000)
        pipe.rpush(f"farm:waiting:{room}", *vectors)
        pipe.set(f"farm:called:{room}", 1, nx=True, px=_TOKEN_TTL_MS)
        with translated():
            *_, call = pipe.execute()
        return bool(call)

    def reply(self, retrieval: Retrieval, answer: dict[str, Any]) -> None:
        """Answer the API process that waits: `{"premises": [[score, name], …]}` or `{"error": text}`."""
        pipe = self._client.pipeline(transaction=False)
        pipe.rpush(retrieval.reply, f"retrieval:{retrieval.id}:".encode() + pack(answer))
        pipe.expire(retrieval.reply, _REPLY_TTL_S)
        pipe.delete(f"farm:retrieval:{retrieval.id}")
        with translated():
            pipe.execute()

    def publish_corpus(self, snapshot: str, modules: list[str], premises: list[str]) -> None:
        """Show what the premise worker answers with."""
        fields = {"snapshot": snapshot, "modules": pack(modules), "premises": pack(premises)}
        with translated():
            self._client.hset("farm:corpus", mapping=fields)
