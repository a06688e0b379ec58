"""The queues of the two rooms that answer premise queries, as their workers see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from farm.store.codec import pack
from farm.store.connection import RedisClient, translated
from farm.store.retrievals import TOKEN_TTL_MS, Retrieval, load
from farm.store.scripts import Scripts

_REPLY_TTL_S = 60
_FATAL = "The worker that had this query died, twice: its log says why"


class Room:
    """The queue of one room (`embed` or `premises`), over a worker's blocking client.

    Args:
        client: the client.
        name: the room's.
        worker: who takes queries; empty for those who do not.
    """

    def __init__(self, client: RedisClient, name: str, worker: str = "") -> None:
        self.name = name
        self._worker = worker
        self._taken = f"farm:taken:{name}"
        self._client = client
        self._scripts = Scripts(client)
        self._waiting = f"farm:waiting:{name}"
        self._called = f"farm:called:{name}"

    def open(self) -> None:
        """Let the next query send a token again; called before the last look at what waits, so that none is missed."""
        with translated():
            self._client.delete(self._called)

    def call_if_neglected(self) -> bool:
        """Whether queries wait without a token on its way; if so, the caller must publish one."""
        with translated():
            return bool(self._client.llen(self._waiting)) and self._call()

    def _call(self) -> bool:
        return bool(self._client.set(self._called, 1, nx=True, px=TOKEN_TTL_MS))

    def linger(self, most: int, timeout_s: float) -> list[tuple[Retrieval, bytes]]:
        """Wait for queries and take up to `most`; meanwhile they need no token.

        Only this keeps tokens away: when every process has been busy for five seconds on end, one more is called.

        Args:
            most: how many.
            timeout_s: after which nothing is returned; below the five seconds a process counts as listening.
        """
        with translated():
            self._client.set(self._called, 1, px=TOKEN_TTL_MS)
        return self.wait(most, timeout_s)

    def wait(self, most: int, timeout_s: float) -> list[tuple[Retrieval, bytes]]:
        """Wait for queries and take up to `most`; none came if none are returned."""
        with translated():
            found = self._client.blmpop(timeout_s, 1, self._waiting, direction="LEFT", count=most)
            return self._read(found[1]) if found else []

    def in_flight(self) -> int:
        """Return how many queries somebody waits for, wherever they are."""
        with translated():
            return int(self._client.zcard("farm:flights"))

    def take(self, most: int) -> list[tuple[Retrieval, bytes]]:
        """Return up to `most` waiting queries with their vectors (float32 bytes, empty before embedding).

        Queries nobody waits for any more are left out; none at all means that nothing waits.
        """
        with translated():
            while ids := self._client.lpop(self._waiting, most):
                if alive := self._read(ids):
                    return alive
        return []

    def _read(self, ids: list[bytes]) -> list[tuple[Retrieval, bytes]]:
        pipe = self._client.pipeline(transaction=False)
        for id_ in ids:
            pipe.hgetall(f"farm:retrieval:{id_.decode()}")
        pipe.time()
        if self._worker:
            pipe.hset(self._taken, self._worker, b" ".join(ids))
            *rows, (seconds, micros), _ = pipe.execute()
        else:
            *rows, (seconds, micros) = pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        # What was given up or expired has no fields any more.
        found = [(id_.decode(), row) for id_, row in zip(ids, rows, strict=True) if b"request" in row]
        loaded = [(load(id_, row), row.get(b"vectors", b"")) for id_, row in found]
        return [(retrieval, vectors) for retrieval, vectors in loaded if retrieval.deadline_ms > now_ms]

    def recover(self, is_alive: Callable[[str], bool]) -> None:
        """Put what dead workers had taken, and nobody has answered, back where it was.

        Once each: a query that is taken back a second time may be what kills, and is answered with an error.

        Args:
            is_alive: says of a worker whether it may still be at work.
        """
        with translated():
            for worker, ids in self._client.hgetall(self._taken).items():
                # Only who removes the entry acts on it.
                if not is_alive(worker.decode()) and self._client.hdel(self._taken, worker):
                    self._take_back(ids.decode().split())

    def _take_back(self, ids: list[str]) -> None:
        blamed = self._scripts.run("retrieval", "take_back", self.name, *ids)
        fatal = [load(id_.decode(), self._client.hgetall(f"farm:retrieval:{id_.decode()}")) for id_ in blamed]
        self.reply_all((retrieval, {"error": _FATAL}) for retrieval in fatal)

    def pass_on(self, room: str, vectors: dict[str, bytes], embed_s: float = 0.0) -> bool:
        """Hand embedded queries to the next room; True when the caller must publish a token for it.

        Those that were given up meanwhile are left out.

        Args:
            room: the next room.
            vectors: float32 bytes by query.
            embed_s: how long it took to embed them, together.
        """
        pairs = [part for pair in vectors.items() for part in pair]
        with translated():
            return bool(self._scripts.run("retrieval", "pass_on", room, TOKEN_TTL_MS, embed_s, *pairs))

    def reply(self, retrieval: Retrieval, answer: dict[str, Any]) -> None:
        """Answer one query; see `reply_all`."""
        self.reply_all([(retrieval, answer)])

    def reply_all(self, answers: Iterable[tuple[Retrieval, dict[str, Any]]]) -> None:
        """Answer the API processes that wait: `{"results": [[row, …], …], …}` or `{"error": text}`.

        There is one list of rows per goal; a row is `[score, name]`, or `[score, name, kind, module, statement]` where
        the query asked for details.

        What was given up meanwhile is not answered.
        """
        parts: list[str | bytes] = []
        for retrieval, answer in answers:
            parts += [retrieval.id, retrieval.reply, f"retrieval:{retrieval.id}:".encode() + pack(answer)]
        with translated():
            self._scripts.run("retrieval", "reply", _REPLY_TTL_S, *parts)
