"""Premise queries through API, embed worker and premise worker, over the shipped corpus."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from farm import Farm
from tests.support.running import RunningFarm

GOAL = "a b : Nat\n⊢ a + b = b + a"


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (GOAL, "Nat.add_comm"),
        ("n m k : Nat\n⊢ n * (m + k) = n * m + n * k", "Nat.mul_add"),
        ("p q : Prop\n⊢ p ∧ q ↔ q ∧ p", "And.comm"),
        ("α : Type\nxs ys : List α\n⊢ (xs ++ ys).length = xs.length + ys.length", "List.length_append"),
    ],
)
def test_obvious_premises_are_found(client: Farm, goal: str, expected: str) -> None:
    assert expected in [premise.name for premise in client.retrieve(goal, k=10)]


def test_scores_fall_and_k_is_kept(client: Farm) -> None:
    scores = [premise.score for premise in client.retrieve(GOAL, k=20)]

    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    assert client.retrieve(GOAL, k=0) == []


def test_modules_and_positions_select(farm: RunningFarm, client: Farm) -> None:
    modules = httpx.get(f"{farm.url}/indexed-modules").json()
    premises = httpx.get(f"{farm.url}/indexed-premises").json()
    by_id = client.retrieve(GOAL, k=1000, imported_modules=[modules.index("Init.Data.Nat.Basic")])
    by_name = client.retrieve(GOAL, k=1000, imported_modules=["Init/Data/Nat/Basic.lean"])
    local = client.retrieve(GOAL, k=5, imported_modules=[], local_premises=[premises.index("Nat.add_comm")])

    assert by_id == by_name
    assert "Nat.add_comm" in [premise.name for premise in by_id]
    assert "And.comm" not in [premise.name for premise in by_id]
    assert [premise.name for premise in local] == ["Nat.add_comm"]


def test_a_new_premise_ranks_beside_the_corpus_and_replaces_its_namesake(client: Farm) -> None:
    new = [{"name": "Nat.add_comm", "decl": "theorem Nat.add_comm : False"}, {"name": "My.own", "decl": GOAL}]

    found = client.retrieve(GOAL, k=3, new_premises=new)

    assert found[0].name == "My.own"
    assert found[0].score == pytest.approx(1.0, abs=1e-5)
    assert "Nat.add_comm" not in [premise.name for premise in found]


def test_concurrent_queries_agree_with_single_ones(client: Farm) -> None:
    goals = [f"a b : Nat\n⊢ a + {i} = {i} + a" for i in range(40)]
    alone = [client.retrieve(goal, k=5) for goal in goals]

    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda goal: client.retrieve(goal, k=5), goals))

    assert together == alone


def test_the_lists_and_limits_of_the_premise_server(farm: RunningFarm) -> None:
    modules = httpx.get(f"{farm.url}/indexed-modules")

    assert modules.json() == sorted(modules.json())
    assert modules.headers["x-corpus"] == httpx.get(f"{farm.url}/indexed-premises").headers["x-corpus"]
    assert httpx.get(f"{farm.url}/max-new-premises").json() == 2048


def test_readiness_says_that_retrieval_is_lexical(client: Farm) -> None:
    embed = client.ready()["checks"]["embed"]

    assert embed["ready"]
    assert "lexical" in embed["notice"].lower()


# POST /v1/retrieve

GOALS = [GOAL, "p q : Prop\n⊢ p ∧ q ↔ q ∧ p", GOAL]


def test_goals_of_a_batch_are_answered_as_alone_and_in_order(client: Farm) -> None:
    new = [{"name": "My.own", "decl": GOAL}]
    options: dict[str, Any] = {"k": 6, "new_premises": new, "imported_modules": ["Init.Data.Nat.Basic", "Init.Core"]}

    together = client.retrieve_many(GOALS, **options)

    assert [[(p.name, p.score) for p in found] for found in together] == [
        [(p.name, p.score) for p in client.retrieve(goal, **options)] for goal in GOALS
    ]
    assert together[0][0].model_dump() == {
        "name": "My.own",
        "score": pytest.approx(1.0, abs=1e-5),
        "kind": None,
        "module": None,
        "statement": GOAL,
    }


def test_each_goal_shows_the_texts_of_new_premises_also_of_namesakes(client: Farm) -> None:
    new = [{"name": "My.own", "decl": "theorem My.own : p ∧ q ↔ q ∧ p"}, {"name": "My.own", "decl": GOAL}]

    found = client.retrieve_many(GOALS, k=2, new_premises=new, imported_modules=[])

    first, second = ([(p.name, p.kind, p.statement) for p in premises] for premises in found[:2])
    assert first == [("My.own", None, GOAL), ("My.own", None, new[0]["decl"])]
    assert second == first[::-1]


def test_a_premise_comes_with_what_the_corpus_knows(client: Farm) -> None:
    [[found, *_]] = client.retrieve_many(["a b : Nat\n⊢ a + b = b + a"], k=3)

    assert (found.name, found.kind, found.module) == ("Nat.add_comm", "theorem", "Init.Data.Nat.Basic")
    assert found.statement.startswith("theorem Nat.add_comm ")


def test_as_many_goals_as_may_be_share_one_search(farm: RunningFarm) -> None:
    answer = httpx.post(f"{farm.url}/v1/retrieve", json={"states": [f"⊢ {i} = {i}" for i in range(64)], "k": 2000})

    found = answer.json()
    assert [len(each["premises"]) for each in found["results"]] == [len(found["results"][0]["premises"])] * 64
    timings_s = found["timings_s"]
    assert set(timings_s) == {"queue", "embed", "select", "search", "rescore", "reply", "total"}
    assert all(spent_s > 0 for spent_s in timings_s.values())
    assert sum(timings_s.values()) == pytest.approx(2 * timings_s["total"])


MALFORMED: dict[str, bytes] = {
    "not JSON": b"{",
    "a list": b"[]",
    "no states": b'{"k":1}',
    "empty states": b'{"states":[],"k":1}',
    "65 states": json.dumps({"states": ["a"] * 65, "k": 1}).encode(),
    "states is a string": b'{"states":"a","k":1}',
    "a state is null": b'{"states":[null],"k":1}',
    "a state is a list": b'{"states":[[]],"k":1}',
    "lone surrogate": b'{"states":["\\ud800"],"k":1}',
    "no k": b'{"states":["a"]}',
    "k is 0": b'{"states":["a"],"k":0}',
    "k is true": b'{"states":["a"],"k":true}',
    "k is a fraction": b'{"states":["a"],"k":1.5}',
    "k has 30 digits": b'{"states":["a"],"k":%s}' % (b"9" * 30),
    "unknown field": b'{"states":["a"],"k":1,"state":"b"}',
    "a module is a bool": b'{"states":["a"],"k":1,"imported_modules":[true]}',
    "new premises are a number": b'{"states":["a"],"k":1,"new_premises":7}',
    "new premises are null": b'{"states":["a"],"k":1,"new_premises":null}',
    "a new premise is a string": b'{"states":["a"],"k":1,"new_premises":["a"]}',
    "a new premise has more": b'{"states":["a"],"k":1,"new_premises":[{"name":"a","decl":"b","doc":"c"}]}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_gets_the_error_of_v1(farm: RunningFarm, body: bytes) -> None:
    answer = httpx.post(f"{farm.url}/v1/retrieve", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "invalid"


def test_what_is_no_json_is_not_taken(farm: RunningFarm) -> None:
    answer = httpx.post(f"{farm.url}/v1/retrieve", content=b'{"states":["a"],"k":1}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
