"""Several premise workers: all of them switch to another corpus, or none, and clients see it only when all have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farm.errors import CorpusError
from farm.models import WorkerKind
from farm.store.corpora import Corpora, Published, Wish
from farm.store.registry import Registry
from tests.support.open_store import OpenStore, open_store
from workers.premises.corpus_switch import Switch

HOME = "settings"
FIRST, SECOND = (Published(name, [name], [name]) for name in ("first", "second"))
WISH = Wish("there", "", "snapshot")


class Worker:
    """A living premise worker that has only its switch; `answers` is what it answers with."""

    def __init__(self, client: OpenStore, name: str, home: str = HOME) -> None:
        self.registry = Registry(client, WorkerKind.PREMISES, name)
        self.registry.beat()
        self.answers: Published | None = None
        self.failure = ""
        self.loads = 0
        self.corpora = Corpora(client, name)
        self.switch = Switch(self.corpora, home, self._load, self._put)

    def begin(self) -> Worker:
        wish = self.corpora.chosen(HOME)
        self.switch.begin(SECOND if wish else FIRST, wish)
        return self

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.switch.look()

    def _load(self, wish: Wish) -> Published:
        self.loads += 1
        if self.failure:
            raise CorpusError(self.failure)
        return SECOND

    def _put(self, loaded: Published) -> Published:
        self.answers = loaded
        return loaded


@pytest.fixture
def client(valkey_url: str) -> Iterator[OpenStore]:
    client = open_store(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def pair(client: OpenStore) -> tuple[Worker, Worker]:
    return Worker(client, "one").begin(), Worker(client, "two").begin()


@pytest.fixture
def operator(client: OpenStore) -> Corpora:
    return Corpora(client)


def test_nobody_switches_before_all_could_and_clients_hear_of_it_after_all_have(
    pair: tuple[Worker, Worker], operator: Corpora
) -> None:
    one, two = pair
    operator.want(WISH)
    one.look(9)
    assert (one.loads, one.answers, operator.outcome(WISH)) == (1, FIRST, None)

    two.look(2)
    assert two.answers == FIRST
    assert operator.outcome(WISH)
    two.look()
    assert (two.answers, one.answers, operator.edition()) == (SECOND, FIRST, "first")

    one.look()
    assert one.answers == SECOND
    assert operator.published() == SECOND


def test_one_that_cannot_keeps_all_from_it_and_the_next_wish_is_a_new_one(
    pair: tuple[Worker, Worker], operator: Corpora
) -> None:
    one, two = pair
    two.failure = "two.jsonl, line 3"
    operator.want(WISH)
    one.look(3)
    two.look(3)
    one.look(3)
    outcome = operator.outcome(WISH)
    assert outcome
    assert outcome.failure == "two.jsonl, line 3"
    assert (one.answers, two.answers, operator.edition(), two.loads) == (FIRST, FIRST, "first", 1)

    two.failure = ""
    again = Wish("there", "", "snapshot")
    operator.want(again)
    for _ in range(4):
        one.look()
        two.look()
    assert (one.answers, two.answers, operator.edition()) == (SECOND, SECOND, "second")


def test_who_dies_is_not_waited_for(pair: tuple[Worker, Worker], operator: Corpora) -> None:
    one, two = pair
    operator.want(WISH)
    one.look(4)
    assert one.answers == FIRST
    two.registry.leave()
    one.look(2)
    assert one.answers == SECOND
    assert operator.edition() == "second"


def test_who_comes_late_has_it_too(client: OpenStore, pair: tuple[Worker, Worker], operator: Corpora) -> None:
    one, two = pair
    early = Worker(client, "early").begin()  # chose before, and looks after it was concluded
    early.registry.leave()
    operator.want(WISH)
    for _ in range(4):
        one.look()
        two.look()
    assert Worker(client, "late").begin().answers == SECOND
    early.registry.beat()
    early.look(3)
    assert early.answers == SECOND


def test_a_wish_holds_for_the_settings_it_was_made_under(
    client: OpenStore, pair: tuple[Worker, Worker], operator: Corpora
) -> None:
    one, two = pair
    operator.want(WISH)
    for _ in range(4):
        one.look()
        two.look()
    assert operator.chosen(HOME) == WISH
    assert operator.chosen("other settings") is None
    other = Worker(client, "other", "other settings")
    other.switch.begin(FIRST, None)
    other.look(3)
    assert (other.answers, other.loads) == (FIRST, 0)
    assert operator.edition() == "second", "it does not show lists that others do not know"


def test_what_redis_loses_is_shown_again(client: OpenStore, pair: tuple[Worker, Worker], operator: Corpora) -> None:
    client.flushall()
    for each in pair:
        each.registry.beat()
        each.look()
    assert operator.published() == FIRST
