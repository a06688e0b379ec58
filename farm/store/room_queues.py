"""The queues of the two rooms that answer premise queries, as their workers see them."""

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

# How often a listening process says that it listens.
_SAY_EVERY_S = 1.0
_FATAL = "The worker that had this query died, twice: its log says why"

Taken = list[tuple[Retrieval, bytes]]
"""Queries with their vectors: float32 bytes, empty before embedding."""


class Room:
    """The queue of one room (`embed` or `premises`), over a worker's blocking client.

    Queries are leased. If a worker dies, hangs or loses its connection, its queries wait again when their leases lapse.

    Args:
        client: the client.
        name: the name of the room.
        worker: the worker that takes queries; empty for a process that takes none.
    """

    def __init__(self, client: RedisClient, name: str, worker: str = "") -> None:
        self.name = name
        self._worker = worker
        self._taken = f"farm:taken:{name}"
        self._client = client
        self._scripts = Scripts(client)
        self._waiting = f"farm:waiting:{name}"
        self._called = f"farm:called:{name}"
        self._held: tuple[str, ...] = ()
        self._listens_until = 0.0

    def open(self) -> None:
        """Let the next query send a token again. Call this before a last check of the queue, or a query is missed."""
        self._listens_until = 0.0
        with translated():
            self._client.delete(self._called)

    def call_if_neglected(self) -> bool:
        """Put lapsed queries back; return True if queries wait without a token, which the caller must publish."""
        with translated():
            return bool(self._scripts.run("retrieval", "look_after", self.name))

    def linger(self, most: int, timeout_s: float) -> Taken:
        """Wait for queries and take up to `most`; a query that arrives during the wait needs no token.

        Once all processes of the room have been busy for five seconds on end, the next query sends a token again.

        Args:
            most: how many queries to take.
            timeout_s: seconds to wait; less than the five seconds for which a process counts as listening.
        """
        with translated():
            if time.monotonic() > self._listens_until:
                self._client.set(self._called, 1, px=TOKEN_TTL_MS)
                self._listens_until = time.monotonic() + _SAY_EVERY_S
            return self.take(most) if self._is_rung(timeout_s) else []

    def take_more(self, most: int, timeout_s: float) -> Taken:
        """Wait for queries and take up to `most` more than those being served; empty if none come in time."""
        with translated():
            return self._claim(most, "more") if self._is_rung(timeout_s) else []

    def _is_rung(self, timeout_s: float) -> bool:
        """Whether a query is waiting, or arrives within the timeout.

        The command moves the first query to the place where it already is, so a client that dies at this point takes
        nothing with it.
        """
        return self._client.blmove(self._waiting, self._waiting, timeout_s, "LEFT", "LEFT") is not None

    def in_flight(self) -> int:
        """Return how many queries have a waiting client, in both rooms together."""
        with translated():
            return self._client.zcard("farm:flights")

    def take(self, most: int) -> Taken:
        """Return up to `most` waiting queries; call this only once the queries taken before have been served.

        Queries that nobody waits for any more are left out; an empty list means that nothing is waiting.
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
        """Let the leases of queries that only another release can read lapse: this worker would take them again."""
        with translated():
            if self._held:
                self._client.hset(self._taken, self._worker, " ".join(self._held))
            else:
                self._client.hdel(self._taken, self._worker)

    def renew(self) -> None:
        """Renew the leases of the queries being served; called by a thread other than the one that takes them.

        A query that got lost on the way to this process is not renewed, so that its lease lapses.
        """
        if held := self._held:
            with translated():
                self._scripts.run("retrieval", "renew", self.name, self._worker, *held)

    def recover(self, is_alive: Callable[[str], bool]) -> None:
        """Put back the queries that dead workers had taken and that nobody has answered.

        Each goes back only once: a query taken back a second time may be what kills workers, so its answer is an error.

        Args:
            is_alive: says whether a worker may still be at work.
        """
        with translated():
            for worker, ids in self._client.hgetall(self._taken).items():
                # Of several reapers, the one that removes the entry acts on it.
                if not is_alive(worker.decode()) and self._client.hdel(self._taken, worker):
                    self._take_back(worker.decode(), ids.decode().split())

    def _take_back(self, worker: str, ids: list[str]) -> None:
        blamed = cast("list[bytes]", self._scripts.run("retrieval", "take_back", self.name, worker, *ids))
        fatal = [load(id_.decode(), self._client.hgetall(f"farm:retrieval:{id_.decode()}")) for id_ in blamed]
        self._reply(((retrieval, {"error": _FATAL}) for retrieval in fatal if retrieval), holder="")

    def pass_on(self, room: str, vectors: dict[str, bytes], embed_s: float = 0.0, model: str = "") -> bool:
        """Hand embedded queries to the next room; return True when the caller must publish a token for it.

        Queries that have been given up meanwhile are left out.

        Args:
            room: the next room.
            vectors: float32 bytes by query.
            embed_s: seconds that embedding all of them took.
            model: the name of the embedder.
        """
        pairs = [part for pair in vectors.items() for part in pair]
        with translated():
            return bool(self._scripts.run("retrieval", "pass_on", room, embed_s, model, *pairs))

    def reply(self, retrieval: Retrieval, answer: Json) -> None:
        """Answer one query; see `reply_all`."""
        self.reply_all([(retrieval, answer)])

    def reply_all(self, answers: Iterable[tuple[Retrieval, Json]]) -> None:
        """Answer the API processes that wait: `{"results": [[row, …], …], …}` or `{"error": text}`.

        There is one list of rows per goal; a row is `[score, name]`, or `[score, name, kind, module, statement]` where
        the query asked for details.

        A query that has been given up meanwhile is not answered. An error from a worker whose lease has lapsed is not
        passed on, because the worker that has the query now may still answer it.
        """
        self._reply(answers, holder=self._worker)

    def _reply(self, answers: Iterable[tuple[Retrieval, Json]], holder: str) -> None:
        parts: list[str | bytes] = []
        for retrieval, answer in answers:
            packed = f"retrieval:{retrieval.id}:".encode() + pack(answer)
            parts += [retrieval.id, retrieval.reply, holder if "error" in answer else "", packed]
        with translated():
            self._scripts.run("retrieval", "reply", *parts)
