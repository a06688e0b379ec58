"""`POST /v1/verify` if the message that the proof is decided never arrives."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from farm import Farm
from tests.support.open_store import OpenStore, open_store
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"


def test_a_request_whose_reply_got_lost_is_answered_all_the_same(client: Farm, farm: RunningFarm) -> None:
    client.verify(TRUE)
    store = open_store(farm.redis_url)
    newest = client.batches(limit=1)[0].batch_id
    stolen: list[bytes] = []
    thief = threading.Thread(target=lambda: stolen.extend(store.blpop([reply_list(store, newest)], 60)))
    thief.start()
    let_in(store)

    [verdict] = client.verify(f"{TRUE} -- sleep:50")

    thief.join(30)
    assert stolen, "the reply was not lost"
    assert verdict.outcome == "accepted"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/verify", {"proofs": [{"code": f"{TRUE} -- sleep:50"}] * 2}),
        (
            "/v1/rewards/openrlhf?undecided=0",
            {"query": ["by rfl -- sleep:50"] * 2, "prompts": [""] * 2, "labels": ["theorem two : 1 + 1 = 2"] * 2},
        ),
    ],
)
def test_a_verdict_that_a_failover_has_lost_is_not_replaced_by_the_next_one(
    client: Farm, farm: RunningFarm, path: str, body: Any
) -> None:
    client.verify(TRUE)
    store = open_store(farm.redis_url)
    newest = client.batches(limit=1)[0].batch_id
    stolen: list[bytes] = []

    def lose_first() -> None:
        stolen.extend(store.blpop([reply_list(store, newest)], 60))
        store.hdel(f"farm:{stolen[1].decode()}:results", "0")

    thief = threading.Thread(target=lose_first)
    thief.start()
    let_in(store)

    answer = httpx.post(farm.url + path, json=body, timeout=60)

    thief.join(30)
    assert stolen, "the reply was not lost"
    assert answer.status_code == 503, answer.text
    assert "lost verdicts of this batch" in answer.text


def reply_list(store: OpenStore, batch: str) -> str:
    """Return the list on which the API waits for replies."""
    name: bytes = store.hget(f"farm:batch:{batch}", "reply")
    return name.decode()


def let_in(store: OpenStore) -> None:
    """Have the thief be first in the line for the next reply, by having the API line up again."""
    await_true(lambda: any(each["cmd"] == "blpop" for each in store.client_list()), "the thief waits")
    for each in store.client_list():
        if each["cmd"] == "blmove":
            store.client_unblock(each["id"])
