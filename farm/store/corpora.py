"""The premise corpus in use, and an operator's request to replace it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TypeVar
from uuid import uuid4

import orjson

from farm.models import WorkerKind
from farm.store.client import RedisClient, in_ms
from farm.store.codec import pack, unpack_list
from farm.store.connection import translated

_PUBLISHED, _ANSWERING = "farm:corpus", "farm:corpus:answering"
_WANTED, _CHOSEN = "farm:corpus:wanted", "farm:corpus:chosen"


@dataclass(frozen=True, slots=True)
class Published:
    """The lists of modules and premises that clients see.

    A client may name a module or a premise by its position in its list.

    Attributes:
        edition: a name for the corpus with exactly these lists (see `workers.premises.numbering.Numbering`).
        modules: the names of the modules.
        premises: the names of the premises.
    """

    edition: str
    modules: list[str]
    premises: list[str]


@dataclass(frozen=True, slots=True)
class Wish:
    """An operator's request that the premise workers answer with another corpus.

    Attributes:
        repo: where the corpus is, in the form of the setting `DATA_REPO`.
        revision: the revision of the corpus, in the form of the setting `DATA_REVISION`.
        snapshot: the snapshot that the corpus must have; see `workers.premises.corpus.Corpus`.
        id: a unique id of this request.
    """

    repo: str
    revision: str
    snapshot: str
    id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class SwitchOutcome:
    """The outcome of a request to replace the corpus.

    Attributes:
        home: the corpus settings of the workers whose corpus is replaced; empty if the request failed.
        failure: why the request failed; empty if it succeeded.
    """

    home: str = ""
    failure: str = ""


T = TypeVar("T", Wish, SwitchOutcome)


class Corpora:
    """Reads and records which corpus is in use and which is requested, over a blocking client.

    Every method may raise `StoreUnavailable`.

    Args:
        client: the client.
        worker: the premise worker that uses this object; empty for an operator.
    """

    def __init__(self, client: RedisClient, worker: str = "") -> None:
        self._client = client
        self._worker = worker

    def published(self) -> Published | None:
        """Return the lists that clients see; None while there are none."""
        with translated():
            found = self._client.hgetall(_PUBLISHED)
        if not found:
            return None
        return Published(found[b"snapshot"].decode(), unpack_list(found[b"modules"]), unpack_list(found[b"premises"]))

    def edition(self) -> str:
        """Return the edition that clients see; empty while there is none."""
        with translated():
            return (self._client.hget(_PUBLISHED, "snapshot") or b"").decode()

    def publish(self, published: Published) -> bool:
        """Make these lists the ones that clients see, unless a living worker answers with another edition.

        Such a worker would take the positions in these lists for positions in its own lists.

        Returns:
            Whether clients see these lists now.
        """
        living = self.workers()
        with translated():
            answering = self._client.hgetall(_ANSWERING)
            if any(edition.decode() != published.edition for name, edition in answering.items() if name in living):
                return False
            lists = {"modules": pack(published.modules), "premises": pack(published.premises)}
            pipe = self._client.pipeline()
            pipe.hset(_PUBLISHED, mapping={"snapshot": published.edition, **lists})
            if gone := answering.keys() - living:
                pipe.hdel(_ANSWERING, *gone)
            pipe.execute()
        return True

    def answer_with(self, edition: str) -> None:
        """Record that this worker answers with this edition."""
        with translated():
            self._client.hset(_ANSWERING, self._worker, edition)

    def workers(self) -> set[bytes]:
        """Return the names of the living premise workers; this worker is always among them."""
        with translated():
            names = self._client.zrangebyscore("farm:workers", in_ms(self._client.time()), "+inf")
            pipe = self._client.pipeline(transaction=False)
            for name in names:
                pipe.hget(b"farm:worker:" + name, "kind")
            kinds = pipe.execute()
        found = {name for name, kind in zip(names, kinds, strict=True) if kind == WorkerKind.PREMISES.encode()}
        return found | ({self._worker.encode()} if self._worker else set())

    def want(self, wish: Wish) -> None:
        """Request that the premise workers answer with another corpus; this replaces any earlier request."""
        with translated():
            pipe = self._client.pipeline()
            pipe.delete(_WANTED)
            pipe.hset(_WANTED, "wish", orjson.dumps(asdict(wish)))
            pipe.execute()

    def wanted(self) -> Wish | None:
        """Return the latest request for another corpus; None if there is none that this release can read."""
        with translated():
            found = self._client.hget(_WANTED, "wish")
        return _read(Wish, found) if found else None

    def loaded(self, wish: Wish) -> None:
        """Record that this worker has loaded the requested corpus and can answer with it."""
        with translated():
            self._client.hset(_WANTED, f"loaded:{wish.id}:{self._worker}", 1)

    def is_loaded(self, wish: Wish) -> bool:
        """Whether each living worker that answers queries has loaded the requested corpus."""
        living = self.workers()
        with translated():
            answering = [name for name in self._client.hkeys(_ANSWERING) if name in living]
            names = [f"loaded:{wish.id}:{name.decode()}" for name in answering]
            return not names or all(self._client.hmget(_WANTED, names))

    def conclude(self, wish: Wish, outcome: SwitchOutcome) -> None:
        """Record the outcome of a request, unless an outcome of this request has been recorded already."""
        with translated():
            self._client.hsetnx(_WANTED, f"outcome:{wish.id}", orjson.dumps(asdict(outcome)))

    def outcome(self, wish: Wish) -> SwitchOutcome | None:
        """Return the outcome of a request, or None while there is none."""
        with translated():
            found = self._client.hget(_WANTED, f"outcome:{wish.id}")
        return _read(SwitchOutcome, found) if found else None

    def choose(self, wish: Wish, home: str) -> None:
        """Record that the requested corpus replaces the one that the settings `home` name.

        From now on, a worker with these settings loads the requested corpus when it starts.
        """
        with translated():
            self._client.hset(_CHOSEN, mapping={"wish": orjson.dumps(asdict(wish)), "home": home})

    def chosen(self, home: str) -> Wish | None:
        """Return the request whose corpus a worker with the settings `home` loads at its start; None if none exists."""
        with translated():
            found, its_home = self._client.hmget(_CHOSEN, "wish", "home")
        return _read(Wish, found) if found and its_home and its_home.decode() == home else None


def _read(kind: type[T], stored: bytes) -> T | None:
    """Return a record with the fields that this release knows; None if one of these fields is missing."""
    said, names = orjson.loads(stored), [each.name for each in fields(kind)]
    return kind(**{name: said[name] for name in names}) if said.keys() >= set(names) else None
