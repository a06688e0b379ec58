"""Premise queries through API, embed worker and premise worker, over the shipped corpus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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
