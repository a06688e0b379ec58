"""The queues of premise queries, as the workers see them.

Two rooms serve a query: the workers of the room `embed` make its vectors, then those of `premises` answer it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import cast

from farm.store.client import RedisClient
from farm.store.codec import Json, pack
from farm.store.connection import translated
from farm.store.constants import TOKEN_TTL_MS
from farm.store.retrievals import Retrieval, load
from farm.store.scripts import Scripts

# How often a process that waits for queries records in the store that it is listening.
_SAY_EVERY_S = 1.0
_FATAL = "Two workers died while they had this query: their logs say why"
# Redis accepts no value of over 512 MB, and the answer is in memory several times.
MOST_ANSWER_BYTES = 128 << 20
# One command sends answers until they have this size.
_AT_ONCE_BYTES = 16 << 20
_TOO_LARGE = "The answer is too large: send fewer goals at once, or ask for fewer premises (`k`)"

Taken = list[tuple[Retrieval, bytes]]
"""Queries, each with its vectors as float32 bytes, which are empty before the query has been embedded."""


class Room:
    """The queue of one room, over a worker's blocking client.

    A worker takes queries under leases. If the worker dies, hangs or loses its connection, the leases lapse, and then
    the queries wait again.

    Args:
        client: the client.
        name: the name of the room, `embed` or `premises`.
        worker: the worker that takes queries; empty if this process takes none.
        most_answer_bytes: how many bytes an answer may have, compressed.
    """

    def __init__(
        self, client: RedisClient, name: str, worker: str = "", *, most_answer_bytes: int = MOST_ANSWER_BYTES
    ) -> None:
        self.name = name
        self._worker = worker
        self._taken = f"farm:taken:{name}"
        self._most_answer_bytes = most_answer_bytes
        self._client = client
        self._scripts = Scripts(client)
        self._waiting = f"farm:waiting:{name}"
        self._called = f"farm:called:{name}"
        self._held: tuple[str, ...] = ()
        self._listens_until = 0.0

    def open(self) -> None:
        """Stop listening, so that the API publishes a token again for the next query.

        A worker that stops must check the queue once more after this call. Otherwise it misses a query that came
        without a token just before the call.
        """
        self._listens_until = 0.0
        with translated():
            self._client.delete(self._called)

    def call_if_neglected(self) -> bool:
        """Put back queries whose leases have lapsed; return True if the caller must publish a token for the queue."""
        with translated():
            return bool(self._scripts.run("retrieval", "look_after", self.name))

    def linger(self, most: int, timeout_s: float) -> Taken:
        """Wait for queries and take up to `most` of them; a query that arrives during the wait needs no token.

        A process that waits here records that it is listening, and counts as listening for five seconds. While no
        process of the room counts as listening, the next query needs a token again.

        Args:
            most: how many queries to take at most.
            timeout_s: how many seconds to wait; must be less than five.
        """
        with translated():
            if time.monotonic() > self._listens_until:
                self._client.set(self._called, 1, px=TOKEN_TTL_MS)
                self._listens_until = time.monotonic() + _SAY_EVERY_S
            return self.take(most) if self._is_rung(timeout_s) else []

    def take_more(self, most: int, timeout_s: float) -> Taken:
        """Wait for queries while others are being served, and take up to `most`; return [] if none come in time."""
        with translated():
            return self._claim(most, "more") if self._is_rung(timeout_s) else []

    def _is_rung(self, timeout_s: float) -> bool:
        """Whether a query is waiting, or arrives within the timeout.

        BLMOVE waits for a query, and here moves it only to the place where it already is. So the query stays in the
        list even if this process dies during the command.
        """
        return self._client.blmove(self._waiting, self._waiting, timeout_s, "LEFT", "LEFT") is not None

    def in_flight(self) -> int:
        """Return how many queries are in flight, in both rooms together."""
        with translated():
            return self._client.zcard("farm:flights")

    def take(self, most: int) -> Taken:
        """Take up to `most` waiting queries; call this only after all queries taken before have been served.

        Queries for which nobody waits any more are left out. The list is empty if no query is waiting.
        """
        self._held = ()
        return self._claim(most, "first")

    def _claim(self, most: int, which: str) -> Taken:
        with translated():
            reply = self._scripts.run("retrieval", "claim", self.name, self._worker, most, which)
        rows = cast("list[tuple[bytes, list[bytes]]]", reply)
        found = [(id_.decode(), dict(zip(row[::2], row[1::2], strict=True))) for id_, row in rows]
        read = [(load(id_, fields), fields.get(b"vectors", b"")) for id_, fields in found]
        taken = [(query, vectors) for query, vectors in read if query]
        self._held += tuple(query.id for query, _ in taken)
        if len(taken) < len(read):
            self._leave_unread()
        return taken

    def _leave_unread(self) -> None:
        """Record that this worker holds only the queries that this release can read.

        The other queries stay leased until their leases lapse. If these queries went back to the queue at once, this
        worker would take them again.
        """
        with translated():
            if self._held:
                self._client.hset(self._taken, self._worker, " ".join(self._held))
            else:
                self._client.hdel(self._taken, self._worker)

    def renew(self) -> None:
        """Renew the leases of the queries that this process is serving.

        One thread takes queries, and another thread calls this. If a query got lost on the way to this process, its
        lease is not renewed, and lapses.
        """
        if held := self._held:
            with translated():
                self._scripts.run("retrieval", "renew", self.name, self._worker, *held)

    def recover(self, is_alive: Callable[[str], bool]) -> None:
        """Put back the queries that dead workers have left unanswered.

        Each query is put back only once. If a second worker dies while it holds the query, the query itself may be the
        cause. Such a query is answered with an error.

        Args:
            is_alive: says whether a worker may still be at work.
        """
        with translated():
            for worker, ids in self._client.hgetall(self._taken).items():
                # If several reapers do this, only the one that removes the worker's entry takes the queries back.
                if not is_alive(worker.decode()) and self._client.hdel(self._taken, worker):
                    self._take_back(worker.decode(), ids.decode().split())

    def _take_back(self, worker: str, ids: list[str]) -> None:
        blamed = cast("list[bytes]", self._scripts.run("retrieval", "take_back", self.name, worker, *ids))
        fatal = [load(id_.decode(), self._client.hgetall(f"farm:retrieval:{id_.decode()}")) for id_ in blamed]
        self._reply(((retrieval, {"error": _FATAL}) for retrieval in fatal if retrieval), holder="")

    def pass_on(self, room: str, vectors: dict[str, bytes], embed_s: float = 0.0, model: str = "") -> bool:
        """Hand embedded queries to the next room; return True if the caller must publish a token for that room.

        Queries that have been given up in the meantime are left out.

        Args:
            room: the next room.
            vectors: the vectors of each query as float32 bytes, by the id of the query.
            embed_s: how many seconds it took to embed all these queries.
            model: the name of the embedder.
        """
        pairs = [part for pair in vectors.items() for part in pair]
        with translated():
            return bool(self._scripts.run("retrieval", "pass_on", room, embed_s, model, *pairs))

    def reply(self, retrieval: Retrieval, answer: Json) -> None:
        """Answer one query; see `reply_all`."""
        self.reply_all([(retrieval, answer)])

    def reply_all(self, answers: Iterable[tuple[Retrieval, Json]]) -> None:
        """Send answers to the API processes that wait: `{"results": [[row, …], …], …}` or `{"error": text}`.

        The results have one list of rows for each goal. A row is `[score, name]`. If the query asked for details, a row
        is `[score, name, kind, module, statement]`. If the query also takes positions, the row of a new premise is
        `[score, position in the query's new premises]`. An answer that is too large becomes an error.

        A query that has been given up in the meantime is not answered. An error is dropped if this worker's lease has
        lapsed, because the worker that now has the query may still answer it.
        """
        self._reply(answers, holder=self._worker)

    def _reply(self, answers: Iterable[tuple[Retrieval, Json]], holder: str) -> None:
        parts: list[str | bytes] = []
        held = 0
        for retrieval, answer in answers:
            parts += self._parts(retrieval, answer, holder)
            held += len(parts[-1])
            if held >= _AT_ONCE_BYTES:
                self._send(parts)
                parts, held = [], 0
        self._send(parts)

    def _parts(self, retrieval: Retrieval, answer: Json, holder: str) -> list[str | bytes]:
        """Return the arguments of `retrieval.lua` for one answer; an answer that is too large becomes an error."""
        packed = pack(answer)
        if len(packed) > self._most_answer_bytes:
            answer = {"error": _TOO_LARGE}
            packed = pack(answer)
        may_answer = holder if "error" in answer else ""
        return [retrieval.id, retrieval.reply, may_answer, f"retrieval:{retrieval.id}:".encode() + packed]

    def _send(self, parts: list[str | bytes]) -> None:
        if parts:
            with translated():
                self._scripts.run("retrieval", "reply", *parts)
